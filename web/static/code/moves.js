// Where the workspace is, in words, and how it came there.

import { announce, byId, make } from "./elements.js";
import { count } from "./times.js";

export const STATES = {
  starting: "Starting",
  running: "Running",
  paused: "Paused",
  stopped: "Stopped",
  recovering: "Recovering",
  closing: "Closing",
  closed: "Closed",
  failed: "Can’t be recovered",
};
const ALOUD = ["paused", "stopped", "recovering", "failed"];
const UNITS = [
  [86_400, "day"],
  [3_600, "hour"],
  [60, "minute"],
];
const MINUTE = 60_000; // milliseconds

/** "just now", "3 minutes ago", "2 days ago". */
export function ago(seconds) {
  for (const [length, name] of UNITS) if (seconds >= length) return `${count(Math.floor(seconds / length), name)} ago`;
  return "just now";
}

/** `state` and `reason` are the latest; a page that only watches is told no reasons. */
export class Moves {
  #moves = [];
  #ahead = 0; // seconds by which Heddle's clock is ahead of the browser's
  #timer = 0;
  #readonly;
  state = "";
  reason = "";

  constructor({ readonly }) {
    this.#readonly = readonly;
    if (readonly) return;
    const dialog = byId("moves-dialog");
    byId("state").onclick = () => {
      this.#draw();
      dialog.showModal();
      this.#timer = setInterval(() => this.#draw(), MINUTE);
    };
    dialog.addEventListener("close", () => clearInterval(this.#timer));
  }

  /** What Heddle says: {state, moves: [{at, before, after, reason}], now}, the newest move first. */
  take({ state, moves, now }) {
    const before = this.state;
    this.state = state;
    this.reason = moves[0]?.after === state ? moves[0].reason : "";
    this.#moves = moves;
    this.#ahead = now - Date.now() / 1000;
    const shown = byId("state");
    shown.hidden = !STATES[state];
    shown.dataset.state = state;
    byId("state-text").textContent = this.text;
    shown.title = this.text; // it may be too long for the line
    if (!this.#readonly) shown.ariaLabel = `${this.text}. Show its history`;
    if (before && before !== state && (ALOUD.includes(state) || ALOUD.includes(before))) announce(`${this.text}.`);
    if (!this.#readonly && byId("moves-dialog").open) this.#draw();
  }

  /** "Paused: idle for 30 minutes". Of a workspace that runs nobody needs to know why. */
  get text() {
    const name = STATES[this.state] ?? this.state;
    return this.reason && this.state !== "running" ? `${name}: ${this.reason}` : name;
  }

  #draw() {
    const now = Date.now() / 1000 + this.#ahead;
    byId("moves").replaceChildren(...this.#moves.map((move) => this.#row(move, now)));
    byId("moves-none").hidden = this.#moves.length > 0;
  }

  #row({ at, before, after, reason }, now) {
    const when = new Date((at - this.#ahead) * 1000);
    const local = when.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
    const [name, earlier] = [after, before].map((state) => STATES[state] ?? state);
    const row = make(
      "li",
      {},
      make("i", { className: "dot", ariaHidden: "true" }),
      make("p", {}, make("strong", { textContent: name }), reason ? `: ${reason}` : "", make("span", { className: "unseen", textContent: `. Before that: ${earlier}.` })),
      make("p", { className: "dim" }, make("span", { ariaHidden: "true", textContent: `${earlier} → ${name} · ` }), make("time", { dateTime: when.toISOString(), title: local, textContent: `${ago(now - at)}, ${local}` })),
    );
    row.dataset.state = after;
    return row;
  }
}
