// The rate limit binding. It counts in the worker's own isolate, of which there is one: exact, and
// no call leaves it. Like Cloudflare's, windows start at fixed times.
export default function (env) {
  let window = -1;
  let counts = new Map();
  return {
    async limit(options) {
      if (typeof options !== "object" || options === null) {
        throw new TypeError("limit() takes an object with a `key`");
      }
      const { key } = options;
      if (typeof key !== "string") throw new TypeError("`key` must be a string");
      const now = Math.floor(Date.now() / (env.period * 1000));
      if (now !== window) {
        window = now;
        counts = new Map();
      }
      const count = (counts.get(key) ?? 0) + 1;
      counts.set(key, count);
      return { success: count <= env.limit };
    },
  };
}
