// All that a terminal has shown, in a screen of its own that scrolls and can be searched.

import { SearchAddon } from "../vendor/addon-search.mjs";
import { part } from "./elements.js";
import { markings, searched } from "./palettes.js";
import { Screen } from "./screen.js";
import { count } from "./times.js";

const LINES = 120_000; // more than a terminal's history has
const MARKED = 5_000; // matches that are marked; more are found all the same, one after the other
const PIECE = 512 * 1024; // letters written at once, so that the page stays responsive
const SECONDS = 60;
const PAUSE = 150; // milliseconds after a key, before searching
const FAILED = "The history can’t be read at the moment. Try again when the terminal is connected.";

export class History {
  #element = part("history");
  #settings;
  #screen;
  #search = new SearchAddon({ highlightLimit: MARKED });
  #options = { caseSensitive: false, regex: false };
  #tab;
  #ended;
  #timer = 0;
  #over = false;
  #field = this.#element.querySelector("input");
  #matches = this.#element.querySelector(".matches");

  /** Covers the tab's terminal at once and fills as the text comes. ended: called when it goes away. */
  constructor(tab, { api, settings, ended }) {
    this.#tab = tab;
    this.#settings = settings;
    this.#ended = ended;
    this.#element.setAttribute("aria-label", `History of ${tab.title}`);
    tab.panel.querySelector(".terminal").append(this.#element);
    this.#screen = new Screen(this.#element.querySelector(".screen"), settings, {
      colours: searched,
      convertEol: true,
      cursorInactiveStyle: "none",
      disableStdin: true,
      overviewRuler: { width: 14 },
      scrollback: LINES,
    });
    const { terminal } = this.#screen;
    terminal.loadAddon(this.#search);
    this.#screen.show();
    terminal.attachCustomKeyEventHandler((event) => this.#scrolled(event));
    this.#search.onDidChangeResults((found) => this.#count(found));
    this.#element.querySelector(".searchbar").addEventListener("submit", (event) => event.preventDefault());
    this.#element.addEventListener("click", (event) => this.#click(event.target.closest("button")));
    this.#element.addEventListener("keydown", (event) => this.#keydown(event));
    this.#element.querySelector(".screen").addEventListener("mouseup", () => this.#tab.copied(terminal.getSelection()));
    this.#field.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#find(-1, true), PAUSE);
    });
    this.#field.focus();
    this.#load(api.path("terminals", tab.name, "history"));
  }

  close() {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    this.#screen.dispose();
    this.#element.remove();
    this.#ended();
    this.#tab.screen.focus();
  }

  async #load(address) {
    const lines = this.#element.querySelector(".lines");
    lines.textContent = "Loading…";
    try {
      const response = await fetch(address, { signal: AbortSignal.timeout(SECONDS * 1000), cache: "no-store" });
      if (!response.ok) throw new Error(String(response.status));
      const text = (await response.text()).replace(/\n+$/, "");
      for (let start = 0; start < text.length && !this.#over; start += PIECE) {
        await new Promise((resolve) => this.#screen.write(text.slice(start, start + PIECE), resolve));
      }
      if (this.#over) return;
      lines.textContent = count(text.split("\n").length, "line");
      this.#element.dataset.loaded = "yes";
      if (this.#field.value) this.#find(-1, true);
    } catch {
      if (!this.#over) lines.textContent = FAILED;
    }
  }

  #find(step, incremental = false) {
    const text = this.#field.value;
    this.#field.removeAttribute("aria-invalid");
    if (!text) {
      this.#search.clearDecorations();
      this.#screen.terminal.clearSelection();
      this.#matches.textContent = "";
      return;
    }
    if (this.#options.regex) {
      try {
        new RegExp(text);
      } catch {
        this.#field.setAttribute("aria-invalid", "true");
        this.#matches.textContent = "Not a pattern";
        return;
      }
    }
    const options = { ...this.#options, decorations: markings(this.#settings.dark) };
    if (step < 0) this.#search.findPrevious(text, { ...options, incremental });
    else this.#search.findNext(text, options);
  }

  #count({ resultIndex, resultCount }) {
    if (!this.#field.value) return;
    const all = resultCount >= MARKED ? `${MARKED.toLocaleString("en")}+` : resultCount.toLocaleString("en");
    const which = resultIndex >= 0 && resultCount < MARKED ? `${(resultIndex + 1).toLocaleString("en")} of ` : "";
    this.#matches.textContent = resultCount ? which + all : "No match";
  }

  #click(button) {
    if (!button) return;
    if (button.classList.contains("return")) return this.close();
    const { option, step } = button.dataset;
    if (option) {
      this.#options[option] = !this.#options[option];
      button.setAttribute("aria-pressed", String(this.#options[option]));
      this.#find(-1, true);
    } else if (step) this.#find(Number(step));
  }

  #keydown(event) {
    if (event.key === "Escape") this.close();
    else if (event.key === "Enter" && event.target === this.#field) this.#find(event.shiftKey ? 1 : -1);
    else if (["PageUp", "PageDown"].includes(event.key) && event.target === this.#field) {
      this.#screen.terminal.scrollPages(event.key === "PageUp" ? -1 : 1);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Keys that scroll, when the text itself has the focus. */
  #scrolled(event) {
    const { terminal } = this.#screen;
    const scroll = {
      ArrowUp: () => terminal.scrollLines(-1),
      ArrowDown: () => terminal.scrollLines(1),
      PageUp: () => terminal.scrollPages(-1),
      PageDown: () => terminal.scrollPages(1),
      Home: () => terminal.scrollToTop(),
      End: () => terminal.scrollToBottom(),
    }[event.key];
    if (event.type !== "keydown" || !scroll) return !["Escape"].includes(event.key);
    scroll();
    event.preventDefault();
    return false;
  }
}
