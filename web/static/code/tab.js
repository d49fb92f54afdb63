// One terminal of the workspace: its tab, its panel, its screen and its line.

import { Banner } from "./banner.js";
import { copy } from "./clipboard.js";
import { part } from "./elements.js";
import { Line } from "./line.js";
import { Screen } from "./screen.js";

const MARK = 7777; // the OSC by which a terminal says that its program has ended
export const CLAUDE = "claude";

/**
 * Dispatches "ended" when the terminal's program did, and "uncopied" with a text that only a click can copy.
 * `keys(event)`: whether the page takes a key for itself. `filter(text)`: what a key on the screen makes of typed text.
 */
export class Tab extends EventTarget {
  #recovery;
  #settings;
  #readonly;

  constructor({ name, title }, { api, settings, recovery, pulse, readonly, keys, filter, close }) {
    super();
    this.name = name;
    this.#recovery = recovery;
    this.#settings = settings;
    this.#readonly = readonly;
    this.wanted = false; // nobody has looked at it yet
    this.element = part("tab");
    this.button = this.element.querySelector("[role=tab]");
    this.panel = part("panel");
    this.button.id = `tab-${name}`;
    this.panel.id = `panel-${name}`;
    this.button.setAttribute("aria-controls", this.panel.id);
    this.panel.setAttribute("aria-labelledby", this.button.id);
    if (name === CLAUDE) this.element.querySelector(".end")?.remove();
    this.title = title;

    this.screen = new Screen(this.panel.querySelector(".screen"), settings, {
      disableStdin: true,
      uncopied: (text) => this.dispatchEvent(new CustomEvent("uncopied", { detail: text })),
    });
    this.line = new Line({ api, name, screen: this.screen, pulse });
    this.line.addEventListener("change", () => this.#obey());
    this.line.addEventListener("lost", () => recovery.lost());
    this.banner = new Banner(this.panel.querySelector(".banner"), { line: this.line, recovery, screen: this.screen, close });

    const terminal = this.screen.terminal;
    terminal.parser.registerOscHandler(MARK, (text) => {
      if (text === "ended") this.dispatchEvent(new Event("ended"));
      return true;
    });
    terminal.onData((text) => this.line.type(filter(text)));
    terminal.onBinary((text) => this.line.bytes(Uint8Array.from(text, (letter) => letter.charCodeAt(0))));
    terminal.onResize(({ cols, rows }) => this.line.resize(cols, rows));
    terminal.attachCustomKeyEventHandler((event) => !keys(event) && this.#accepts(event));
    this.panel.querySelector(".screen").addEventListener("mouseup", () => this.copied(terminal.getSelection()));
  }

  get title() {
    return this.button.querySelector(".title").textContent;
  }

  set title(title) {
    this.button.querySelector(".title").textContent = title;
    this.panel.querySelector(".terminal").ariaLabel = title;
  }

  show() {
    this.panel.hidden = false;
    this.button.setAttribute("aria-selected", "true");
    this.button.tabIndex = 0;
    this.element.dataset.selected = "";
    this.screen.show();
    if (!this.wanted) {
      this.wanted = true;
      this.#recovery.lost();
    }
  }

  hide() {
    this.panel.hidden = true;
    this.button.setAttribute("aria-selected", "false");
    this.button.tabIndex = -1;
    delete this.element.dataset.selected;
    this.screen.hide();
  }

  /** Put text in as if pasted, which programs that know the difference take as one piece. */
  paste(text) {
    this.screen.terminal.paste(text);
  }

  /** Text was selected with the mouse: it is in the clipboard then, where that is wished. */
  copied(text) {
    if (text && this.#settings.is("copy-selection", true)) copy(text);
  }

  dispose() {
    this.line.close();
    this.banner.dispose();
    this.screen.dispose();
    this.element.remove();
    this.panel.remove();
  }

  #obey() {
    this.screen.terminal.options.disableStdin = this.#readonly || !this.line.connected;
    this.panel.dataset.connected = this.line.connected ? "yes" : "no";
  }

  #accepts(event) {
    if (this.line.connected || this.#readonly || event.type !== "keydown") return true;
    if (["Control", "Shift", "Alt", "Meta"].includes(event.key)) return true;
    this.banner.typed();
    this.#recovery.hurry();
    return false;
  }
}
