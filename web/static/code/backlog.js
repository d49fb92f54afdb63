// Output that has come and that xterm.js has not read yet. Too much of it would make the screen lag behind.

import { wait } from "./times.js";

const HIGH = 256 * 1024; // bytes
const LOW = 64 * 1024;

const AGAIN = 500; // milliseconds until a request that failed is repeated

/** `ask(held)` tells Heddle and resolves with whether it knows now; one at a time, and only the latest wish counts. */
export class Backlog {
  #ask;
  #waiting = 0;
  #wish = false;
  #asking = false;
  #over = new AbortController();

  constructor(ask) {
    this.#ask = ask;
  }

  came(bytes) {
    this.#waiting += bytes;
    if (this.#waiting > HIGH && !this.#wish) this.#want(true);
  }

  read(bytes) {
    this.#waiting -= bytes;
    if (this.#waiting < LOW && this.#wish) this.#want(false);
  }

  /** The connection is over, and with it whatever was held. */
  close() {
    this.#over.abort();
  }

  async #want(held) {
    this.#wish = held;
    if (this.#asking) return;
    this.#asking = true;
    for (let told = !held; told !== this.#wish && !this.#over.signal.aborted; ) {
      const wish = this.#wish;
      if (await this.#ask(wish)) told = wish;
      else await wait(AGAIN, this.#over.signal);
    }
    this.#asking = false;
  }
}
