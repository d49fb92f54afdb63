// Closing: git is asked first, and nothing is lost without the word for it.

import { byId, make } from "./elements.js";
import { count } from "./times.js";

const WORD = "discard";
const SECONDS = 60; // a workspace that sleeps wakes up to answer
const LOOKING = "Asking git what the remote doesn’t have yet…";
const SAFE = "Everything is on the remote. The container and its files are removed, and the thread gets a summary.";
const UNSAFE = "Closing removes the container with all its files. This work is nowhere else:";
const UNKNOWN = "Git could not say what would be lost, so it counts as work that is nowhere else:";
const NEWER = "Something changed meanwhile. This would be lost now:";
const SHOWN = 8; // uncommitted paths, before the rest is folded away

/** What would be lost, from a Work. */
function findings(work) {
  const parts = [];
  if (!work.answered) parts.push(make("p", { className: "reason", textContent: work.reason || "Git gave no reason." }));
  if (work.uncommitted.length) {
    const total = work.uncommitted.length + work.more;
    parts.push(make("h3", { textContent: `${count(total, "uncommitted file")}` }), paths(work.uncommitted, work.more));
  }
  for (const { where, commits, subjects } of work.loose) {
    const list = make("ul", {}, ...subjects.map((textContent) => make("li", { textContent })));
    if (commits > subjects.length) list.append(make("li", { className: "dim", textContent: `and ${commits - subjects.length} more` }));
    parts.push(make("h3", {}, `${count(commits, "commit")} on `, make("code", { textContent: where })), list);
  }
  return parts;
}

function paths(all, more) {
  const item = (textContent) => make("li", {}, make("code", { textContent }));
  const list = make("ul", {}, ...all.slice(0, SHOWN).map(item));
  const rest = all.slice(SHOWN);
  if (!rest.length && !more) return list;
  const further = make("ul", {}, ...rest.map(item));
  if (more) further.append(make("li", { className: "dim", textContent: `and ${more} more` }));
  return make("div", {}, list, make("details", {}, make("summary", { textContent: `${rest.length + more} more` }), further));
}

export class Close {
  #dialog = byId("close-dialog");
  #api;
  #asking;
  #begun;
  #asked = 0;

  /** asking: called with whether this page has asked Heddle to close. begun: called when Heddle has begun to. */
  constructor({ api, asking, begun }) {
    this.#api = api;
    this.#asking = asking;
    this.#begun = begun;
    byId("close-now").onclick = () => this.#close("");
    byId("rescue").onclick = () => this.#close("rescue");
    byId("discard").onclick = () => this.#close(WORD);
    byId("close-again").onclick = () => this.#look();
    byId("discard-word").oninput = () => this.#typed();
    byId("discard-word").onkeydown = (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault(); // not the dialog's first button
      if (!byId("discard").disabled) this.#close(WORD);
    };
  }

  async open(text = "") {
    if (!this.#dialog.open) this.#dialog.showModal();
    await this.#look(text);
  }

  async #look(text = "") {
    this.#show({ text: LOOKING, busy: true });
    const mine = (this.#asked += 1);
    const answer = await this.#api.get(this.#api.path("work"), { seconds: SECONDS });
    if (!this.#dialog.open || mine !== this.#asked) return;
    if (answer.ok) this.#found(answer.body, text);
    else this.#show({ text: "", error: answer.text, again: true });
  }

  #found(work, text = "") {
    if (work.safe) this.#show({ text: SAFE, safe: true });
    else this.#show({ text: text || (work.answered ? UNSAFE : UNKNOWN), work });
  }

  #show({ text, work = null, safe = false, busy = false, error = "", again = false }) {
    byId("close-text").textContent = text;
    byId("close-text").hidden = !text;
    this.#dialog.dataset.busy = busy ? "yes" : "no";
    byId("close-findings").hidden = !work;
    byId("close-findings").replaceChildren(...(work ? findings(work) : []));
    byId("close-discard").hidden = !work;
    byId("discard-word").value = "";
    this.#typed();
    byId("close-now").hidden = !safe;
    byId("rescue").hidden = !work;
    byId("close-again").hidden = !again;
    this.#error(error);
    (safe ? byId("close-now") : work ? byId("rescue") : byId("close-cancel")).focus();
  }

  #error(text) {
    byId("close-error").textContent = text;
    byId("close-error").hidden = !text;
  }

  #typed() {
    byId("discard").disabled = byId("discard-word").value.trim().toLowerCase() !== WORD;
  }

  async #close(word) {
    const buttons = this.#dialog.querySelectorAll("button:not([value=cancel])");
    for (const button of buttons) button.disabled = true;
    this.#error("");
    this.#asking(true); // the news of the close may come before the answer
    const answer = await this.#api.post(this.#api.path("close"), { word }, { seconds: SECONDS });
    if (!answer.ok) this.#asking(false);
    for (const button of buttons) button.disabled = false;
    this.#typed();
    if (answer.ok) {
      this.#dialog.close();
      this.#begun();
    } else if (answer.status === 409 && "answered" in answer.body) this.#found(answer.body, NEWER);
    else this.#error(answer.text);
  }
}
