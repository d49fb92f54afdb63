// Getting all terminals connected again, together: one outage, one wake, one back-off.

import { backOff, wait } from "./times.js";

const WAKE = 15; // seconds for an answer; a wake that takes longer goes on, and asking again joins it
const TRUSTED = 30_000; // milliseconds: terminals that still refuse after that need another wake
const STEADY = 5_000; // a connection that lasted less goes on with the back-off of the outage before

/**
 * `lines()` are those that want a connection. Dispatches "change" when `phase` or `at` does, "refused" with the answer
 * when Heddle says that there is nothing to connect with.
 *
 * phase: `fine`, `waiting` (until `at`, in terms of performance.now()), `waking`, `connecting`, or `off`: not wanted.
 */
export class Recovery extends EventTarget {
  #api;
  #wakes;
  #lines;
  #hurry = new AbortController();
  #running = false;
  #wanted = false;
  #wokenAt = -Infinity;
  #fineAt = 0;
  #attempt = 0;
  phase = "off";
  at = 0;
  trouble = ""; // what a wake failed with
  place = { state: "", reason: "" }; // where Heddle says that the workspace is

  constructor({ api, lines, wakes }) {
    super();
    this.#api = api;
    this.#lines = lines;
    this.#wakes = wakes;
    for (const name of ["online", "focus"]) addEventListener(name, () => this.hurry());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.hurry();
    });
  }

  /** Connect, and keep connected. */
  start() {
    this.#wanted = true;
    this.lost();
  }

  /** The workspace is not open: connect with nothing. */
  stop() {
    this.#wanted = false;
    this.hurry();
    this.#enter("off");
  }

  /** Heddle says where the workspace is: one that runs again is connected with at once. */
  told(place) {
    const back = place.state === "running" && this.place.state !== "running";
    this.place = place;
    if (back) this.hurry();
    this.dispatchEvent(new Event("change"));
  }

  /** A line has no connection, at the beginning or after losing it. */
  lost() {
    if (this.#wanted && !this.#running) this.#recover();
  }

  /** Try now instead of later. */
  hurry() {
    if (this.phase === "waiting") this.#hurry.abort();
  }

  async #recover() {
    this.#running = true;
    this.#wokenAt = -Infinity;
    if (performance.now() - this.#fineAt > STEADY) this.#attempt = 0;
    const first = this.#fineAt === 0;
    while (this.#wanted && this.#missing().length) {
      if (!(first && this.#attempt === 0)) await this.#wait();
      this.#attempt += 1;
      if (!this.#wanted || !(await this.#awake())) continue;
      this.#enter("connecting");
      await Promise.all(this.#missing().map((line) => line.connect()));
    }
    this.#running = false;
    if (!this.#wanted) return;
    this.#fineAt = performance.now();
    this.#enter("fine");
  }

  async #wait() {
    const delay = backOff(this.#attempt);
    this.#hurry = new AbortController();
    this.at = performance.now() + delay;
    this.#enter("waiting");
    await wait(delay, this.#hurry.signal);
  }

  /** Whether terminals should accept now. */
  async #awake() {
    if (!this.#wakes || performance.now() - this.#wokenAt < TRUSTED) return true;
    this.#enter("waking");
    const answer = await this.#api.post(this.#api.path("wake"), {}, { seconds: WAKE });
    if (answer.ok) {
      this.#wokenAt = performance.now();
      this.trouble = "";
      return true;
    }
    this.trouble = answer.status === 0 ? "" : answer.text;
    if ([401, 403, 404, 409].includes(answer.status)) {
      this.#wanted = false;
      this.dispatchEvent(new CustomEvent("refused", { detail: { status: answer.status, ...answer.body } }));
    }
    return false;
  }

  #missing() {
    return this.#lines().filter((line) => line.wanting);
  }

  #enter(phase) {
    this.phase = phase;
    this.dispatchEvent(new Event("change"));
  }
}
