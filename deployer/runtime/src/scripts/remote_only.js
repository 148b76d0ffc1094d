// A product that exists on Cloudflare alone: every use says so.
export default function (env) {
  return new Proxy({}, {
    get(_, name) {
      // Looking whether it is a promise, or printing it, is no use.
      if (typeof name !== "string" || name === "then" || name === "toJSON") return undefined;
      return () => {
        throw new Error(
          `${env.product} has no local form: \`${name}\` works only once the worker is deployed`,
        );
      };
    },
  });
}
