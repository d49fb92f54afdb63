// The clipboard, where browsers differ: without HTTPS there is only the old way, and that needs a recent key or click.

/** Puts text there; whether that worked. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyOldWay(text);
  }
}

function copyOldWay(text) {
  const before = document.activeElement;
  const carrier = document.createElement("textarea");
  carrier.value = text;
  carrier.className = "unseen";
  (document.querySelector("dialog[open]") ?? document.body).append(carrier);
  carrier.select();
  let worked = false;
  try {
    worked = document.execCommand("copy");
  } catch {
    // Forbidden here too.
  }
  carrier.remove();
  before?.focus?.({ preventScroll: true });
  return worked;
}

/** For the clipboard addon: programs in the terminal may write (OSC 52), and read nothing, ever. */
export function writeOnly(refused) {
  return {
    readText: () => "",
    async writeText(_selection, text) {
      if (text && !(await copy(text))) refused(text);
    },
  };
}
