// Queues. One object keeps the messages of one queue in SQLite, so that nothing is lost when the
// runtime is exchanged; its alarm hands batches to the consumer. A queue without a consumer keeps
// its messages until there is one.
import { DurableObject } from "cloudflare:workers";

const LARGEST = 128_000;
const LARGEST_BATCH = 256_000;
const MOST = 100;
const LONGEST_DELAY = 86_400;
const FORMATS = ["text", "json", "bytes", "v8"];
const KEPT = 4 * 86_400_000;

class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

function delay(value) {
  const seconds = Number(value);
  if (!Number.isInteger(seconds) || seconds < 0 || seconds > LONGEST_DELAY) {
    throw new Refusal(400, `a delay is a whole number of seconds up to ${LONGEST_DELAY}, not ${value}`);
  }
  return seconds;
}

function format(value) {
  if (!FORMATS.includes(value)) {
    throw new Refusal(400, `a message is one of ${FORMATS.join(", ")}, not ${value}`);
  }
  return value;
}

function checkSize(bytes) {
  if (bytes > LARGEST) {
    throw new Refusal(413, `message length of ${bytes} bytes exceeds limit of ${LARGEST}`);
  }
}

function decode({ format, body }) {
  if (format === "text") return new TextDecoder().decode(body);
  if (format === "json") return JSON.parse(new TextDecoder().decode(body));
  return body;
}

export default {
  fetch(request, env, ctx) {
    const { queue, deliveryDelay } = ctx.props;
    const headers = new Headers(request.headers);
    headers.set("x-tiny-queue", queue);
    if (!headers.has("x-msg-delay-secs") && deliveryDelay > 0) {
      headers.set("x-msg-delay-secs", `${deliveryDelay}`);
    }
    return env.BROKER.getByName(queue).fetch(new Request(request, { headers }));
  },
};

export class Broker extends DurableObject {
  #sql;
  #running = new Set();

  constructor(ctx, env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS queue(name TEXT PRIMARY KEY);
      CREATE TABLE IF NOT EXISTS messages(
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        sent INTEGER NOT NULL,
        format TEXT NOT NULL,
        body BLOB NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        due INTEGER NOT NULL
      );
      CREATE INDEX IF NOT EXISTS by_due ON messages(due);
    `);
  }

  get #name() {
    return this.#sql.exec("SELECT name FROM queue").one().name;
  }

  get #consumer() {
    return this.env.CONSUMERS[this.#name];
  }

  async fetch(request) {
    try {
      this.#sql.exec("INSERT OR IGNORE INTO queue VALUES (?)", request.headers.get("x-tiny-queue"));
      return await this.#answer(request);
    } catch (error) {
      if (error instanceof Refusal) return new Response(error.message, { status: error.status });
      throw error;
    }
  }

  async #answer(request) {
    const { pathname } = new URL(request.url);
    switch (`${request.method} ${pathname}`) {
      case "POST /message": {
        const body = await request.arrayBuffer();
        checkSize(body.byteLength);
        this.#add([{ format: format(request.headers.get("x-msg-fmt") ?? "v8"), body }], request);
        break;
      }
      case "POST /batch": {
        const { messages } = await request.json();
        if (messages.length > MOST) {
          throw new Refusal(413, `batch message count of ${messages.length} exceeds limit of ${MOST}`);
        }
        let bytes = 0;
        const all = messages.map((message) => {
          const body = Uint8Array.fromBase64(message.body).buffer;
          checkSize(body.byteLength);
          bytes += body.byteLength;
          const wait = message.delaySecs === undefined ? undefined : delay(message.delaySecs);
          return { format: format(message.contentType ?? "v8"), body, wait };
        });
        if (bytes > LARGEST_BATCH) {
          throw new Refusal(413, `batch size of ${bytes} bytes exceeds limit of ${LARGEST_BATCH}`);
        }
        this.#add(all, request);
        break;
      }
      case "GET /metrics":
        return Response.json(this.#metrics());
      case "POST /wake":
        break;
      default:
        throw new Refusal(404, "no such call");
    }
    await this.#schedule();
    return Response.json({ metadata: { metrics: this.#metrics() } });
  }

  #add(messages, request) {
    const now = Date.now();
    const header = request.headers.get("x-msg-delay-secs");
    const general = header === null ? 0 : delay(header);
    for (const { format, body, wait = general } of messages) {
      this.#sql.exec(
        "INSERT INTO messages (id, sent, format, body, due) VALUES (?, ?, ?, ?, ?)",
        crypto.randomUUID().replaceAll("-", ""), now, format, body, now + wait * 1000,
      );
    }
  }

  // Called by another queue's object, for what failed there too often.
  bury(queue, letters) {
    this.#sql.exec("INSERT OR IGNORE INTO queue VALUES (?)", queue);
    const now = Date.now();
    for (const { id, sent, format, body } of letters) {
      this.#sql.exec(
        "INSERT OR IGNORE INTO messages (id, sent, format, body, due) VALUES (?, ?, ?, ?, ?)",
        id, sent, format, body, now,
      );
    }
    return this.#schedule();
  }

  #metrics() {
    const { count, bytes, oldest } = this.#sql
      .exec("SELECT COUNT(*) AS count, TOTAL(LENGTH(body)) AS bytes, MIN(sent) AS oldest FROM messages")
      .one();
    return { backlogCount: count, backlogBytes: bytes, oldestMessageTimestamp: oldest ?? 0 };
  }

  // Those that wait, without those that a consumer has right now.
  #waiting(limit, now = Number.MAX_SAFE_INTEGER) {
    const busy = [...this.#running].flat();
    return this.#sql
      .exec(
        `SELECT * FROM messages WHERE due <= ? AND id NOT IN (SELECT value FROM json_each(?))
         ORDER BY due, seq LIMIT ?`,
        now, JSON.stringify(busy), limit,
      )
      .toArray();
  }

  // Sets the alarm to when the next batch is full, or has waited long enough.
  async #schedule() {
    const consumer = this.#consumer;
    if (!consumer || this.#running.size >= consumer.concurrency) return;
    const now = Date.now();
    const full = this.#waiting(consumer.batchSize, now).length === consumer.batchSize;
    const [first] = this.#waiting(1);
    if (!first) return;
    await this.ctx.storage.setAlarm(full ? now : first.due + consumer.batchTimeout * 1000);
  }

  async alarm() {
    const consumer = this.#consumer;
    if (!consumer) return;
    this.#sql.exec("DELETE FROM messages WHERE sent < ?", Date.now() - KEPT);
    // As many batches side by side as the consumer takes; this alarm lasts until the last is done.
    const under_way = [];
    while (this.#running.size < consumer.concurrency) {
      const batch = this.#waiting(consumer.batchSize, Date.now());
      if (batch.length === 0) break;
      const ids = batch.map(({ id }) => id);
      this.#running.add(ids);
      under_way.push(this.#deliver(consumer, batch).finally(() => this.#running.delete(ids)));
    }
    await Promise.all(under_way);
    await this.#schedule();
  }

  async #deliver(consumer, batch) {
    const messages = batch.map((message) => ({
      id: message.id,
      timestamp: new Date(message.sent),
      attempts: message.attempts + 1,
      ...(message.format === "v8" ? { serializedBody: message.body } : { body: decode(message) }),
    }));
    const started = Date.now();
    let result;
    try {
      const metrics = this.#metrics();
      result = await this.env[`worker:${consumer.worker}`].queue(consumer.knownAs, messages, {
        metrics: { ...metrics, oldestMessageTimestamp: new Date(metrics.oldestMessageTimestamp) },
      });
    } catch (error) {
      console.error(`${error?.stack ?? error}`);
      result = { outcome: "exception", retryBatch: { retry: true }, retryMessages: [] };
    }
    const all = result.outcome !== "ok" || (result.retryBatch?.retry ?? false);
    const again = new Map((result.retryMessages ?? []).map((one) => [one.msgId, one.delaySeconds]));
    const acked = new Set(result.explicitAcks ?? []);
    const dead = [];
    let failed = 0;
    for (const message of batch) {
      const retried = again.has(message.id) || (all && !acked.has(message.id));
      if (!retried) {
        this.#sql.exec("DELETE FROM messages WHERE id = ?", message.id);
      } else if (failed++, message.attempts < consumer.maxRetries) {
        const wait = again.get(message.id) ?? result.retryBatch?.delaySeconds ?? consumer.retryDelay;
        this.#sql.exec(
          "UPDATE messages SET attempts = attempts + 1, due = ? WHERE id = ?",
          Date.now() + wait * 1000, message.id,
        );
      } else {
        dead.push(message);
      }
    }
    await this.#bury(consumer, dead);
    const acknowledged = batch.length - failed;
    console.info(`queue ${consumer.knownAs}: ${acknowledged} of ${batch.length} acknowledged (${Date.now() - started} ms)`);
  }

  async #bury({ knownAs, deadLetterQueue, maxRetries }, dead) {
    if (dead.length === 0) return;
    const tries = `${maxRetries + 1} ${maxRetries === 0 ? "try" : "tries"}`;
    if (deadLetterQueue) {
      console.warn(`queue ${knownAs}: ${dead.length} to ${deadLetterQueue} after ${tries}`);
      await this.env.BROKER.getByName(deadLetterQueue).bury(deadLetterQueue, dead);
    } else {
      console.warn(`queue ${knownAs}: ${dead.length} dropped after ${tries}`);
    }
    for (const { id } of dead) this.#sql.exec("DELETE FROM messages WHERE id = ?", id);
  }
}
