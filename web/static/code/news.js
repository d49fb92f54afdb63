// Server-sent events, read from a fetch: unlike an EventSource that shows the status of a refusal, and the comments by
// which a connection is known to live.

import { backOff, wait } from "./times.js";

const SILENCE = 25_000; // milliseconds; Heddle says something every 15 s
const HEAD = 8_000; // for the answer to begin
const UNSEEN = 20_000; // for which a page in the background stays connected: browsers allow few connections a host

/** One event from its lines, as the HTML standard reads them; null for a comment. */
export function parse(block) {
  let name = "message";
  const data = [];
  for (const line of block.split("\n")) {
    const [field, ...rest] = line.split(":");
    const value = rest.join(":").replace(/^ /, "");
    if (field === "event") name = value;
    else if (field === "data") data.push(value);
  }
  return data.length ? { name, data: data.join("\n") } : null;
}

/**
 * Dispatches each event by its name, `detail` = its data; "silent" when the connection must be dead, "heard" when one
 * answers again, "refused" with the status when Heddle lets nobody in.
 */
export class News extends EventTarget {
  #address;
  #wanted = false;
  #running = false;
  #stop = new AbortController();
  #hurry = new AbortController();

  constructor(address) {
    super();
    this.#address = address;
    let unseen = 0;
    document.addEventListener("visibilitychange", () => {
      clearTimeout(unseen);
      if (document.hidden) unseen = setTimeout(() => this.stop(), UNSEEN);
      else this.start();
    });
  }

  /** Be connected: now, when it is not. */
  start() {
    this.#wanted = true;
    this.#hurry.abort();
    if (!this.#running) this.#run();
  }

  stop() {
    this.#wanted = false;
    this.#stop.abort();
  }

  async #run() {
    this.#running = true;
    for (let attempt = 0; this.#wanted; attempt += 1) {
      this.#stop = new AbortController();
      this.#hurry = new AbortController();
      const heard = await this.#listen();
      if (heard === "refused") break;
      if (heard === "heard") attempt = 0;
      await wait(backOff(attempt), AbortSignal.any([this.#hurry.signal, this.#stop.signal]));
    }
    this.#running = false;
  }

  async #listen() {
    const dead = new AbortController();
    const signal = AbortSignal.any([dead.signal, this.#stop.signal]);
    let timer = setTimeout(() => dead.abort(), HEAD);
    let heard = "nothing";
    try {
      const response = await fetch(this.#address, { headers: { Accept: "text/event-stream" }, cache: "no-store", signal });
      if ([401, 403, 404, 409].includes(response.status)) {
        this.#tell("refused", { status: response.status });
        return "refused";
      }
      if (!response.ok) return heard;
      heard = "heard";
      this.#tell("heard");
      let rest = "";
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        clearTimeout(timer);
        timer = setTimeout(() => dead.abort(), SILENCE);
        const { done, value } = await reader.read();
        if (done) break;
        const blocks = (rest + value).split("\n\n");
        rest = blocks.pop();
        for (const block of blocks) {
          const event = parse(block);
          if (event) this.#tell(event.name, JSON.parse(event.data));
        }
      }
    } catch {
      // Ended by us, by Heddle or by the network: the caller comes back.
    } finally {
      clearTimeout(timer);
    }
    if (dead.signal.aborted) this.#tell("silent");
    return heard;
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
