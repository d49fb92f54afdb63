// Comments on lines of a diff. Those of a review wait in this browser until the review is submitted.

const files = document.getElementById("files");
const review = document.getElementById("review");
const lineForm = document.getElementById("line-form");
const pendingTemplate = document.getElementById("pending-comment");
const key = files.dataset.store;

function load() {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? [];
  } catch {
    return [];
  }
}

function save(comments) {
  if (comments.length) localStorage.setItem(key, JSON.stringify(comments));
  else localStorage.removeItem(key);
  show();
}

function rowOf(path, line) {
  const file = [...files.querySelectorAll(".file")].find((each) => each.dataset.path === path);
  return file?.querySelector(`td.n button[data-n="${Number(line)}"]`)?.closest("tr");
}

function rowBelow(row, content, name) {
  const below = document.createElement("tr");
  below.className = `said ${name}`;
  const cell = below.insertCell();
  cell.colSpan = 3;
  cell.append(content);
  row.after(below);
  return below;
}

function openForm(row, path, line) {
  const open = row.nextElementSibling;
  if (open?.classList.contains("writing")) return open.querySelector("textarea").focus();
  const form = lineForm.content.firstElementChild.cloneNode(true);
  form.elements.path.value = path;
  form.elements.line.value = line;
  const below = rowBelow(row, form, "writing");
  form.querySelector("[data-cancel]").addEventListener("click", () => below.remove());
  const start = form.querySelector("[data-review]");
  start.textContent = load().length ? "Add to review" : "Start a review";
  start.addEventListener("click", () => {
    if (!form.reportValidity()) return;
    below.remove();
    save([...load(), { path, line, body: form.elements.body.value }]);
  });
  form.elements.body.focus();
}

function show() {
  const comments = load();
  files.querySelectorAll("tr.waiting").forEach((row) => row.remove());
  const list = document.getElementById("pending");
  list.replaceChildren();
  comments.forEach((comment, index) => {
    const item = document.createElement("li");
    item.textContent = `${comment.path}:${comment.line} ${comment.body}`;
    list.append(item);
    const row = rowOf(comment.path, comment.line);
    if (!row) return;
    const shown = pendingTemplate.content.firstElementChild.cloneNode(true);
    shown.querySelector(".pending-text").textContent = comment.body;
    shown.querySelector("[data-remove]").addEventListener("click", () => {
      save(load().filter((_, other) => other !== index));
    });
    rowBelow(row, shown, "waiting");
  });
  const count = document.getElementById("pending-count");
  count.textContent = comments.length;
  count.hidden = comments.length === 0;
}

async function submit(event) {
  event.preventDefault();
  const body = new FormData(review);
  for (const comment of load()) body.append("comment", JSON.stringify(comment));
  const button = review.querySelector("button.primary");
  button.disabled = true;
  try {
    const answer = await fetch(review.action, { method: "POST", body });
    if (answer.ok) {
      localStorage.removeItem(key);
      location.assign(answer.url);
      return;
    }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    complain(page.querySelector(".problem")?.dataset.text ?? `This failed (${answer.status}).`);
  } catch {
    complain("The server can't be reached.");
  }
  button.disabled = false;
}

function complain(text) {
  const problem = review.querySelector(".problem-text");
  problem.textContent = text;
  problem.hidden = false;
}

if (review) {
  files.addEventListener("click", (event) => {
    const button = event.target.closest("td.n button");
    if (button) openForm(button.closest("tr"), button.closest(".file").dataset.path, Number(button.dataset.n));
  });
  review.addEventListener("submit", submit);
  show();
}

document.addEventListener("refreshed", ({ detail }) => {
  const head = detail.getElementById("files")?.dataset.head;
  document.getElementById("moved").hidden = !head || head === files.dataset.head;
});
