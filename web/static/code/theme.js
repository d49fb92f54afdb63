// A classic script in the head, so that the first paint already has the right colours. `settings.js` goes on from here.
(() => {
  let chosen = null;
  try {
    chosen = localStorage.getItem("heddle.theme");
  } catch {
    // Storage is forbidden: the system's theme it is.
  }
  const dark = chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
})();
