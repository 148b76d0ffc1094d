// Makes the page live: edits show at once, are sent when there is a connection, and what others
// do appears by itself. Without this the page's forms do the same, a page load at a time.

import { Connection } from "./connection.js";
import { makeImportable, makeLeavable, makeRestorable, makeShareable } from "./dialogs.js";
import { makeDraggable } from "./drag.js";
import { eachDay } from "./due.js";
import { Edits } from "./edits.js";
import { showPresence } from "./here.js";
import { listenToKeys } from "./keys.js";
import { List } from "./list.js";
import { closeEditor, editedCells, fillEditor, openEditor } from "./row.js";
import { forgetAll, nameOf, Shelf } from "./shelf.js";
import { read } from "./stamps.js";
import { createMergeableStore } from "./tinybase.js";
import { FILTERS, Todos } from "./todos.js";
import { sentence, Usage } from "./usage.js";

const $ = (id) => document.getElementById(id);
const page = document.body.dataset;
const mayWrite = page.right !== "read";
/** Of this list, as this user sees it, in what the browser keeps. */
const name = nameOf(page.user, page.sync);
const unsentKey = `unsent ${name}`;
/** With these codes the server refuses what this page sends; with others, the page. */
const REFUSED_EDITS = [1007, 1008, 1009, 4507];
/** Written by somebody who may not, or not allowed in any more. */
const FORBIDDEN = 4403;
/** Somebody else is signed in by now: the list on this page is not theirs. */
const ANOTHER_USER = 4409;
const RAW_ROWS = 200;

let filter = page.filter;
let state = "off";
let frame = 0;
/** Whether the store has the whole list: it does not come with the page of a long one. */
let whole = false;
/** What follows when the server is to be tried again. */
let tryAgain = () => connection.retry();

const store = createMergeableStore();
startWithThePage();
const todos = new Todos(store, changed);
const list = new List($("list"), $("row").content.firstElementChild);
const shelf = new Shelf(store, name);
const usage = new Usage(page.usage, showUsage);
const edits = new Edits(store, todos, (changes) => {
  shelf.note(changes);
  connection.edited();
  usage.soon();
  changed();
});
const connection = new Connection(
  store,
  syncUrl(),
  Number(localStorage.getItem(unsentKey)),
  {
    state(name) {
      state = name;
      if (state === "off") document.body.dataset.offline = "";
      else if (state === "on") delete document.body.dataset.offline;
      // Offline there is what was kept, or nothing.
      if (state === "off" && todos.counts.all > 0) complete();
      showConnection();
    },
    synced() {
      if (!whole && isRefused()) {
        complain("The clock of this device is more than 5 minutes late: what others do will not show.");
        return;
      }
      complain("");
      complete();
      usage.soon();
    },
    unsent(count) {
      if (count) localStorage.setItem(unsentKey, count);
      else localStorage.removeItem(unsentKey);
      showConnection();
    },
    refused({ code, reason }) {
      if (code === ANOTHER_USER) tryAgain = () => location.reload();
      const discard = REFUSED_EDITS.includes(code) || (code === FORBIDDEN && connection.unsent > 0);
      const what = discard ? "The server did not take your last changes" : "The server ended the connection";
      complain(`${what}: ${reason || `it said ${code}`}.`, { retry: true, discard });
    },
  },
);

/** Says whose list this is, so that it is never mixed with that of whoever is signed in later. */
function syncUrl() {
  const url = new URL(page.sync, location.href.replace(/^http/, "ws"));
  url.searchParams.set("as", page.user);
  return url;
}

/** The store begins with what the server had when it made the page. */
function startWithThePage() {
  const content = $("content")?.textContent;
  if (!content) return;
  store.setMergeableContent(read(content));
  whole = !isRefused();
}

/**
 * Whether TinyBase took nothing of what the server has: it does so silently with all that was made
 * over 5 minutes from now, as this device counts time.
 */
function isRefused() {
  const there = Number($("filters").querySelector("[data-count=all]").textContent);
  return there > 0 && store.getMergeableContentHashes()[0] === 0;
}

function complete() {
  if (whole) return;
  whole = true;
  show();
}

// What people do

/** Does it here if the list is here, else the form is sent as if there were no script. */
const onSubmit = (form, act) =>
  form?.addEventListener("submit", (event) => {
    if (!whole) return;
    event.preventDefault();
    act(event);
  });

onSubmit($("add"), () => {
  const text = $("new").value.trim();
  $("new").value = "";
  $("new").focus();
  if (!text) return;
  edits.add(text);
  say(`Added: ${text}`);
});

onSubmit($("clear"), () => {
  const done = todos.shown("completed").map(({ id }) => id);
  edits.remove(done);
  if (done.length) say(`Cleared: ${done.length}`);
  $("new").focus();
});

onSubmit($("list"), ({ target, submitter }) => {
  const row = target.closest(".todo");
  if (submitter?.name === "by") step(row, Number(submitter.value));
  else (deeds[submitter?.value] ?? save)(row);
});

function save(row) {
  edits.change(row.dataset.id, editedCells(row));
  closeEditor(row);
}

/** Moves a todo among those that are shown. */
function step(row, by) {
  const at = list.indexOf(row.dataset.id);
  const to = at + by;
  if (at < 0 || to < 0 || to >= list.length) return;
  moveTo(row.dataset.id, by < 0 ? to : to + 1);
}

/** Moves a todo before the one that is shown at `index` now, or to the end. */
function moveTo(id, index) {
  const { sorted } = todos;
  const before = list.at(index - 1);
  const next = list.at(index);
  // What the filter hides stays where it is, beside the todo that is shown above it.
  const after = before ? sorted.slice(sorted.indexOf(before) + 1).find((todo) => todo.id !== id) : next;
  edits.move(id, before, after);
  say(`Moved to ${todos.shown(filter).findIndex((todo) => todo.id === id) + 1} of ${list.length}`);
}

/** What keys and buttons do, most of it with a row. False: nothing. */
const deeds = {
  new: () => mayWrite && $("new").focus(),
  next: (row) => list.focus(row ? list.indexOf(row.dataset.id) + 1 : 0),
  previous: (row) => list.focus(row ? list.indexOf(row.dataset.id) - 1 : list.length - 1),
  filters: () => $("filters").querySelector("[aria-current]").focus(),
  all: () => follow("all"),
  active: () => follow("active"),
  completed: () => follow("completed"),
  keys: () => $("keys").togglePopover(),
  ...(mayWrite && {
    toggle(row) {
      const todo = row && todos.get(row.dataset.id);
      if (!todo) return false;
      edits.change(todo.id, { completed: !todo.completed });
      say(`${todo.completed ? "Active" : "Completed"}: ${todo.text}`);
    },
    edit: (row) => row && openEditor(row),
    remove(row) {
      const todo = row && todos.get(row.dataset.id);
      if (!todo) return false;
      edits.remove([todo.id]);
      say(`Deleted: ${todo.text}`);
    },
    delete: (row) => deeds.remove(row),
    up: (row) => step(row, -1),
    down: (row) => step(row, 1),
    undo: () => turned(edits.undo(), "Undone."),
    redo: () => turned(edits.redo(), "Done again."),
  }),
};

function turned(done, words) {
  say(done ? words : "Nothing is left of that.");
  showUndo();
}

listenToKeys(deeds, showNow);
$("undo")?.addEventListener("click", deeds.undo);
$("redo")?.addEventListener("click", deeds.redo);

if (mayWrite) {
  makeDraggable($("list"), {
    indexOf: (id) => list.indexOf(id),
    move: moveTo,
  });
}

$("list").addEventListener("dblclick", (event) => {
  if (!mayWrite || !event.target.closest(".words")) return;
  getSelection().removeAllRanges();
  openEditor(event.target.closest(".todo"));
});

// `toggle` does not bubble.
$("list").addEventListener("toggle", ({ target }) => {
  const row = target.closest(".todo");
  const todo = todos.get(row.dataset.id);
  if (target.open && todo) fillEditor(row, todo);
}, true);

$("list").addEventListener("keydown", (event) => {
  const row = event.target.closest(".edit[open]")?.closest(".todo");
  if (!row) return;
  if (event.key === "Escape") closeEditor(row);
  else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) save(row);
});

$("filters").addEventListener("click", (event) => {
  const link = event.target.closest("[data-filter]");
  if (!whole || !link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  follow(link.dataset.filter);
});

function follow(name) {
  const link = $("filters").querySelector(`[data-filter=${name}]`);
  if (!whole) {
    link.click();
    return;
  }
  history.pushState(null, "", link.href);
  showFilter(name);
}

addEventListener("popstate", () => showFilter(filterOfAddress()));

function filterOfAddress() {
  const name = new URLSearchParams(location.search).get("filter");
  return Object.hasOwn(FILTERS, name) ? name : "all";
}

$("retry").addEventListener("click", () => {
  complain("");
  tryAgain();
});

$("discard").addEventListener("click", async () => {
  localStorage.removeItem(unsentKey);
  await shelf.clear();
  location.reload();
});

$("raw").addEventListener("toggle", showRaw);

if (page.right === "own") {
  makeShareable(page.shares, say);
  makeImportable(page.import);
  makeRestorable(page.backups);
}

makeLeavable(
  () => connection.unsent,
  async () => {
    await shelf.clear();
    await forgetAll(page.user);
  },
);

// What is shown

/** Shows what there is with the next frame, however much happens until then. */
function changed() {
  cancelAnimationFrame(frame);
  // Frames stand still in a tab that is not looked at.
  if (document.visibilityState === "hidden") show();
  else frame = requestAnimationFrame(show);
}

/** What somebody does next may come before the next frame, and goes by what is shown. */
function showNow() {
  if (!frame) return;
  cancelAnimationFrame(frame);
  show();
}

function show() {
  frame = 0;
  if (!whole) return;
  const { counts } = todos;
  for (const [name, count] of Object.entries(counts)) {
    $("filters").querySelector(`[data-count=${name}]`).textContent = count;
  }
  list.show(todos.shown(filter));
  $("pages")?.remove();
  $("empty").hidden = counts[filter] > 0;
  $("empty").textContent = filter === "all" ? "Nothing to do yet." : "Nothing here.";
  if (mayWrite) {
    $("clear").querySelector("button").disabled = counts.completed === 0;
    showUndo();
  }
  showRaw();
  showConnection();
}

function showUndo() {
  $("undo").disabled = !edits.canUndo;
  $("redo").disabled = !edits.canRedo;
}

function showFilter(name) {
  filter = name;
  for (const link of $("filters").children) {
    if (link.dataset.filter === filter) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  show();
  say(`${list.length} shown`);
}

function showUsage({ storage, warnings, archived }) {
  const { bytes, level } = storage;
  $("usage").dataset.level = level;
  $("usage-text").textContent = sentence(storage);
  $("meter").value = bytes;
  $("warnings").replaceChildren(...warnings.map(item));
  $("warnings").hidden = warnings.length === 0;
  if ($("archived")) $("archived").textContent = archived;
}

function item(text) {
  const item = document.createElement("li");
  item.textContent = text;
  return item;
}

function showRaw() {
  if (!$("raw").open || !whole) return;
  const { sorted } = todos;
  const rows = sorted.slice(0, RAW_ROWS).map(({ id }) => [id, store.getRow("todos", id)]);
  const values = Object.entries(store.getValues()).filter(([id]) => !id.startsWith("here/"));
  const content = { tables: { todos: Object.fromEntries(rows) }, values: Object.fromEntries(values) };
  const more = sorted.length > RAW_ROWS ? `\n… and ${sorted.length - RAW_ROWS} more todos` : "";
  $("json").textContent = JSON.stringify(content, null, 2) + more;
}

/** How long something may be under way before it is worth a word. */
const SLOW_MS = 800;
let slow = 0;

function showConnection() {
  const words = { on: "Connected", connecting: "Connecting…", off: "Disconnected" };
  const { unsent } = connection;
  clearTimeout(slow);
  if (unsent && state === "on") {
    slow = setTimeout(() => writeConnection(`Saving ${unsent}…`), SLOW_MS);
    return;
  }
  writeConnection(words[state] + (unsent ? `, ${unsent} unsent` : ""));
}

function writeConnection(text) {
  const badge = $("connection");
  badge.dataset.state = state;
  if (badge.textContent !== text) badge.textContent = text;
}

/** For those who don't see the page. */
function say(text) {
  $("said").textContent = text;
}

function complain(text, { retry = false, discard = false } = {}) {
  $("problem-text").textContent = text;
  $("retry").hidden = !retry;
  $("discard").hidden = !discard;
  $("problem").hidden = !text;
}

showPresence(store, $("here"));
eachDay(changed);
if (whole) {
  // Kept pages are of another moment, and perhaps of another filter.
  showFilter(filterOfAddress());
  list.reveal(Number(page.from));
  say("");
}
// What was kept here comes first, unless the browser takes its time for it.
await Promise.race([shelf.load().catch(() => {}), new Promise((go) => setTimeout(go, 2_000))]);
shelf.keep();
connection.open();
// Without it the page does all but open offline.
navigator.serviceWorker?.register("/sw.js").catch(() => {});
