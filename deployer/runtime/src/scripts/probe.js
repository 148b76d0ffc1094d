// Starts a worker for no request but one: what does it export? `worker:main` is replaced by the
// name of its main module.
import { DurableObject, WorkerEntrypoint, WorkflowEntrypoint } from "cloudflare:workers";
import * as worker from "worker:main";

const HANDLERS = [
  "fetch", "scheduled", "queue", "email", "tail", "tailStream", "trace", "connect", "test",
];

function handlers(value) {
  const holder = typeof value === "function" ? value.prototype : value;
  if (typeof holder !== "object" || holder === null) return [];
  return HANDLERS.filter((name) => {
    try {
      return typeof holder[name] === "function";
    } catch {
      return false;
    }
  });
}

function kind(value) {
  if (typeof value === "object" && value !== null) return handlers(value).length > 0 ? "entrypoint" : null;
  if (typeof value !== "function" || typeof value.prototype !== "object") return null;
  if (value.prototype instanceof DurableObject) return "durableObject";
  if (value.prototype instanceof WorkerEntrypoint) return "entrypoint";
  if (value.prototype instanceof WorkflowEntrypoint) return "workflow";
  // A function of the older kind may be `new`ed as well, but nobody declares classes that way.
  return /^class\b/.test(Function.prototype.toString.call(value)) ? "plain" : null;
}

export default {
  fetch() {
    const classes = {};
    for (const [name, value] of Object.entries(worker)) {
      if (name === "default") continue;
      const found = kind(value);
      if (found !== null) classes[name] = found;
    }
    return Response.json({ handlers: handlers(worker.default), classes });
  },
};
