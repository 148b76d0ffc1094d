// What the list takes on the server: asked for seldom, and soon after edits of our own.

const OFTEN_MS = 30_000;
const AFTER_EDIT_MS = 2_000;
/** From this part of the limit on, people are warned. */
const WARN = 0.8;

export class Usage {
  #url;
  #show;
  #timer = 0;
  #asked = -OFTEN_MS;

  /** `show({ storage, warnings, archived })` is called with each answer. */
  constructor(url, show) {
    this.#url = url;
    this.#show = show;
    document.addEventListener("visibilitychange", () => this.soon());
  }

  /** Asks when it is time to, if somebody looks. */
  soon() {
    if (this.#timer || document.visibilityState === "hidden" || !navigator.onLine) return;
    const wait = Math.max(this.#asked + OFTEN_MS - performance.now(), AFTER_EDIT_MS);
    this.#timer = setTimeout(() => this.#ask(), wait);
  }

  async #ask() {
    this.#asked = performance.now();
    try {
      const response = await fetch(this.#url, { headers: { accept: "application/json" } });
      if (!response.ok) throw new Error(response.statusText);
      const { storage, warnings = [], archived } = await response.json();
      this.#show({ storage, warnings, archived });
    } catch {
      // Whether there is a server, the connection tells.
    }
    this.#timer = 0;
  }
}

/** The server writes the same into the page. */
export function sentence({ bytes, limit, level }) {
  const note = bytes >= WARN * limit ? ", almost full: delete some todos" : level === "ok" ? "" : `, ${level}`;
  const megabytes = Math.round(limit / 1_048_576);
  return `Storage: ${bytes.toLocaleString("en-US")} bytes / ${megabytes} MB DO limit${note}`;
}
