// What a person has chosen, remembered in this browser and shared by its tabs.

const PREFIX = "heddle.";
const SIZES = { phone: 12, usual: 14, large: 18, least: 8, most: 32 };

/** The terminals' text where nobody has chosen, for so many CSS pixels of width. */
function usualSize(width) {
  if (width < 480) return SIZES.phone;
  return width < 2400 ? SIZES.usual : SIZES.large;
}

/** Dispatches "change" with `detail` = the name. */
export class Settings extends EventTarget {
  constructor() {
    super();
    addEventListener("storage", (event) => {
      if (event.key?.startsWith(PREFIX)) this.#changed(event.key.slice(PREFIX.length));
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#changed("theme"));
  }

  get(name, otherwise = "") {
    try {
      return localStorage.getItem(PREFIX + name) ?? otherwise;
    } catch {
      return otherwise;
    }
  }

  set(name, value) {
    try {
      localStorage.setItem(PREFIX + name, value);
    } catch {
      // Storage is forbidden or full: the choice lasts as long as the page.
    }
    this.#changed(name);
  }

  is(name, otherwise = false) {
    return this.get(name, otherwise ? "on" : "off") === "on";
  }

  /** `system`, `light` or `dark`. */
  get theme() {
    const chosen = this.get("theme", "system");
    return ["light", "dark"].includes(chosen) ? chosen : "system";
  }

  /** What `theme` means now. */
  get dark() {
    return this.theme === "dark" || (this.theme === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
  }

  /** The terminals' text, in CSS pixels. */
  get size() {
    const size = Number.parseInt(this.get("size"), 10) || usualSize(innerWidth);
    return Math.min(SIZES.most, Math.max(SIZES.least, size));
  }

  /** One step larger (1) or smaller (-1), or as usual (0). */
  resize(step) {
    this.set("size", step ? String(Math.min(SIZES.most, Math.max(SIZES.least, this.size + step))) : "");
  }

  #changed(name) {
    if (name === "theme") document.documentElement.dataset.theme = this.dark ? "dark" : "light";
    this.dispatchEvent(new CustomEvent("change", { detail: name }));
  }
}
