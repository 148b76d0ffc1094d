// The page's end of `tiny dev`. The server puts a line before this that defines `loaded`: the
// session and the version of the app that this page belongs to.

const STREAM = "/cdn-cgi/tiny/live";

// Browsers open six connections to a host, for all its tabs: a hidden one leaves its own to others.
const KEEP_WHEN_HIDDEN_MS = 5_000;

const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 4_000;

const STYLE = `
:host { all: initial; }
.shade {
  position: fixed; inset: 0; z-index: 2147483647; overflow: auto;
  background: rgb(16 17 20 / 0.72); color: #e8e8ea;
  font: 14px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
}
.panel {
  box-sizing: border-box; max-width: 72rem; margin: 4vh auto; padding: 1.25rem 1.5rem;
  background: #1b1c20; border-top: 4px solid #ff5c57; border-radius: 6px;
  box-shadow: 0 12px 48px rgb(0 0 0 / 0.5);
}
h1 { margin: 0 0 0.75rem; font-size: 1.1em; color: #ff8a86; }
pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; }
p { margin: 1rem 0 0; color: #9a9ba3; }
`;

/** The failure over the page, in a tree of its own that the page's styles do not reach. */
class Overlay {
  #host = null;
  #hidden = null;

  show({ title, text }) {
    const story = `${title}\n${text}`;
    if (this.#hidden === story) return;
    this.clear();
    const host = document.createElement("tiny-failure");
    const root = host.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
    const panel = element("div", "panel");
    panel.setAttribute("role", "alert");
    panel.append(
      element("h1", "", title),
      element("pre", "", text),
      element("p", "", "Mend it and save; this goes away by itself. Escape hides it."),
    );
    const shade = element("div", "shade");
    shade.append(panel);
    root.append(shade);
    document.documentElement.append(host);
    this.#host = host;
    const onKey = (event) => {
      if (event.key !== "Escape") return;
      this.clear();
      this.#hidden = story;
    };
    addEventListener("keydown", onKey);
    host.forget = () => removeEventListener("keydown", onKey);
  }

  clear() {
    this.#host?.forget();
    this.#host?.remove();
    this.#host = null;
    this.#hidden = null;
  }
}

function element(name, className, text = "") {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}

/** Exchanges the stylesheets at these paths. False: the page does not link one of them itself. */
function exchangeStyles(paths, version) {
  const links = [...document.querySelectorAll("link[rel~='stylesheet'][href]")];
  const matches = paths.map((path) =>
    links.filter((link) => {
      const url = new URL(link.href, location.href);
      return url.origin === location.origin && url.pathname === path;
    }),
  );
  if (matches.some((found) => found.length === 0)) return false;
  for (const link of matches.flat()) {
    const url = new URL(link.href, location.href);
    url.searchParams.set("tiny", version);
    const next = link.cloneNode();
    next.href = url.href;
    // The old one stays until the new one is there: no flash of bare HTML.
    const drop = () => link.remove();
    next.addEventListener("load", drop, { once: true });
    next.addEventListener("error", drop, { once: true });
    link.after(next);
  }
  return true;
}

const overlay = new Overlay();
// The page that stands in for the app until it builds for the first time.
const standIn = document.documentElement.hasAttribute("data-tiny-failure");
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
  on("hello", ({ instance, version }) => {
    retry = FIRST_RETRY_MS;
    // Something changed while this page did not listen.
    if (instance !== loaded.instance || version !== loaded.version) reload();
  });
  on("reload", reload);
  on("css", ({ paths, version }) => {
    loaded.version = version;
    if (!exchangeStyles(paths, version)) reload();
  });
  on("failure", (failure) => {
    if (!standIn) overlay.show(failure);
    else if (document.querySelector("pre")?.textContent !== failure.text) reload();
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
