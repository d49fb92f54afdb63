// What the page asks Heddle for.

const SECONDS = 20; // for an answer; what takes longer says so
export const UNREACHABLE = "Heddle can’t be reached. Try again in a moment.";
const UNEXPECTED = "Heddle couldn’t do that. Try again in a moment.";

/** An answer: `status` is 0 when there was none; `body` is {} when it was empty or not JSON. */
export class Answer {
  constructor(status, body = {}) {
    this.status = status;
    this.body = body;
  }

  get ok() {
    return this.status >= 200 && this.status < 300;
  }

  /** Why not, for the person at the page. */
  get text() {
    if (this.status === 0) return UNREACHABLE;
    const problem = this.body.problem;
    if (problem) return `${problem.what} ${problem.todo}`.trim();
    return this.body.error || this.body.text || UNEXPECTED;
  }
}

export class Api {
  /** base: the path of the workspace's page. */
  constructor(base) {
    this.base = base;
  }

  path(...parts) {
    return [this.base, ...parts.map(encodeURIComponent)].join("/");
  }

  /** Where a terminal's WebSocket is. */
  socket(name, connection) {
    const address = new URL(this.path("terminals", name), location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    address.searchParams.set("connection", connection);
    return address.href;
  }

  get(path, options) {
    return this.#ask("GET", path, undefined, options);
  }

  post(path, body = {}, options = {}) {
    return this.#ask("POST", path, body, options);
  }

  patch(path, body) {
    return this.#ask("PATCH", path, body);
  }

  delete(path) {
    return this.#ask("DELETE", path);
  }

  async #ask(method, path, body, { seconds = SECONDS } = {}) {
    const headers = body === undefined ? {} : { "Content-Type": "application/json" };
    try {
      const response = await fetch(path, {
        method,
        headers,
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: AbortSignal.timeout(seconds * 1000),
        cache: "no-store",
      });
      const json = response.headers.get("Content-Type")?.startsWith("application/json");
      return new Answer(response.status, json ? await response.json() : {});
    } catch {
      return new Answer(0); // no connection, no answer in time, or half of one
    }
  }

  /** Tell Heddle that a terminal's output must wait, or may go on; whether it knows. Holds end with their connection. */
  async flow(connection, held) {
    return (await this.post(this.path("connections", connection, held ? "hold" : "release"))).ok;
  }

  /**
   * Whether Heddle answers. It is asked to wake the workspace, because a paused container looks the same as a dead
   * connection: it keeps its connections and says nothing.
   */
  async answers(seconds) {
    const answer = await this.post(this.path("wake"), {}, { seconds });
    return answer.status !== 0;
  }
}
