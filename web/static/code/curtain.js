// The card that is there while there are no terminals, and its ways forward.

import { ask } from "./dialogs.js";
import { announce, byId, make } from "./elements.js";
import { words } from "./stage.js";
import { Steps } from "./steps.js";

const LEAVE = 5; // seconds until a page that closed its workspace goes back to the thread

export class Curtain {
  #element = byId("curtain");
  #steps = new Steps(byId("steps"));
  #given;
  #api;
  #opened;
  #name = "";
  #leaving = 0;

  /** opened: called when Heddle has begun to open the workspace. */
  constructor({ given, api, opened }) {
    this.#given = given;
    this.#api = api;
    this.#opened = opened;
  }

  hide() {
    this.#name = "";
    this.#element.hidden = true;
    this.#steps.show(null);
    clearInterval(this.#leaving);
  }

  /** name: of a face. leave: whether to go back to the thread by itself. */
  show(name, progress, { leave = false } = {}) {
    const { title, text, actions } = words(name, this.#given);
    const problem = name === "failed" && !this.#given.readonly ? progress.problem : null;
    this.#element.hidden = false;
    this.#element.dataset.face = name;
    byId("curtain-title").textContent = title;
    byId("curtain-text").textContent = problem?.what ?? text;
    const todo = byId("curtain-todo");
    todo.textContent = problem?.todo ?? "";
    todo.hidden = !todo.textContent;
    const output = byId("curtain-output");
    output.hidden = !problem?.output;
    output.querySelector("pre").textContent = problem?.output ?? "";
    this.#steps.show(["starting", "failed"].includes(name) ? progress : null);
    if (name === this.#name) return;
    this.#name = name;
    this.#error("");
    announce(title);
    byId("curtain-actions").replaceChildren(...actions.map((action, index) => this.#action(action, index === 0 && !["starting", "closing"].includes(name))).filter(Boolean));
    clearInterval(this.#leaving);
    if (leave && this.#link) this.#leave();
  }

  get #link() {
    return /^https?:\/\//.test(this.#given.workspace.link) ? this.#given.workspace.link : "";
  }

  #action(name, first) {
    const className = first ? "primary" : "plain";
    const button = (textContent, takeOver) => {
      const made = make("button", { type: "button", className, textContent });
      made.onclick = () => this.#open(made, takeOver);
      return made;
    };
    switch (name) {
      case "open":
        return button("Open workspace");
      case "again":
        return button("Try again");
      case "continue":
        return button("Continue interactively");
      case "sign_in":
        return make("a", { className: "button primary", href: this.#given.base, textContent: "Sign in again" });
      case "reload":
        return make("a", { className: "button plain", href: this.#given.base, textContent: "Reload" });
      default:
        return this.#link ? make("a", { className: `button ${className}`, href: this.#link, rel: "noreferrer", textContent: "Back to the thread" }) : null;
    }
  }

  async #open(button) {
    button.disabled = true;
    this.#error("");
    let answer = await this.#api.post(this.#api.path("open"), { take_over: false });
    if (answer.status === 409 && answer.body.held_by === "run") {
      if ((await ask(byId("take-over-dialog"))) !== "take-over") {
        button.disabled = false;
        return;
      }
      answer = await this.#api.post(this.#api.path("open"), { take_over: true });
    }
    button.disabled = false;
    if (!answer.ok) return this.#error(answer.text);
    this.#given.run = null;
    this.#opened();
  }

  #error(text) {
    byId("curtain-error").textContent = text;
    byId("curtain-error").hidden = !text;
  }

  #leave() {
    let left = LEAVE;
    const said = make("span", { className: "dim" });
    const stay = make("button", { type: "button", className: "link", textContent: "Stay here" });
    const box = make("p", { className: "leaving" }, said, " ", stay);
    const tick = () => {
      said.textContent = `Going back to the thread in ${left} s.`;
      if (left === 0) location.assign(this.#link);
      left -= 1;
    };
    stay.onclick = () => {
      clearInterval(this.#leaving);
      box.remove();
    };
    byId("curtain-actions").after(box);
    tick();
    this.#leaving = setInterval(tick, 1000);
  }
}
