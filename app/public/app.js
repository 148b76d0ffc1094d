// Makes the page live: edits show at once, are sent when there is a connection, and what others
// do appears by itself. Without this the page's forms do the same, a page load at a time.

import { Connection } from "./connection.js";
import { pretty, Store } from "./store.js";

const $ = (id) => document.getElementById(id);
const { socket, user } = document.body.dataset;
const UNSENT = `unsent todos of ${user}`;
const MEGABYTE = 1_048_576;

const list = $("list");
const blank = $("row").content.firstElementChild;
const rows = new Map([...list.children].map((row) => [row.dataset.id, row]));
let filter = document.body.dataset.filter;
let connected = "off";
let frame = 0;

const store = new Store(
  Object.entries(JSON.parse($("json").textContent).tables.todos),
  $("meter").value,
  JSON.parse(sessionStorage.getItem(UNSENT) ?? "[]"),
);

const connection = new Connection(new URL(socket, location.href.replace(/^http/, "ws")), {
  state(state) {
    connected = state;
    showConnection();
  },
  message(message) {
    store.hear(message);
    if (message.todos) store.pending.forEach((edit) => connection.send(edit));
    changed();
  },
  refused(reason) {
    store.giveUpOldest();
    complain(`Your last change was not accepted: ${reason}.`);
    changed();
  },
});

// What people do

function edit(patch) {
  connection.send(store.edit(patch));
  complain("");
  changed();
}

const freshId = () => `${Date.now()}-${Math.random().toString(36).slice(2, 8)}`;

$("add").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("new").value.trim();
  $("new").value = "";
  $("new").focus();
  if (!text) return;
  edit({ [freshId()]: { text, completed: false } });
  say(`Added: ${text}`);
});

$("clear").addEventListener("submit", (event) => {
  event.preventDefault();
  const done = [...store.todos].filter(([, todo]) => todo.completed);
  if (!done.length) return;
  edit(Object.fromEntries(done.map(([id]) => [id, null])));
  say(`Cleared: ${done.length}`);
  $("new").focus();
});

list.addEventListener("submit", (event) => {
  event.preventDefault();
  const row = event.target.closest(".todo");
  const { id } = row.dataset;
  const todo = store.todos.get(id);
  if (!todo) return;
  const deeds = {
    toggle() {
      edit({ [id]: { completed: !todo.completed } });
    },
    delete() {
      edit({ [id]: null });
      say(`Deleted: ${todo.text}`);
    },
    edit() {
      const text = event.target.elements.text.value.trim();
      if (text && text !== todo.text) edit({ [id]: { text } });
      closeEditor(row);
    },
  };
  deeds[event.submitter?.value ?? "edit"]();
});

list.addEventListener("dblclick", (event) => {
  if (!event.target.matches(".text")) return;
  getSelection().removeAllRanges();
  event.target.closest(".todo").querySelector(".edit").open = true;
});

// `toggle` does not bubble.
list.addEventListener("toggle", ({ target }) => {
  if (!target.open) return;
  const input = target.querySelector("[name=text]");
  input.value = store.todos.get(target.closest(".todo").dataset.id)?.text ?? "";
  input.focus();
  input.select();
}, true);

list.addEventListener("keydown", (event) => {
  const editor = event.target.closest(".edit[open]");
  if (event.key !== "Escape" || !editor) return;
  closeEditor(editor.closest(".todo"));
});

function closeEditor(row) {
  const editor = row.querySelector(".edit");
  editor.open = false;
  editor.querySelector("summary").focus();
}

$("filters").addEventListener("click", (event) => {
  const link = event.target.closest("[data-filter]");
  if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  history.pushState(null, "", link.href);
  showFilter(link.dataset.filter);
});

addEventListener("popstate", () => {
  showFilter(new URLSearchParams(location.search).get("filter") ?? "all");
});

// What is shown

/** Shows what there is with the next frame, however much happens until then. */
function changed() {
  const unsent = store.pending.map(({ patch }) => patch);
  if (unsent.length) sessionStorage.setItem(UNSENT, JSON.stringify(unsent));
  else sessionStorage.removeItem(UNSENT);
  cancelAnimationFrame(frame);
  // Frames stand still in a tab that is not looked at.
  if (document.visibilityState === "hidden") show();
  else frame = requestAnimationFrame(show);
}

function show() {
  const { todos } = store;
  const completed = [...todos.values()].filter((todo) => todo.completed).length;
  const counts = { all: todos.size, active: todos.size - completed, completed };
  for (const [name, count] of Object.entries(counts)) {
    document.querySelector(`[data-count=${name}]`).textContent = count;
  }
  showRows([...todos].filter(([, todo]) => filter === "all" || todo.completed === (filter === "completed")));
  $("empty").hidden = counts[filter] > 0;
  $("empty").textContent = filter === "all" ? "Nothing to do yet." : "Nothing here.";
  $("clear").querySelector("button").disabled = completed === 0;
  $("json").textContent = pretty(todos);
  showUsage(store.size);
  showConnection();
}

function showRows(todos) {
  const focused = document.activeElement?.closest?.(".todo");
  const place = [...list.children].indexOf(focused);
  const shown = new Set(todos.map(([id]) => id));
  for (const [id, row] of rows) {
    if (shown.has(id)) continue;
    row.remove();
    rows.delete(id);
  }
  let next = list.firstElementChild;
  for (const [id, todo] of todos) {
    let row = rows.get(id);
    if (!row) {
      row = blank.cloneNode(true);
      rows.set(id, row);
    }
    if (row === next) next = row.nextElementSibling;
    else list.insertBefore(row, next);
    fill(row, id, todo);
  }
  if (focused && !focused.isConnected) {
    const near = list.children[Math.min(place, list.children.length - 1)];
    (near?.querySelector(".check") ?? $("new")).focus();
  }
}

function fill(row, id, { text, completed }) {
  if (row.dataset.id !== id) {
    row.dataset.id = id;
    for (const input of row.querySelectorAll("[name=id]")) input.value = id;
  }
  row.toggleAttribute("data-completed", completed);
  row.querySelector("[name=completed]").value = !completed;
  const check = row.querySelector(".check");
  check.setAttribute("aria-checked", completed);
  const shown = row.querySelector(".text");
  if (shown.textContent === text) return;
  shown.textContent = text;
  check.setAttribute("aria-label", `Completed: ${text}`);
  row.querySelector("summary").setAttribute("aria-label", `Edit: ${text}`);
  row.querySelector(".delete").setAttribute("aria-label", `Delete: ${text}`);
  const editor = row.querySelector(".edit");
  if (!editor.open) editor.querySelector("[name=text]").value = text;
}

function showFilter(name) {
  filter = ["active", "completed"].includes(name) ? name : "all";
  for (const link of $("filters").children) {
    if (link.dataset.filter === filter) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  show();
}

function showUsage(bytes) {
  const level = bytes >= 100 * MEGABYTE ? "critical" : bytes >= 50 * MEGABYTE ? "high" : "ok";
  const note = level === "ok" ? "" : `, ${level}`;
  $("usage").dataset.level = level;
  $("usage-text").textContent = `Storage: ${bytes.toLocaleString("en-US")} bytes / 128 MB DO limit${note}`;
  $("meter").value = bytes;
}

function showConnection() {
  const unsent = store.pending.length;
  const words = { on: "Connected", connecting: "Connecting…", off: "Disconnected" };
  const note = unsent && connected !== "on" ? `, ${unsent} unsent` : "";
  const text = words[connected] + note;
  const badge = $("connection");
  badge.dataset.state = connected;
  if (badge.textContent !== text) badge.textContent = text;
}

/** For those who don't see the page. */
function say(text) {
  $("said").textContent = text;
}

function complain(text) {
  $("problem").textContent = text;
  $("problem").hidden = !text;
}

if (store.pending.length) changed();
connection.open();
