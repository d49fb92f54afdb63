// Makes one DOM tree equal to another by touching only what differs: children with an id keep their identity,
// what somebody types stays, and what they folded or opened does too.

const KEPT = { DETAILS: ["open"], TEXTAREA: ["value"], INPUT: ["value", "checked"], OPTION: ["selected"] };

export function morph(from, to) {
  if (from.isEqualNode(to)) return;
  if (from.nodeType !== to.nodeType || from.nodeName !== to.nodeName) {
    from.replaceWith(to);
    return;
  }
  if (from.nodeType !== Node.ELEMENT_NODE) {
    from.data = to.data;
    return;
  }
  morphAttributes(from, to);
  if (from.nodeName === "TEXTAREA") {
    if (from.value === from.defaultValue) from.value = to.value;
    from.defaultValue = to.defaultValue;
    return;
  }
  morphChildren(from, to);
}

function morphChildren(from, to) {
  let present = from.firstChild;
  for (const wanted of [...to.childNodes]) {
    const match = find(present, wanted);
    if (!match) {
      from.insertBefore(wanted, present);
    } else {
      while (present !== match) {
        const next = present.nextSibling;
        present.remove();
        present = next;
      }
      present = match.nextSibling;
      morph(match, wanted);
    }
  }
  while (present) {
    const next = present.nextSibling;
    present.remove();
    present = next;
  }
}

// The next child that may become the wanted one: the one with its id, or the next one if neither has an id.
function find(present, wanted) {
  if (!wanted.id) return present && !present.id && present.nodeName === wanted.nodeName ? present : null;
  for (let child = present; child; child = child.nextSibling) {
    if (child.id === wanted.id) return child;
  }
  return null;
}

function morphAttributes(from, to) {
  // What is disabled nobody has changed: the boxes of a checklist show what its text says.
  const kept = from.disabled && to.disabled ? [] : (KEPT[from.nodeName] ?? []);
  for (const { name, value } of [...to.attributes]) {
    if (kept.includes(name) || from.getAttribute(name) === value) continue;
    if (from.nodeName === "IMG" && name === "src" && samePlace(from.src, value)) continue;
    from.setAttribute(name, value);
  }
  for (const { name } of [...from.attributes]) {
    if (!kept.includes(name) && !to.hasAttribute(name)) from.removeAttribute(name);
  }
}

// The address of a private picture has a new signature each time.
function samePlace(one, other) {
  return new URL(one, location).pathname === new URL(other, location).pathname;
}
