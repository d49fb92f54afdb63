// A link for people who only watch.

import { copy } from "./clipboard.js";
import { byId } from "./elements.js";

export class Sharing {
  #api;
  #dialog = byId("share-dialog");
  #address = byId("share-address");

  constructor({ api }) {
    this.#api = api;
    byId("share").onclick = () => this.#dialog.showModal();
    byId("share-make").onclick = () => this.#make();
    byId("share-stop").onclick = () => this.#stop();
    byId("share-copy").onclick = () => this.#copy();
    this.#dialog.addEventListener("close", () => this.#show("", ""));
  }

  async #make() {
    const answer = await this.#api.post(this.#api.path("watch-link"));
    if (!answer.ok) return this.#say(answer.text);
    this.#show(answer.body.url, "");
    await this.#copy();
  }

  async #copy() {
    const copied = await copy(this.#address.value);
    this.#say(copied ? "Copied. It can’t be shown again later; make another one then." : "Copy it from the field above.");
    if (!copied) this.#address.select();
  }

  async #stop() {
    const answer = await this.#api.delete(this.#api.path("watch-link"));
    if (!answer.ok) return this.#say(answer.text);
    this.#show("", "No link works any more.");
  }

  #show(address, text) {
    this.#address.value = address;
    byId("share-copy").hidden = !address;
    this.#say(text);
  }

  #say(text) {
    byId("share-said").textContent = text;
  }
}
