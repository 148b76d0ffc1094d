// The store in this browser's IndexedDB: what was there before, and what has no way to the server
// yet, across page loads and without a network.

import { Journal } from "./journal.js";
import { createIndexedDbPersister, createMergeableStore } from "./tinybase.js";

const SOON_MS = 150;
/** Writing takes the whole store: a long one is written for at most this part of the time. */
const SHARE = 1 / 20;

/** Of the list that a user gets at this address. */
export const nameOf = (user, url) => `todos of ${user} at ${url}`;

/** Takes all that is kept for a user from this browser, pages too. */
export async function forgetAll(user) {
  const theirs = nameOf(user, "");
  for (const key of Object.keys(localStorage)) if (key.includes(theirs)) localStorage.removeItem(key);
  for (const { name } of await indexedDB.databases()) if (name.startsWith(theirs)) await drop(name);
  // There are none in pages without TLS.
  for (const name of (await globalThis.caches?.keys()) ?? []) {
    const cache = await caches.open(name);
    for (const request of await cache.keys()) {
      if (new URL(request.url).pathname === "/") await cache.delete(request);
    }
  }
}

const drop = (name) =>
  new Promise((resolve) => {
    const request = indexedDB.deleteDatabase(name);
    request.onsuccess = request.onerror = request.onblocked = resolve;
  });

/** No tables, or no values: what is in it, its clock, its hash. */
const NOTHING = [{}, "", 0];
const isEmpty = (store) => store.getMergeableContentHashes().every((hash) => hash === 0);

export class Shelf {
  #store;
  #name;
  #persister;
  #journal;
  /** Which writing of the store this window has taken in: each has a name. */
  #seen;
  #timer = 0;
  #pause = SOON_MS;
  #closed = false;

  /** `name`: of the list, for this user. */
  constructor(store, name) {
    this.#store = store;
    this.#name = name;
    this.#persister = createIndexedDbPersister(store, name);
    this.#journal = new Journal(name);
  }

  /** Keeps the stamps of an edit at once. */
  note(changes) {
    this.#journal.note(changes);
  }

  /** Merges what is kept into the store. */
  async load() {
    const written = this.#written;
    const noted = [];
    this.#journal.read((edit) => noted.push(edit));
    const kept = createMergeableStore();
    await createIndexedDbPersister(kept, this.#name).load();
    const [tables, [values, ...own]] = kept.getMergeableContent();
    // Who was here then says nothing now.
    const lasting = Object.entries(values).filter(([id]) => !id.startsWith("here/"));
    let changes = [tables, [Object.fromEntries(lasting), ...own]];
    if (isEmpty(this.#store)) {
      // Nothing to merge with: TinyBase takes a long list in a fraction of the time when it takes
      // it with its hashes. Those of the values count what was left out.
      this.#store.setMergeableContent([tables, NOTHING]);
      changes = [NOTHING, changes[1]];
    }
    this.#store.applyMergeableChanges(changes);
    for (const edit of noted) this.#store.applyMergeableChanges(edit);
    this.#seen = written;
  }

  /** Keeps the store from now on. */
  keep() {
    this.#store.addDidFinishTransactionListener(() => this.#saveSoon());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "hidden" && this.#timer) this.#save();
    });
    this.#saveSoon();
  }

  /** Forgets everything that is kept. */
  async clear() {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#journal.read(() => {});
    this.#journal.forget(this.#journal.mark());
    await this.#alone(() => drop(this.#name));
  }

  get #written() {
    return localStorage.getItem(`written ${this.#name}`);
  }

  #saveSoon() {
    this.#timer ||= setTimeout(() => this.#save(), this.#pause);
  }

  #save() {
    clearTimeout(this.#timer);
    return this.#alone(async () => {
      this.#timer = 0;
      if (this.#closed) return;
      const began = performance.now();
      // What another window wrote meanwhile is not to be lost.
      if (this.#seen !== this.#written) await this.load();
      const mark = this.#journal.mark();
      await this.#persister.save();
      this.#seen = Math.random().toString(36).slice(2);
      localStorage.setItem(`written ${this.#name}`, this.#seen);
      this.#journal.forget(mark);
      this.#pause = Math.max(SOON_MS, (performance.now() - began) / SHARE);
    });
  }

  /** One window of the browser at a time, where browsers can tell: not in pages without TLS. */
  #alone(act) {
    return navigator.locks ? navigator.locks.request(this.#name, act) : act();
  }
}
