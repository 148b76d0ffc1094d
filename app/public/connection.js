// Keeps the store in step with the server: stock TinyBase over a WebSocket that comes back by
// itself, and knows which of our own edits the server has stored.

import { createWsSynchronizer } from "./tinybase.js";

const FIRST_RETRY_MS = 3_000;
const LONGEST_RETRY_MS = 60_000;
/** Seconds that the server may take to answer. */
const PATIENCE = 15;
/** Longer messages go in parts. */
const PART_BYTES = 256 * 1024;

const ASK_SOON_MS = 60;
const ASK_AGAIN_MS = 250;
const ASK_SELDOM_MS = 4_000;

/** The server's answer to one of our own questions, and a question of its own while it pulls. */
const ANSWER = /^S\n\["asked\.(\d+)",0,/;
const QUESTION = /^S\n\[(?:null|"[^"]*"),[4-7],/;

/** The session has expired. By now there may be a new one. */
const EXPIRED = 4401;
/** Close codes that say: what you send is refused, and would be again. */
const isRefusal = (code) =>
  [1003, 1007, 1008, 1009, 1013].includes(code) || (code >= 4400 && code < 4600 && code !== EXPIRED);

/** After 3 s, then ever less often, at random so that not all come back at once. */
function pause(failures) {
  const longest = Math.min(FIRST_RETRY_MS * 2 ** failures, LONGEST_RETRY_MS);
  return failures === 0 ? longest : longest * (0.5 + Math.random() / 2);
}

export class Connection {
  #store;
  #url;
  #on;
  #socket = null;
  #failures = 0;
  #timer = 0;
  #refused = false;
  /** Whether each has told the other once what it has. */
  #synced = false;
  /** How many edits were made, and how many of them the server has. */
  #edits;
  #stored = 0;
  /** The question that is to show what the server has. */
  #asked = null;
  #askTimer = 0;
  #askPause = ASK_SOON_MS;
  #number = 0;

  /**
   * `unsent`: edits of an earlier page. `on`: { state(name), synced(), unsent(count),
   * refused({ code, reason }) }; states: connecting, on, off.
   */
  constructor(store, url, unsent, on) {
    this.#store = store;
    this.#url = url;
    this.#edits = unsent;
    this.#on = on;
    addEventListener("online", () => this.open());
    addEventListener("pageshow", (event) => event.persisted && this.open());
    addEventListener("pagehide", () => this.#socket?.close(1000, "the page is left"));
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.open();
    });
  }

  get unsent() {
    return this.#edits - this.#stored;
  }

  /** Connects, unless it was refused. */
  async open() {
    clearTimeout(this.#timer);
    if (this.#refused) return;
    if (this.#socket) {
      // Is there still somebody at the other end?
      this.#ask();
      return;
    }
    this.#on.state("connecting");
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    let synchronizer;
    socket.addEventListener("message", ({ data }) => this.#hear(data));
    socket.addEventListener("close", ({ code, reason }) => {
      synchronizer?.destroy();
      this.#closed(code, reason);
    });
    try {
      synchronizer = await createWsSynchronizer(this.#store, socket, PATIENCE, undefined, undefined, undefined, PART_BYTES);
      await synchronizer.startSync();
    } catch {
      // Told by the socket's end.
      socket.close();
    }
    if (this.#socket !== socket || socket.readyState !== WebSocket.OPEN) return;
    this.#failures = 0;
    this.#synced = true;
    this.#on.state("on");
    this.#on.synced();
    this.#askSoon();
  }

  /** Tries again after a refusal. */
  retry() {
    this.#refused = false;
    this.#failures = 0;
    this.open();
  }

  /** Notes that something was edited here. */
  edited() {
    this.#edits++;
    this.#on.unsent(this.unsent);
    this.#askSoon();
  }

  #closed(code, reason) {
    this.#socket = null;
    this.#synced = false;
    this.#forgetQuestion();
    clearTimeout(this.#askTimer);
    this.#askTimer = 0;
    this.#refused = isRefusal(code);
    this.#on.state("off");
    if (this.#refused) this.#on.refused({ code, reason });
    else this.#timer = setTimeout(() => this.open(), pause(this.#failures++));
  }

  #askSoon() {
    this.#askPause = ASK_SOON_MS;
    clearTimeout(this.#askTimer);
    this.#askTimer = setTimeout(() => this.#ask(), ASK_SOON_MS);
  }

  /**
   * Asks for the hashes of what the server has. It answers in order, so an answer says that what
   * was sent before the question is stored.
   */
  #ask() {
    this.#askTimer = 0;
    const socket = this.#socket;
    if (!this.#synced || this.#asked || socket?.readyState !== WebSocket.OPEN) return;
    const timer = setTimeout(() => socket.close(), PATIENCE * 1_000);
    this.#asked = { number: ++this.#number, edits: this.#edits, quiet: true, timer };
    socket.send(`S\n["asked.${this.#number}",1,""]`);
  }

  #forgetQuestion() {
    clearTimeout(this.#asked?.timer);
    this.#asked = null;
  }

  #hear(data) {
    if (QUESTION.test(data) && this.#asked) this.#asked.quiet = false;
    if (ANSWER.exec(data)?.[1] === String(this.#asked?.number)) this.#answered(JSON.parse(data.slice(2))[2]);
  }

  #answered([tables]) {
    const { edits, quiet } = this.#asked;
    this.#forgetQuestion();
    if (tables === this.#store.getMergeableContentHashes()[0]) this.#stored = this.#edits;
    // While it has questions it lacks something, be it of before this connection.
    else if (quiet) this.#stored = edits;
    this.#on.unsent(this.unsent);
    if (this.unsent === 0) return;
    this.#askPause = Math.min(Math.max(this.#askPause * 2, ASK_AGAIN_MS), ASK_SELDOM_MS);
    this.#askTimer ||= setTimeout(() => this.#ask(), this.#askPause);
  }
}
