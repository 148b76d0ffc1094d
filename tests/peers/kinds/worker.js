// A worker that touches every kind of binding, for wrangler to deploy.
import { DurableObject } from "cloudflare:workers";

export class Counter extends DurableObject {
  add() {
    const { sql } = this.ctx.storage;
    sql.exec("create table if not exists hits (id integer primary key)");
    sql.exec("insert into hits default values");
    return sql.exec("select count(*) as n from hits").one().n;
  }
}

export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    switch (pathname) {
      case "/count":
        return Response.json(await env.COUNTER.getByName("one").add());
      case "/vars":
        return Response.json({ greeting: env.GREETING, settings: env.SETTINGS });
      case "/kv":
        return new Response(await env.VALUES.get(searchParams.get("key")));
      case "/r2": {
        const object = await env.FILES.get(searchParams.get("key"));
        return new Response(object?.body ?? "nothing");
      }
      case "/d1": {
        const { results } = await env.NOTES.prepare("select text from notes order by id").all();
        return Response.json(results.map((note) => note.text));
      }
      case "/send":
        await env.JOBS.send(searchParams.get("text"));
        return new Response("sent");
      default:
        return new Response("nothing here", { status: 404 });
    }
  },

  async queue(batch, env) {
    for (const message of batch.messages) {
      await env.VALUES.put("job", message.body);
    }
  },

  async scheduled(event, env) {
    await env.VALUES.put("cron", event.cron);
  },
};
