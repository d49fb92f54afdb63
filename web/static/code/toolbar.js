// What stands below Claude Code: two commands typed for you, the connection, the end, the theme.

import { part } from "./elements.js";
import { wait } from "./times.js";

export const COMMANDS = { commit: "/commit-changes", merge: "/ai-merge-back" };
const LINE_END = "\x05";
const CLEAR = "\x15"; // up to the beginning of the line; again, the line before
const LINES = 20; // of a half-typed message that are cleared
const PAUSE = 150; // milliseconds: an Enter in one piece with text would be a part of the text

export class Toolbar {
  #element = part("toolbar");
  #tab;
  #busy = false;

  /** tab: Claude Code's. doing: `reconnect` and `close`. */
  constructor(tab, doing) {
    this.#tab = tab;
    tab.panel.append(this.#element);
    tab.line.addEventListener("change", () => this.#obey());
    this.#element.addEventListener("click", (event) => {
      const wish = event.target.closest("[data-do]")?.dataset.do;
      if (wish in COMMANDS) this.#type(COMMANDS[wish]);
      else if (wish) doing[wish]();
    });
    this.#obey();
  }

  #obey() {
    for (const wish of Object.keys(COMMANDS)) {
      this.#element.querySelector(`[data-do=${wish}]`).disabled = this.#busy || !this.#tab.line.connected;
    }
  }

  async #type(command) {
    this.#busy = true;
    this.#obey();
    const { line, screen } = this.#tab;
    line.type(LINE_END + CLEAR.repeat(LINES));
    await wait(PAUSE);
    line.type(command);
    await wait(PAUSE);
    line.type("\r");
    this.#busy = false;
    this.#obey();
    screen.focus();
  }
}
