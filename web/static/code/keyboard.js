// The few keys that the page takes from the terminal.

const PLAIN = /^Digit[1-9]$/;

/**
 * actions: `tab(number)`, `beside(step)`, `add()`, `find()`, `copy()`, `size(step)` with 0 for the usual, `leave()`,
 * `help()`; one that is missing leaves its key alone. Returns `keys(event)`: whether the page takes it.
 */
export function keyboard(actions) {
  const shifted = {
    BracketLeft: ["beside", -1],
    BracketRight: ["beside", 1],
    Enter: ["add"],
    KeyF: ["find"],
    KeyC: ["copy"],
    KeyV: ["paste"],
    Equal: ["size", 1],
    NumpadAdd: ["size", 1],
    Minus: ["size", -1],
    NumpadSubtract: ["size", -1],
    Digit0: ["size", 0],
    Period: ["leave"],
    Slash: ["help"],
  };

  function wish(event) {
    const { altKey, ctrlKey, shiftKey, metaKey, code } = event;
    if (altKey && !ctrlKey && !shiftKey && !metaKey && PLAIN.test(code)) return ["tab", Number(code.at(-1))];
    return ctrlKey && shiftKey && !altKey && !metaKey ? (shifted[code] ?? null) : null;
  }

  addEventListener(
    "keydown",
    (event) => {
      const [name, value] = wish(event) ?? [];
      if (!name || name === "paste" || !actions[name] || document.querySelector("dialog[open]")) return;
      event.preventDefault();
      event.stopPropagation();
      actions[name](value);
    },
    { capture: true },
  );
  // The browser itself pastes on Ctrl+Shift+V, if only the terminal leaves the key alone.
  return (event) => wish(event) !== null;
}
