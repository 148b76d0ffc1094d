// The class that `cloudflare:email` exports.
export class EmailMessage {
  constructor(from, to, raw) {
    if (typeof from !== "string" || typeof to !== "string") {
      throw new TypeError("an EmailMessage is made of from, to and the raw message");
    }
    this.from = from;
    this.to = to;
    this.raw = raw;
  }
}

export default { EmailMessage };
