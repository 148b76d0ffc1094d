// Opens the page without a network: the last page of each address, and the files it is made of.
// The network is asked first, so nobody stays on an old version; what never changes is not asked
// for again. Everything else, above all what the todos are, is none of its business.

const CACHE = "tiny-1";
const FILES = [
  "/app.js",
  "/connection.js",
  "/dialogs.js",
  "/drag.js",
  "/due.js",
  "/edits.js",
  "/here.js",
  "/icon.svg",
  "/icon-192.png",
  "/journal.js",
  "/keys.js",
  "/list.js",
  "/manifest.webmanifest",
  "/order.js",
  "/row.js",
  "/shelf.js",
  "/stamps.js",
  "/style.css",
  "/tinybase.js",
  "/todos.js",
  "/usage.js",
  "/vendor/tinybase/10.0.1/mergeable-store.js",
  "/vendor/tinybase/10.0.1/persister-indexed-db.js",
  "/vendor/tinybase/10.0.1/synchronizer-ws-client.js",
];
/** Their version is in their path. */
const FOREVER = /^\/vendor\//;
/** So long a network that answers nothing is waited for. */
const PATIENCE_MS = 5_000;
/** The same for the files of a page that the network had: others might not fit it. */
const PATIENCE_FOR_FILES_MS = 30_000;

/** Whether the last page is one that was kept. */
let pageWasKept = false;

addEventListener("install", (event) => {
  skipWaiting();
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(FILES)));
});

addEventListener("activate", (event) => {
  event.waitUntil(tidyUp().then(() => Promise.all([clients.claim(), keepOpenPages()])));
});

addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  if (request.mode === "navigate") {
    if (url.pathname === "/") event.respondWith(page(event, pageKey(url)));
  } else if (FOREVER.test(url.pathname)) {
    event.respondWith(kept(request));
  } else if (FILES.includes(url.pathname) && !url.search) {
    // With a query somebody wants the file as it is now: live reload does.
    event.respondWith(file(event, url.pathname));
  }
});

async function tidyUp() {
  for (const name of await caches.keys()) if (name !== CACHE) await caches.delete(name);
  const cache = await caches.open(CACHE);
  for (const { url } of await cache.keys()) {
    const { pathname } = new URL(url);
    if (pathname !== "/" && !FILES.includes(pathname)) await cache.delete(url);
  }
}

/** They came before there was anybody to keep them. */
async function keepOpenPages() {
  const cache = await caches.open(CACHE);
  for (const { url } of await clients.matchAll({ type: "window", includeUncontrolled: true })) {
    const page = new URL(url);
    if (page.pathname !== "/") continue;
    const response = await fetch(url, { redirect: "error" });
    await remember(cache, pageKey(page), response);
  }
}

/** One page for each user, list and link: filters and windows are the page's own work. */
function pageKey({ searchParams }) {
  const who = ["userId", "org", "list", "share"].filter((name) => searchParams.has(name));
  return `/?${new URLSearchParams(who.map((name) => [name, searchParams.get(name)]))}`;
}

async function kept(request) {
  const cache = await caches.open(CACHE);
  const found = await cache.match(request);
  if (found) return found;
  const response = await fetch(request);
  if (response.ok) await cache.put(request, response.clone());
  return response;
}

async function page(event, key) {
  const { response, wasKept } = await freshest(event, key, PATIENCE_MS);
  pageWasKept = wasKept;
  return response;
}

async function file(event, key) {
  const { response } = await freshest(event, key, pageWasKept ? 0 : PATIENCE_FOR_FILES_MS);
  return response;
}

/** From the network, or what it last answered. */
async function freshest(event, key, patience) {
  const cache = await caches.open(CACHE);
  const found = await cache.match(key);
  const answer = fetch(event.request).then(async (response) => {
    await remember(cache, key, response);
    return { response, wasKept: false };
  });
  event.waitUntil(answer.catch(() => {}));
  if (!found) return answer;
  const kept = { response: found, wasKept: true };
  const tooLong = new Promise((resolve) => setTimeout(resolve, patience, kept));
  return Promise.race([answer.catch(() => kept), tooLong]);
}

/** Who may not see a page any more does not see the last one either. */
async function remember(cache, key, response) {
  if (response.ok && !response.redirected) await cache.put(key, response.clone());
  else if ([401, 403, 404, 410].includes(response.status)) await cache.delete(key);
}
