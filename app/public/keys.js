// The keyboard. Nothing happens while somebody writes, nor with keys that mean something elsewhere.

const PLAIN = {
  n: "new",
  j: "next",
  k: "previous",
  "/": "filters",
  1: "all",
  2: "active",
  3: "completed",
  "?": "keys",
};

/** On a row, not on something in it. */
const ROW = { Enter: "edit", " ": "toggle" };
/** On a row or something in it. */
const IN_ROW = {
  ArrowDown: "next",
  ArrowUp: "previous",
  x: "toggle",
  e: "edit",
  F2: "edit",
  Delete: "remove",
  Backspace: "remove",
};

const isWriting = (target) => target.closest("input:not([type=radio]), textarea, select, [contenteditable]");

/**
 * `deeds`: what to do by name, each with the row that has the focus. False: nothing was done.
 * `showNow()` shows what was done before.
 */
export function listenToKeys(deeds, showNow) {
  document.addEventListener("keydown", (event) => {
    let target = event.target instanceof Element ? event.target : document.body;
    if (event.defaultPrevented || event.isComposing || isWriting(target)) return;
    showNow();
    // Its row may have gone with that, and the focus to another.
    if (!target.isConnected) target = document.activeElement ?? document.body;
    // What lies over the page has the keyboard to itself.
    if (document.querySelector(":popover-open") && event.key !== "?") return;
    const row = target.closest(".todo") ?? undefined;
    const deed = deeds[deedOf(event, target, row)];
    if (deed && deed(row) !== false) event.preventDefault();
  });
}

function deedOf(event, target, row) {
  const { key, ctrlKey, metaKey, altKey, shiftKey } = event;
  if (ctrlKey || metaKey) {
    if (altKey) return undefined;
    if (key.toLowerCase() === "z") return shiftKey ? "redo" : "undo";
    return key === "y" && ctrlKey ? "redo" : undefined;
  }
  if (altKey) return row && { ArrowUp: "up", ArrowDown: "down" }[key];
  if (row && target === row && ROW[key]) return ROW[key];
  if (row && IN_ROW[key]) return IN_ROW[key];
  return PLAIN[key];
}
