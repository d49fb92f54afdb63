// The controls of the settings: each shows what is chosen, and chooses.

import { byId } from "./elements.js";

const SWITCHES = { "screen-reader": false, "copy-selection": true };

/** Connect the controls that are on the page, Claude Code's toolbar included, with the settings. */
export function choices(settings) {
  const themes = [...document.querySelectorAll("[data-theme-choice] input")];
  for (const input of themes) input.onchange = () => input.checked && settings.set("theme", input.value);
  byId("smaller").onclick = () => settings.resize(-1);
  byId("larger").onclick = () => settings.resize(1);
  const switches = Object.entries(SWITCHES).filter(([name]) => document.getElementById(name));
  for (const [name] of switches) byId(name).onchange = ({ target }) => settings.set(name, target.checked ? "on" : "off");

  function show() {
    for (const input of themes) input.checked = input.value === settings.theme;
    byId("size").textContent = `${settings.size} px`;
    for (const [name, usual] of switches) byId(name).checked = settings.is(name, usual);
  }

  settings.addEventListener("change", show);
  show();
}
