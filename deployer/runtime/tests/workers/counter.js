import { DurableObject } from "cloudflare:workers";

export class Counter extends DurableObject {
  #calls = 0;
  async fetch() {
    const stored = ((await this.ctx.storage.get("n")) ?? 0) + 1;
    await this.ctx.storage.put("n", stored);
    return new Response(`${++this.#calls} in memory, ${stored} stored`);
  }
}

export default {
  fetch(request, env) {
    if (!env.COUNTER) return new Response("no counter");
    return env.COUNTER.getByName(new URL(request.url).pathname).fetch(request);
  },
};
