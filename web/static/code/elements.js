// Finding and making elements.

/** The element with this id; it is in the template, or the page is broken. */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`there is no #${id} on the page`);
  return found;
}

/** A copy of the only element in the template `part-<name>`. */
export function part(name) {
  return byId(`part-${name}`).content.firstElementChild.cloneNode(true);
}

/** An element with properties and children; strings become text, so nothing is ever read as HTML. */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** Says it to people who hear the page. */
export function announce(text) {
  byId("live").textContent = text;
}
