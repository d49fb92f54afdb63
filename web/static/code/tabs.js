// The row of tabs: which there are, which is in front, and moving between them.

import { byId } from "./elements.js";
import { CLAUDE } from "./tab.js";

/**
 * `make(terminal)` builds a tab. Dispatches "select" with the tab in front. `remember`: the settings' key for it.
 * The list itself is Heddle's: `set` is called with what it says.
 */
export class Tabs extends EventTarget {
  #row = byId("tabs");
  #panels = byId("panels");
  #make;
  #settings;
  #key;
  #all = [];
  current = null;

  constructor({ make, settings, workspace }) {
    super();
    this.#make = make;
    this.#settings = settings;
    this.#key = `tab.${workspace}`;
    this.#row.addEventListener("keydown", (event) => this.#keydown(event));
  }

  get all() {
    return [...this.#all];
  }

  /** The lines of all terminals that somebody has looked at. */
  get lines() {
    return this.#all.filter((tab) => tab.wanted).map((tab) => tab.line);
  }

  named(name) {
    return this.#all.find((tab) => tab.name === name);
  }

  /** Make the row like Heddle's list of `{name, title}`. */
  set(terminals) {
    const names = terminals.map(({ name }) => name);
    const gone = this.#all.filter((tab) => !names.includes(tab.name));
    const place = this.#all.indexOf(this.current);
    this.#all = terminals.map((terminal) => {
      const tab = this.named(terminal.name) ?? this.#begin(terminal);
      if (tab.title !== terminal.title) tab.title = terminal.title;
      return tab;
    });
    for (const tab of gone) tab.dispose();
    const order = this.#all.map((tab) => tab.element);
    if (order.some((element, index) => this.#row.children[index] !== element)) {
      const focused = document.activeElement;
      this.#row.append(...order);
      if (this.#row.contains(focused)) focused.focus();
    }
    if (this.current && !gone.includes(this.current)) return;
    const remembered = this.named(this.#settings.get(this.#key, CLAUDE));
    const next = this.current ? this.#all[Math.max(0, Math.min(place - 1, this.#all.length - 1))] : remembered;
    this.current = null;
    if (this.#all.length) this.select(next ?? this.#all[0]);
  }

  /** Take a tab away before Heddle's list says so. */
  remove(tab) {
    this.set(this.#all.filter((other) => other !== tab));
  }

  select(tab, { focus = true } = {}) {
    if (tab === this.current) {
      if (focus) tab.screen.focus();
      return;
    }
    this.current?.hide();
    this.current = tab;
    tab.show();
    tab.element.scrollIntoView?.({ block: "nearest", inline: "nearest" });
    this.#settings.set(this.#key, tab.name);
    this.dispatchEvent(new CustomEvent("select", { detail: tab }));
    if (focus) tab.screen.focus();
  }

  /** The tab so many places further, around the end. */
  beside(step) {
    const index = this.#all.indexOf(this.current);
    return this.#all[(index + step + this.#all.length) % this.#all.length];
  }

  #begin(terminal) {
    const tab = this.#make(terminal);
    this.#panels.append(tab.panel);
    tab.button.addEventListener("click", () => this.select(tab));
    return tab;
  }

  #keydown(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
    if (event.target.getAttribute("role") !== "tab") return;
    const next = {
      ArrowLeft: () => this.beside(-1),
      ArrowRight: () => this.beside(1),
      Home: () => this.#all[0],
      End: () => this.#all.at(-1),
    }[event.key]?.();
    if (next) {
      this.select(next, { focus: false });
      next.button.focus();
    } else if (event.key === "ArrowDown") this.current.screen.focus();
    else return;
    event.preventDefault();
  }
}
