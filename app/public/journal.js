// The last edits of this window, written at once: the store itself is written a moment later, and a
// page may be left at any time.

import { read, write } from "./stamps.js";

export class Journal {
  #prefix;
  #key;
  #edits = [];
  /** What was read of other windows, by their keys. */
  #read = new Map();

  /** `name`: of the list, for this user. */
  constructor(name) {
    this.#prefix = `edits of ${name} #`;
    this.#key = this.#prefix + Math.random().toString(36).slice(2);
  }

  /** Notes the stamps that an edit has set. */
  note(changes) {
    this.#edits.push(write(changes));
    this.#keep();
  }

  /** Calls with what other windows noted, open or closed. */
  read(each) {
    const keys = Object.keys(localStorage).filter((key) => key.startsWith(this.#prefix));
    for (const key of keys.filter((key) => key !== this.#key)) {
      const text = localStorage.getItem(key);
      this.#read.set(key, text);
      try {
        for (const edit of JSON.parse(text)) each(read(edit));
      } catch {
        // Nothing that we wrote.
      }
    }
  }

  /** How far it has come; to be forgotten up to here once the store is written. */
  mark() {
    return this.#edits.length;
  }

  forget(mark) {
    this.#edits.splice(0, mark);
    this.#keep();
    for (const [key, text] of this.#read) {
      // An open window may have noted more.
      if (localStorage.getItem(key) === text) localStorage.removeItem(key);
    }
    this.#read.clear();
  }

  #keep() {
    if (this.#edits.length === 0) {
      localStorage.removeItem(this.#key);
      return;
    }
    try {
      localStorage.setItem(this.#key, JSON.stringify(this.#edits));
    } catch {
      // An edit of very many todos: the store is written soon.
    }
  }
}
