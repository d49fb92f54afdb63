// The line at the bottom: the connection, and what git says.

import { announce, byId, make } from "./elements.js";
import { count } from "./times.js";

const SAID = {
  connected: "Connected",
  watching: "Watching",
  connecting: "Connecting",
  starting: "Starting",
  waiting: "Disconnected, trying again",
  waking: "Disconnected, waking the workspace",
  off: "Not connected",
};
const ALOUD = { connected: "Connected.", waiting: "Disconnected. Keys are not accepted.", off: "Not connected." };

export class Status {
  #title = document.title;
  #state = "";
  #readonly;

  constructor({ readonly }) {
    this.#readonly = readonly;
  }

  /** The connection of the tab in front: `connected`, `connecting`, `waiting`, `waking`, `starting` or `off`. */
  connection(state) {
    if (state === this.#state) return;
    this.#state = state;
    const element = byId("connection");
    element.dataset.state = state;
    byId("connection-text").textContent = SAID[state === "connected" && this.#readonly ? "watching" : state];
    document.title = ["waiting", "waking"].includes(state) ? `Disconnected · ${this.#title}` : this.#title;
    if (ALOUD[state]) announce(ALOUD[state]);
  }

  /** What git says, or null as long as it has not said anything. */
  work(status) {
    const counts = byId("counts");
    if (!status) return counts.replaceChildren();
    byId("branch").textContent = status.branch || "no branch";
    const parts = [];
    const say = (className, textContent, title) => parts.push(make("span", { className, textContent, title }));
    const { unpushed, changed, head } = status;
    if (unpushed) say("count", `${unpushed} unpushed`, `${count(unpushed, "commit")} that the remote lacks`);
    if (changed) say("count", `${changed} changed`, `${count(changed, "file")} with changes in no commit`);
    if (!parts.length) say("dim", "all pushed", `Everything is on the remote, at ${head.slice(0, 7)}`);
    counts.replaceChildren(...parts);
  }
}
