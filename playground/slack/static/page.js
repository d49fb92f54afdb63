// Puts the page together: which channel and thread are open, and what arrives.

import { post, wireActions } from "./actions.js";
import { Composer } from "./composer.js";
import { Store } from "./store.js";
import { Timeline } from "./timeline.js";

const config = JSON.parse(document.body.dataset.config);
const element = (id) => document.getElementById(id);
const store = new Store();
const loaded = new Set();
const open = { channel: null, thread: null };

const timeline = new Timeline(element("timeline"), {
  onBehind: (behind) => (element("newer").hidden = !behind),
});
const replies = new Timeline(element("replies"), { isThread: true });
const others = config.people.filter((person) => person.id !== config.me);
const compose = new Composer(element("compose"), others, (text) =>
  post("/page/post", { channel: open.channel.id, text }),
);
const reply = new Composer(element("reply"), others, (text) =>
  post("/page/post", { channel: open.channel.id, text, thread_ts: open.thread }),
);

function place() {
  const [name, ts] = decodeURIComponent(location.hash.slice(1)).split("/");
  const channel = config.channels.find((one) => one.id === name || one.name === name);
  return [channel ?? config.channels[0], channel ? ts : undefined];
}

async function load(channel) {
  const answer = await fetch(`/page/channels/${channel}`);
  if (!answer.ok) return;
  store.replace(channel, (await answer.json()).messages);
  loaded.add(channel);
}

async function navigate() {
  const [channel, ts] = place();
  const moved = open.channel !== channel;
  open.channel = channel;
  if (!loaded.has(channel.id)) await load(channel.id);
  if (open.channel !== channel) return;
  if (moved) showChannel(channel);
  const message = ts && store.get(channel.id, ts);
  const root = message ? (message.thread ?? ts) : null;
  const threadMoved = open.thread !== root;
  open.thread = root;
  element("app").classList.toggle("with-thread", Boolean(root));
  element("thread").hidden = !root;
  if (root && threadMoved) {
    reply.open(`${channel.id}/${root}`, "Reply…");
    element("thread-place").textContent = label(channel);
    replies.show(store.thread(channel.id, root), { fresh: true });
    if (!matchMedia("(pointer: coarse)").matches) reply.focus();
  }
  if (root && message.thread) replies.highlight(ts);
  closeSidebar();
}

function label(channel) {
  return channel.kind === "im" ? channel.name : `${channel.kind === "group" ? "🔒 " : "#"}${channel.name}`;
}

function showChannel(channel) {
  element("title").textContent = label(channel);
  element("topic").textContent = channel.topic;
  for (const link of document.querySelectorAll("[data-channel]")) {
    const current = link.dataset.channel === channel.id;
    link.toggleAttribute("aria-current", current);
    if (current) link.classList.remove("unread");
  }
  compose.open(channel.id, `Message ${label(channel)}`);
  timeline.show(store.timeline(channel.id), { fresh: true, empty: emptyText(channel) });
  if (!matchMedia("(pointer: coarse)").matches) compose.focus();
}

function emptyText(channel) {
  if (channel.kind === "im") return "Nothing here yet. Tell Heddle what you need.";
  return "Nothing here yet. Mention @heddle with a task to see it work.";
}

function refresh() {
  if (!open.channel) return;
  timeline.show(store.timeline(open.channel.id), { empty: emptyText(open.channel) });
  if (open.thread) replies.show(store.thread(open.channel.id, open.thread));
}

let pending = false;
function refreshSoon() {
  if (pending) return;
  pending = true;
  queueMicrotask(() => {
    pending = false;
    refresh();
  });
}

function arrived(message) {
  const isNew = !store.has(message.channel, message.ts);
  if (!store.put(message)) return;
  if (message.channel === open.channel?.id) refreshSoon();
  else if (isNew && message.user !== config.me) {
    document.querySelector(`[data-channel="${CSS.escape(message.channel)}"]`)?.classList.add("unread");
  }
}

function listen() {
  const stream = new EventSource("/page/stream");
  // Whatever was missed while there was no stream is fetched again.
  stream.addEventListener("ready", async () => {
    element("offline").hidden = true;
    loaded.clear();
    if (!open.channel) return navigate();
    await load(open.channel.id);
    refresh();
  });
  stream.addEventListener("message", (event) => arrived(JSON.parse(event.data)));
  stream.addEventListener("gone", (event) => {
    const { channel, ts } = JSON.parse(event.data);
    store.remove(channel, ts);
    refreshSoon();
  });
  stream.addEventListener("error", () => {
    element("offline").hidden = false;
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 2000);
  });
}

function closeThread() {
  location.hash = open.channel.id;
}

function closeSidebar() {
  element("app").classList.remove("with-sidebar");
}

const openThread = (ts) => (location.hash = `${open.channel.id}/${ts}`);
for (const root of [element("timeline"), element("replies")]) {
  wireActions(root, { channel: () => open.channel.id, openThread });
}
element("newer").addEventListener("click", () => timeline.toEnd());
element("close").addEventListener("click", closeThread);
element("menu").addEventListener("click", () => element("app").classList.toggle("with-sidebar"));
element("shade").addEventListener("click", closeSidebar);
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && open.thread && !document.querySelector("dialog[open]")) closeThread();
});
addEventListener("hashchange", navigate);
listen();
