// Keeps the parts of a page up to date that are marked with data-part, without a reload.

import { morph } from "./morph.js";

const RETRY = 2000;

export function watch(main) {
  let stream = null;
  let busy = false;
  let again = false;

  async function refresh() {
    again = busy;
    if (busy) return;
    busy = true;
    try {
      const answer = await fetch(location.href, { cache: "no-store" });
      if (answer.ok) show(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      // The stream connects again by itself, and then says what was missed.
    }
    busy = false;
    if (again) refresh();
  }

  function show(fresh) {
    const next = fresh.querySelector("main[data-live]");
    if (!next) return;
    const hold = holdStill();
    for (const part of document.querySelectorAll("[data-part]")) {
      const wanted = fresh.getElementById(part.id);
      if (wanted) morph(part, wanted);
    }
    hold();
    main.dataset.revision = next.dataset.revision;
    document.title = fresh.title;
    document.dispatchEvent(new CustomEvent("refreshed", { detail: fresh }));
  }

  function open() {
    if (stream || document.hidden) return;
    stream = new EventSource(`${main.dataset.live}?after=${main.dataset.revision}`);
    stream.addEventListener("change", (event) => {
      if (event.data !== main.dataset.revision) refresh();
    });
    stream.addEventListener("error", () => {
      if (stream?.readyState !== EventSource.CLOSED) return;
      stream = null;
      setTimeout(open, RETRY);
    });
  }

  // Browsers allow few connections to one server: a page that nobody sees gives its own back.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) return open();
    stream?.close();
    stream = null;
  });
  open();
}

// Remembers where what somebody looks at is; the answer scrolls so that it is there again.
function holdStill() {
  const focused = document.activeElement;
  const seen = (element) => {
    const { top, bottom } = element.getBoundingClientRect();
    return bottom > 0 && top < innerHeight;
  };
  const candidates = [...document.querySelectorAll("[data-part] > [id]")];
  const typing = focused && focused !== document.body && seen(focused);
  const anchor = typing ? focused : candidates.find(seen);
  const top = anchor?.getBoundingClientRect().top;
  return () => {
    if (anchor?.isConnected) {
      scrollBy({ top: anchor.getBoundingClientRect().top - top, behavior: "instant" });
    }
  };
}
