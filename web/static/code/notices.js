// Lines above the terminals that say what happened, until somebody has read them.

import { byId, make } from "./elements.js";

const SECONDS = 12; // that an error stays

export class Notices {
  #element = byId("notices");
  #shown = new Map();

  /** What went wrong with something that was just asked for. */
  error(text) {
    this.say(`error:${text}`, text, { kind: "error", seconds: SECONDS });
  }

  /** key: the same thing is there once. action: `{text, do}`. */
  say(key, text, { kind = "plain", seconds = 0, action = null } = {}) {
    this.#shown.get(key)?.remove();
    const notice = make("div", { className: `notice ${kind}`, role: kind === "error" ? "alert" : "status" }, make("span", { textContent: text }));
    const end = () => {
      notice.remove();
      this.#shown.delete(key);
    };
    if (action) {
      notice.append(
        make("button", {
          type: "button",
          className: "link",
          textContent: action.text,
          onclick: () => {
            if (action.do() !== false) end();
          },
        }),
      );
    }
    notice.append(make("button", { type: "button", className: "quiet square", ariaLabel: "Dismiss", textContent: "×", onclick: end }));
    this.#element.append(notice);
    this.#shown.set(key, notice);
    if (seconds) setTimeout(() => notice.isConnected && end(), seconds * 1000);
  }

  clear(key) {
    this.#shown.get(key)?.remove();
    this.#shown.delete(key);
  }
}
