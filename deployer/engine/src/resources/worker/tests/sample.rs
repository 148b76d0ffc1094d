//! A worker that uses all there is, and the same worker as Cloudflare tells it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};
use tiny_cloudflare::{
    AssetsConfig, BindingKind, CodeUpdate, ConsumerSettings, HtmlHandling, Limits, LogSettings,
    Module, ModuleKind, Observability, Placement, RunWorkerFirst, ScriptInfo, ScriptSubdomain,
    Secret, WorkerSettings, Zone, ZoneRoute,
};
use tiny_manifest::{Lifecycle, StageName};

use crate::resources::worker::classes::LiveClasses;
use crate::resources::worker::facts::{Facts, Reading, Subdomain, Surroundings};
use crate::resources::worker::references::References;
use crate::{
    Address, AssetContent, AssetFile, AssetsSpec, BindingSpec, ClassSpec, Code, ConsumerSpec,
    Desired, Kind, Record, SecretSpec, Spec, State, Status, Want, WorkerSpec,
};

pub(super) const SCRIPT: &str = "shop-prod-web";

pub(super) fn web() -> WorkerSpec {
    WorkerSpec {
        code: Code {
            main: "index.js".to_owned(),
            modules: vec![Module {
                name: "index.js".to_owned(),
                kind: ModuleKind::EsModule,
                content: Bytes::from_static(b"export default {}"),
            }],
            hash: "c0de".to_owned(),
        },
        compatibility_date: "2026-11-01".to_owned(),
        compatibility_flags: vec!["nodejs_compat".to_owned()],
        vars: BTreeMap::from([
            ("GREETING".to_owned(), json!("hello")),
            ("LIMITS".to_owned(), json!({ "todos": 100 })),
        ]),
        secrets: BTreeMap::from([
            (
                "API_KEY".to_owned(),
                SecretSpec::Value(Secret::new("hunter2")),
            ),
            ("SESSION".to_owned(), SecretSpec::Generate),
            ("ELSEWHERE".to_owned(), SecretSpec::Keep),
        ]),
        bindings: bindings(),
        classes: BTreeMap::from([("Room".to_owned(), ClassSpec::default())]),
        tagged_migrations: false,
        code_update: CodeUpdate::Deferred { max_delay: 300 },
        assets: Some(assets()),
        url: true,
        crons: vec!["0 4 * * *".to_owned()],
        routes: BTreeMap::from([("example.com/api/*".to_owned(), None)]),
        domains: BTreeSet::from(["todo.example.com".to_owned()]),
        consumers: BTreeMap::from([(
            "jobs".to_owned(),
            ConsumerSpec {
                settings: ConsumerSettings {
                    batch_size: Some(10),
                    max_wait_time_ms: Some(5000),
                    max_retries: Some(3),
                    ..ConsumerSettings::default()
                },
                dead_letter_queue: Some("dead".to_owned()),
            },
        )]),
        observability: Some(Observability {
            enabled: true,
            head_sampling_rate: Some(0.5),
            logs: Some(LogSettings {
                enabled: true,
                invocation_logs: false,
                head_sampling_rate: None,
            }),
            traces: None,
        }),
        limits: Some(Limits {
            cpu_ms: Some(50),
            subrequests: None,
        }),
        placement: Some(Placement::Smart),
        logpush: true,
        tail_consumers: vec!["watcher".to_owned()],
    }
}

/// A worker that wants nothing but to run.
pub(super) fn bare() -> WorkerSpec {
    WorkerSpec {
        compatibility_flags: Vec::new(),
        vars: BTreeMap::new(),
        secrets: BTreeMap::new(),
        bindings: BTreeMap::new(),
        classes: BTreeMap::new(),
        assets: None,
        url: false,
        crons: Vec::new(),
        routes: BTreeMap::new(),
        domains: BTreeSet::new(),
        consumers: BTreeMap::new(),
        observability: None,
        limits: None,
        placement: None,
        logpush: false,
        tail_consumers: Vec::new(),
        ..web()
    }
}

fn bindings() -> BTreeMap<String, BindingSpec> {
    let named = |name: &str, binding| (name.to_owned(), binding);
    BTreeMap::from([
        named(
            "ARCHIVE",
            BindingSpec::D1 {
                id: "archive".to_owned(),
            },
        ),
        named("ASSETS", BindingSpec::Assets),
        named(
            "CACHE",
            BindingSpec::Kv {
                id: "cache".to_owned(),
            },
        ),
        named(
            "FILES",
            BindingSpec::R2 {
                id: "files".to_owned(),
                jurisdiction: None,
            },
        ),
        named(
            "JOBS",
            BindingSpec::Queue {
                id: "jobs".to_owned(),
                delivery_delay: None,
            },
        ),
        named(
            "LIMITER",
            BindingSpec::RateLimit {
                limit: 100,
                period: 60,
            },
        ),
        named("MODEL", BindingSpec::Plain(BindingKind::Ai)),
        named(
            "ROOMS",
            BindingSpec::DurableObject {
                class: "Room".to_owned(),
                worker: None,
            },
        ),
        named(
            "WATCHER",
            BindingSpec::Service {
                worker: "watcher".to_owned(),
                entrypoint: None,
                props: None,
            },
        ),
    ])
}

fn assets() -> AssetsSpec {
    AssetsSpec {
        files: BTreeMap::from([(
            "/index.html".to_owned(),
            AssetFile {
                hash: "0123456789abcdef0123456789abcdef".to_owned(),
                size: 12,
                content_type: Some("text/html".to_owned()),
                content: AssetContent::Memory(Bytes::from_static(b"<h1>todo</h1>")),
            },
        )]),
        config: AssetsConfig {
            html_handling: Some(HtmlHandling::AutoTrailingSlash),
            run_worker_first: Some(RunWorkerFirst::Paths(vec!["/api/*".to_owned()])),
            headers: Some("/*\n  X-Frame-Options: DENY".to_owned()),
            ..AssetsConfig::default()
        },
    }
}

pub(super) fn address(kind: Kind, id: &str) -> Address {
    Address::new(kind, id)
}

/// What is beside it in the stack, with Cloudflare's ids.
pub(super) fn neighbours() -> [(Address, &'static str, &'static str); 7] {
    [
        (address(Kind::D1, "archive"), "shop-prod-archive", "d1-uuid"),
        (address(Kind::Kv, "cache"), "shop-prod-cache", "kv-id"),
        (
            address(Kind::R2, "files"),
            "shop-prod-files",
            "shop-prod-files",
        ),
        (address(Kind::Queue, "jobs"), "shop-prod-jobs", "queue-id"),
        (address(Kind::Queue, "dead"), "shop-prod-dead", "dead-id"),
        (
            address(Kind::Worker, "watcher"),
            "shop-prod-watcher",
            "tag-of-watcher",
        ),
        (address(Kind::Worker, "web"), SCRIPT, "tag-of-web"),
    ]
}

pub(super) fn references() -> References {
    let mut references = References::default();
    for (address, name, id) in neighbours() {
        references.insert(address, name, Some(id));
    }
    references
}

pub(super) fn desired(spec: &WorkerSpec) -> Desired {
    let mut resources = BTreeMap::new();
    for (address, name, _) in neighbours() {
        let spec = match (address.kind, address.id.as_str()) {
            (Kind::Worker, "web") => Spec::Worker(Box::new(spec.clone())),
            (Kind::Worker, _) => Spec::Worker(Box::new(bare())),
            (Kind::D1, _) => Spec::D1(crate::D1Spec::default()),
            (Kind::Kv, _) => Spec::Kv,
            (Kind::R2, _) => Spec::R2(crate::R2Spec::default()),
            (Kind::Queue, _) => Spec::Queue,
        };
        let want = Want {
            name: name.to_owned(),
            spec,
            depends_on: BTreeSet::new(),
            lifecycle: Lifecycle::default(),
        };
        resources.insert(address, want);
    }
    Desired {
        stack: "shop".to_owned(),
        stage: StageName::new("prod").unwrap(),
        protect: false,
        resources,
        external: Vec::new(),
        complaints: Vec::new(),
    }
}

/// As Cloudflare tells it once it was deployed, with what Cloudflare fills in.
pub(super) fn told() -> (Value, Value) {
    let script = json!({
        "id": SCRIPT,
        "etag": "etag-1",
        "tag": "tag-of-web",
        "tags": ["tiny:id=web", "tiny:stack=shop", "tiny:stage=prod", "team:blue"],
        "handlers": ["fetch"],
        "exports": { "Room": { "type": "durable-object", "storage": "sqlite" } },
    });
    let settings = json!({
        "bindings": [
            { "name": "GREETING", "type": "plain_text", "text": "hello" },
            { "name": "LIMITS", "type": "json", "json": { "todos": 100 } },
            { "name": "API_KEY", "type": "secret_text" },
            { "name": "SESSION", "type": "secret_text" },
            { "name": "ELSEWHERE", "type": "secret_text" },
            { "name": "ARCHIVE", "type": "d1", "id": "d1-uuid", "database_id": "d1-uuid" },
            { "name": "ASSETS", "type": "assets" },
            { "name": "CACHE", "type": "kv_namespace", "namespace_id": "kv-id" },
            { "name": "FILES", "type": "r2_bucket", "bucket_name": "shop-prod-files" },
            { "name": "JOBS", "type": "queue", "queue_name": "shop-prod-jobs" },
            { "name": "LIMITER", "type": "ratelimit", "namespace_id": "7",
              "simple": { "limit": 100, "period": 60, "mitigation_timeout": 0 } },
            { "name": "MODEL", "type": "ai" },
            { "name": "ROOMS", "type": "durable_object_namespace", "class_name": "Room",
              "namespace_id": "ns", "script_name": SCRIPT, "environment": "production" },
            { "name": "WATCHER", "type": "service", "service": "shop-prod-watcher",
              "environment": "production" },
        ],
        "compatibility_date": "2026-11-01",
        "compatibility_flags": ["nodejs_compat"],
        "tags": ["tiny:id=web", "tiny:stack=shop", "tiny:stage=prod", "team:blue"],
        "tail_consumers": [{ "service": "shop-prod-watcher", "environment": "production" }],
        "logpush": true,
        "observability": {
            "enabled": true,
            "head_sampling_rate": 0.5,
            "logs": { "enabled": true, "invocation_logs": false, "head_sampling_rate": 1,
                      "persist": true, "destinations": [] },
            "traces": { "enabled": false },
        },
        "limits": { "cpu_ms": 50 },
        "placement": { "mode": "smart", "status": "SUCCESS" },
        "usage_model": "standard",
    });
    (script, settings)
}

pub(super) fn account() -> Surroundings {
    Surroundings {
        subdomain: Subdomain::Named("example".to_owned()),
        namespaces: None,
        zones: Some(vec![Zone {
            id: "zone-id".to_owned(),
            name: "example.com".to_owned(),
        }]),
        routes: BTreeMap::from([(
            "zone-id".to_owned(),
            vec![
                ZoneRoute {
                    id: "route-id".to_owned(),
                    pattern: "example.com/api/*".to_owned(),
                    script: Some(SCRIPT.to_owned()),
                },
                ZoneRoute {
                    id: "other-route".to_owned(),
                    pattern: "example.com/other/*".to_owned(),
                    script: Some("somebody-elses".to_owned()),
                },
            ],
        )]),
        domains: Some(
            serde_json::from_value(json!([
                { "id": "domain-id", "hostname": "todo.example.com", "service": SCRIPT },
                { "id": "other-id", "hostname": "www.example.com", "service": "somebody-elses" },
            ]))
            .unwrap(),
        ),
        queues: Some(
            serde_json::from_value(json!([
                { "queue_id": "queue-id", "queue_name": "shop-prod-jobs", "consumers": [{
                    "consumer_id": "consumer-id", "type": "worker", "script": SCRIPT,
                    "dead_letter_queue": "shop-prod-dead",
                    "settings": { "batch_size": 10, "max_retries": 3, "max_wait_time_ms": 5000,
                                  "max_concurrency": null, "retry_delay": 0 },
                }] },
                { "queue_id": "dead-id", "queue_name": "shop-prod-dead", "consumers": [] },
            ]))
            .unwrap(),
        ),
    }
}

/// A look at a worker that is told so.
pub(super) fn reading_of(script: Value, settings: Value, account: Surroundings) -> Reading {
    let script: ScriptInfo = serde_json::from_value(script).unwrap();
    let settings: WorkerSettings = serde_json::from_value(settings).unwrap();
    let classes = LiveClasses::of(&script, account.namespaces.as_deref());
    let subdomain = ScriptSubdomain {
        enabled: true,
        previews_enabled: false,
    };
    let crons = vec!["0 4 * * *".to_owned()];
    Reading {
        name: SCRIPT.to_owned(),
        facts: Some(Facts::new(
            script,
            settings,
            classes,
            Some(subdomain),
            Some(crons),
        )),
        around: Arc::new(account),
    }
}

pub(super) fn reading() -> Reading {
    let (script, settings) = told();
    reading_of(script, settings, account())
}

/// A state in which the worker was deployed with these properties.
pub(super) fn state(properties: Option<&crate::Properties>) -> State {
    let mut state = State::new("shop", &StageName::new("prod").unwrap(), None);
    state.salt = "salt".to_owned();
    for (address, name, id) in neighbours() {
        let mut outputs = BTreeMap::from([("id".to_owned(), id.to_owned())]);
        let is_web = address.id == "web";
        if is_web {
            outputs.insert("etag".to_owned(), "etag-1".to_owned());
        }
        let record = Record {
            name: name.to_owned(),
            status: Status::Ready,
            input_hash: "hash".to_owned(),
            outputs,
            properties: if is_web {
                properties.cloned().unwrap_or_default()
            } else {
                crate::Properties::new()
            },
            depends_on: BTreeSet::new(),
            keep: false,
        };
        if !is_web || properties.is_some() {
            state.resources.insert(address, record);
        }
    }
    state
}
