//! The same worker deployed by `tiny` and by npm's `wrangler`: what both upload, field by field.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{Cloud, Tiny, Wrangler, workspace_of_tests};

/// Where the uploads differ, and why that is right. Whatever is not listed here is the same.
const DIFFERENCES: &[(&str, &str)] = &[
    (
        "bindings.TOKEN",
        "tiny sends a secret with the code that needs it, in one step; wrangler sends secrets by \
         calls of their own and keeps those that are there",
    ),
    (
        "tags",
        "tiny marks what it made, so that it never touches what it did not",
    ),
    (
        "code_update_strategy",
        "tiny gives running objects the new code at once unless the manifest says otherwise; \
         wrangler lets them run the old code for up to five minutes",
    ),
    ("assets.jwt", "each upload of assets has a token of its own"),
    (
        "assets.config.html_handling",
        "tiny writes Cloudflare's defaults out, so that a change of them changes no worker",
    ),
    (
        "assets.config.not_found_handling",
        "tiny writes Cloudflare's defaults out, so that a change of them changes no worker",
    ),
    (
        "annotations.workers/message",
        "tiny says in the list of versions where one came from; wrangler only what it is told to",
    ),
    (
        "bindings.JOBS",
        "wrangler lets a queue that is bound already be inherited; what tiny uploads is whole, and \
         does not hang on what is there",
    ),
];

#[tokio::test]
async fn tiny_uploads_what_wrangler_uploads_but_for_differences_with_reasons() {
    let cloud = Cloud::start("compared").await;
    let tiny = Tiny::whole("compared").on(&cloud);
    tiny.ran(&["deploy", "--stage", "test", "--yes"]).exits(0);
    let script = "whole-test-front";
    let by_tiny = cloud.uploaded(script).await;

    let out = workspace_of_tests().join("compared-bundle");
    let _ = fs_err::remove_dir_all(&out);
    tiny.ran(&[
        "build",
        "--release",
        "--stage",
        "test",
        "--out",
        out.as_str(),
    ])
    .exits(0);
    let id = |list: Value, key: &str| list[0][key].as_str().unwrap().to_owned();
    let kv = id(cloud.result("/storage/kv/namespaces").await, "id");
    let d1 = id(cloud.result("/d1/database").await, "uuid");
    let wrangler = Wrangler::within(&out, &cloud).await;
    wrangler.configure(&json!({
        "name": script,
        "main": format!("front/{}", by_tiny["metadata"]["main_module"].as_str().unwrap()),
        "no_bundle": true,
        "find_additional_modules": true,
        "rules": [
            { "type": "CompiledWasm", "globs": ["**/*.wasm"], "fallthrough": false },
            { "type": "ESModule", "globs": ["**/*.js"], "fallthrough": false },
        ],
        "compatibility_date": "2026-11-01",
        "workers_dev": true,
        "vars": { "GREETING": "hello" },
        "durable_objects": { "bindings": [{ "name": "COUNTER", "class_name": "Counter" }] },
        "exports": { "Counter": { "type": "durable-object", "storage": "sqlite" } },
        "kv_namespaces": [{ "binding": "VALUES", "id": kv }],
        "r2_buckets": [{ "binding": "FILES", "bucket_name": "whole-test-files" }],
        "d1_databases": [{
            "binding": "NOTES",
            "database_name": "whole-test-notes",
            "database_id": d1
        }],
        "queues": { "producers": [{ "binding": "JOBS", "queue": "whole-test-jobs" }] },
        "services": [{ "binding": "BACK", "service": "whole-test-back" }],
        "assets": {
            "directory": tiny.root().join("public"),
            "binding": "ASSETS"
        },
    }));
    wrangler.succeeds(&["deploy"]).await;
    let by_wrangler = cloud.uploaded(script).await;
    assert_ne!(by_tiny, by_wrangler, "wrangler uploaded nothing");

    let (tiny, wrangler) = (fields(&by_tiny), fields(&by_wrangler));
    let mut unexplained = Vec::new();
    let mut seen = vec![false; DIFFERENCES.len()];
    for path in tiny.keys().chain(wrangler.keys()) {
        let (ours, theirs) = (tiny.get(path), wrangler.get(path));
        if ours == theirs {
            continue;
        }
        match DIFFERENCES
            .iter()
            .position(|(at, _)| path == at || path.starts_with(&format!("{at}.")))
        {
            Some(index) => seen[index] = true,
            None => unexplained.push(format!("{path}: tiny {ours:?}, wrangler {theirs:?}")),
        }
    }
    unexplained.dedup();
    assert!(unexplained.is_empty(), "{}", unexplained.join("\n"));
    for ((path, why), seen) in DIFFERENCES.iter().zip(seen) {
        assert!(
            seen,
            "`{path}` is the same by now, and was not, because {why}"
        );
    }
}

/// Every value of an upload by its path; bindings go by their names, in whatever order they came.
fn fields(upload: &Value) -> BTreeMap<String, Value> {
    let mut upload = upload.clone();
    let bindings = upload["metadata"]["bindings"].take();
    let by_name: serde_json::Map<_, _> = bindings
        .as_array()
        .unwrap()
        .iter()
        .map(|binding| {
            (
                binding["name"].as_str().unwrap().to_owned(),
                binding.clone(),
            )
        })
        .collect();
    upload["metadata"]["bindings"] = Value::Object(by_name);
    let mut fields = BTreeMap::new();
    flatten("", &upload["metadata"], &mut fields);
    flatten("parts", &upload["parts"], &mut fields);
    fields
}

fn flatten(at: &str, value: &Value, into: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(object) if !object.is_empty() => {
            for (key, value) in object {
                let dot = if at.is_empty() { "" } else { "." };
                flatten(&format!("{at}{dot}{key}"), value, into);
            }
        }
        value => {
            into.insert(at.to_owned(), value.clone());
        }
    }
}
