// One todo's element: what of it changes when the todo does.

import { due } from "./due.js";

/** Fills a row, new or not, with a todo. */
export function fill(row, todo, now) {
  if (row.dataset.id !== todo.id) {
    row.dataset.id = todo.id;
    for (const input of row.querySelectorAll("[name=id]")) input.value = todo.id;
  }
  fillCheck(row, todo);
  fillText(row, todo);
  const day = due(todo, now);
  const time = row.querySelector(".due");
  time.hidden = !day.words;
  write(time, day.words);
  time.dateTime = todo.due ?? "";
  time.toggleAttribute("data-overdue", day.overdue);
  const notes = row.querySelector(".notes");
  notes.hidden = !todo.notes;
  write(notes, todo.notes);
}

function fillCheck(row, { completed }) {
  if (row.hasAttribute("data-completed") === completed && row.dataset.filled) return;
  row.dataset.filled = "yes";
  row.toggleAttribute("data-completed", completed);
  const check = row.querySelector(".check");
  if (check.getAttribute("role") === "img") {
    check.toggleAttribute("data-checked", completed);
    check.setAttribute("aria-label", completed ? "Completed" : "Active");
    return;
  }
  check.setAttribute("aria-checked", completed);
  row.querySelector("[name=completed]").value = !completed;
}

function fillText(row, { text }) {
  if (!write(row.querySelector(".text"), text)) return;
  const edit = row.querySelector(".edit");
  if (!edit) return;
  row.querySelector(".check").setAttribute("aria-label", `Completed: ${text}`);
  edit.querySelector("summary").setAttribute("aria-label", `Edit: ${text}`);
  row.querySelector("[value='-1']").setAttribute("aria-label", `Move up: ${text}`);
  row.querySelector("[value='1']").setAttribute("aria-label", `Move down: ${text}`);
  row.querySelector(".delete").setAttribute("aria-label", `Delete: ${text}`);
}

/** Whether it was another text before. */
function write(element, text) {
  if (element.textContent === text) return false;
  element.textContent = text;
  return true;
}

/** Opens the row's editor, with what the todo is now. */
export function openEditor(row) {
  row.querySelector(".edit").open = true;
}

/** What an editor that has just opened begins with. */
export function fillEditor(row, todo) {
  const { text, due: day, notes } = row.querySelector(".editor").elements;
  text.value = todo.text;
  day.value = todo.due ?? "";
  notes.value = todo.notes;
  text.focus();
  text.select();
}

export function closeEditor(row) {
  row.querySelector(".edit").open = false;
  row.focus();
}

/** What an editor says, as cells; a text that is empty stays what it was. */
export function editedCells(row) {
  const { text, due: day, notes } = row.querySelector(".editor").elements;
  return {
    ...(text.value.trim() && { text: text.value.trim() }),
    due: day.value || undefined,
    notes: notes.value.trim() || undefined,
  };
}
