// Reordering by pointer: a row is taken by its grip and put down between two others.

/** How close to the edge of the window it begins to scroll, and how far in each frame. */
const EDGE = 60;
const SPEED = 12;

/**
 * `move(id, index)` puts a todo before the one that is shown at `index` now, or at the end;
 * `indexOf(id)` says where one is shown.
 */
export function makeDraggable(list, { indexOf, move }) {
  let drag = null;

  list.addEventListener("pointerdown", (event) => {
    const row = event.target.closest?.(".grip")?.closest(".todo");
    if (!row || event.button !== 0 || drag) return;
    event.preventDefault();
    list.setPointerCapture(event.pointerId);
    row.toggleAttribute("data-dragged", true);
    drag = { row, id: row.dataset.id, pointer: event.pointerId, from: event.pageY, y: event.clientY };
    drag.frame = requestAnimationFrame(step);
    addEventListener("keydown", escape, true);
  });

  list.addEventListener("pointermove", (event) => {
    if (event.pointerId === drag?.pointer) drag.y = event.clientY;
  });

  list.addEventListener("pointerup", (event) => {
    if (event.pointerId !== drag?.pointer) return;
    drag.y = event.clientY;
    drop();
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

  /** The row follows the pointer, and the others make room for it. */
  function step() {
    const { row, y, from } = drag;
    if (y < EDGE) scrollBy(0, -SPEED);
    else if (y > innerHeight - EDGE) scrollBy(0, SPEED);
    row.style.translate = `0 ${Math.round(y + scrollY - from)}px`;
    const { others, own, to } = aim();
    for (const [at, other] of others.entries()) {
      const way = at < own ? Number(at >= to) : -Number(at < to);
      other.style.translate = way ? `0 ${way * row.offsetHeight}px` : "";
    }
    drag.frame = requestAnimationFrame(step);
  }

  /** Which of the other rows it would be put before, by where they are when nothing is dragged. */
  function aim() {
    const rows = [...list.querySelectorAll(".todo")];
    const others = rows.filter((other) => other !== drag.row);
    const at = drag.y + scrollY;
    const below = others.findIndex((other) => at < other.offsetTop + other.offsetHeight / 2);
    return { others, own: rows.indexOf(drag.row), to: below < 0 ? others.length : below };
  }

  function drop() {
    const { id } = drag;
    const { others, to } = aim();
    end();
    if (others.length === 0) return;
    const next = others[to];
    const index = next ? indexOf(next.dataset.id) : indexOf(others.at(-1).dataset.id) + 1;
    const at = indexOf(id);
    if (index !== at && index !== at + 1) move(id, index);
  }

  function end() {
    cancelAnimationFrame(drag.frame);
    for (const row of list.querySelectorAll(".todo")) row.style.translate = "";
    drag.row.removeAttribute("data-dragged");
    removeEventListener("keydown", escape, true);
    if (list.hasPointerCapture(drag.pointer)) list.releasePointerCapture(drag.pointer);
    drag = null;
  }
}
