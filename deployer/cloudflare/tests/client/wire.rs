//! Requests, byte for byte, as wrangler sends them and the API describes them.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};
use tiny_cloudflare::{
    Annotations, AssetEntry, AssetFile, AssetsConfig, Binding, BindingKind, Classes, CodeUpdate,
    ConsumerSettings, D1Statement, ExportEntry, HtmlHandling, KeptKind, Limits, LogSettings,
    MigrationStep, Migrations, Module, ModuleKind, NewConsumer, NewD1Database, NewDeployment,
    NewR2Bucket, NotFoundHandling, Observability, Placement, RateLimit, RenamedClass,
    RunWorkerFirst, Schedule, ScriptSettings, ScriptSubdomain, Secret, StorageKind, TailConsumer,
    TailFilter, TailHeader, TraceSettings, TrafficShare, TransferredClass, Upload, UploadAssets,
    UploadMetadata,
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
#[allow(clippy::too_many_lines)] // one pair for each kind
fn every_binding_is_written_as_wrangler_writes_it() {
    let some = |text: &str| Some(text.to_owned());
    let kinds = [
        (
            BindingKind::PlainText {
                text: "a".to_owned(),
                hidden: true,
            },
            json!({ "type": "plain_text", "text": "a" }),
        ),
        (
            BindingKind::Json {
                json: json!([1]),
                hidden: false,
            },
            json!({ "type": "json", "json": [1] }),
        ),
        (
            BindingKind::SecretText {
                text: Secret::new("s"),
            },
            json!({ "type": "secret_text", "text": "s" }),
        ),
        (BindingKind::Inherit, json!({ "type": "inherit" })),
        (
            BindingKind::KvNamespace {
                namespace_id: "n".to_owned(),
            },
            json!({ "type": "kv_namespace", "namespace_id": "n" }),
        ),
        (
            BindingKind::R2Bucket {
                bucket_name: "b".to_owned(),
                jurisdiction: some("eu"),
            },
            json!({ "type": "r2_bucket", "bucket_name": "b", "jurisdiction": "eu" }),
        ),
        (
            BindingKind::D1 { id: "d".to_owned() },
            json!({ "type": "d1", "id": "d" }),
        ),
        (
            BindingKind::Queue {
                queue_name: "q".to_owned(),
                delivery_delay: Some(5),
            },
            json!({ "type": "queue", "queue_name": "q", "delivery_delay": 5 }),
        ),
        (
            BindingKind::DurableObjectNamespace {
                class_name: "C".to_owned(),
                script_name: None,
            },
            json!({ "type": "durable_object_namespace", "class_name": "C" }),
        ),
        (
            BindingKind::DurableObjectNamespace {
                class_name: "C".to_owned(),
                script_name: some("o"),
            },
            json!({ "type": "durable_object_namespace", "class_name": "C", "script_name": "o" }),
        ),
        (
            BindingKind::Service {
                service: "o".to_owned(),
                entrypoint: some("E"),
                props: Some(json!({ "a": 1 })),
            },
            json!({ "type": "service", "service": "o", "entrypoint": "E", "props": { "a": 1 } }),
        ),
        (
            BindingKind::Ratelimit {
                namespace_id: "1".to_owned(),
                simple: RateLimit {
                    limit: 100,
                    period: 60,
                },
            },
            json!({ "type": "ratelimit", "namespace_id": "1", "simple": { "limit": 100, "period": 60 } }),
        ),
        (
            BindingKind::AnalyticsEngine {
                dataset: "d".to_owned(),
            },
            json!({ "type": "analytics_engine", "dataset": "d" }),
        ),
        (
            BindingKind::VersionMetadata,
            json!({ "type": "version_metadata" }),
        ),
        (BindingKind::Assets, json!({ "type": "assets" })),
        (BindingKind::Ai, json!({ "type": "ai" })),
        (BindingKind::Browser, json!({ "type": "browser" })),
        (BindingKind::Images, json!({ "type": "images" })),
        (
            BindingKind::Vectorize {
                index_name: "i".to_owned(),
            },
            json!({ "type": "vectorize", "index_name": "i" }),
        ),
        (
            BindingKind::Hyperdrive { id: "h".to_owned() },
            json!({ "type": "hyperdrive", "id": "h" }),
        ),
        (
            BindingKind::SendEmail {
                destination_address: some("a@b"),
                allowed_destination_addresses: vec!["c@d".to_owned()],
                allowed_sender_addresses: Vec::new(),
            },
            json!({ "type": "send_email", "destination_address": "a@b", "allowed_destination_addresses": ["c@d"] }),
        ),
        (
            BindingKind::SecretsStoreSecret {
                store_id: "s".to_owned(),
                secret_name: "n".to_owned(),
            },
            json!({ "type": "secrets_store_secret", "store_id": "s", "secret_name": "n" }),
        ),
        (
            BindingKind::MtlsCertificate {
                certificate_id: "c".to_owned(),
            },
            json!({ "type": "mtls_certificate", "certificate_id": "c" }),
        ),
        (
            BindingKind::DispatchNamespace {
                namespace: "n".to_owned(),
            },
            json!({ "type": "dispatch_namespace", "namespace": "n" }),
        ),
        (
            BindingKind::Pipelines {
                pipeline: "p".to_owned(),
            },
            json!({ "type": "pipelines", "pipeline": "p" }),
        ),
    ];
    for (kind, mut expected) in kinds {
        expected["name"] = json!("N");
        let binding = Binding {
            name: "N".to_owned(),
            kind,
        };
        assert_eq!(as_json(&binding), expected);
    }
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

/// Method and path below the account, and the body.
#[tokio::test]
#[allow(clippy::too_many_lines)] // one line for each call
async fn the_other_calls() {
    let kv = json!({ "id": "n", "title": "t" });
    let queue = json!({ "queue_id": "q", "queue_name": "n" });
    let consumer = json!({ "consumer_id": "c", "script": "w", "type": "worker" });
    let route = json!({ "id": "r", "pattern": "a.example/*", "script": "w" });
    let domain = json!({ "id": "d", "hostname": "a.example", "service": "w" });
    let database = json!({ "uuid": "u", "name": "n" });
    let rows = json!([{ "results": [], "meta": { "changes": 1 } }]);
    let deployment = json!({ "id": "d", "versions": [] });
    let server = Server::plays(
        [
            kv,
            json!({ "name": "b" }),
            database,
            rows.clone(),
            rows,
            queue,
            consumer.clone(),
            consumer,
            route.clone(),
            route,
            domain,
            deployment,
            json!({}),
            json!({ "enabled": true }),
            json!({ "schedules": [] }),
            json!({ "name": "K", "type": "secret_text" }),
            json!({ "id": "t", "url": "wss://x" }),
            Value::Null,
            Value::Null,
            Value::Null,
            Value::Null,
            Value::Null,
            Value::Null,
            Value::Null,
            Value::Null,
            Value::Null,
            Value::Null,
        ]
        .into_iter()
        .map(ok)
        .collect(),
    )
    .await;
    let account = server.account();
    account.create_kv_namespace("t").await.unwrap();
    let bucket = NewR2Bucket {
        name: "b".to_owned(),
        location_hint: Some("weur".to_owned()),
        storage_class: None,
    };
    account.create_r2_bucket(&bucket, None).await.unwrap();
    let database = NewD1Database {
        name: "n".to_owned(),
        ..NewD1Database::default()
    };
    account.create_d1_database(&database).await.unwrap();
    let statement = D1Statement {
        sql: "UPDATE t SET a = ?".to_owned(),
        params: vec!["1".to_owned()],
    };
    let ran = account.run_d1::<Value>("u", &statement).await.unwrap();
    assert_eq!(ran[0].meta.changes, 1);
    let plain = D1Statement {
        sql: "SELECT 1".to_owned(),
        params: Vec::new(),
    };
    account
        .run_d1_batch::<Value>("u", &[statement, plain])
        .await
        .unwrap();
    account.create_queue("n").await.unwrap();
    let consumer = NewConsumer {
        script_name: "w".to_owned(),
        settings: ConsumerSettings {
            batch_size: Some(10),
            max_wait_time_ms: Some(5000),
            max_retries: Some(3),
            retry_delay: Some(1),
            max_concurrency: None,
        },
        dead_letter_queue: Some("dead".to_owned()),
    };
    let made = account.create_queue_consumer("q", &consumer).await.unwrap();
    assert_eq!(made.script_name.as_deref(), Some("w"));
    account
        .update_queue_consumer("q", "c", &consumer)
        .await
        .unwrap();
    account.create_route("z", "a.example/*", "w").await.unwrap();
    account
        .update_route("z", "r", "a.example/*", "w")
        .await
        .unwrap();
    account.put_domain("a.example", "w", None).await.unwrap();
    let share = TrafficShare {
        version_id: "v".to_owned(),
        percentage: 100.0,
    };
    let deployment = NewDeployment {
        versions: vec![share],
        message: Some("why".to_owned()),
        code_update: Some(CodeUpdate::Immediate),
    };
    account.create_deployment("w", &deployment).await.unwrap();
    let settings = ScriptSettings {
        tail_consumers: Some(Vec::new()),
        ..ScriptSettings::default()
    };
    account
        .change_script_settings("w", &settings)
        .await
        .unwrap();
    let subdomain = ScriptSubdomain {
        enabled: true,
        previews_enabled: false,
    };
    account.set_script_subdomain("w", subdomain).await.unwrap();
    account
        .put_schedules(
            "w",
            &[Schedule {
                cron: "* * * * *".to_owned(),
            }],
        )
        .await
        .unwrap();
    account
        .put_secret("w", "K", &Secret::new("s"))
        .await
        .unwrap();
    let filters = [
        TailFilter::SamplingRate { sampling_rate: 0.5 },
        TailFilter::Header {
            header: TailHeader {
                key: "x".to_owned(),
                query: None,
            },
        },
        TailFilter::ScriptVersion {
            script_version: "v".to_owned(),
        },
    ];
    account.create_tail("w", &filters).await.unwrap();
    for deleted in [
        account.delete_kv_namespace("n").await,
        account.delete_r2_bucket("b", None).await,
        account.delete_d1_database("u").await,
        account.delete_queue_consumer("q", "c").await,
        account.delete_queue("q").await,
        account.delete_route("z", "r").await,
        account.delete_domain("d").await,
        account.delete_secret("w", "a/b").await,
        account.delete_tail("w", "t").await,
        account.delete_script("w", true).await,
    ] {
        assert!(deleted.unwrap());
    }
    let lines: Vec<String> = server
        .seen()
        .iter()
        .map(|request| {
            let line = request
                .line
                .replace("/client/v4", "")
                .replace("/accounts/acc", "A");
            format!("{line} {}", String::from_utf8_lossy(&request.body))
                .trim_end()
                .to_owned()
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}
