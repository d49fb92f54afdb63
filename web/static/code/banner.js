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
// Instead of "Disconnected", where Heddle says why there is no connection.
const REASONS = {
  paused: ["Paused", "Waking the workspace…"],
  stopped: ["Stopped", "Waking the workspace…"],
  recovering: ["Recovering", "Heddle brings it back; your files are kept."],
  failed: ["Can’t be recovered", "Heddle goes on trying; your files are kept. Try it now, or close the workspace: what can be saved is pushed first if you want that."],
};

export class Banner {
  #again;
  #close;
  #closable;
  #element;
  #line;
  #recovery;
  #timer = 0;

  /** close: asks whether to close the workspace; null where nobody may. */
  constructor(element, { line, recovery, screen, close }) {
    this.#element = element;
    this.#line = line;
    this.#recovery = recovery;
    this.#close = element.querySelector(".close-instead");
    this.#again = element.querySelector(".primary");
    this.#close.onclick = close;
    this.#closable = Boolean(close);
    this.#again.onclick = () => {
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
    const failed = this.#recovery.place.state === "failed";
    this.#again.hidden = phase !== "waiting";
    this.#again.textContent = failed ? "Try again now" : "Reconnect now";
    this.#close.hidden = !failed || !this.#closable || calm;
  };

  #say(phase) {
    const { state, reason } = this.#recovery.place;
    const known = phase === "off" ? undefined : REASONS[state];
    const [what, next] = known ? [reason ? `${known[0]}: ${reason}` : known[0], phase === "waiting" ? `${known[1]} ${TEXTS.waiting[1]}` : known[1]] : TEXTS[phase];
    const left = phase === "waiting" ? ` ${duration(Math.ceil((this.#recovery.at - performance.now()) / 1000)).replace(".0", "")}.` : "";
    const trouble = known && reason && this.#recovery.trouble.startsWith(reason) ? "" : this.#recovery.trouble;
    this.#element.querySelector("strong").textContent = what;
    this.#element.querySelector(".next").textContent = `${trouble ? `${trouble} ` : ""}${next}${left}`;
  }
}
