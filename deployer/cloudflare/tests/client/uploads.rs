//! Uploads, byte for byte, as wrangler sends them and the API describes them.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};
use tiny_cloudflare::{
    Annotations, AssetEntry, AssetFile, AssetsConfig, Classes, CodeUpdate, ExportEntry,
    HtmlHandling, KeptKind, Limits, LogSettings, MigrationStep, Migrations, Module, ModuleKind,
    NotFoundHandling, Observability, Placement, RenamedClass, RunWorkerFirst, Secret, StorageKind,
    TailConsumer, TraceSettings, TransferredClass, Upload, UploadAssets, UploadMetadata,
};

use crate::server::{Server, ok};

fn metadata() -> UploadMetadata {
    UploadMetadata::new(Some("shim.js".to_owned()), "2026-11-01")
}

fn as_json(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

#[tokio::test]
async fn an_upload_is_a_form_of_metadata_and_modules() {
    let upload = Upload {
        metadata: metadata(),
        modules: vec![
            Module {
                name: "shim.js".to_owned(),
                kind: ModuleKind::EsModule,
                content: Bytes::from_static(b"import './index_bg.wasm'"),
            },
            Module {
                name: "index_bg.wasm".to_owned(),
                kind: ModuleKind::Wasm,
                content: Bytes::from_static(b"asm"),
            },
        ],
    };
    let result = json!({
        "id": "w", "etag": "e", "deployment_id": "v1", "startup_time_ms": 12, "tag": "t",
        "exports_reconciliation": {
            "created": ["Room"], "updated": [], "deleted": [], "renamed": [{ "from": "A", "to": "B" }],
            "transferred": [{ "class": "C", "to": "other", "phase": "committed" }],
            "transfer_pending": [], "warnings": [], "removable_entries": ["A"],
            "info": [{ "class": "A", "scenario": "stale_tombstone", "message": "m" }],
        },
    });
    let server = Server::plays(vec![ok(result), ok(json!({ "id": "v2", "number": 2 }))]).await;
    let account = server.account();
    let uploaded = account.upload_script("w", &upload).await.unwrap();
    assert_eq!(uploaded.deployment_id.as_deref(), Some("v1"));
    assert_eq!(uploaded.startup_time_ms, Some(12));
    let reconciliation = uploaded.exports_reconciliation.unwrap();
    assert_eq!(reconciliation.created, ["Room"]);
    assert_eq!(reconciliation.info[0].scenario, "stale_tombstone");

    let version = account.upload_version("w", &upload).await.unwrap();
    assert_eq!(version.number, Some(2));
    assert_eq!(
        server.lines(),
        [
            "PUT /client/v4/accounts/acc/workers/scripts/w?excludeScript=true&bindings_inherit=strict",
            "POST /client/v4/accounts/acc/workers/scripts/w/versions?bindings_inherit=strict",
        ]
    );
    let [first, second] = server.seen().try_into().unwrap();
    assert_eq!(first.form(), second.form());
    insta::assert_snapshot!(first.form(), @r#"
    --BOUNDARY
    Content-Disposition: form-data; name="metadata"
    Content-Type: application/json

    {"main_module":"shim.js","bindings":[],"compatibility_date":"2026-11-01","compatibility_flags":[],"keep_bindings":["secret_text","secret_key"]}
    --BOUNDARY
    Content-Disposition: form-data; name="shim.js"; filename="shim.js"
    Content-Type: application/javascript+module

    import './index_bg.wasm'
    --BOUNDARY
    Content-Disposition: form-data; name="index_bg.wasm"; filename="index_bg.wasm"
    Content-Type: application/wasm

    asm
    --BOUNDARY--
    "#);
}

#[test]
fn metadata_with_everything_in_it() {
    let mut full = metadata();
    full.classes = Some(Classes::Exports(BTreeMap::from([
        ("Room".to_owned(), ExportEntry::Live(StorageKind::Sqlite)),
        (
            "ChatRoom".to_owned(),
            ExportEntry::Renamed {
                to: "Room".to_owned(),
            },
        ),
        ("OldGone".to_owned(), ExportEntry::Deleted),
        (
            "Outgoing".to_owned(),
            ExportEntry::Transferred {
                to: "other-script".to_owned(),
            },
        ),
        (
            "Incoming".to_owned(),
            ExportEntry::ExpectingTransfer {
                from: "other-script".to_owned(),
                storage: StorageKind::LegacyKv,
            },
        ),
    ])));
    full.keep_bindings = vec![
        KeptKind::SecretText,
        KeptKind::SecretKey,
        KeptKind::PlainText,
        KeptKind::Json,
    ];
    full.keep_assets = Some(true);
    full.assets = Some(UploadAssets {
        jwt: Some(Secret::new("token")),
        config: AssetsConfig {
            html_handling: Some(HtmlHandling::AutoTrailingSlash),
            not_found_handling: Some(NotFoundHandling::NotFoundPage),
            run_worker_first: Some(RunWorkerFirst::Paths(vec!["/api/*".to_owned()])),
            headers: Some("/*\n  X: y".to_owned()),
            redirects: Some("/a /b 301".to_owned()),
        },
    });
    full.placement = Some(Placement::Smart);
    full.limits = Some(Limits {
        cpu_ms: Some(50),
        subrequests: None,
    });
    full.observability = Some(Observability {
        enabled: true,
        head_sampling_rate: Some(0.5),
        logs: Some(LogSettings {
            enabled: true,
            invocation_logs: false,
            head_sampling_rate: None,
        }),
        traces: Some(TraceSettings {
            enabled: true,
            head_sampling_rate: None,
        }),
    });
    full.logpush = Some(true);
    full.tail_consumers = Some(vec![TailConsumer {
        service: "watcher".to_owned(),
    }]);
    full.tags = Some(vec!["tiny:stack=tiny".to_owned()]);
    full.annotations = Some(Annotations {
        message: Some("why".to_owned()),
        tag: Some("v1".to_owned()),
    });
    full.code_update = Some(CodeUpdate::Deferred { max_delay: 300 });
    assert_eq!(
        as_json(&full),
        json!({
            "main_module": "shim.js",
            "bindings": [],
            "compatibility_date": "2026-11-01",
            "compatibility_flags": [],
            "exports": {
                "Room": { "type": "durable-object", "storage": "sqlite" },
                "ChatRoom": { "type": "durable-object", "state": "renamed", "renamed_to": "Room" },
                "OldGone": { "type": "durable-object", "state": "deleted" },
                "Outgoing": { "type": "durable-object", "state": "transferred", "transferred_to": "other-script" },
                "Incoming": { "type": "durable-object", "state": "expecting-transfer", "storage": "legacy-kv", "transfer_from": "other-script" },
            },
            "keep_bindings": ["secret_text", "secret_key", "plain_text", "json"],
            "keep_assets": true,
            "assets": {
                "jwt": "token",
                "config": {
                    "html_handling": "auto-trailing-slash",
                    "not_found_handling": "404-page",
                    "run_worker_first": ["/api/*"],
                    "_headers": "/*\n  X: y",
                    "_redirects": "/a /b 301",
                },
            },
            "placement": { "mode": "smart" },
            "limits": { "cpu_ms": 50 },
            "observability": {
                "enabled": true, "head_sampling_rate": 0.5,
                "logs": { "enabled": true, "invocation_logs": false },
                "traces": { "enabled": true },
            },
            "logpush": true,
            "tail_consumers": [{ "service": "watcher" }],
            "tags": ["tiny:stack=tiny"],
            "annotations": { "workers/message": "why", "workers/tag": "v1" },
            "code_update_strategy": { "mode": "deferred", "max_delay": 300 },
        })
    );
}

#[test]
fn migrations_are_steps_between_two_tags() {
    let mut older = metadata();
    older.classes = Some(Classes::Migrations(Migrations {
        old_tag: Some("v1".to_owned()),
        new_tag: "v2".to_owned(),
        steps: vec![MigrationStep {
            new_sqlite_classes: vec!["Room".to_owned()],
            renamed_classes: vec![RenamedClass {
                from: "A".to_owned(),
                to: "B".to_owned(),
            }],
            deleted_classes: vec!["Old".to_owned()],
            transferred_classes: vec![TransferredClass {
                from: "X".to_owned(),
                from_script: "other".to_owned(),
                to: "Y".to_owned(),
            }],
            new_classes: Vec::new(),
        }],
    }));
    let written = as_json(&older);
    assert!(written.get("exports").is_none());
    assert_eq!(
        written["migrations"],
        json!({
            "old_tag": "v1",
            "new_tag": "v2",
            "steps": [{
                "new_sqlite_classes": ["Room"],
                "renamed_classes": [{ "from": "A", "to": "B" }],
                "deleted_classes": ["Old"],
                "transferred_classes": [{ "from": "X", "from_script": "other", "to": "Y" }],
            }],
        })
    );
}

#[test]
fn places_are_written_three_ways() {
    let written = |placement| as_json(&placement);
    assert_eq!(written(Placement::Smart), json!({ "mode": "smart" }));
    assert_eq!(
        written(Placement::Region("aws:eu-west-1".to_owned())),
        json!({ "region": "aws:eu-west-1" })
    );
    assert_eq!(
        written(Placement::Host("db.example.com:5432".to_owned())),
        json!({ "host": "db.example.com:5432" })
    );
}

#[tokio::test]
async fn assets_go_up_in_buckets_with_the_sessions_key() {
    let server = Server::plays(vec![
        ok(json!({ "jwt": "session", "buckets": [["aa", "bb"]] })),
        ok(json!({ "jwt": "completion" })),
        ok(json!({ "jwt": "at-once", "buckets": [] })),
        ok(Value::Null),
    ])
    .await;
    let account = server.account();
    let manifest = BTreeMap::from([(
        "/index.html".to_owned(),
        AssetEntry {
            hash: "aa".to_owned(),
            size: 12,
        },
    )]);
    let session = account.start_asset_upload("w", &manifest).await.unwrap();
    assert_eq!(session.completed(), None);
    let files = [
        AssetFile {
            hash: "aa".to_owned(),
            content_type: Some("text/html; charset=utf-8".to_owned()),
            content: Bytes::from_static(b"<p>"),
        },
        AssetFile {
            hash: "bb".to_owned(),
            content_type: None,
            content: Bytes::from_static(b"\xff"),
        },
    ];
    let token = account.upload_asset_bucket(&session, &files).await.unwrap();
    assert_eq!(token.unwrap().reveal(), "completion");
    let session = account.start_asset_upload("w", &manifest).await.unwrap();
    assert_eq!(session.completed().map(Secret::reveal), Some("at-once"));
    assert_eq!(
        account.upload_asset_bucket(&session, &[]).await.unwrap(),
        None
    );

    let seen = server.seen();
    assert_eq!(
        seen[0].json(),
        json!({ "manifest": { "/index.html": { "hash": "aa", "size": 12 } } })
    );
    assert_eq!(
        seen[1].line,
        "POST /client/v4/accounts/acc/workers/assets/upload?base64=true"
    );
    assert_eq!(seen[1].header("authorization"), Some("Bearer session"));
    insta::assert_snapshot!(seen[1].form(), @r#"
    --BOUNDARY
    Content-Disposition: form-data; name="aa"; filename="aa"
    Content-Type: text/html; charset=utf-8

    PHA+
    --BOUNDARY
    Content-Disposition: form-data; name="bb"; filename="bb"
    Content-Type: application/null

    /w==
    --BOUNDARY--
    "#);
}
