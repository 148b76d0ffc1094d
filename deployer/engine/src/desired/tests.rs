//! From a manifest to what is wanted.

use std::collections::BTreeMap;

use camino::Utf8Path;
use tiny_assets::Package;
use tiny_cloudflare::Secret;
use tiny_manifest::{LoadOptions, StageName};

use super::{BindingSpec, Code, Desired, SecretSpec, Spec, WorkerSpec, asset_hash};
use crate::{Address, Kind};

const MANIFEST: &str = r#"
name = "shop"

[workers.web]
crate = "web"
compatibility_date = "2026-11-01"
url = true
crons = ["0 4 * * *"]
vars = { MODE = "live", LIMITS = { most = 3 } }
secrets = ["AT_HAND", "ELSEWHERE", { name = "MADE_UP", generate = true }]
assets = { directory = "public", binding = "ASSETS" }

[workers.web.durable_objects]
ROOM = { class = "Room", renamed_from = "Hall" }
ROOM_AGAIN = "Room"
LOG = { class = "Log", worker = "back" }

[workers.web.bindings]
ARCHIVE = { d1 = "archive" }
SELF = { service = "web" }
LIMITER = { ratelimit = { limit = 100, period = 60 } }

[workers.back]
crate = "back"
compatibility_date = "2026-11-01"
tail_consumers = ["web"]

[workers.back.durable_objects]
LOG = "Log"

[workers.back.consumers.jobs]
batch_timeout = 7
dead_letter_queue = "failed"

[d1.archive]
migrations = "migrations"

[queues.jobs]
[queues.failed]
[kv.unbound]
"#;

fn desired(folder: &Utf8Path) -> Desired {
    for file in ["web", "back"] {
        fs_err::create_dir_all(folder.join(file)).unwrap();
        let package = format!("[package]\nname = \"{file}\"\n");
        fs_err::write(folder.join(file).join("Cargo.toml"), package).unwrap();
    }
    for (file, text) in [
        ("public/index.html", "<p>hello"),
        ("public/_headers", "/*\n  x-a: b\n"),
        ("public/.assetsignore", "*.map\n"),
        ("public/app.map", "{}"),
        ("package/dist/index.mjs", "export {}"),
        ("migrations/0002.sql", "SELECT 2"),
        ("migrations/0001.sql", "SELECT 1"),
        ("tiny.toml", MANIFEST),
    ] {
        fs_err::create_dir_all(folder.join(file).parent().unwrap()).unwrap();
        fs_err::write(folder.join(file), text).unwrap();
    }
    let options = LoadOptions {
        stage: StageName::new("prod").unwrap(),
        env: &|_| None,
    };
    let stack = tiny_manifest::load(&folder.join("tiny.toml"), &options)
        .map_err(|errors| format!("{errors:?}"))
        .unwrap();
    let code = |hash: &str| Code {
        main: "index.js".to_owned(),
        modules: Vec::new(),
        hash: hash.to_owned(),
    };
    let code = BTreeMap::from([
        ("web".to_owned(), code("w")),
        ("back".to_owned(), code("b")),
    ]);
    let secret = |name: &str| (name == "AT_HAND").then(|| Secret::new("value"));
    let package = Package {
        name: "left-pad 1.3.0".to_owned(),
        folder: folder.join("package"),
        files: vec![("dist/index.mjs".to_owned(), "vendor/pad.js".to_owned())],
    };
    let packages = BTreeMap::from([("web".to_owned(), vec![package])]);
    Desired::of(&stack, code, &packages, &secret).unwrap()
}

fn at(text: &str) -> Address {
    text.parse().unwrap()
}

fn worker<'a>(desired: &'a Desired, id: &str) -> &'a WorkerSpec {
    match &desired.resources[&Address::new(Kind::Worker, id)].spec {
        Spec::Worker(spec) => spec,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_manifest_becomes_what_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let desired = desired(Utf8Path::from_path(folder.path()).unwrap());
    let addresses: Vec<String> = desired.resources.keys().map(ToString::to_string).collect();
    assert_eq!(
        addresses,
        [
            "worker.back",
            "worker.web",
            "d1.archive",
            "kv.unbound",
            "queue.failed",
            "queue.jobs"
        ]
    );
    assert_eq!(
        desired.resources[&at("kv.unbound")].name,
        "shop-prod-unbound"
    );
    let needs = |address: &str| -> Vec<String> {
        let depends_on = &desired.resources[&at(address)].depends_on;
        depends_on.iter().map(ToString::to_string).collect()
    };
    assert_eq!(needs("worker.web"), ["worker.back", "d1.archive"]);
    assert_eq!(
        needs("worker.back"),
        ["worker.web", "queue.failed", "queue.jobs"]
    );
    let Spec::D1(d1) = &desired.resources[&at("d1.archive")].spec else {
        panic!()
    };
    let files: Vec<&str> = d1
        .migrations
        .iter()
        .map(|file| file.name.as_str())
        .collect();
    assert_eq!(files, ["0001.sql", "0002.sql"]);
}

#[test]
fn a_worker_is_wanted_with_all_that_the_manifest_says() {
    let folder = tempfile::tempdir().unwrap();
    let desired = desired(Utf8Path::from_path(folder.path()).unwrap());
    let web = worker(&desired, "web");
    assert_eq!(web.code.hash, "w");
    assert!(matches!(web.secrets["AT_HAND"], SecretSpec::Value(_)));
    assert!(matches!(web.secrets["ELSEWHERE"], SecretSpec::Keep));
    assert!(matches!(web.secrets["MADE_UP"], SecretSpec::Generate));
    assert_eq!(web.classes.len(), 1);
    assert_eq!(web.classes["Room"].renamed_from.as_deref(), Some("Hall"));
    let names: Vec<&String> = web.bindings.keys().collect();
    assert_eq!(
        names,
        [
            "ARCHIVE",
            "ASSETS",
            "LIMITER",
            "LOG",
            "ROOM",
            "ROOM_AGAIN",
            "SELF"
        ]
    );
    assert_eq!(web.bindings["ASSETS"], BindingSpec::Assets);
    let assets = web.assets.as_ref().unwrap();
    let files: Vec<&String> = assets.files.keys().collect();
    assert_eq!(files, ["/index.html", "/vendor/pad.js"]);
    let page = &assets.files["/index.html"];
    assert_eq!(page.hash, asset_hash(b"<p>hello", "html"));
    assert_eq!(
        page.content_type.as_deref(),
        Some("text/html; charset=utf-8")
    );
    // The place in the site says what a file is, as if it lay there.
    let of_package = &assets.files["/vendor/pad.js"];
    assert_eq!(of_package.hash, asset_hash(b"export {}", "js"));
    assert_eq!(
        of_package.content_type.as_deref(),
        Some("text/javascript; charset=utf-8")
    );
    assert_eq!(assets.config.headers.as_deref(), Some("/*\n  x-a: b\n"));
    let consumer = &worker(&desired, "back").consumers["jobs"];
    assert_eq!(consumer.settings.max_wait_time_ms, Some(7000));
    assert_eq!(consumer.dead_letter_queue.as_deref(), Some("failed"));
}
