// The page of a workspace: builds its parts and tells each what the others learn.

import { Api } from "./api.js";
import { Close } from "./close.js";
import { copy } from "./clipboard.js";
import { Curtain } from "./curtain.js";
import { Editing } from "./editing.js";
import { byId } from "./elements.js";
import { History } from "./history.js";
import { keyboard } from "./keyboard.js";
import { Moves } from "./moves.js";
import { News } from "./news.js";
import { Notices } from "./notices.js";
import { Pulse } from "./pulse.js";
import { Recovery } from "./recovery.js";
import { Settings } from "./settings.js";
import { choices } from "./choices.js";
import { Sharing } from "./sharing.js";
import { face } from "./stage.js";
import { Status } from "./status.js";
import { CLAUDE, Tab } from "./tab.js";
import { Tabs } from "./tabs.js";
import { Toolbar } from "./toolbar.js";
import { Touch } from "./touch.js";

const KEPT = "The close was stopped, because work appeared that was not there before:";

const given = JSON.parse(byId("given").textContent);
const { readonly } = given;
const api = new Api(given.base);
const settings = new Settings();
const notices = new Notices();
const news = new News(api.path("events"));
const recovery = new Recovery({ api, lines: () => tabs.lines, wakes: !readonly });
const pulse = new Pulse({ ask: (seconds) => api.answers(seconds), dead: cut });
const status = new Status({ readonly });
const moves = new Moves({ readonly });
const curtain = new Curtain({ given, api, opened });
const keys = keyboard(shortcuts());
const tabs = new Tabs({ make: makeTab, settings, workspace: given.workspace.id });
const editing = readonly ? null : new Editing({ api, tabs, notices });
const touch = readonly ? null : new Touch({ settings, tabs });
const close = readonly ? null : new Close({ api, asking: (asked) => (closing = asked), begun });

let progress = { state: given.state, steps: [], problem: null, status: null, warning: "", now: Date.now() / 1000 };
let refusal = null;
let shown = "";
let closing = false; // by this page
let history = null;

function makeTab(terminal) {
  const filter = (text) => touch?.filter(text) ?? text;
  const tab = new Tab(terminal, { api, settings, recovery, pulse, readonly, keys, filter, close: readonly ? null : () => close.open() });
  editing?.attach(tab);
  tab.line.addEventListener("change", showConnection);
  if (!readonly) {
    tab.addEventListener("ended", () => tab.name !== CLAUDE && editing.end(tab));
    tab.addEventListener("uncopied", ({ detail }) => offerCopy(detail));
    if (tab.name === CLAUDE) new Toolbar(tab, { reconnect, close: () => close.open() });
  }
  return tab;
}

function shortcuts() {
  const tabAt = (number) => tabs.all[number - 1];
  const both = {
    tab: (number) => tabAt(number) && tabs.select(tabAt(number)),
    beside: (step) => tabs.select(tabs.beside(step)),
    copy: () => copy(tabs.current.screen.terminal.getSelection() || getSelection().toString()),
    size: (step) => settings.resize(step),
    leave: () => tabs.current?.button.focus(),
    help: () => byId("help-dialog").showModal(),
  };
  return readonly ? both : { ...both, add: () => editing.add(), find };
}

function find() {
  const tab = tabs.current;
  if (shown !== "open" || !tab) return;
  history?.close();
  history = new History(tab, { api, settings, ended: () => (history = null) });
}

/** A new connection for every terminal, at once. */
function reconnect() {
  cut();
  recovery.hurry();
}

/** The connections are dead, whatever they look like. */
function cut() {
  for (const line of tabs.lines) line.drop();
}

function offerCopy(text) {
  notices.say("copy", "A program in the terminal wants to copy text.", { action: { text: "Copy it", do: () => void copy(text) } });
}

/** Heddle has begun to open the workspace. */
function opened() {
  refusal = null;
  closing = false;
  progress = { ...progress, state: "starting", steps: [], problem: null, now: Date.now() / 1000 };
  news.stop();
  show();
  setTimeout(() => news.start());
}

/** Heddle has begun to close it, because this page asked. */
function begun() {
  if (progress.state === "open") progress = { ...progress, state: "closing" };
  show();
}

function show() {
  const name = face(progress, refusal);
  const before = shown;
  shown = name;
  status.work(progress.status);
  byId("panels").hidden = name !== "open";
  document.body.dataset.face = name;
  if (name === "open") {
    curtain.hide();
    if (before !== "open") {
      tabs.current?.show();
      recovery.start();
      if (before && !readonly) tabs.current?.screen.focus();
    }
    if (closing && before === "closing") {
      closing = false;
      close.open(KEPT);
    }
  } else {
    history?.close();
    if (before === "open" || !before) recovery.stop();
    if (before === "open") cut();
    curtain.show(name, progress, { leave: closing && name === "closed" });
  }
  showConnection();
}

function showConnection() {
  const connected = tabs.current?.line.connected;
  const { phase } = recovery;
  if (shown !== "open") return status.connection(shown === "starting" ? "starting" : "off");
  const again = ["waiting", "waking"].includes(phase) && tabs.current?.line.before;
  status.connection(connected ? "connected" : again ? phase : "connecting");
}

function showWarning(text) {
  if (!text) return notices.clear("setup");
  notices.say("setup", "The set-up commands failed. The workspace is open all the same.", {
    kind: "warning",
    action: {
      text: "Show output",
      do: () => {
        byId("output-text").textContent = text;
        byId("output-dialog").showModal();
        return false;
      },
    },
  });
}

news.addEventListener("progress", ({ detail }) => {
  if (detail.warning !== progress.warning) showWarning(detail.warning);
  progress = detail;
  refusal = null;
  show();
});
news.addEventListener("state", ({ detail }) => {
  const before = moves.state;
  moves.take(detail);
  recovery.told({ state: moves.state, reason: moves.reason });
  // Its connections live and say nothing: somebody is here, so it must not sleep.
  if (moves.state === "paused" && before !== "paused" && shown === "open" && !readonly) pulse.check();
});
news.addEventListener("terminals", ({ detail }) => tabs.set(detail));
news.addEventListener("silent", cut);
for (const source of [news, recovery]) {
  source.addEventListener("refused", ({ detail }) => {
    refusal = detail;
    show();
  });
}
news.addEventListener("signed_out", () => {
  refusal = { status: 401 };
  news.stop();
  show();
});
recovery.addEventListener("change", showConnection);
tabs.addEventListener("select", () => {
  history?.close();
  showConnection();
});
byId("help").onclick = () => byId("help-dialog").showModal();
document.querySelector(".help-too").onclick = () => byId("help").click();
if (!readonly) {
  byId("add").onclick = () => editing.add();
  byId("find").onclick = find;
  document.querySelector(".share-too").onclick = () => byId("share").click();
  new Sharing({ api });
}

tabs.set(given.terminals);
choices(settings);
show();
news.start();
if (shown === "open") tabs.current?.screen.focus();
