// Which of the page's faces fits what is known: the terminals, or a card that says why there are none.

/** The name of a face, from the latest progress and, if Heddle let nobody in, that refusal `{status, state?}`. */
export function face(progress, refusal) {
  switch (refusal?.status) {
    case undefined:
      return progress.state;
    case 401:
      return "signed_out";
    case 403:
      return "forbidden";
    case 404:
      return "missing";
    default: // 409: nothing is open; the answer may say since when
      return refusal.state && !["open", "starting"].includes(refusal.state) ? refusal.state : "closed";
  }
}

export const FACES = {
  none: {
    title: "No workspace is open here",
    text: "Open it, and Claude Code and shells run in this page, on the branch above.",
    actions: ["open", "thread"],
  },
  starting: { title: "Starting the workspace", text: "The terminals appear as soon as it is ready.", actions: ["thread"] },
  failed: { title: "The workspace didn’t start", text: "", actions: ["again", "thread"] },
  closing: {
    title: "Closing the workspace",
    text: "What was done here is being summed up for the thread, then the container and its files are removed.",
    actions: ["thread"],
  },
  closed: {
    title: "This workspace is closed",
    text: "Its container and files are gone. What was pushed is in the repository; the thread has a summary.",
    actions: ["thread", "open"],
  },
  handed_over: {
    title: "Claude works on alone",
    text: "The workspace was handed over to a run, which reports to the thread. You can stop it and go on here, with the same conversation.",
    actions: ["continue", "thread"],
  },
  signed_out: {
    title: "You are signed out",
    text: "Your terminals go on without you. Sign in again to see them.",
    actions: ["sign_in"],
  },
  forbidden: {
    title: "You may not command this workspace any more",
    text: "Ask somebody in its thread to let you in, then reload the page.",
    actions: ["reload"],
  },
  missing: {
    title: "This workspace doesn’t exist any more",
    text: "Ask Heddle in its thread for a new one.",
    actions: ["thread"],
  },
};

const RUNNING = {
  title: "Claude is working alone in this workspace",
  text: "Its run reports to the thread. You can stop it and go on here, with the same conversation.",
  actions: ["continue", "thread"],
};

const WATCHED = {
  starting: "What happens here appears as soon as it is ready.",
  failed: "Whoever opened it sees why.",
  closed: "There is nothing to watch any more.",
};

/** What a face says. A headless run that has the workspace counts more than an opening that is over. */
export function words(name, { run, readonly }) {
  if (readonly) {
    const ended = !["starting", "open", "failed"].includes(name);
    const title = ended ? FACES.closed.title : FACES[name].title;
    return { title, text: WATCHED[ended ? "closed" : name], actions: [] };
  }
  if (run && ["none", "closed", "failed", "handed_over"].includes(name)) return RUNNING;
  return FACES[name] ?? FACES.none;
}
