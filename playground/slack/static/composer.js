// A box to write in: Enter sends, drafts are kept per place, typing @ offers people.

export class Composer {
  #form;
  #area;
  #list;
  #people;
  #send;
  #key = "";
  #drafts = new Map();
  #chosen = 0;

  constructor(form, people, send) {
    this.#form = form;
    this.#area = form.querySelector("textarea");
    this.#list = form.querySelector(".people");
    this.#people = people;
    this.#send = send;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#area.addEventListener("keydown", (event) => this.#keyDown(event));
    this.#area.addEventListener("input", () => {
      this.#fit();
      this.#offer();
    });
    this.#area.addEventListener("blur", () => setTimeout(() => this.#close(), 150));
    this.#list.addEventListener("pointerdown", (event) => {
      const item = event.target.closest("[data-name]");
      event.preventDefault();
      if (item) this.#take(item.dataset.name);
    });
    this.#fit();
  }

  // Writes for another place from now on; its draft comes back.
  open(key, placeholder) {
    this.#drafts.set(this.#key, this.#area.value);
    this.#key = key;
    this.#area.value = this.#drafts.get(key) ?? "";
    this.#area.placeholder = placeholder;
    this.#close();
    this.#fit();
  }

  focus() {
    this.#area.focus({ preventScroll: true });
  }

  async #submit() {
    const text = this.#area.value;
    const key = this.#key;
    if (!text.trim()) return;
    this.#area.value = "";
    this.#close();
    this.#fit();
    if (await this.#send(text)) return;
    if (this.#key !== key) this.#drafts.set(key, text);
    else if (!this.#area.value) this.#area.value = text;
    this.#fit();
  }

  #keyDown(event) {
    if (event.isComposing) return;
    const offered = this.#list.hidden ? [] : [...this.#list.children];
    if (offered.length) {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step) {
        event.preventDefault();
        this.#mark((this.#chosen + step + offered.length) % offered.length);
        return;
      }
      if (event.key === "Tab" || (event.key === "Enter" && !event.shiftKey)) {
        event.preventDefault();
        this.#take(offered[this.#chosen].dataset.name);
        return;
      }
      if (event.key === "Escape") {
        event.stopPropagation();
        this.#close();
        return;
      }
    }
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.#submit();
    }
  }

  #word() {
    const before = this.#area.value.slice(0, this.#area.selectionStart);
    return /(?:^|\s)@([\w.-]*)$/.exec(before)?.[1];
  }

  #offer() {
    const word = this.#word()?.toLowerCase();
    const exact = this.#people.some((person) => person.name === word);
    const found = this.#people.filter((person) => person.name.startsWith(word) && word !== undefined);
    if (!found.length || exact) return this.#close();
    this.#list.replaceChildren(...found.map(entry));
    this.#list.hidden = false;
    this.#mark(0);
  }

  #mark(index) {
    this.#chosen = index;
    [...this.#list.children].forEach((item, at) => item.setAttribute("aria-selected", at === index));
  }

  #take(name) {
    const word = this.#word() ?? "";
    const caret = this.#area.selectionStart;
    this.#area.setRangeText(`${name} `, caret - word.length, caret, "end");
    this.#close();
    this.#fit();
    this.focus();
  }

  #close() {
    this.#list.hidden = true;
  }

  #fit() {
    this.#area.rows = Math.min(10, Math.max(1, this.#area.value.split("\n").length));
    this.#form.classList.toggle("ready", Boolean(this.#area.value.trim()));
  }
}

function entry(person) {
  const item = document.createElement("li");
  item.role = "option";
  item.dataset.name = person.name;
  const name = document.createElement("b");
  name.textContent = `@${person.name}`;
  item.append(name, ` ${person.label}`);
  if (person.bot) {
    const tag = document.createElement("span");
    tag.className = "tag";
    tag.textContent = "BOT";
    item.append(tag);
  }
  return item;
}
