// Changing the row of tabs: adding, renaming, moving, closing. Heddle keeps the list; the page shows the wish at once.

import { make } from "./elements.js";
import { Menu } from "./menu.js";
import { CLAUDE } from "./tab.js";

const FAR = 6; // pixels after which a press is a drag
const LONGEST = 40; // letters of a title

export class Editing {
  #api;
  #tabs;
  #notices;
  #menu;

  constructor({ api, tabs, notices }) {
    this.#api = api;
    this.#tabs = tabs;
    this.#notices = notices;
    this.#menu = new Menu({
      rename: (tab) => this.rename(tab),
      before: (tab) => this.move(tab, -1),
      after: (tab) => this.move(tab, 1),
      end: (tab) => this.end(tab),
    });
  }

  /** Make a tab's element obey. */
  attach(tab) {
    if (tab.name === CLAUDE) return;
    const { element } = tab;
    element.addEventListener("dblclick", () => this.rename(tab));
    element.addEventListener("auxclick", (event) => event.button === 1 && this.end(tab));
    element.querySelector(".end").addEventListener("click", () => this.end(tab));
    element.addEventListener("contextmenu", (event) => {
      if (element.querySelector("input")) return;
      event.preventDefault();
      this.#menu.open(tab, element);
    });
    element.addEventListener("pointerdown", (event) => this.#drag(tab, event));
    tab.button.addEventListener("keydown", (event) => this.#keydown(tab, event));
  }

  async add() {
    document.activeElement?.blur(); // what is typed until the tab is there is not meant for the one before
    const answer = await this.#api.post(this.#api.path("terminals"));
    if (!answer.ok) return this.#notices.error(answer.text);
    if (!this.#tabs.named(answer.body.name)) this.#tabs.set([...this.#list(), answer.body]);
    this.#tabs.select(this.#tabs.named(answer.body.name));
  }

  async end(tab) {
    this.#tabs.remove(tab);
    const answer = await this.#api.delete(this.#api.path("terminals", tab.name));
    if (!answer.ok && answer.status !== 404) this.#notices.error(answer.text);
  }

  async move(tab, step) {
    const all = this.#tabs.all;
    const from = all.indexOf(tab);
    const to = Math.max(1, Math.min(all.length - 1, from + step)); // Claude Code stays first
    if (to === from || from < 1) return;
    all.splice(to, 0, ...all.splice(from, 1));
    await this.#arrange(all);
  }

  rename(tab) {
    const label = tab.button.querySelector(".title");
    if (tab.name === CLAUDE || tab.element.querySelector("input")) return;
    const field = make("input", { value: tab.title, maxLength: LONGEST, ariaLabel: "Name of this tab", className: "rename" });
    let over = false;
    const finish = async (keep) => {
      if (over) return;
      over = true;
      const title = field.value.trim();
      field.remove();
      tab.button.hidden = false;
      tab.button.focus();
      if (!keep || !title || title === label.textContent) return;
      const before = tab.title;
      tab.title = title;
      const answer = await this.#api.patch(this.#api.path("terminals", tab.name), { title });
      if (answer.ok) return;
      tab.title = before;
      this.#notices.error(answer.text);
    };
    field.addEventListener("blur", () => finish(true));
    field.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Enter") finish(true);
      else if (event.key === "Escape") finish(false);
    });
    tab.button.hidden = true;
    tab.button.before(field);
    field.focus();
    field.select();
  }

  #list() {
    return this.#tabs.all.map(({ name, title }) => ({ name, title }));
  }

  async #arrange(all) {
    const before = this.#list();
    this.#tabs.set(all.map(({ name, title }) => ({ name, title })));
    const answer = await this.#api.patch(this.#api.path("terminals"), { names: all.map(({ name }) => name) });
    if (answer.ok) return;
    this.#tabs.set(before);
    this.#notices.error(answer.text);
  }

  #keydown(tab, event) {
    const only = !event.ctrlKey && !event.shiftKey && !event.altKey && !event.metaKey;
    const moving = event.ctrlKey && event.shiftKey;
    if (only && event.key === "F2") this.rename(tab);
    else if (only && event.key === "Delete") {
      this.end(tab);
      this.#tabs.current?.button.focus();
    } else if (moving && event.key === "ArrowLeft") this.move(tab, -1);
    else if (moving && event.key === "ArrowRight") this.move(tab, 1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Follow the pointer with the tab; where it is let go, it stays. Fingers scroll the row instead, and have the menu. */
  #drag(tab, { button, pointerId, pointerType, clientX, target }) {
    if (button !== 0 || pointerType === "touch" || target.closest(".end, input")) return;
    const { element } = tab;
    const row = element.parentElement;
    const leave = new AbortController();
    let dragging = false;
    const move = (event) => {
      if (event.pointerId !== pointerId) return;
      if (!dragging && Math.abs(event.clientX - clientX) < FAR) return;
      if (!dragging) element.setPointerCapture(pointerId);
      dragging = true;
      element.dataset.dragging = "";
      const others = [...row.children].filter((other) => other !== element).slice(1);
      const after = others.find((other) => {
        const box = other.getBoundingClientRect();
        return event.clientX < box.left + box.width / 2;
      });
      if (element.nextElementSibling !== (after ?? null)) row.insertBefore(element, after ?? null);
    };
    const drop = (event) => {
      if (event.pointerId !== pointerId) return;
      leave.abort();
      delete element.dataset.dragging;
      if (!dragging) return;
      const swallow = new AbortController(); // the click that ends a drag, which not every browser sends
      element.addEventListener("click", (click) => click.stopPropagation(), { capture: true, signal: swallow.signal });
      setTimeout(() => swallow.abort());
      const order = [...row.children];
      const all = this.#tabs.all.sort((a, b) => order.indexOf(a.element) - order.indexOf(b.element));
      if (event.type === "pointerup") this.#arrange(all);
      else this.#tabs.set(this.#list());
    };
    addEventListener("pointermove", move, { signal: leave.signal });
    for (const name of ["pointerup", "pointercancel"]) addEventListener(name, drop, { signal: leave.signal });
  }
}
