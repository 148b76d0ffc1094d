// The rows of the list. Of a long one only those near the window are there, between two spaces as
// high as all the others.

import { today } from "./due.js";
import { fill } from "./row.js";

/** Lists up to this long are there as a whole. */
const WHOLE = 200;
/** What is taken for the height of a row before any was seen. */
const GUESS = 72;
/** What is there above and below what can be seen, in pixels. */
const MARGIN = 1_000;

export class List {
  #element;
  #blank;
  /** Rows by todo: those that are there, and those whose editor is open elsewhere. */
  #rows;
  #shown = [];
  #first = 0;
  #heights = new WeakMap();
  /** The height of rows that were never seen. It stays what it was at first, or all would move. */
  #usual = 0;
  #above = space();
  #below = space();
  #frame = 0;

  /** Takes over the rows that the server has put into `element`. */
  constructor(element, blank) {
    this.#element = element;
    this.#blank = blank;
    this.#rows = new Map([...element.children].map((row) => [row.dataset.id, row]));
    for (const row of this.#rows.values()) row.tabIndex = -1;
    addEventListener("scroll", () => this.#scrolled(), { passive: true });
    addEventListener("resize", () => {
      this.#heights = new WeakMap();
      this.#usual = 0;
      this.#scrolled();
    });
  }

  /** Shows these todos, in this order. */
  show(todos) {
    this.#shown = todos;
    this.#show();
  }

  rowOf(id) {
    const row = this.#rows.get(id);
    return row?.isConnected ? row : undefined;
  }

  /** The place of a todo among those that are shown, or -1. */
  indexOf(id) {
    return this.#shown.findIndex((todo) => todo.id === id);
  }

  at(index) {
    return this.#shown[index];
  }

  get length() {
    return this.#shown.length;
  }

  /** Moves the focus to a row, wherever it is. */
  focus(index) {
    const row = this.reveal(index);
    row?.focus({ preventScroll: true });
    row?.scrollIntoView({ block: "nearest" });
    return row !== undefined;
  }

  /** Scrolls there if the row is not near; gives the row. */
  reveal(index) {
    const todo = this.#shown[index];
    if (todo && !this.rowOf(todo.id)) {
      const top = this.#element.getBoundingClientRect().top + scrollY + this.#offset(index);
      scrollTo({ top: top - innerHeight / 2, behavior: "instant" });
      this.#show();
    }
    return todo && this.rowOf(todo.id);
  }

  #scrolled() {
    if (this.#shown.length <= WHOLE) return;
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#show();
    });
  }

  #show() {
    const [first, end] = this.#shown.length > WHOLE ? this.#near() : [0, this.#shown.length];
    this.#first = first;
    this.#keepingFocus(() => this.#place(first, end));
    if (this.#shown.length > WHOLE) this.#measure(first, end);
  }

  #height(todo) {
    return this.#heights.get(todo) ?? (this.#usual || GUESS);
  }

  #offset(index) {
    let offset = 0;
    for (let at = 0; at < index; at++) offset += this.#height(this.#shown[at]);
    return offset;
  }

  /** From which todo to before which one they are near the window. */
  #near() {
    const top = -this.#element.getBoundingClientRect().top - MARGIN;
    const bottom = top + innerHeight + 2 * MARGIN;
    let [offset, first] = [0, 0];
    const last = this.#shown.length - 1;
    while (first < last && offset + this.#height(this.#shown[first]) < top) {
      offset += this.#height(this.#shown[first++]);
    }
    let end = first;
    while (end <= last && offset < bottom) offset += this.#height(this.#shown[end++]);
    return [first, end];
  }

  /** Puts the rows in their places, moving as few as it can. */
  #place(first, end) {
    const now = today();
    const wanted = this.#shown.slice(first, end);
    const ids = new Set(wanted.map(({ id }) => id));
    for (const [id, row] of this.#rows) {
      if (ids.has(id)) continue;
      row.remove();
      // What somebody is writing is there again when its row is.
      if (!row.querySelector(".edit[open]")) this.#rows.delete(id);
    }
    const windowed = this.#shown.length > WHOLE;
    this.#element.toggleAttribute("data-windowed", windowed);
    if (windowed) this.#element.prepend(this.#above);
    else this.#above.remove();
    let next = windowed ? this.#above.nextElementSibling : this.#element.firstElementChild;
    for (const [index, todo] of wanted.entries()) {
      const row = this.#row(todo.id);
      fill(row, todo, now);
      position(row, windowed ? first + index + 1 : 0, this.#shown.length);
      if (row === next) next = row.nextElementSibling;
      else this.#element.insertBefore(row, next);
    }
    if (!windowed) {
      this.#below.remove();
      return;
    }
    this.#element.append(this.#below);
    this.#space(first, end);
  }

  #space(first, end) {
    this.#above.style.height = `${this.#offset(first)}px`;
    this.#below.style.height = `${this.#offset(this.#shown.length) - this.#offset(end)}px`;
  }

  #row(id) {
    let row = this.#rows.get(id);
    if (!row) {
      row = this.#blank.cloneNode(true);
      row.tabIndex = -1;
      this.#rows.set(id, row);
    }
    return row;
  }

  #measure(first, end) {
    let sum = 0;
    for (let at = first; at < end; at++) {
      const height = this.#rows.get(this.#shown[at].id).offsetHeight;
      this.#heights.set(this.#shown[at], height);
      sum += height;
    }
    if (this.#usual || end === first) return;
    this.#usual = sum / (end - first);
    this.#space(first, end);
  }

  /** Whoever is on a row stays on it; if it goes, on the one that takes its place. */
  #keepingFocus(act) {
    const focused = document.activeElement;
    const row = focused?.closest?.(".todo");
    const place = row && [...this.#element.querySelectorAll(".todo")].indexOf(row);
    const first = this.#first;
    act();
    if (!row || document.activeElement === focused) return;
    if (focused.isConnected) {
      focused.focus({ preventScroll: true });
      return;
    }
    // Scrolled away: nobody looks at it.
    if (this.indexOf(row.dataset.id) >= 0) return;
    const near = this.#shown[Math.min(first + place, this.#shown.length - 1)];
    (near ? this.rowOf(near.id) : document.getElementById("new"))?.focus({ preventScroll: true });
  }
}

function space() {
  const space = document.createElement("li");
  space.className = "space";
  space.ariaHidden = "true";
  return space;
}

/** For those who are read the list: which of how many. */
function position(row, at, of) {
  if (at) {
    row.ariaPosInSet = at;
    row.ariaSetSize = of;
  } else if (row.ariaPosInSet) {
    row.ariaPosInSet = row.ariaSetSize = null;
  }
}
