// What a click in a message does: buttons, selects, reactions, threads.

const BROKEN = "The playground does not answer. Is it still running?";
const toast = document.getElementById("toast");
const dialog = document.getElementById("confirm");
let hiding = 0;

export function tell(text) {
  toast.textContent = text;
  toast.hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => (toast.hidden = true), 6000);
}

// POSTs JSON; on any failure tells the reader and gives null.
export async function post(path, body) {
  try {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    const result = await answer.json();
    if (result.ok) return result;
    tell(result.error);
  } catch {
    tell(BROKEN);
  }
  return null;
}

export function wireActions(root, { channel, openThread }) {
  root.addEventListener("click", async (event) => {
    const target = event.target.closest("[data-press], [data-react], [data-thread]");
    if (!target) return;
    const ts = target.closest(".message").dataset.ts;
    if (target.dataset.thread) return openThread(target.dataset.thread);
    if (target.dataset.react) return post("/page/react", { channel: channel(), ts, name: target.dataset.react });
    const { press, block, value } = target.dataset;
    if (target.classList.contains("busy") || !(await agreed(target))) return;
    target.classList.add("busy");
    await post("/page/press", { channel: channel(), ts, action_id: press, block_id: block, value });
    target.classList.remove("busy");
  });
  root.addEventListener("change", async (event) => {
    const target = event.target.closest("[data-choose]");
    if (!target) return;
    const ts = target.closest(".message").dataset.ts;
    const { choose, block, chosen } = target.dataset;
    const value = target.value;
    if (!(await agreed(target))) return (target.value = chosen);
    target.classList.add("busy");
    const body = { channel: channel(), ts, action_id: choose, block_id: block, chosen: value };
    if (!(await post("/page/press", body))) target.value = target.dataset.chosen;
    if (target.classList.contains("overflow")) target.value = "";
    target.classList.remove("busy");
  });
}

// Asks back where the element says so.
async function agreed(target) {
  if (!target.dataset.confirm) return true;
  const words = JSON.parse(target.dataset.confirm);
  dialog.querySelector("h2").textContent = words.title.text;
  dialog.querySelector("p").textContent = words.text.text;
  dialog.querySelector(".deny").textContent = words.deny.text;
  const agree = dialog.querySelector(".agree");
  agree.textContent = words.confirm.text;
  agree.classList.toggle("danger", words.style === "danger");
  dialog.returnValue = "no";
  dialog.showModal();
  await new Promise((done) => dialog.addEventListener("close", done, { once: true }));
  return dialog.returnValue === "yes";
}
