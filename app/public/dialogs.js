// What only the owner of a list sees: sharing it, and taking a file into it.

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
  if (!response.ok) throw new Error((await response.text()).trim() || `The server answered ${response.status}.`);
  return response;
}

const RIGHTS = { read: "may look", write: "may change" };

/** `url`: of the links that there are. */
export function makeShareable(url, say) {
  const problem = $("share-problem");

  async function trying(act) {
    problem.hidden = true;
    try {
      await act();
    } catch (error) {
      problem.textContent = error.message;
      problem.hidden = false;
    }
  }

  const post = (fields) => ask(url, { method: "POST", headers: JSON_PLEASE, body: new URLSearchParams(fields) });

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
      trying(async () => {
        await post({ action: "revoke", id });
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
    trying(showLinks);
  });

  $("share-form").addEventListener("submit", (event) => {
    event.preventDefault();
    trying(async () => {
      const answer = await post(new FormData(event.target));
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
