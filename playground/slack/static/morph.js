// Makes one DOM tree equal to another by touching only what differs, so that nothing flickers,
// loses focus or scrolls when a message is edited.

export function morph(from, to) {
  if (from.nodeType !== to.nodeType || from.nodeName !== to.nodeName) {
    from.replaceWith(to);
    return;
  }
  if (from.nodeType !== Node.ELEMENT_NODE) {
    if (from.data !== to.data) from.data = to.data;
    return;
  }
  morphAttributes(from, to);
  const wanted = [...to.childNodes];
  wanted.forEach((child, index) => {
    const present = from.childNodes[index];
    if (present) morph(present, child);
    else from.append(child);
  });
  while (from.childNodes.length > wanted.length) from.lastChild.remove();
  if (from.nodeName === "SELECT") from.value = from.dataset.chosen;
}

function morphAttributes(from, to) {
  for (const { name, value } of [...to.attributes]) {
    if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  }
  for (const { name } of [...from.attributes]) {
    if (!to.hasAttribute(name)) from.removeAttribute(name);
  }
}
