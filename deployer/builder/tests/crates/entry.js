// JavaScript around `everything.rs`, with the paths of worker-build's older versions.
import Rust, * as rust from "../build/worker/shim.mjs";
import { Object as Stored } from "../build/index.js";
import wasm from "../build/index_bg.wasm";
import page from "./page.html";

export * from "../build/index.js";

/// A Durable Object that is the crate's, and more.
export class Doubled extends Stored {
  async fetch(request) {
    const response = await super.fetch(request);
    return new Response(`${await response.text()} twice`);
  }
}

export default class extends Rust {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    switch (pathname) {
      case "/page":
        return new Response(page);
      case "/as-an-object":
        return Rust.fetch(request, this.env, this.ctx);
      case "/wasm":
        return new Response(`${wasm} ${rust.add(1, 2)}`);
      case "/doubled":
        return this.env.DOUBLED.getByName("one").fetch("http://object/object/alarms");
      case "/panic":
        return rust.fetch(request, this.env, this.ctx);
      default:
        return super.fetch(request);
    }
  }
}
