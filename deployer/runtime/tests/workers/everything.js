import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";
import { EmailMessage } from "cloudflare:email";

export class Counter extends DurableObject {
  #woken = 0;
  constructor(ctx, env) {
    super(ctx, env);
    ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS hits(n INTEGER)");
  }
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/alarm") await this.ctx.storage.setAlarm(Date.now() + 50);
    if (pathname === "/hit") this.ctx.storage.sql.exec("INSERT INTO hits VALUES (1)");
    const { n } = this.ctx.storage.sql.exec("SELECT COUNT(*) AS n FROM hits").one();
    return new Response(`${n} hits, call ${++this.#woken}`);
  }
  async alarm() {
    this.ctx.storage.sql.exec("INSERT INTO hits VALUES (1)");
  }
}

export class Unbound extends DurableObject {
  hello() {
    return "hello from a class that nothing binds";
  }
}

export class Admin extends WorkerEntrypoint {
  who() {
    return `admin of ${this.ctx.props.of}`;
  }
}

const pages = {
  async "/text"(env) {
    return `${env.TEXT} ${JSON.stringify(env.JSON)} ${env.SECRET}`;
  },
  async "/kv"(env) {
    await env.KV.put("key", "value", { metadata: { m: 1 } });
    const { value, metadata } = await env.KV.getWithMetadata("key");
    const { keys } = await env.KV.list();
    return `${value} ${metadata.m} ${keys.length}`;
  },
  async "/r2"(env) {
    await env.R2.put("folder/object", "content");
    const object = await env.R2.get("folder/object");
    return `${await object.text()} ${(await env.R2.list()).objects.length}`;
  },
  async "/d1"(env) {
    const { results } = await env.D1.prepare("SELECT name FROM people ORDER BY name").all();
    return results.map(({ name }) => name).join(" ");
  },
  async "/cache"() {
    const url = "http://cached.test/page";
    await caches.default.put(url, new Response("kept", { headers: { "cache-control": "max-age=60" } }));
    return await (await caches.default.match(url)).text();
  },
  async "/limit"(env, ctx, request) {
    const outcomes = [];
    for (let n = 0; n < 4; n++) outcomes.push((await env.LIMITER.limit({ key: request.url })).success);
    outcomes.push((await env.LIMITER.limit({ key: `${request.url} of others` })).success);
    return outcomes.join(" ");
  },
  async "/send"(env) {
    await env.QUEUE.send({ n: 1 });
    await env.QUEUE.sendBatch([{ body: { n: 2 } }, { body: { n: 3 } }]);
    return "sent";
  },
  async "/send-poison"(env) {
    await env.QUEUE.send({ poison: true });
    return "sent";
  },
  async "/send-late"(env) {
    await env.QUEUE.send({ late: true }, { delaySeconds: 2 });
    return "sent";
  },
  async "/received"(env) {
    return (await env.KV.get("received")) ?? "";
  },
  async "/assets"(env) {
    return (await env.ASSETS.fetch("http://assets.test/a b.css?x=1")).text();
  },
  async "/analytics"(env) {
    env.POINTS.writeDataPoint({ indexes: ["i"], blobs: ["b"], doubles: [1.5] });
    return "written";
  },
  async "/version"(env) {
    return env.VERSION.id;
  },
  async "/email"(env) {
    await env.EMAIL.send(new EmailMessage("me@a.test", "you@a.test", "Subject: hi\r\n\r\nbody"));
    return "sent";
  },
  async "/email-to-others"(env) {
    return env.EMAIL.send(new EmailMessage("me@a.test", "they@a.test", "x")).catch(String);
  },
  async "/remote"(env) {
    try {
      return await env.AI.run("model");
    } catch (error) {
      return error.message;
    }
  },
  async "/service"(env) {
    return `${await (await env.OTHER.fetch("http://other/")).text()} ${await env.ADMIN.who()}`;
  },
  async "/exports"(env, ctx) {
    return await ctx.exports.Unbound.getByName("one").hello();
  },
  async "/cf"(env, ctx, request) {
    return `${request.cf?.colo} ${request.headers.get("x-tiny-cf")}`;
  },
  async "/log"() {
    console.log("a line", { of: "objects" });
    console.warn("a warning");
    return "logged";
  },
  async "/throw"() {
    throw new Error("thrown on purpose");
  },
  async "/mail"(env) {
    return (await env.KV.get("mail")) ?? "";
  },
  async "/crons"(env) {
    return (await env.KV.get("cron")) ?? "";
  },
};

export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (pathname.startsWith("/counter/")) {
      return env.COUNTER.getByName("one").fetch(`http://counter/${pathname.slice(9)}`);
    }
    return new Response(await pages[pathname](env, ctx, request));
  },
  async queue(batch, env) {
    for (const message of batch.messages) {
      if (batch.queue === "jobs" && message.body.poison) {
        message.retry();
        continue;
      }
      const before = (await env.KV.get("received")) ?? "";
      await env.KV.put("received", `${before}${batch.queue}:${JSON.stringify(message.body)}#${message.attempts};`);
      message.ack();
    }
  },
  async email(message, env) {
    const text = await new Response(message.raw).text();
    await env.KV.put("mail", `${message.headers.get("subject")} of ${message.rawSize}: ${text.length}`);
    if (message.from === "spam@a.test") return message.setReject("no spam");
    await message.forward("me@a.test");
  },
  async scheduled(event, env) {
    await env.KV.put("cron", `${event.cron} at ${event.scheduledTime}`);
  },
};
