// A connection that is cut without a word looks alive. A key that nothing answers makes the page ask.

const UNANSWERED = 2_000; // milliseconds
const PATIENCE = 4; // seconds for the answer

/** `ask(seconds)` resolves with whether Heddle answers; `dead()` is called when it does not. */
export class Pulse {
  #ask;
  #dead;
  #timer = 0;
  #asking = false;

  constructor({ ask, dead }) {
    this.#ask = ask;
    this.#dead = dead;
    addEventListener("offline", () => this.check());
  }

  /** Something was sent to a terminal. */
  sent() {
    if (!this.#timer) this.#timer = setTimeout(() => this.check(), UNANSWERED);
  }

  /** Something came from one. */
  came() {
    clearTimeout(this.#timer);
    this.#timer = 0;
  }

  async check() {
    this.came();
    if (this.#asking) return;
    this.#asking = true;
    const alive = await this.#ask(PATIENCE);
    this.#asking = false;
    if (!alive) this.#dead();
  }
}
