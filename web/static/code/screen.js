// One xterm.js with its addons. It exists before it can be seen, so that nothing that comes is lost.

import { ClipboardAddon, Base64 } from "../vendor/addon-clipboard.mjs";
import { FitAddon } from "../vendor/addon-fit.mjs";
import { UnicodeGraphemesAddon } from "../vendor/addon-unicode-graphemes.mjs";
import { WebLinksAddon } from "../vendor/addon-web-links.mjs";
import { WebglAddon } from "../vendor/addon-webgl.mjs";
import { Terminal } from "../vendor/xterm.mjs";
import { writeOnly } from "./clipboard.js";
import { byId } from "./elements.js";
import { palette } from "./palettes.js";

const FONTS = 'ui-monospace, "SF Mono", SFMono-Regular, Menlo, "Cascadia Mono", Consolas, "DejaVu Sans Mono", "Liberation Mono", "Noto Sans Mono", monospace';
const RESIZE = 80; // milliseconds of quiet before a new size counts

function open(event, address) {
  let url;
  try {
    url = new URL(address);
  } catch {
    return;
  }
  if (["http:", "https:"].includes(url.protocol)) window.open(url.href, "_blank", "noopener,noreferrer");
}

/** Says where a link leads: what is written there may say something else. */
const preview = {
  activate: open,
  hover: (_event, address) => {
    const shown = byId("link-preview");
    shown.textContent = address;
    shown.hidden = false;
  },
  leave: () => {
    byId("link-preview").hidden = true;
  },
};

export class Screen {
  #element;
  #settings;
  #colours;
  #fit = new FitAddon();
  #webgl = null;
  #opened = false;
  #shown = false;
  #timer = 0;
  #watching;

  /**
   * uncopied: called with a text that a program wanted in the clipboard, where the browser needs a click for it.
   * colours: xterm.js' theme, from whether it is dark.
   */
  constructor(element, settings, { uncopied, colours = palette, ...options } = {}) {
    this.#element = element;
    this.#settings = settings;
    this.#colours = colours;
    this.terminal = new Terminal({
      allowProposedApi: true, // for the Unicode version and decorations
      cursorBlink: false,
      customGlyphs: true,
      fontFamily: FONTS,
      fontSize: settings.size,
      linkHandler: preview,
      macOptionClickForcesSelection: true,
      minimumContrastRatio: 4.5,
      rescaleOverlappingGlyphs: true,
      rightClickSelectsWord: false,
      screenReaderMode: settings.is("screen-reader"),
      scrollback: 0,
      theme: colours(settings.dark),
      ...options,
    });
    this.terminal.loadAddon(this.#fit);
    this.terminal.loadAddon(new UnicodeGraphemesAddon());
    this.terminal.loadAddon(new WebLinksAddon(open, { hover: preview.hover, leave: preview.leave }));
    if (uncopied) this.terminal.loadAddon(new ClipboardAddon(new Base64(), writeOnly(uncopied)));
    settings.addEventListener("change", this.#obey);
    this.#watching = new ResizeObserver(() => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.fit(), RESIZE);
    });
    this.#watching.observe(element);
  }

  get dimensions() {
    return { columns: this.terminal.cols, rows: this.terminal.rows };
  }

  /** Its element is visible now. */
  show() {
    this.#shown = true;
    if (!this.#opened) {
      this.terminal.open(this.#element);
      this.#opened = true;
    }
    this.fit();
    this.#draw();
  }

  /** Its element is not visible any more: browsers allow few WebGL contexts, so it gives its own back. */
  hide() {
    this.#shown = false;
    this.#webgl?.dispose();
    this.#webgl = null;
  }

  /** Take the element's size, if it can be seen; a hidden one keeps what it has. */
  fit() {
    if (!this.#shown || !this.#element.clientWidth || !this.#element.clientHeight) return;
    const wanted = this.#fit.proposeDimensions();
    if (!wanted || !(wanted.cols > 1) || !(wanted.rows > 1)) return;
    if (wanted.cols !== this.terminal.cols || wanted.rows !== this.terminal.rows) {
      this.terminal.resize(wanted.cols, wanted.rows);
    }
  }

  write(data, done) {
    this.terminal.write(data, done);
  }

  /** Forget what an earlier connection left, modes included: the next one draws everything. */
  reset() {
    this.terminal.write("\x1bc");
  }

  focus() {
    this.terminal.focus();
  }

  dispose() {
    this.#settings.removeEventListener("change", this.#obey);
    this.#watching.disconnect();
    clearTimeout(this.#timer);
    this.hide();
    this.terminal.dispose();
  }

  #draw() {
    if (this.#webgl || !this.#shown) return;
    const webgl = new WebglAddon();
    webgl.onContextLoss(() => {
      webgl.dispose(); // xterm.js draws with the DOM from here on
      if (this.#webgl === webgl) this.#webgl = null;
    });
    try {
      this.terminal.loadAddon(webgl);
      this.#webgl = webgl;
    } catch {
      webgl.dispose(); // no WebGL 2 here: the DOM draws too, only slower
    }
  }

  #obey = ({ detail: name }) => {
    const options = this.terminal.options;
    if (name === "theme") options.theme = this.#colours(this.#settings.dark);
    else if (name === "size") {
      options.fontSize = this.#settings.size;
      this.fit();
    } else if (name === "screen-reader") options.screenReaderMode = this.#settings.is("screen-reader");
  };
}
