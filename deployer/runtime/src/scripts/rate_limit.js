// The rate limit binding. It counts in the worker's own isolate, of which there is one: exact, and
// no call leaves it. Like Cloudflare's, windows start at fixed times.

// The worker crate looks for this name.
class Ratelimit {
  #limit; #period;
  #window = -1;
  #counts = new Map();

  constructor({ limit, period }) {
    this.#limit = limit;
    this.#period = period;
  }

  async limit(options) {
    if (typeof options !== "object" || options === null) {
      throw new TypeError("limit() takes an object with a `key`");
    }
    const { key } = options;
    if (typeof key !== "string") throw new TypeError("`key` must be a string");
    const now = Math.floor(Date.now() / (this.#period * 1000));
    if (now !== this.#window) {
      this.#window = now;
      this.#counts = new Map();
    }
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, count);
    return { success: count <= this.#limit };
  }
}

export default function (env) {
  return new Ratelimit(env);
}
