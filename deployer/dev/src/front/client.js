// The page's end of `tiny dev`. The server puts a line before this that defines `STYLE`.

const STREAM = "/cdn-cgi/tiny/live";

// Browsers open six connections to a host, for all its tabs: a hidden one leaves its own to others.
const KEEP_WHEN_HIDDEN_MS = 5_000;

const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 4_000;

// The session and the version of the app that this page was made by: the page names them.
const loaded = new URL(import.meta.url).searchParams;
const instance = loaded.get("instance");
let version = Number(loaded.get("version"));

function element(name, className, ...content) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...content);
  return made;
}

const HEADLINE = /^(error|warning)(\[\w+\])?:/;
const GUTTER = /^\s*\d*\s*[|│·]/;
// Below a line of code, not the code itself.
const MARK = /^[\s|_~-]*\^|^\s*[─┬╰]/;
const PLACE = /^\s*(-->|:::|╭─\[)/;
const ADVICE = /^\s*(= )?(help|note): /;

/** The parts of a compiler's message, each with its kind. `""`: nothing in particular. */
function* parts(text) {
  // Carets have the colour of the headline above them.
  let kind = "error";
  for (const line of text.trimEnd().split("\n")) {
    const headline = HEADLINE.exec(line);
    const gutter = GUTTER.exec(line)?.[0] ?? "";
    const rest = line.slice(gutter.length);
    if (headline) {
      kind = headline[1];
      yield [kind, line];
    } else if (gutter) {
      yield ["gutter", gutter];
      yield [!/\d/.test(gutter) && MARK.test(rest) ? kind : "", rest];
    } else if (PLACE.test(line)) {
      yield ["place", line];
    } else {
      const advice = ADVICE.exec(line)?.[0] ?? "";
      yield ["help", advice];
      yield ["", line.slice(advice.length)];
    }
    yield ["", "\n"];
  }
}

/** Puts a compiler's message into `pre`, in colours. */
function paint(pre, text) {
  const painted = [...parts(text)].map(([kind, part]) => (kind ? element("span", kind, part) : part));
  pre.replaceChildren(...painted);
}

/** The failure over the page, in a tree of its own that the page's styles do not reach. */
class Overlay {
  #host = null;
  #story = null;
  #hidden = null;

  show({ title, text }) {
    const story = `${title}\n${text}`;
    if (this.#hidden === story || this.#story === story) return;
    this.clear();
    this.#story = story;
    const hide = element("button", "", "×");
    hide.type = "button";
    hide.ariaLabel = "Hide";
    hide.title = "Hide (Escape)";
    hide.addEventListener("click", () => this.hide());
    const pre = element("pre", "");
    paint(pre, text);
    const panel = element(
      "div",
      "panel",
      element("header", "", element("h1", "", title), hide),
      pre,
      element("p", "", "The last good version is underneath. Mend it and save; this goes away by itself."),
    );
    panel.role = "alert";
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    const host = element("tiny-failure", "");
    const root = host.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [sheet];
    root.append(element("div", "shade over", panel));
    document.documentElement.append(host);
    this.#host = host;
    addEventListener("keydown", this.#onKey);
  }

  hide() {
    const story = this.#story;
    this.clear();
    this.#hidden = story;
  }

  clear() {
    removeEventListener("keydown", this.#onKey);
    this.#host?.remove();
    this.#host = this.#story = this.#hidden = null;
  }

  #onKey = (event) => {
    if (event.key === "Escape") this.hide();
  };
}

/** Exchanges the stylesheets at these paths. False: the page does not link one of them itself. */
function exchangeStyles(paths) {
  const links = [...document.querySelectorAll("link[rel~='stylesheet'][href]")];
  const matches = paths.map((path) =>
    links.filter((link) => {
      const url = new URL(link.href, location.href);
      return url.origin === location.origin && decodeURI(url.pathname) === path;
    }),
  );
  if (matches.some((found) => found.length === 0)) return false;
  for (const link of matches.flat()) {
    const url = new URL(link.href, location.href);
    url.searchParams.set("tiny", version);
    const next = link.cloneNode();
    next.href = url.href;
    // The old one stays until the new one is there: no flash of bare HTML.
    next.addEventListener("load", () => link.remove(), { once: true });
    next.addEventListener("error", reload, { once: true });
    link.after(next);
  }
  return true;
}

const overlay = new Overlay();
// The page that stands in for the app until it builds for the first time.
const standIn = document.documentElement.hasAttribute("data-tiny-failure");
const shown = standIn ? document.querySelector("pre").textContent : "";
if (standIn) paint(document.querySelector("pre"), shown);
let stream = null;
let retry = FIRST_RETRY_MS;
let timer = 0;

function reload() {
  close();
  location.reload();
}

function on(name, act) {
  stream.addEventListener(name, (event) => act(JSON.parse(event.data)));
}

function open() {
  clearTimeout(timer);
  if (stream) return;
  stream = new EventSource(STREAM);
  on("hello", (server) => {
    retry = FIRST_RETRY_MS;
    // Something changed while this page did not listen.
    if (server.instance !== instance || server.version !== version) reload();
  });
  on("reload", reload);
  on("css", ({ paths, version: next }) => {
    version = next;
    if (!exchangeStyles(paths)) reload();
  });
  on("failure", (failure) => {
    if (!standIn) overlay.show(failure);
    else if (shown !== failure.text) reload();
  });
  on("ok", () => {
    if (standIn) reload();
    else overlay.clear();
  });
  stream.addEventListener("error", () => {
    // The server is gone, or restarts.
    close();
    timer = setTimeout(open, retry);
    retry = Math.min(retry * 2, LONGEST_RETRY_MS);
  });
}

function close() {
  clearTimeout(timer);
  stream?.close();
  stream = null;
}

document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") open();
  else {
    clearTimeout(timer);
    timer = setTimeout(close, KEEP_WHEN_HIDDEN_MS);
  }
});
addEventListener("pagehide", close);
addEventListener("pageshow", (event) => {
  if (event.persisted) open();
});
open();
