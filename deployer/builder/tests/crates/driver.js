// Calls another worker in the ways that no HTTP client can.
import { WorkerEntrypoint } from "cloudflare:workers";

const calls = {
  "/scheduled": (env) => env.APP.scheduled({ scheduledTime: new Date(), cron: "0 4 * * *" }),
  "/queue": (env) =>
    env.APP.queue("letters", [{ id: "1", timestamp: new Date(), body: "one", attempts: 1 }]),
  "/email": (env) => env.APP.email({ rawSize: 7 }),
  "/add": (env) => env.APP.add(1, 2),
  "/fail": (env) => env.APP.fail(),
  "/audit": (env) => env.ADMIN.audit("Monday"),
  "/audit-fail": (env) => env.ADMIN.fail(),
};

export default class extends WorkerEntrypoint {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    try {
      const value = await calls[pathname](this.env);
      return new Response(typeof value === "object" ? JSON.stringify(value) : `${value}`);
    } catch (error) {
      return new Response(`${error}`, { status: 500 });
    }
  }
}
