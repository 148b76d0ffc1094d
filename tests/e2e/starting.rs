//! `tiny new` and `tiny init`: a project from nothing, and one that wrangler deployed so far.

use crate::support::{Tiny, checkout};

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_project_runs_as_it_is() {
    // The versions that everything else is tested with.
    let lock = fs_err::read_to_string(checkout().join("Cargo.lock")).unwrap();
    let workspace = [
        ("Cargo.toml", "[workspace]\nresolver = \"3\"\n"),
        ("Cargo.lock", lock.as_str()),
    ];
    let tiny = Tiny::empty("new", &workspace);
    let output = tiny.run(&["new", "my-counter"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let again = tiny.run(&["new", "my-counter"]);
    assert_eq!(again.status.code(), Some(1));
    let told = text(&again.stderr);
    assert!(told.contains("cannot make"), "{told}");
    let ignored = fs_err::read_to_string(tiny.root().join("my-counter/.gitignore")).unwrap();
    assert!(ignored.contains(".tiny\n"), "{ignored}");
    let members = fs_err::read_to_string(tiny.root().join("Cargo.toml")).unwrap();
    assert!(members.contains("my-counter"), "{members}");

    let dev = tiny.within("my-counter").dev().await;
    for visit in ["visit 1", "visit 2"] {
        let answer = dev.get("/").await.text().await.unwrap();
        assert!(answer.contains(visit), "{answer}");
    }
    assert_eq!(dev.get("/elsewhere").await.status(), 404);
}

const WRANGLER: &str = r#"{
  // A worker with a bit of everything.
  "$schema": "node_modules/wrangler/config-schema.json",
  "name": "Shop API",
  "main": "build/index.js",
  "build": { "command": "worker-build --release" },
  "compatibility_date": "2026-10-01",
  "workers_dev": false,
  "routes": [
    { "pattern": "shop.example.com", "custom_domain": true },
    { "pattern": "example.com/api/*", "zone_name": "example.com" }
  ],
  "triggers": { "crons": ["0 4 * * *"] },
  "vars": { "CURRENCY": "EUR", "LIMITS": { "cart": 50 } },
  "kv_namespaces": [{ "binding": "CACHE", "id": "0123456789abcdef0123456789abcdef" }],
  "r2_buckets": [{ "binding": "FILES", "bucket_name": "shop-files" }],
  "d1_databases": [{ "binding": "DB", "database_name": "shop", "database_id": "x", "migrations_dir": "migrations" }],
  "durable_objects": { "bindings": [{ "name": "CART", "class_name": "Cart" }] },
  "migrations": [{ "tag": "v1", "new_sqlite_classes": ["Cart"] }],
  "queues": {
    "producers": [{ "binding": "ORDERS", "queue": "orders" }],
    "consumers": [{ "queue": "orders", "max_batch_size": 5, "dead_letter_queue": "dead-orders" }]
  },
  "assets": { "directory": "./public", "binding": "ASSETS", "not_found_handling": "404-page" },
  "observability": { "enabled": true },
  "services": [{ "binding": "AUTH", "service": "auth" }],
  "containers": [],
  "env": {
    "staging": { "vars": { "CURRENCY": "USD" }, "workers_dev": true },
  },
}"#;

#[test]
fn what_wrangler_was_told_becomes_a_manifest() {
    let package = "[package]\nname = \"shop\"\n";
    let files = [
        ("Cargo.toml", package),
        ("src/lib.rs", ""),
        ("wrangler.jsonc", WRANGLER),
        ("public/index.html", ""),
        ("migrations/0001_first.sql", ""),
    ];
    let tiny = Tiny::empty("init", &files);
    let output = tiny.run(&["init"]);
    let told = text(&output.stderr);
    assert!(output.status.success(), "{told}");
    let manifest = fs_err::read_to_string(tiny.root().join("tiny.toml")).unwrap();
    let told = told.replace(tiny.root().as_str(), "[project]");
    insta::assert_snapshot!(format!("{manifest}\n---\n{told}"));

    let again = tiny.run(&["init"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("is there already"));
}

#[test]
fn a_crate_without_wrangler_gets_the_least_that_runs() {
    let package = "[package]\nname = \"my_worker\"\n";
    let tiny = Tiny::empty("init-bare", &[("Cargo.toml", package), ("src/lib.rs", "")]);
    let output = tiny.run(&["init"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let manifest = fs_err::read_to_string(tiny.root().join("tiny.toml")).unwrap();
    insta::assert_snapshot!(manifest, @r#"
    name = "my-worker"

    [workers.worker]
    crate = "."
    compatibility_date = "2026-11-01"
    "#);

    let nothing = Tiny::empty("init-nothing", &[]).run(&["init"]);
    assert_eq!(nothing.status.code(), Some(2));
    assert!(text(&nothing.stderr).contains("tiny new"));
}
