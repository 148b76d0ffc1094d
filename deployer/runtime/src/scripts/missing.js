// A binding that leads to what is not there: every use says so.
export default function (env) {
  const refuse = () => {
    throw new Error(env.message);
  };
  // The worker crate looks at the name of the class before it uses a binding.
  const constructor = { name: env.kind };
  return new Proxy({}, {
    get(_, name) {
      if (name === "constructor") return constructor;
      // Looking whether it is a promise, or printing it, is no use.
      if (typeof name !== "string" || name === "then" || name === "toJSON") return undefined;
      // A stub is an object at once; what it is asked fails as its promise.
      return env.kind === "DurableObjectNamespace" ? refuse : async () => refuse();
    },
  });
}
