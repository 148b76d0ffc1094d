//! npm's real `wrangler` against the local Cloudflare: whatever it deploys to Cloudflare it can
//! deploy here, and what it deployed answers.

use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Cloud, PATIENCE, Wrangler, checkout, workspace_of_tests};

/// The code of a worker with one Durable Object class that counts, beside a fetch handler.
fn counting(class: &str, fetch: &str) -> String {
    format!(
        r#"import {{ DurableObject }} from "cloudflare:workers";
export class {class} extends DurableObject {{
  async add() {{
    const n = ((await this.ctx.storage.get("n")) ?? 0) + 1;
    await this.ctx.storage.put("n", n);
    return n;
  }}
}}
export default {{ async fetch(request, env) {{ {fetch} }} }};
"#
    )
}

const COUNT: &str = r#"return Response.json(await env.COUNTER.getByName("one").add());"#;

/// An empty project of this name.
async fn project(name: &str, cloud: &Cloud) -> Wrangler {
    let root = root(name);
    let _ = fs_err::remove_dir_all(&root);
    Wrangler::within(&root, cloud).await
}

fn root(name: &str) -> Utf8PathBuf {
    workspace_of_tests().join("wrangler").join(name)
}

/// What a worker answers with, once it answers like this; a queue takes its time.
async fn eventually(cloud: &Cloud, script: &str, path: &str, wanted: &str) {
    let started = Instant::now();
    loop {
        let answer = text(cloud, script, path).await;
        if answer == wanted {
            return;
        }
        assert!(
            started.elapsed() < PATIENCE,
            "{script}{path} is still `{answer}`, not `{wanted}`"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn text(cloud: &Cloud, script: &str, path: &str) -> String {
    cloud.worker(script, path).await.text().await.unwrap()
}

async fn json_of(cloud: &Cloud, script: &str, path: &str) -> Value {
    let answer = text(cloud, script, path).await;
    serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{script}{path} answers: {answer}"))
}

/// The names of the Durable Object classes that a script has.
async fn classes(cloud: &Cloud, script: &str) -> Vec<String> {
    let namespaces = cloud.result("/workers/durable_objects/namespaces").await;
    let mut classes: Vec<String> = namespaces
        .as_array()
        .unwrap()
        .iter()
        .filter(|namespace| namespace["script"] == script)
        .map(|namespace| namespace["class"].as_str().unwrap().to_owned())
        .collect();
    classes.sort();
    classes
}

fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no `{part}` in:\n{text}");
    }
}

#[tokio::test]
async fn a_worker_with_every_kind_of_binding_is_deployed_used_deployed_again_and_deleted() {
    let cloud = Cloud::start("wrangler-kinds").await;
    for queue in ["kinds-jobs", "kinds-dead"] {
        let account = cloud.account().await;
        let body = json!({ "queue_name": queue });
        let made = cloud
            .request(Method::POST, &format!("{account}/queues"), Some(body))
            .await;
        assert_eq!(made["success"], true, "{made}");
    }
    let wrangler = project("kinds", &cloud).await;
    let fixture = checkout().join("tests/peers/kinds");
    for file in [
        "worker.js",
        "public/hello.txt",
        "public/_headers",
        "public/_redirects",
    ] {
        let text = fs_err::read_to_string(fixture.join(file)).unwrap();
        wrangler.write(file, &text);
    }
    wrangler.write(
        "migrations/0001_notes.sql",
        "create table notes (id integer primary key, text text not null);\n\
         insert into notes (text) values ('of the migration');\n",
    );
    let config = |greeting: &str| {
        json!({
            "name": "kinds",
            "main": "worker.js",
            "compatibility_date": "2026-11-01",
            "workers_dev": true,
            "vars": { "GREETING": greeting, "SETTINGS": { "deep": [1, 2] } },
            "durable_objects": { "bindings": [{ "name": "COUNTER", "class_name": "Counter" }] },
            "exports": { "Counter": { "type": "durable-object", "storage": "sqlite" } },
            "kv_namespaces": [{ "binding": "VALUES" }],
            "r2_buckets": [{ "binding": "FILES", "bucket_name": "kinds-files" }],
            "d1_databases": [{ "binding": "NOTES", "database_name": "kinds-notes" }],
            "queues": {
                "producers": [{ "binding": "JOBS", "queue": "kinds-jobs" }],
                "consumers": [{
                    "queue": "kinds-jobs",
                    "max_batch_size": 5,
                    "max_batch_timeout": 1,
                    "dead_letter_queue": "kinds-dead"
                }]
            },
            "assets": { "directory": "public", "binding": "ASSETS" },
            "triggers": { "crons": ["0 4 * * *", "*/5 * * * *"] },
            "routes": ["example.com/api/*", { "pattern": "kinds.example.com", "custom_domain": true }],
            "observability": { "enabled": true },
            "ratelimits": [{
                "name": "LIMITER",
                "namespace_id": "1001",
                "simple": { "limit": 1000, "period": 60 }
            }]
        })
    };

    wrangler.configure(&config("hello"));
    let said = wrangler.succeeds(&["deploy"]).await;
    has(
        &said,
        &[
            "Durable Object exports reconciliation:\n  Created: Counter",
            "VALUES provisioned",
            "NOTES provisioned",
            "FILES provisioned",
            "schedule: 0 4 * * *",
            "Consumer for kinds-jobs",
            "kinds.example.com (custom domain)",
        ],
    );
    assert_eq!(json_of(&cloud, "kinds", "/count").await, 1);
    assert_eq!(
        json_of(&cloud, "kinds", "/vars").await,
        json!({ "greeting": "hello", "settings": { "deep": [1, 2] } })
    );
    let asset = cloud.worker("kinds", "/hello.txt").await;
    assert_eq!(asset.headers()["x-from"], "headers");
    assert_eq!(asset.text().await.unwrap(), "hello from a file\n");
    let moved = cloud.worker("kinds", "/old").await;
    assert_eq!(moved.status(), 301);
    // The same worker answers at its own domain, and where its route is.
    let by_domain = cloud.visit("http://kinds.example.com/vars").await;
    assert_eq!(by_domain.status(), 200);
    let by_route = cloud.visit("http://example.com/api/nothing").await;
    assert_eq!(by_route.text().await.unwrap(), "nothing here");
    let schedules = cloud.result("/workers/scripts/kinds/schedules").await;
    assert_eq!(
        schedules["schedules"].as_array().unwrap().len(),
        2,
        "{schedules}"
    );

    cloud.worker("kinds", "/send?text=by+queue").await;
    eventually(&cloud, "kinds", "/kv?key=job", "by queue").await;

    let values = namespace(&cloud, "kinds-values").await;
    let put = ["kv", "key", "put", "--remote", "--namespace-id", &values];
    let put = [&put[..], &["a key", "by wrangler"]].concat();
    let (migrated, _) = tokio::join!(
        wrangler.succeeds(&["d1", "migrations", "apply", "kinds-notes", "--remote"]),
        wrangler.succeeds(&put),
    );
    has(&migrated, &["0001_notes.sql", "✅"]);
    assert_eq!(text(&cloud, "kinds", "/kv?key=a+key").await, "by wrangler");

    let said = wrangler
        .succeeds(&[
            "d1",
            "execute",
            "kinds-notes",
            "--remote",
            "--command",
            "insert into notes (text) values ('by hand'); select count(*) as total from notes",
        ])
        .await;
    has(&said, &["\"total\": 2"]);
    assert_eq!(
        json_of(&cloud, "kinds", "/d1").await,
        json!(["of the migration", "by hand"])
    );

    wrangler.write("file.txt", "an object's bytes");
    wrangler
        .succeeds(&[
            "r2",
            "object",
            "put",
            "kinds-files/folder/one.txt",
            "--file",
            "file.txt",
            "--remote",
        ])
        .await;
    assert_eq!(
        text(&cloud, "kinds", "/r2?key=folder%2Fone.txt").await,
        "an object's bytes"
    );

    // Again, with another value: everything that it made before is found, and nothing is lost.
    wrangler.configure(&config("hello again"));
    let said = wrangler.succeeds(&["deploy"]).await;
    has(&said, &["env.VALUES (inherited)", "No updated asset files"]);
    assert!(!said.contains("provisioned"), "{said}");
    assert_eq!(json_of(&cloud, "kinds", "/count").await, 2);
    assert_eq!(
        json_of(&cloud, "kinds", "/vars").await["greeting"],
        "hello again"
    );
    assert_eq!(text(&cloud, "kinds", "/kv?key=a+key").await, "by wrangler");
    let namespaces = cloud.result("/storage/kv/namespaces").await;
    assert_eq!(namespaces.as_array().unwrap().len(), 1, "{namespaces}");

    let said = wrangler.succeeds(&["delete", "--force"]).await;
    has(&said, &["Successfully deleted kinds"]);
    assert!(cloud.lacks("/workers/scripts/kinds/settings").await);
    assert_eq!(cloud.worker("kinds", "/vars").await.status(), 404);
    assert!(classes(&cloud, "kinds").await.is_empty());
    // It takes no data with it.
    assert!(!cloud.lacks("/r2/buckets/kinds-files").await);
}

/// The id of the namespace with this title.
async fn namespace(cloud: &Cloud, title: &str) -> String {
    let namespaces = cloud.result("/storage/kv/namespaces").await;
    let namespace = namespaces
        .as_array()
        .unwrap()
        .iter()
        .find(|namespace| namespace["title"] == title)
        .unwrap_or_else(|| panic!("no namespace `{title}` in {namespaces}"));
    namespace["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn versions_are_split_rolled_back_and_tailed_and_secrets_come_and_go() {
    let cloud = Cloud::start("wrangler-versions").await;
    let wrangler = project("versions", &cloud).await;
    let code = |version: &str| {
        let answer = format!(
            r#"console.log("asked for", new URL(request.url).pathname);
               return new Response("{version} " + (env.TOKEN ?? "no token"));"#
        );
        format!("export default {{ async fetch(request, env) {{ {answer} }} }};")
    };
    wrangler.configure(&json!({
        "name": "versions",
        "main": "worker.js",
        "compatibility_date": "2026-11-01",
    }));

    wrangler.write("worker.js", &code("one"));
    let said = wrangler.succeeds(&["deploy"]).await;
    let first = version_in(&said, "Current Version ID: ");
    assert_eq!(text(&cloud, "versions", "/").await, "one no token");

    wrangler
        .succeeds_with("of the standard input", &["secret", "put", "TOKEN"])
        .await;
    assert_eq!(
        text(&cloud, "versions", "/").await,
        "one of the standard input"
    );
    let said = wrangler.succeeds(&["secret", "list"]).await;
    has(&said, &["\"TOKEN\"", "\"secret_text\""]);

    // An upload changes nothing for those who ask.
    wrangler.write("worker.js", &code("two"));
    let said = wrangler
        .succeeds(&[
            "versions",
            "upload",
            "--message",
            "the second",
            "--tag",
            "v2",
        ])
        .await;
    let second = version_in(&said, "Worker Version ID: ");
    assert_eq!(
        text(&cloud, "versions", "/").await,
        "one of the standard input"
    );

    // The one with the secret is what runs now.
    let deployed = cloud.result("/workers/scripts/versions/deployments").await;
    let with_secret = deployed["deployments"][0]["versions"][0]["version_id"].clone();
    let with_secret = with_secret.as_str().unwrap();
    let half = format!("{with_secret}@50");
    let said = wrangler
        .succeeds(&["versions", "deploy", &half, &format!("{second}@50"), "-y"])
        .await;
    has(&said, &["SUCCESS", "at 50%"]);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..60 {
        seen.insert(text(&cloud, "versions", "/").await);
    }
    assert_eq!(
        seen.into_iter().collect::<Vec<_>>(),
        ["one of the standard input", "two of the standard input"]
    );

    let whole = format!("{second}@100");
    let deploy = ["versions", "deploy", &whole, "-y"];
    let (listed, _) = tokio::join!(
        wrangler.succeeds(&["versions", "list"]),
        wrangler.succeeds(&deploy),
    );
    has(&listed, &[&first, &second, "the second", "v2"]);
    assert_eq!(
        text(&cloud, "versions", "/").await,
        "two of the standard input"
    );

    a_tail_shows_a_request(&wrangler, &cloud).await;

    // The first version knew no secret.
    let said = wrangler
        .succeeds(&["rollback", &first, "--message", "back", "-y"])
        .await;
    has(&said, &["has been deployed to 100% of traffic"]);
    assert_eq!(text(&cloud, "versions", "/").await, "one no token");
    let said = wrangler.succeeds(&["deployments", "status"]).await;
    has(&said, &[&format!("(100%) {first}"), "back"]);

    // Secrets would go to the latest version, which is not the one that runs.
    let bulk = r#"{"ANOTHER": "a", "THIRD": "b"}"#;
    wrangler.write("secrets.json", bulk);
    let said = wrangler.fails(&["secret", "bulk", "secrets.json"]).await;
    has(
        &said,
        &["the latest version of your Worker isn't currently deployed"],
    );

    // Without classes a deploy goes by way of a version.
    wrangler.write("worker.js", &code("three"));
    wrangler.succeeds(&["deploy"]).await;
    let answer = text(&cloud, "versions", "/").await;
    assert!(answer.starts_with("three"), "{answer}");
    wrangler.succeeds(&["secret", "bulk", "secrets.json"]).await;
    wrangler.succeeds(&["secret", "delete", "ANOTHER"]).await;
    let said = wrangler.succeeds(&["secret", "list"]).await;
    assert!(
        said.contains("THIRD") && !said.contains("ANOTHER"),
        "{said}"
    );
}

/// Follows the worker until it was asked for something, and ends.
async fn a_tail_shows_a_request(wrangler: &Wrangler, cloud: &Cloud) {
    let mut tail = wrangler.start(&["tail", "versions", "--format", "json"]);
    // It does not say when it listens, and what was asked for before that is not shown.
    let asking = async {
        loop {
            cloud.worker("versions", "/seen-by-tail").await;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::select! {
        _ = tail.says("/seen-by-tail") => {}
        () = asking => {}
    }
    tail.interrupt().await;
    let account = cloud.account().await;
    let ended = cloud.journal().into_iter().any(|request| {
        request.method == "DELETE"
            && request
                .path
                .contains(&format!("{account}/workers/scripts/versions/tails/"))
            && request.status == Some(200)
    });
    assert!(ended, "wrangler's tail is still there");
}

/// The id that follows these words.
fn version_in(said: &str, words: &str) -> String {
    let (_, rest) = said
        .split_once(words)
        .unwrap_or_else(|| panic!("no `{words}` in:\n{said}"));
    rest.split_whitespace().next().unwrap().to_owned()
}

fn with_classes(name: &str, bound: Option<&str>, exports: &Value) -> Value {
    let mut config = json!({
        "name": name,
        "main": "worker.js",
        "compatibility_date": "2026-11-01",
        "exports": exports,
    });
    if let Some(class) = bound {
        config["durable_objects"] =
            json!({ "bindings": [{ "name": "COUNTER", "class_name": class }] });
    }
    config
}

fn live() -> Value {
    json!({ "type": "durable-object", "storage": "sqlite" })
}

#[tokio::test]
async fn classes_are_made_renamed_and_deleted_by_exports() {
    let cloud = Cloud::start("wrangler-exports").await;
    let wrangler = project("exports", &cloud).await;

    wrangler
        .write("worker.js", &counting("Counter", COUNT))
        .configure(&with_classes(
            "exports",
            Some("Counter"),
            &json!({ "Counter": live() }),
        ));
    let said = wrangler.succeeds(&["deploy"]).await;
    has(
        &said,
        &["Durable Object exports reconciliation:\n  Created: Counter"],
    );
    assert_eq!(json_of(&cloud, "exports", "/").await, 1);

    // Nothing is dropped by forgetting it.
    wrangler
        .write("worker.js", &counting("Room", COUNT))
        .configure(&with_classes(
            "exports",
            Some("Room"),
            &json!({ "Room": live() }),
        ));
    let said = wrangler.fails(&["deploy"]).await;
    has(&said, &["[orphaned_provisioned_namespace] class 'Counter'"]);
    assert_eq!(json_of(&cloud, "exports", "/").await, 2);
    assert_eq!(classes(&cloud, "exports").await, ["Counter"]);

    let renamed = json!({
        "Room": live(),
        "Counter": { "type": "durable-object", "state": "renamed", "renamed_to": "Room" }
    });
    wrangler.configure(&with_classes("exports", Some("Room"), &renamed));
    let said = wrangler.succeeds(&["deploy"]).await;
    has(&said, &["Renamed: Counter → Room"]);
    assert_eq!(classes(&cloud, "exports").await, ["Room"]);
    assert_eq!(
        json_of(&cloud, "exports", "/").await,
        3,
        "the data goes with the name"
    );

    let said = wrangler.succeeds(&["deploy"]).await;
    has(
        &said,
        &[
            "[stale_tombstone] Counter",
            "Safe to remove from `exports`: Counter",
        ],
    );

    let nothing = "export default { fetch: () => new Response('no classes') };";
    let deleted = json!({ "Room": { "type": "durable-object", "state": "deleted" } });
    wrangler
        .write("worker.js", nothing)
        .configure(&with_classes("exports", None, &deleted));
    let said = wrangler.succeeds(&["deploy"]).await;
    has(&said, &["Deleted: Room"]);
    assert!(classes(&cloud, "exports").await.is_empty());
    assert_eq!(text(&cloud, "exports", "/").await, "no classes");
}

#[tokio::test]
async fn a_class_is_handed_over_to_another_worker_with_its_data() {
    let cloud = Cloud::start("wrangler-transfer").await;
    let (giver, taker) = tokio::join!(project("giver", &cloud), project("taker", &cloud));

    giver
        .write("worker.js", &counting("Counter", COUNT))
        .configure(&with_classes(
            "giver",
            Some("Counter"),
            &json!({ "Counter": live() }),
        ));
    giver.succeeds(&["deploy"]).await;
    assert_eq!(json_of(&cloud, "giver", "/").await, 1);
    assert_eq!(json_of(&cloud, "giver", "/").await, 2);

    let expecting = json!({ "Counter": {
        "type": "durable-object",
        "state": "expecting-transfer",
        "storage": "sqlite",
        "transfer_from": "giver"
    } });
    taker
        .write(
            "worker.js",
            &counting("Counter", "return new Response('not yet');"),
        )
        .configure(&with_classes("taker", None, &expecting));
    let said = taker.succeeds(&["deploy"]).await;
    has(&said, &["Transfer pending: Counter ← giver"]);
    assert_eq!(classes(&cloud, "giver").await, ["Counter"]);

    let transferred = json!({ "Counter": {
        "type": "durable-object",
        "state": "transferred",
        "transferred_to": "taker"
    } });
    giver
        .write(
            "worker.js",
            "export default { fetch: () => new Response('given') };",
        )
        .configure(&with_classes("giver", None, &transferred));
    let said = giver.succeeds(&["deploy"]).await;
    has(&said, &["Transferred (committed): Counter → taker"]);
    assert!(classes(&cloud, "giver").await.is_empty());
    assert_eq!(classes(&cloud, "taker").await, ["Counter"]);

    taker
        .write("worker.js", &counting("Counter", COUNT))
        .configure(&with_classes(
            "taker",
            Some("Counter"),
            &json!({ "Counter": live() }),
        ));
    taker.succeeds(&["deploy"]).await;
    assert_eq!(
        json_of(&cloud, "taker", "/").await,
        3,
        "the data came along"
    );
}

#[tokio::test]
async fn classes_are_made_renamed_and_deleted_by_migrations() {
    let cloud = Cloud::start("wrangler-migrations").await;
    let wrangler = project("migrations", &cloud).await;
    let config = |class: Option<&str>, migrations: &[Value]| {
        let mut config = json!({
            "name": "migrations",
            "main": "worker.js",
            "compatibility_date": "2026-11-01",
            "migrations": migrations,
        });
        if let Some(class) = class {
            config["durable_objects"] =
                json!({ "bindings": [{ "name": "COUNTER", "class_name": class }] });
        }
        config
    };
    let mut migrations = vec![json!({ "tag": "v1", "new_sqlite_classes": ["Counter"] })];
    wrangler
        .write("worker.js", &counting("Counter", COUNT))
        .configure(&config(Some("Counter"), &migrations));
    wrangler.succeeds(&["deploy"]).await;
    assert_eq!(json_of(&cloud, "migrations", "/").await, 1);

    migrations
        .push(json!({ "tag": "v2", "renamed_classes": [{ "from": "Counter", "to": "Room" }] }));
    wrangler
        .write("worker.js", &counting("Room", COUNT))
        .configure(&config(Some("Room"), &migrations));
    wrangler.succeeds(&["deploy"]).await;
    assert_eq!(classes(&cloud, "migrations").await, ["Room"]);
    assert_eq!(
        json_of(&cloud, "migrations", "/").await,
        2,
        "the data goes with the name"
    );

    // No migration is pending: this one goes by way of a version.
    wrangler.succeeds(&["deploy"]).await;
    assert_eq!(json_of(&cloud, "migrations", "/").await, 3);

    // A new history, as of another checkout: the tag that is live is in none of its steps.
    let other = [json!({ "tag": "other", "new_sqlite_classes": ["Room"] })];
    wrangler.configure(&config(Some("Room"), &other));
    let said = wrangler.fails(&["deploy"]).await;
    has(&said, &["10074"]);

    migrations.push(json!({ "tag": "v3", "deleted_classes": ["Room"] }));
    wrangler
        .write(
            "worker.js",
            "export default { fetch: () => new Response('no classes') };",
        )
        .configure(&config(None, &migrations));
    wrangler.succeeds(&["deploy"]).await;
    assert!(classes(&cloud, "migrations").await.is_empty());
    assert_eq!(text(&cloud, "migrations", "/").await, "no classes");
}
