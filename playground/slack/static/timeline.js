// A scrolling list of messages: a channel, or a thread.

import { morph } from "./morph.js";
import { dateOf, dayName, fillTimes } from "./times.js";

const TOGETHER = 5 * 60; // seconds within which messages of one person form a group
const NEAR = 80; // pixels from the end that still count as being there

export class Timeline {
  #root;
  #isThread;
  #onBehind;

  constructor(root, { isThread = false, onBehind = () => {} } = {}) {
    this.#root = root;
    this.#isThread = isThread;
    this.#onBehind = onBehind;
    root.addEventListener("scroll", () => this.atEnd && onBehind(false), { passive: true });
    new ResizeObserver(() => this.#sticky && this.toEnd()).observe(root);
  }

  #sticky = true;

  get atEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#root;
    this.#sticky = scrollHeight - scrollTop - clientHeight < NEAR;
    return this.#sticky;
  }

  toEnd() {
    this.#root.scrollTop = this.#root.scrollHeight;
    this.#sticky = true;
    this.#onBehind(false);
  }

  // Shows exactly these messages. `fresh` starts at the end, otherwise the reader stays where they are.
  show(messages, { fresh = false, empty = "" } = {}) {
    const wasAtEnd = fresh || this.atEnd;
    if (fresh) this.#root.replaceChildren();
    const present = new Map([...this.#root.querySelectorAll(".message")].map((node) => [node.dataset.ts, node]));
    const wanted = new Set(messages.map((message) => message.ts));
    for (const [ts, node] of present) if (!wanted.has(ts)) node.remove();
    let grew = false;
    let before = null;
    for (const message of messages) {
      let node = present.get(message.ts);
      if (!node) {
        node = build(message);
        grew = true;
        if (before) before.after(node);
        else this.#root.prepend(node);
      } else if (Number(node.dataset.revision) < message.revision) {
        update(node, message);
      }
      before = node;
    }
    this.#arrange(messages, empty);
    if (wasAtEnd) this.toEnd();
    else if (grew) this.#onBehind(true);
  }

  highlight(ts) {
    const node = this.#root.querySelector(`.message[data-ts="${CSS.escape(ts)}"]`);
    if (!node) return;
    node.scrollIntoView({ block: "center" });
    node.classList.add("lit");
    setTimeout(() => node.classList.remove("lit"), 2500);
  }

  // Groups, day lines and the line between a thread's parent and its replies.
  #arrange(messages, empty) {
    this.#root.querySelectorAll(".divider, .empty").forEach((node) => node.remove());
    if (!messages.length && empty) this.#root.append(line("empty", empty));
    let previous = null;
    messages.forEach((message, index) => {
      const node = this.#root.querySelector(`.message[data-ts="${message.ts}"]`);
      const day = dayName(dateOf(message.ts));
      const newDay = !previous || day !== dayName(dateOf(previous.ts));
      if (newDay && !this.#isThread) node.before(line("divider", day));
      if (this.#isThread && index === 1) {
        const count = messages.slice(1).filter((reply) => !reply.only).length;
        node.before(line("divider start", count === 1 ? "1 reply" : `${count} replies`));
      }
      const together =
        previous && !newDay && previous.user === message.user && !message.only && !previous.only &&
        message.ts - previous.ts < TOGETHER && !(this.#isThread && index === 1);
      node.classList.toggle("together", Boolean(together));
      previous = message;
    });
  }
}

function build(message) {
  const template = document.createElement("template");
  template.innerHTML = message.html.trim();
  const node = template.content.querySelector(".message");
  node.dataset.revision = message.revision;
  fillTimes(node);
  return node;
}

function update(node, message) {
  const next = build(message);
  for (const kept of ["together", "lit"]) next.classList.toggle(kept, node.classList.contains(kept));
  morph(node, next);
}

function line(kind, text) {
  const node = document.createElement("div");
  node.className = kind;
  const span = document.createElement("span");
  span.textContent = text;
  node.append(span);
  return node;
}
