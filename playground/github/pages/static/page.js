// What every page does besides being read: menus that close, forms that Ctrl+Enter sends, live parts.

import { watch } from "./live.js";

function closeMenus(except) {
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    if (menu !== except) menu.open = false;
  }
}

document.addEventListener("click", (event) => {
  closeMenus(event.target.closest("details[data-menu]"));
  const close = event.target.closest("[data-close]");
  if (!close) return;
  close.form?.reset();
  const opened = close.closest("details");
  opened.open = false;
  opened.querySelector("summary").focus();
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") closeMenus();
  const form = event.target.form;
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || !form) return;
  form.requestSubmit(form.querySelector("[data-default]") ?? undefined);
});

// Whoever opens a form wants to type.
document.addEventListener(
  "toggle",
  (event) => {
    if (event.target.open) event.target.querySelector(":scope > form textarea, :scope > form input[name=title]")?.focus();
  },
  true,
);

const main = document.querySelector("main[data-live]");
if (main) watch(main);
