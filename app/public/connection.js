// One WebSocket that comes back by itself.

const SUBPROTOCOL = "patch.todos";
const FIRST_RETRY_MS = 3_000;
const LONGEST_RETRY_MS = 60_000;

/** Close codes that say: what you sent is refused, sending it again is of no use. */
const REFUSED = new Set([1003, 1007, 1008, 1009]);

/** After 3 s, then ever less often, at random so that not all come back at once. */
function pause(failures) {
  const longest = Math.min(FIRST_RETRY_MS * 2 ** failures, LONGEST_RETRY_MS);
  return failures === 0 ? longest : longest * (0.5 + Math.random() / 2);
}

export class Connection {
  #url;
  #on;
  #socket = null;
  #failures = 0;
  #timer = 0;

  /** `on`: { state(name), message(data), refused(reason) }; states: connecting, on, off. */
  constructor(url, on) {
    this.#url = url;
    this.#on = on;
    addEventListener("online", () => this.open());
    addEventListener("pageshow", (event) => event.persisted && this.open());
    addEventListener("pagehide", () => this.#socket?.close(1000, "the page is left"));
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.open();
    });
  }

  open() {
    clearTimeout(this.#timer);
    if (this.#socket) return;
    this.#on.state("connecting");
    const socket = new WebSocket(this.#url, SUBPROTOCOL);
    this.#socket = socket;
    socket.addEventListener("open", () => this.#on.state("on"));
    socket.addEventListener("message", ({ data }) => {
      this.#failures = 0;
      this.#on.message(JSON.parse(data));
    });
    socket.addEventListener("close", ({ code, reason }) => {
      this.#socket = null;
      this.#on.state("off");
      if (REFUSED.has(code)) this.#on.refused(reason);
      this.#timer = setTimeout(() => this.open(), pause(this.#failures++));
    });
  }

  /** Sends it now, or not at all. */
  send(data) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(data));
  }
}
