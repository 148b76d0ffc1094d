// The todos of a store as people see them: sorted, filtered, counted. Any client can write
// anything into the store, so cells are read with care. No DOM and no network in here.

import { dayOf } from "./due.js";

export const TABLE = "todos";

/** Up to so many changes at once, each todo is put in its place by itself. */
const FEW = 50;

export const FILTERS = {
  all: () => true,
  active: ({ completed }) => !completed,
  completed: ({ completed }) => completed,
};

/** The todos of TinyBase's table. Each is one object as long as it is there. */
export class Todos {
  #store;
  #byId = new Map();
  #sorted = [];
  #completed = 0;
  #changed = new Set();

  /** `changed()` is called when something in the table has changed. */
  constructor(store, changed) {
    this.#store = store;
    for (const id of store.getRowIds(TABLE)) this.#changed.add(id);
    store.addRowListener(TABLE, null, (_store, _table, id) => this.#changed.add(id));
    store.addTableListener(TABLE, changed);
  }

  get(id) {
    return this.#upToDate().#byId.get(id);
  }

  /** All of them, in order. */
  get sorted() {
    return this.#upToDate().#sorted;
  }

  shown(filter) {
    return filter === "all" ? this.sorted : this.sorted.filter(FILTERS[filter]);
  }

  get counts() {
    const all = this.#upToDate().#byId.size;
    return { all, active: all - this.#completed, completed: this.#completed };
  }

  /** The last todo that has an order key: those without one come after all others. */
  get lastOrdered() {
    const { sorted } = this;
    const from = position(sorted, { order: undefined, id: "" });
    return sorted[from - 1];
  }

  #upToDate() {
    const changed = this.#changed;
    if (changed.size === 0) return this;
    this.#changed = new Set();
    const few = changed.size <= FEW;
    for (const id of changed) this.#read(id, few);
    if (!few) this.#sorted = [...this.#byId.values()].sort(compare);
    return this;
  }

  /** Takes over what the store has of a todo; `place`: keeping the order. */
  #read(id, place) {
    const before = this.#byId.get(id);
    const after = this.#store.hasRow(TABLE, id) ? read(id, this.#store.getRow(TABLE, id)) : undefined;
    this.#completed += Number(after?.completed ?? false) - Number(before?.completed ?? false);
    if (before && after && before.order === after.order) {
      Object.assign(before, after);
      return;
    }
    if (before) {
      if (place) this.#sorted.splice(position(this.#sorted, before), 1);
      this.#byId.delete(id);
    }
    if (after) {
      if (place) this.#sorted.splice(position(this.#sorted, after), 0, after);
      this.#byId.set(id, after);
    }
  }
}

const string = (cell) => (typeof cell === "string" ? cell : undefined);

function read(id, { text, completed, order, due, notes }) {
  return {
    id,
    text: string(text) ?? "",
    completed: completed === true,
    order: string(order),
    due: dayOf(due),
    notes: string(notes) ?? "",
  };
}

/** By order key, those without one last; then by id. */
function compare(one, other) {
  if (one.order !== other.order) {
    if (one.order === undefined) return 1;
    if (other.order === undefined) return -1;
    return one.order < other.order ? -1 : 1;
  }
  return one.id < other.id ? -1 : one.id > other.id ? 1 : 0;
}

/** Where in a sorted list a todo stands, or would stand. */
function position(sorted, todo) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compare(sorted[middle], todo) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
