// Hears of every invocation of the workers, and hands on those that somebody listens to.
import { WorkerEntrypoint } from "cloudflare:workers";

let watched = new Set();

// What JSON has no word for is written as `console` would.
function plain(_, value) {
  if (typeof value === "bigint") return `${value}`;
  return value;
}

// The tail of the workers; which one says its props.
export default class extends WorkerEntrypoint {
  async tail(items) {
    const { worker } = this.ctx.props;
    if (!watched.has(worker)) return;
    const body = JSON.stringify({ worker, items }, plain);
    await this.env.HOST.fetch("http://host/", {
      method: "POST",
      headers: { "x-tiny-call": "trace" },
      body,
    });
  }
}

// What the control worker calls.
export class Desk extends WorkerEntrypoint {
  watch(workers) {
    watched = new Set(workers);
  }
}
