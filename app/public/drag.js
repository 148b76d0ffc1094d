// Reordering by pointer: a row is taken by its grip and put down between two others.

/** How close to the edge of the window it begins to scroll, and how far in each frame. */
const EDGE = 60;
const SPEED = 12;

/**
 * `move(id, index)` puts a todo before the one that is shown at `index` now, or at the end;
 * `indexOf(id)` says where one is shown.
 */
export function makeDraggable(list, { indexOf, move, length }) {
  let drag = null;

  list.addEventListener("pointerdown", (event) => {
    const row = event.target.closest?.(".grip")?.closest(".todo");
    if (!row || event.button !== 0 || drag) return;
    event.preventDefault();
    list.setPointerCapture(event.pointerId);
    row.toggleAttribute("data-dragged", true);
    drag = { row, id: row.dataset.id, pointer: event.pointerId, from: event.pageY, y: event.clientY, target: null };
    drag.frame = requestAnimationFrame(step);
    addEventListener("keydown", escape, true);
  });

  list.addEventListener("pointermove", (event) => {
    if (event.pointerId === drag?.pointer) drag.y = event.clientY;
  });

  list.addEventListener("pointerup", (event) => {
    if (event.pointerId === drag?.pointer) drop();
  });

  list.addEventListener("pointercancel", (event) => {
    if (event.pointerId === drag?.pointer) end();
  });

  function escape(event) {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    end();
  }

  /** The row follows the pointer; a line shows where it would go. */
  function step() {
    const { row, y, from } = drag;
    if (y < EDGE) scrollBy(0, -SPEED);
    else if (y > innerHeight - EDGE) scrollBy(0, SPEED);
    row.style.translate = `0 ${Math.round(y + scrollY - from)}px`;
    const others = [...list.querySelectorAll(".todo")].filter((other) => other !== row);
    const below = others.find((other) => {
      const { top, height } = other.getBoundingClientRect();
      return y < top + height / 2;
    });
    mark(below ? { row: below, side: "above" } : others.length ? { row: others.at(-1), side: "below" } : null);
    drag.frame = requestAnimationFrame(step);
  }

  function mark(target) {
    drag.target?.row.removeAttribute("data-drop");
    if (target) target.row.dataset.drop = target.side;
    drag.target = target;
  }

  function drop() {
    const { id, target } = drag;
    end();
    if (!target) return;
    const index = indexOf(target.row.dataset.id);
    if (index < 0) return;
    const to = target.side === "above" ? index : Math.min(index + 1, length());
    const at = indexOf(id);
    if (to !== at && to !== at + 1) move(id, to);
  }

  function end() {
    cancelAnimationFrame(drag.frame);
    mark(null);
    drag.row.style.translate = "";
    drag.row.removeAttribute("data-dragged");
    removeEventListener("keydown", escape, true);
    if (list.hasPointerCapture(drag.pointer)) list.releasePointerCapture(drag.pointer);
    drag = null;
  }
}
