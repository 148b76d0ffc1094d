//! What wrangler deployed so far, taken over by a manifest with everything in it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Cloud, Tiny, Wrangler, workspace_of_tests};

const PLAN: [&str; 5] = ["plan", "--stage", "prod", "--profile", "dev"];
const DEPLOY: [&str; 6] = [
    "deploy",
    "--stage",
    "prod",
    "--profile",
    "dev",
    "--no-smoke",
];

/// Classes and tables as the Rust worker knows them; each request leaves something in all of them.
const WORKER: &str = r#"import { DurableObject } from "cloudflare:workers";
export class Room extends DurableObject {
  async call() {
    const sql = this.ctx.storage.sql;
    sql.exec("CREATE TABLE IF NOT EXISTS calls (n INTEGER)");
    sql.exec("INSERT INTO calls VALUES (1)");
    return sql.exec("SELECT COUNT(*) AS n FROM calls").one().n;
  }
}
export class Ledger extends DurableObject {}
export default { async fetch(request, env) {
  await env.NOTES.put("greeting", "from wrangler");
  await env.FILES.put("letter", "dear reader");
  await env.DB.prepare("INSERT INTO notes (text) VALUES ('by wrangler')").run();
  return Response.json(await env.ROOM.getByName("one").call());
} };
"#;

async fn created(cloud: &Cloud, path: &str, body: Value) -> Value {
    let account = cloud.account().await;
    let path = format!("{account}{path}");
    let answer = cloud.request(Method::POST, &path, Some(body)).await;
    assert_eq!(answer["success"], true, "{answer}");
    answer["result"].clone()
}

async fn json_of(cloud: &Cloud, path: &str) -> Value {
    cloud.worker("shop", path).await.json().await.unwrap()
}

/// A worker with data in everything that it binds, and another one beside it. Gives the ids of its
/// namespace and of one that it shares with others.
async fn deployed_by_wrangler(cloud: &Cloud) -> (String, String) {
    let notes = json!({ "title": "shop notes" });
    let notes = created(cloud, "/storage/kv/namespaces", notes).await;
    let shared = json!({ "title": "shared" });
    let shared = created(cloud, "/storage/kv/namespaces", shared).await;
    created(cloud, "/r2/buckets", json!({ "name": "shop-files" })).await;
    let database = created(cloud, "/d1/database", json!({ "name": "shop-main" })).await;

    let root = workspace_of_tests().join("wrangler/takeover");
    let _ = fs_err::remove_dir_all(&root);
    let wrangler = Wrangler::within(&root, cloud).await;
    wrangler.write(
        "admin.js",
        "import { WorkerEntrypoint } from 'cloudflare:workers';\n\
         export class Admin extends WorkerEntrypoint {}\n\
         export default { fetch: () => new Response('admin') };",
    );
    wrangler.configure(&json!({
        "name": "admin",
        "main": "admin.js",
        "compatibility_date": "2026-11-01",
    }));
    wrangler.succeeds(&["deploy"]).await;
    wrangler.write("worker.js", WORKER).write(
        "migrations/0001_notes.sql",
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL);",
    );
    wrangler.configure(&json!({
        "name": "shop",
        "main": "worker.js",
        "compatibility_date": "2026-11-01",
        "workers_dev": true,
        "durable_objects": { "bindings": [
            { "name": "ROOM", "class_name": "Room" },
            { "name": "LEDGER", "class_name": "Ledger" },
        ] },
        "migrations": [{ "tag": "v1", "new_sqlite_classes": ["Room", "Ledger"] }],
        "kv_namespaces": [{ "binding": "NOTES", "id": notes["id"] }],
        "r2_buckets": [{ "binding": "FILES", "bucket_name": "shop-files" }],
        "d1_databases": [{
            "binding": "DB",
            "database_name": "shop-main",
            "database_id": database["uuid"],
        }],
    }));
    wrangler.succeeds(&["deploy"]).await;
    let migrate = ["d1", "migrations", "apply", "shop-main", "--remote"];
    wrangler.succeeds(&migrate).await;
    assert_eq!(json_of(cloud, "/").await, 1);
    let id = |namespace: &Value| namespace["id"].as_str().unwrap().to_owned();
    (id(&notes), id(&shared))
}

/// The manifest of the bindings' worker with the resources that are there.
fn taking_over(manifest: &str, notes: &str, shared: &str) -> String {
    let value = |key: &str| {
        let lines = manifest.lines();
        let mut found = lines.filter_map(|line| line.strip_prefix(&format!("{key} = ")));
        found.next().unwrap().to_owned()
    };
    format!(
        r#"name = "shop"

[workers.first]
crate = {crate_dir}
compatibility_date = "2026-11-01"
import = "shop"

[workers.first.durable_objects]
LEDGER = "Ledger"
ROOM = "Room"

[workers.first.bindings]
NOTES = {{ kv = "notes" }}
FILES = {{ r2 = "files" }}
DB = {{ d1 = "main" }}
SHARED = {{ kv = "shared" }}
ADMIN = {{ service = {{ worker = "admin", entrypoint = "Admin" }} }}

[kv.notes]
import = "{notes}"
keep = true

[r2.files]
import = "shop-files"

[d1.main]
import = "shop-main"
migrations = {migrations}

[external.kv.shared]
id = "{shared}"
"#,
        crate_dir = value("crate"),
        migrations = value("migrations"),
    )
}

#[tokio::test]
async fn a_manifest_takes_over_what_wrangler_deployed_and_leaves_what_it_keeps() {
    let cloud = Cloud::start("takeover").await;
    let (notes, shared) = deployed_by_wrangler(&cloud).await;
    let tiny = Tiny::bindings("takeover").on(&cloud);
    let tiny = tiny.with("tiny.toml", |text| taking_over(&text, &notes, &shared));

    let plan = tiny.ran(&[&PLAN[..], &["--json"]].concat()).exits(0);
    let events = plan.events();
    let shown = events.iter().find(|event| event["event"] == "plan");
    let shown = shown.unwrap();
    assert_eq!(shown["summary"]["adopt"], 4, "{shown}");
    assert_eq!(shown["summary"]["create"], 0, "{shown}");
    assert_eq!(shown["summary"]["delete"], 0, "{shown}");
    let losses = shown["steps"].as_array().unwrap().iter();
    assert!(
        losses.clone().all(|step| step["losses"] == json!([])),
        "{shown}"
    );
    tiny.ran(&DEPLOY).exits(0).says("4 to adopt");

    // The code is another one; the data is what was there.
    let greeting = json_of(&cloud, "/kv/greeting").await;
    assert_eq!(greeting["text"], "from wrangler");
    assert_eq!(json_of(&cloud, "/r2/letter").await["start"], "dear reader");
    let rows = json_of(&cloud, "/d1").await;
    assert_eq!(rows, json!([{ "id": 1, "text": "by wrangler" }]));
    assert_eq!(json_of(&cloud, "/room/one").await["stored"], 2);
    tiny.ran(&[&PLAN[..], &["--exit-code"]].concat())
        .exits(0)
        .says("nothing to do");

    // One resource has one owner.
    tiny.ran(&["plan", "--stage", "staging", "--profile", "dev"])
        .exits(4)
        .says("cannot import")
        .says("it belongs to stage `prod`");
    tiny.ran(&["status", "--stage", "prod"])
        .exits(0)
        .says("kept")
        .says("external");

    tiny.ran(&["destroy", "--stage", "prod", "--yes"])
        .exits(0)
        .says("kept: kv.notes")
        .says("nothing of stage prod remains but what is kept");
    assert!(cloud.lacks("/workers/scripts/shop/settings").await);
    assert!(cloud.lacks("/r2/buckets/shop-files").await);
    assert!(!cloud.lacks("/workers/scripts/admin/settings").await);
    for id in [&notes, &shared] {
        assert!(!cloud.lacks(&format!("/storage/kv/namespaces/{id}")).await);
    }
    let keys = format!("/storage/kv/namespaces/{notes}/keys");
    assert_eq!(cloud.result(&keys).await[0]["name"], "greeting");
}
