// A terminal's connection over all its outages.

import { Backlog } from "./backlog.js";
import { Connection } from "./connection.js";

// What xterm.js says by itself (answers to programs' questions, the focus, the mouse). Nothing has to follow from it.
const BY_ITSELF = /^\x1b(?:\[[?>]?[\d;]*\$?[cnRIOty]|\[[<M]|[\]P_])/;
const PATIENCE = 8_000; // milliseconds until a terminal that shows nothing counts as not connected

/**
 * Dispatches "change" when `connected` does, and "lost" when a connection ended that nobody closed. A connection
 * counts from its first output on: before that nobody knows whether keys arrive.
 */
export class Line extends EventTarget {
  #api;
  #name;
  #screen;
  #pulse;
  #connection = null;
  #settle = () => {};
  connected = false;
  before = false; // whether it was, once
  closed = false;

  constructor({ api, name, screen, pulse }) {
    super();
    this.#api = api;
    this.#name = name;
    this.#screen = screen;
    this.#pulse = pulse;
  }

  /** Whether it should be connected, and is not. */
  get wanting() {
    return !this.closed && !this.connected;
  }

  /** Try once; whether it worked. */
  connect() {
    this.#connection?.close();
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#connection?.close(), PATIENCE);
      this.#settle = (worked) => {
        clearTimeout(timer);
        resolve(worked);
      };
      const backlog = new Backlog((held) => this.#api.flow(connection.id, held));
      const connection = new Connection((id) => this.#api.socket(this.#name, id), {
        ...this.#screen.dimensions,
        onOutput: (bytes) => this.#output(connection, backlog, bytes),
        onEnd: () => {
          backlog.close();
          this.#ended(connection);
        },
      });
      this.#connection = connection;
    });
  }

  type(text) {
    if (!this.connected) return;
    this.#connection.type(text);
    if (!BY_ITSELF.test(text)) this.#pulse.sent();
  }

  bytes(bytes) {
    if (this.connected) this.#connection.bytes(bytes);
  }

  resize(columns, rows) {
    if (this.connected) this.#connection.resize(columns, rows);
  }

  /** Give the connection up as dead; it is made anew. */
  drop() {
    if (!this.closed) this.#connection?.close();
  }

  /** For good. */
  close() {
    this.closed = true;
    this.#connection?.close();
  }

  #output(connection, backlog, bytes) {
    if (connection !== this.#connection) return;
    this.#pulse.came();
    if (!this.connected) {
      this.#screen.reset();
      this.#become(true);
      this.#settle(true);
    }
    backlog.came(bytes.length);
    this.#screen.write(bytes, () => backlog.read(bytes.length));
  }

  #ended(connection) {
    if (connection !== this.#connection) return;
    this.#connection = null;
    this.#settle(false);
    if (!this.connected) return;
    this.#become(false);
    // What came last may say that the terminal has ended; only then is it known whether this is an outage.
    this.#screen.write("", () => {
      if (!this.closed) this.dispatchEvent(new Event("lost"));
    });
  }

  #become(connected) {
    this.connected = connected;
    this.before ||= connected;
    this.dispatchEvent(new Event("change"));
  }
}
