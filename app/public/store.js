// The todos as the server has them, with the edits on top that it has not acknowledged yet.
// No DOM and no network in here.

/** Does to `todos` what the server does with the same change. */
function apply(todos, id, change) {
  if (change === null) {
    todos.delete(id);
  } else if (todos.has(id)) {
    todos.set(id, { ...todos.get(id), ...change });
  } else if ("text" in change && "completed" in change) {
    todos.set(id, { text: change.text, completed: change.completed });
  }
}

export class Store {
  /** What the server has: id → { text, completed }, in order. */
  #known;
  /** Edits that are not acknowledged, oldest first: { number, patch }. */
  #pending = [];
  #number = 0;
  /** Bytes that the todos take on the server. */
  size;

  /** `unsent`: patches that an earlier page could not send any more. */
  constructor(todos, size, unsent = []) {
    this.#known = new Map(todos);
    this.size = size;
    for (const patch of unsent) this.edit(patch);
  }

  /** What is to be shown. */
  get todos() {
    const todos = new Map(this.#known);
    for (const { patch } of this.#pending) {
      for (const [id, change] of Object.entries(patch)) apply(todos, id, change);
    }
    return todos;
  }

  /** The patches to send, and to send again after a reconnect. */
  get pending() {
    return this.#pending;
  }

  /** Notes an edit, `{ id: { text?, completed? } | null }`; it is sent by the caller. */
  edit(patch) {
    const edit = { number: ++this.#number, patch };
    this.#pending.push(edit);
    return edit;
  }

  /** Takes a message of the server: all todos, or what changed. */
  hear({ todos, changes, ack, size }) {
    if (todos) {
      this.#known = new Map(todos.map(([id, text, completed]) => [id, { text, completed }]));
    }
    for (const [id, text, completed] of changes ?? []) {
      apply(this.#known, id, text === undefined ? null : { text, completed });
    }
    if (ack !== undefined) this.#pending = this.#pending.filter(({ number }) => number > ack);
    this.size = size;
  }

  /** The server took none of the oldest edit, and never will. */
  giveUpOldest() {
    this.#pending.shift();
  }
}

/** The store as JSON for people; the server writes the same. */
export function pretty(todos) {
  const rows = [...todos].map(
    ([id, { text, completed }]) =>
      `      ${JSON.stringify(id)}: {\n        "text": ${JSON.stringify(text)},\n        "completed": ${completed}\n      }`,
  );
  const inner = rows.length ? `\n${rows.join(",\n")}\n    ` : "";
  return `{\n  "tables": {\n    "todos": {${inner}}\n  },\n  "values": {}\n}`;
}
