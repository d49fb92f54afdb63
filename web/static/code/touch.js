// What screens without a keyboard need: keys, a line to write in, fingers that scroll, and room for the keyboard on glass.

import { byId } from "./elements.js";
import { wait } from "./times.js";

const ENTER = 60; // milliseconds after pasted text
const APPLICATION = { Up: "\x1bOA", Down: "\x1bOB", Right: "\x1bOC", Left: "\x1bOD", Home: "\x1bOH", End: "\x1bOF" };
const NORMAL = { Up: "\x1b[A", Down: "\x1b[B", Right: "\x1b[C", Left: "\x1b[D", Home: "\x1b[H", End: "\x1b[F" };
const KEYS = { Escape: "\x1b", Tab: "\t", Enter: "\r", Interrupt: "\x03", PageUp: "\x1b[5~", PageDown: "\x1b[6~" };
const TALLEST = 140; // pixels of the line to write in

export class Touch {
  #element = byId("touch");
  #button = byId("keys");
  #control = this.#element.querySelector("[data-key=Control]");
  #composed = byId("composed");
  #settings;
  #tabs;

  constructor({ settings, tabs }) {
    this.#settings = settings;
    this.#tabs = tabs;
    this.#button.onclick = () => settings.set("touch", this.#wanted ? "off" : "on");
    settings.addEventListener("change", ({ detail }) => detail === "touch" && this.#obey());
    matchMedia("(pointer: coarse)").addEventListener("change", () => this.#obey());
    const row = this.#element.querySelector(".keyrow");
    row.addEventListener("pointerdown", (event) => event.preventDefault()); // the keyboard on glass stays as it is
    row.addEventListener("click", (event) => this.#key(event.target.closest("[data-key]")?.dataset.key));
    byId("compose").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    this.#composed.addEventListener("input", () => this.#grow());
    this.#composed.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#send();
    });
    this.#obey();
    this.#followKeyboard();
    this.#scrollWithFingers();
  }

  /** What typed text becomes when Ctrl was tapped before it. */
  filter(text) {
    if (!this.#held || text.length !== 1) return text;
    this.#hold(false);
    const code = text.toUpperCase().charCodeAt(0);
    return code >= 0x3f && code <= 0x5f ? String.fromCharCode(code === 0x3f ? 0x7f : code & 0x1f) : text === " " ? "\0" : text;
  }

  get #wanted() {
    const chosen = this.#settings.get("touch", "auto");
    return chosen === "on" || (chosen === "auto" && matchMedia("(pointer: coarse)").matches);
  }

  get #held() {
    return this.#control.getAttribute("aria-pressed") === "true";
  }

  #hold(held) {
    this.#control.setAttribute("aria-pressed", String(held));
  }

  #obey() {
    this.#element.hidden = !this.#wanted;
    this.#button.setAttribute("aria-pressed", String(this.#wanted));
  }

  #key(key) {
    const tab = this.#tabs.current;
    if (!key || !tab) return;
    if (key === "Control") return this.#hold(!this.#held);
    const arrows = tab.screen.terminal.modes.applicationCursorKeysMode ? APPLICATION : NORMAL;
    tab.line.type(arrows[key] ?? KEYS[key]);
    this.#hold(false);
  }

  async #send() {
    const tab = this.#tabs.current;
    if (!tab?.line.connected) return tab?.banner.typed();
    const text = this.#composed.value;
    this.#composed.value = "";
    this.#grow();
    if (text) {
      tab.paste(text);
      await wait(ENTER);
    }
    tab.line.type("\r");
  }

  #grow() {
    this.#composed.style.height = "auto";
    this.#composed.style.height = `${Math.min(TALLEST, this.#composed.scrollHeight + 2)}px`;
  }

  /** Where the keyboard on glass covers the page instead of shrinking it, the page shrinks itself. */
  #followKeyboard() {
    const viewport = window.visualViewport;
    if (!viewport) return;
    const follow = () => {
      const covered = innerHeight - viewport.height * viewport.scale > 120;
      document.body.style.height = covered ? `${viewport.height}px` : "";
      document.body.toggleAttribute("data-keyboard", covered || viewport.height < 380);
      if (covered) scrollTo(0, 0);
    };
    viewport.addEventListener("resize", follow);
    viewport.addEventListener("scroll", follow);
  }

  /** xterm.js scrolls with wheels only; a finger that moves one line is one turn of a wheel. */
  #scrollWithFingers() {
    let last = null;
    byId("panels").addEventListener("touchstart", (event) => (last = event.touches.length === 1 ? event.touches[0] : null), { passive: true });
    byId("panels").addEventListener(
      "touchmove",
      (event) => {
        if (!last || event.touches.length !== 1) return;
        const line = this.#settings.size * 1.25;
        const moved = last.clientY - event.touches[0].clientY;
        if (Math.abs(moved) < line) return;
        const { clientX, clientY } = event.touches[0];
        const where = { clientX, clientY, bubbles: true, cancelable: true };
        event.target.dispatchEvent(new WheelEvent("wheel", { deltaY: Math.sign(moved) * line, ...where }));
        last = event.touches[0];
      },
      { passive: true },
    );
  }
}
