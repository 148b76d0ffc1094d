// What people do to todos, each a transaction of the store, and how it is undone: cell by cell,
// and only where nobody else has changed the cell since.

import { between } from "./order.js";
import { TABLE } from "./todos.js";

const MOST = 200;

const freshId = () => `${Date.now()}-${Math.random().toString(36).slice(2, 8)}`;
const same = (one, other) => one === other || JSON.stringify(one) === JSON.stringify(other);

export class Edits {
  #store;
  #todos;
  #done;
  /** Deeds, the last one last. Each is a list of { id, cells: { cell: [before, after] } }. */
  #undoable = [];
  #redoable = [];

  /** `done(changes)` is called after each edit, with the stamps that it has set. */
  constructor(store, todos, done) {
    this.#store = store;
    this.#todos = todos;
    this.#done = done;
  }

  get canUndo() {
    return this.#undoable.length > 0;
  }

  get canRedo() {
    return this.#redoable.length > 0;
  }

  /** Adds a todo after all others; gives its id. */
  add(text) {
    const id = freshId();
    const order = between(this.#todos.lastOrdered?.order, undefined);
    this.#do([[id, { text, completed: false, order }]]);
    return id;
  }

  /** Sets cells; those that are `undefined` are deleted. */
  change(id, cells) {
    if (this.#todos.get(id)) this.#do([[id, cells]]);
  }

  remove(ids) {
    const gone = (id) => Object.keys(this.#store.getRow(TABLE, id)).map((cell) => [cell, undefined]);
    this.#do(ids.map((id) => [id, Object.fromEntries(gone(id))]));
  }

  /** Puts a todo between two others, of which one may be missing: then it goes to an end. */
  move(id, before, after) {
    const numbered = before && before.order === undefined ? this.#number(before) : [];
    const last = numbered.length ? numbered.at(-1)[1].order : before?.order;
    this.#do([...numbered, [id, { order: between(last, after?.order) }]]);
  }

  undo() {
    return this.#turn(this.#undoable, this.#redoable);
  }

  redo() {
    return this.#turn(this.#redoable, this.#undoable);
  }

  /** Keys for the todos without one up to this one, so that something can stand behind it. */
  #number(upTo) {
    const { sorted, lastOrdered } = this.#todos;
    const first = lastOrdered ? sorted.indexOf(lastOrdered) + 1 : 0;
    let order = lastOrdered?.order;
    return sorted.slice(first, sorted.indexOf(upTo) + 1).map(({ id }) => {
      order = between(order, undefined);
      return [id, { order }];
    });
  }

  #do(changes) {
    const deed = [];
    for (const [id, wanted] of changes) {
      const row = this.#store.getRow(TABLE, id);
      const cells = Object.entries(wanted).filter(([cell, value]) => !same(row[cell], value));
      if (cells.length === 0) continue;
      deed.push({ id, cells: Object.fromEntries(cells.map(([cell, value]) => [cell, [row[cell], value]])) });
    }
    if (deed.length === 0) return;
    this.#undoable.push(deed);
    if (this.#undoable.length > MOST) this.#undoable.shift();
    this.#redoable = [];
    this.#set(deed);
  }

  #set(deed) {
    let changes;
    const listener = this.#store.addDidFinishTransactionListener(() => {
      changes = this.#store.getTransactionMergeableChanges();
    });
    this.#store.transaction(() => {
      for (const { id, cells } of deed) {
        for (const [cell, [, after]] of Object.entries(cells)) {
          if (after === undefined) this.#store.delCell(TABLE, id, cell, true);
          else this.#store.setCell(TABLE, id, cell, after);
        }
      }
    });
    this.#store.delListener(listener);
    this.#done(changes);
  }

  /** Takes back the last deed of `from`, as far as it still stands. Whether something was left of it. */
  #turn(from, to) {
    const deed = from.pop();
    if (!deed) return false;
    const back = deed.map((part) => this.#back(part)).filter((part) => part);
    if (back.length === 0) return false;
    to.push(back);
    this.#set(back);
    return true;
  }

  #back({ id, cells }) {
    const row = this.#store.getRow(TABLE, id);
    const reversed = Object.entries(cells).map(([cell, [before, after]]) => [cell, [after, before]]);
    const standing = reversed.filter(([cell, [now]]) => same(row[cell], now));
    // A todo that was added or deleted goes or comes as a whole, or not at all.
    const whole = "text" in cells && cells.text.includes(undefined);
    const gone = Object.keys(row).length === 0;
    const more = Object.keys(row).some((cell) => !(cell in cells));
    const stands = whole ? standing.length === reversed.length && !more : !gone && standing.length > 0;
    return stands ? { id, cells: Object.fromEntries(standing) } : undefined;
  }
}
