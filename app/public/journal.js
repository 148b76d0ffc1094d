// The last edits of this window, written at once: the store itself is written a moment later, and a
// page may be left at any time.

import { read, write } from "./stamps.js";

export class Journal {
  #prefix;
  #key;
  #edits = [];

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

  /** Calls with what this and earlier windows noted. */
  read(each) {
    for (const key of this.#keys()) {
      try {
        for (const edit of JSON.parse(localStorage.getItem(key))) each(read(edit));
      } catch {
        localStorage.removeItem(key);
      }
    }
  }

  /** How far it has come; to be forgotten up to here once the store is written. */
  mark() {
    return { edits: this.#edits.length, keys: this.#keys().filter((key) => key !== this.#key) };
  }

  forget({ edits, keys }) {
    this.#edits.splice(0, edits);
    this.#keep();
    for (const key of keys) localStorage.removeItem(key);
  }

  #keys() {
    return Object.keys(localStorage).filter((key) => key.startsWith(this.#prefix));
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
