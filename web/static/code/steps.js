// The phases of a start, with their times, as they happen.

import { make } from "./elements.js";
import { duration } from "./times.js";

const TEXTS = {
  waiting: "Waiting for Claude’s run to stop",
  container: "Starting the container",
  clone: "Getting the repository",
  setup: "Running the set-up commands",
  terminal: "Opening the terminal",
};
const USUAL = ["container", "clone", "terminal"]; // that come in any start; the others only when they happen

export class Steps {
  #element;
  #ahead = 0; // seconds by which Heddle's clock is ahead of the browser's
  #progress = null;
  #timer = 0;

  constructor(element) {
    this.#element = element;
  }

  /** Show what is known of a start; null: nothing. */
  show(progress) {
    clearInterval(this.#timer);
    this.#progress = progress;
    this.#element.hidden = !progress?.steps.length;
    if (!progress) return;
    this.#ahead = progress.now - Date.now() / 1000;
    this.#draw();
    if (progress.state === "starting") this.#timer = setInterval(() => this.#draw(), 100);
  }

  #draw() {
    const { steps, state, problem } = this.#progress;
    const now = Date.now() / 1000 + this.#ahead;
    const rows = steps.map((step, index) => {
      const last = index === steps.length - 1;
      const status = step.ended_at !== null && !(last && problem) ? "done" : state === "starting" ? "now" : problem && last ? "failed" : "done";
      return this.#row(step.name, status, duration((step.ended_at ?? now) - step.started_at));
    });
    if (state === "starting") {
      const last = USUAL.indexOf(steps.at(-1)?.name === "setup" ? "clone" : steps.at(-1)?.name);
      rows.push(...USUAL.slice(last + 1).filter((name) => !steps.some((step) => step.name === name)).map((name) => this.#row(name, "later", "")));
    }
    this.#element.replaceChildren(...rows);
  }

  #row(name, status, time) {
    const said = { done: "done", now: "under way", failed: "failed", later: "to come" }[status];
    const row = make(
      "li",
      {},
      make("i", { className: "mark", ariaHidden: "true" }),
      make("span", { textContent: TEXTS[name] ?? name }),
      make("span", { className: "unseen", textContent: `, ${said} ` }),
      make("time", { textContent: time }),
    );
    row.dataset.status = status;
    return row;
  }
}
