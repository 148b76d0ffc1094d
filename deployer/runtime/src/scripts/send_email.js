// The Send Email binding: messages go to files of the local data.
function check(address, allowed, what) {
  if (allowed.length > 0 && !allowed.includes(address)) {
    throw new Error(`email ${what} ${address} is not allowed by this binding`);
  }
}

async function text(raw) {
  return typeof raw === "string" ? raw : await new Response(raw).text();
}

// The form without MIME, as an object of the usual fields.
function compose({ from, to, cc, subject, text, html, headers = {}, replyTo }) {
  const address = (of) => (typeof of === "string" ? of : of.name ? `${of.name} <${of.email}>` : of.email);
  const all = (of) => [of].flat().map(address).join(", ");
  const lines = [`From: ${address(from)}`, `To: ${all(to)}`];
  if (cc) lines.push(`Cc: ${all(cc)}`);
  if (replyTo) lines.push(`Reply-To: ${address(replyTo)}`);
  lines.push(`Subject: ${subject ?? ""}`, `Date: ${new Date().toUTCString()}`, "MIME-Version: 1.0");
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
  lines.push(`Content-Type: text/${html && !text ? "html" : "plain"}; charset=utf-8`, "", text ?? html ?? "");
  return lines.join("\r\n");
}

export default function (env) {
  return {
    async send(message) {
      const plain = (of) => (typeof of === "string" ? of : of.email);
      const recipients = [message.to].flat().map(plain);
      check(plain(message.from), env.senders, "sender");
      for (const to of recipients) check(to, env.destinations, "destination");
      const raw = message.raw === undefined ? compose(message) : await text(message.raw);
      const response = await env.host.fetch("http://host/", {
        method: "POST",
        headers: { "x-tiny-call": "email" },
        body: raw,
      });
      if (!response.ok) throw new Error(await response.text());
      const path = await response.text();
      console.log(`email from ${plain(message.from)} to ${recipients.join(", ")} written to ${path}`);
      return { messageId: crypto.randomUUID() };
    },
  };
}
