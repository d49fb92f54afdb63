// What covers a terminal that has no connection: what happened, what happens next, and that keys go nowhere.

import { duration } from "./times.js";

const TEXTS = {
  first: ["Connecting", "The terminal appears as soon as the workspace answers."],
  waiting: ["Disconnected", "Trying again in"],
  waking: ["Disconnected", "Waking the workspace…"],
  connecting: ["Disconnected", "Connecting again…"],
  fine: ["Disconnected", "Connecting again…"],
  off: ["Disconnected", "The workspace isn’t open."],
};

export class Banner {
  #element;
  #line;
  #recovery;
  #timer = 0;

  constructor(element, { line, recovery, screen }) {
    this.#element = element;
    this.#line = line;
    this.#recovery = recovery;
    element.querySelector("button").onclick = () => {
      recovery.hurry();
      screen.focus(); // the button goes away
    };
    line.addEventListener("change", this.#show);
    recovery.addEventListener("change", this.#show);
    this.#show();
  }

  /** Somebody typed: say that it went nowhere. */
  typed() {
    const note = this.#element.querySelector(".note");
    note.hidden = false;
    note.classList.remove("again");
    void note.offsetWidth; // so that its animation starts anew
    note.classList.add("again");
  }

  dispose() {
    clearInterval(this.#timer);
    this.#line.removeEventListener("change", this.#show);
    this.#recovery.removeEventListener("change", this.#show);
  }

  #show = () => {
    clearInterval(this.#timer);
    const connected = this.#line.connected;
    this.#element.hidden = connected || this.#line.closed;
    if (connected) {
      this.#element.querySelector(".note").hidden = true;
      return;
    }
    const phase = this.#recovery.phase;
    const calm = !this.#line.before && phase !== "waiting";
    this.#element.dataset.calm = calm ? "" : "no";
    this.#say(calm ? "first" : phase);
    if (phase === "waiting") this.#timer = setInterval(() => this.#say(phase), 200);
    this.#element.querySelector("button").hidden = phase !== "waiting";
  };

  #say(phase) {
    const [what, next] = TEXTS[phase];
    const left = phase === "waiting" ? ` ${duration(Math.ceil((this.#recovery.at - performance.now()) / 1000)).replace(".0", "")}.` : "";
    const trouble = this.#recovery.trouble;
    this.#element.querySelector("strong").textContent = what;
    this.#element.querySelector(".next").textContent = `${trouble ? `${trouble} ` : ""}${next}${left}`;
  }
}
