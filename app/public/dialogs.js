// What opens over the page: sharing a list, taking a file into it, what it was before, and signing
// out.

const $ = (id) => document.getElementById(id);
const JSON_PLEASE = { accept: "application/json" };

/** The answer to a request, or an error that says why there is none. */
async function ask(url, init) {
  let response;
  try {
    response = await fetch(url, init);
  } catch {
    throw new Error("There is no connection.");
  }
  if (!response.ok) throw new Error((await why(response)) || `The server answered ${response.status}.`);
  return response;
}

/** What a refusal says, as text or as JSON. */
async function why(response) {
  const text = (await response.text()).trim();
  const isJson = response.headers.get("content-type")?.startsWith("application/json");
  return isJson ? JSON.parse(text).error : text;
}

const RIGHTS = { read: "may look", write: "may change" };

const post = (url, fields) =>
  ask(url, { method: "POST", headers: JSON_PLEASE, body: new URLSearchParams(fields) });

/** Does something; if it fails, `problem` says why. */
async function trying(problem, act) {
  problem.hidden = true;
  try {
    await act();
  } catch (error) {
    problem.textContent = error.message;
    problem.hidden = false;
  }
}

/** `url`: of the links that there are. */
export function makeShareable(url, say) {
  const problem = $("share-problem");

  async function showLinks() {
    const { shares } = await (await ask(url, { headers: JSON_PLEASE })).json();
    $("share-list").replaceChildren(...shares.map(linkRow));
  }

  function linkRow({ id, right, label, created }) {
    const row = $("share-row").content.firstElementChild.cloneNode(true);
    const day = new Date(created).toLocaleDateString();
    const name = label || `Link of ${day}`;
    row.querySelector(".share-label").textContent = name;
    row.querySelector(".share-right").textContent = RIGHTS[right] ?? right;
    const revoke = row.querySelector("button");
    revoke.setAttribute("aria-label", `Revoke: ${name}`);
    revoke.addEventListener("click", () =>
      trying(problem, async () => {
        await post(url, { action: "revoke", id });
        say(`Revoked: ${name}`);
        await showLinks();
        $("share-form").elements.label.focus();
      }),
    );
    return row;
  }

  // Without a script there is a page for it.
  $("share-open").addEventListener("click", (event) => {
    event.preventDefault();
    $("share").showPopover();
  });

  $("share").addEventListener("toggle", ({ newState }) => {
    if (newState !== "open") return;
    $("share-new").hidden = true;
    trying(problem, showLinks);
  });

  $("share-form").addEventListener("submit", (event) => {
    event.preventDefault();
    trying(problem, async () => {
      const answer = await post(url, new FormData(event.target));
      const link = await answer.json();
      $("share-url").value = new URL(link.url, location.href).href;
      $("share-new").hidden = false;
      $("share-url").select();
      event.target.reset();
      say("The link is ready.");
      await showLinks();
    });
  });

  $("share-copy").addEventListener("click", async () => {
    $("share-url").select();
    try {
      await navigator.clipboard.writeText($("share-url").value);
      say("Copied.");
    } catch {
      say("Copy the marked text.");
    }
  });
}

export function makeImportable(url) {
  $("import-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const [file] = event.target.elements.file.files;
    const result = $("import-result");
    if (!file) return;
    result.textContent = "Importing…";
    try {
      const headers = { ...JSON_PLEASE, "content-type": "application/json" };
      await ask(url, { method: "POST", headers, body: await file.text() });
      result.textContent = `Imported: ${file.name}`;
      event.target.reset();
    } catch (error) {
      result.textContent = error.message;
    }
  });
}

/** `url`: of the backups that there are. */
export function makeRestorable(url) {
  const problem = $("backup-problem");
  const inWords = (at) => new Date(at).toLocaleString();

  async function showBackups() {
    const backups = await (await ask(url, { headers: JSON_PLEASE })).json();
    $("backup-list").replaceChildren(...backups.map(backupRow));
  }

  function backupRow({ at, todos }) {
    const row = $("backup-row").content.firstElementChild.cloneNode(true);
    row.querySelector(".share-label").textContent = inWords(at);
    row.querySelector(".share-right").textContent = todos === 1 ? "1 todo" : `${todos} todos`;
    const restore = row.querySelector("button");
    restore.setAttribute("aria-label", `Restore: ${inWords(at)}`);
    restore.addEventListener("click", () => act({ action: "restore", at }, `Restored: ${inWords(at)}`));
    return row;
  }

  const act = (fields, words) =>
    trying(problem, async () => {
      $("backup-result").textContent = "";
      await post(url, fields);
      $("backup-result").textContent = words;
      await showBackups();
    });

  $("backups").addEventListener("toggle", ({ newState }) => {
    if (newState !== "open") return;
    $("backup-result").textContent = "";
    trying(problem, showBackups);
  });
  $("backup-make").addEventListener("click", () => act({ action: "make" }, "Backed up."));
}

/** Before somebody leaves, `forget` takes what is theirs from this device. `unsent()`: how many of their edits the server lacks. */
export function makeLeavable(unsent, forget) {
  $("leave")?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const count = unsent();
    const what = count === 1 ? "One change is" : `${count} changes are`;
    if (count && !confirm(`${what} not on the server yet, and would be lost. Sign out?`)) return;
    try {
      await forget();
    } finally {
      event.target.submit();
    }
  });
}
