// A tab's menu, for those who have neither its keys nor a second mouse button's habits.

import { part } from "./elements.js";

export class Menu {
  #element = part("menu");
  #tab = null;

  /** actions: by the `data-do` of the menu's items, called with the tab. */
  constructor(actions) {
    document.body.append(this.#element);
    this.#element.addEventListener("click", (event) => {
      const wish = event.target.closest("[data-do]")?.dataset.do;
      if (!wish) return;
      this.#element.hidePopover();
      actions[wish](this.#tab);
    });
    this.#element.addEventListener("keydown", (event) => this.#keydown(event));
  }

  open(tab, beside) {
    this.#tab = tab;
    this.#element.showPopover();
    const box = beside.getBoundingClientRect();
    const left = Math.min(box.left, innerWidth - this.#element.offsetWidth - 8);
    this.#element.style.left = `${Math.max(8, left)}px`;
    this.#element.style.top = `${box.bottom + 4}px`;
    this.#items()[0].focus();
  }

  #items() {
    return [...this.#element.querySelectorAll("[role=menuitem]")];
  }

  #keydown(event) {
    const items = this.#items();
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    items[(items.indexOf(document.activeElement) + step + items.length) % items.length].focus();
  }
}
