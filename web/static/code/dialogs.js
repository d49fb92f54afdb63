// Questions in native dialogs.

/** Opens the dialog; resolves with the value of the button that ended it, "cancel" for Escape. */
export function ask(dialog) {
  return new Promise((resolve) => {
    dialog.returnValue = "cancel";
    dialog.addEventListener("close", () => resolve(dialog.returnValue || "cancel"), { once: true });
    dialog.showModal();
  });
}
