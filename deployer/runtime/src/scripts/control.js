// What tiny reaches into the running workers with.
import unsafe from "workerd:unsafe";

// The headers of a message; lines that begin with a space go on with the one before.
function headersOf(text) {
  const [head] = text.split(/\r?\n\r?\n/, 1);
  const headers = new Headers();
  for (const line of head.replace(/\r?\n[ \t]+/g, " ").split(/\r?\n/)) {
    const at = line.indexOf(":");
    if (at < 1) continue;
    try {
      headers.append(line.slice(0, at).trim(), line.slice(at + 1).trim());
    } catch {
      // No header that HTTP knows either.
    }
  }
  return headers;
}

const calls = {
  // Shows that the workers do not keep the runtime to themselves.
  async ping() {
    return true;
  },

  // Runs a worker's scheduled handler.
  async scheduled({ worker, cron, time }, env) {
    const result = await env[`worker:${worker}`].scheduled({ scheduledTime: new Date(time), cron });
    return result.outcome;
  },

  // Hands a message to a worker's email handler, and answers what became of it.
  async email({ worker, from, to, raw }, env) {
    const bytes = Uint8Array.fromBase64(raw);
    const deeds = [];
    const message = {
      from,
      to,
      raw: new Response(bytes).body,
      rawSize: bytes.byteLength,
      headers: headersOf(new TextDecoder().decode(bytes)),
      setReject(reason) {
        deeds.push(`rejected: ${reason}`);
      },
      async forward(to) {
        deeds.push(`forwarded to ${to}`);
        return { messageId: crypto.randomUUID() };
      },
      async reply({ to }) {
        deeds.push(`replied to ${to}`);
        return { messageId: crypto.randomUUID() };
      },
    };
    await env[`worker:${worker}`].email(message);
    return deeds.join(", ") || "handled";
  },

  // Puts objects out of memory; their WebSockets stay open.
  async hibernate({ objects }, env) {
    let count = 0;
    for (const { key, ids } of objects) {
      const namespace = env[`object:${key}`];
      for (const id of ids) {
        const stub = namespace.get(namespace.idFromString(id));
        try {
          await unsafe.evict(stub, { webSockets: "hibernate" });
        } catch (error) {
          // One that sleeps already is as it should be.
          if (!String(error).includes("not currently running")) throw error;
        }
        count++;
      }
    }
    return count;
  },

  // Lets queues look for messages that wait for a consumer that was not there before.
  async wake({ queues }, env) {
    for (const queue of queues) await env[`queue:${queue}`].fetch("http://queue/wake", { method: "POST" });
    return queues.length;
  },

  // Whose invocations are told from now on.
  async watch({ workers }, env) {
    await env.TRACE.watch(workers);
    return workers.length;
  },

  // Applies what a database lacks, and records it in the table (its name quoted) that wrangler keeps too.
  async migrate({ database, table, files }, env) {
    const db = env[`d1:${database}`];
    await db.prepare(
      `CREATE TABLE IF NOT EXISTS ${table}(
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT UNIQUE,
        applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
      )`,
    ).run();
    const { results } = await db.prepare(`SELECT name FROM ${table}`).all();
    const done = new Set(results.map((row) => row.name));
    const applied = [];
    for (const { name, sql } of files) {
      if (done.has(name)) continue;
      try {
        const note = db.prepare(`INSERT INTO ${table} (name) VALUES (?)`).bind(name);
        await db.batch([db.prepare(sql), note]);
      } catch (error) {
        return { applied, failed: { name, message: `${error.message ?? error}` } };
      }
      applied.push(name);
    }
    return { applied };
  },
};

// Passes a request on to the object that keeps a KV namespace or an R2 bucket.
function value(product, request, env) {
  const name = decodeURIComponent(request.headers.get("x-tiny-name"));
  const namespace = env[product];
  const stub = namespace.get(namespace.idFromName(name));
  return stub.fetch(request, { cf: { miniflare: { name } } });
}

export default {
  async fetch(request, env) {
    if (request.headers.get("x-tiny-token") !== env.TOKEN) return new Response(null, { status: 403 });
    const product = request.headers.get("x-tiny-values");
    if (product !== null) return value(product, request, env);
    const { call, ...args } = await request.json();
    try {
      return Response.json({ ok: await calls[call](args, env) });
    } catch (error) {
      return Response.json({ error: `${error.message ?? error}` });
    }
  },
};
