// A product that exists on Cloudflare alone: every use says so.

// The classes there, which the worker crate looks for before it uses them.
const CLASSES = {
  "Workers AI": "Ai",
  "Workers for Platforms": "DynamicDispatcher",
};

// Methods whose result is no promise there.
const AT_ONCE = { "Images": "input", "Workers for Platforms": "get" };

export default function (env) {
  const constructor = { name: CLASSES[env.product] ?? "Fetcher" };
  return new Proxy({}, {
    get(_, name) {
      if (name === "constructor") return constructor;
      // Looking whether it is a promise, or printing it, is no use.
      if (typeof name !== "string" || name === "then" || name === "toJSON") return undefined;
      const refuse = () => {
        throw new Error(
          `${env.product} has no local form: \`${name}\` works only once the worker is deployed`,
        );
      };
      // The worker crate takes errors from promises only.
      return AT_ONCE[env.product] === name ? refuse : async () => refuse();
    },
  });
}
