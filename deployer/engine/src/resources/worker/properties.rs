//! What a worker shall be like, as people read it and as it is compared with what is there.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tiny_cloudflare::{AssetsConfig, CodeUpdate, StorageKind};

use super::classes::{LiveClasses, storage_name};
use super::{bindings, defaults};
use crate::{AssetsSpec, InputHash, Properties, SecretHasher, SecretSpec, WorkerSpec};

/// What is attached to a worker and does not belong to a version of it: a change of nothing else
/// uploads nothing.
pub(super) const ATTACHED: [&str; 5] = ["url", "crons", "routes", "domains", "consumers"];

/// A secret that nobody had a value for when it was last deployed.
pub(super) const KEPT: &str = "kept";
/// A secret with a value that was made up.
pub(super) const GENERATED: &str = "generated";
/// A secret that the manifest does not name.
pub(super) const OUTSIDE: &str = "set outside of tiny";
/// How classes are managed that are declared with each upload.
pub(super) const DECLARED: &str = "exports";

/// What is known of the worker as it is.
pub(super) struct Before<'a> {
    /// The property at the top, as Cloudflare tells, else as recorded.
    pub(super) has: &'a dyn Fn(&str) -> Option<&'a Value>,
    pub(super) classes: &'a LiveClasses,
    /// The tag of migrations that it shall have, where it stays on those.
    pub(super) tag: Option<String>,
    /// How the classes that it takes over are stored, by name.
    pub(super) arriving: BTreeMap<&'a str, StorageKind>,
}

pub(super) fn wanted(spec: &WorkerSpec, hasher: &SecretHasher, before: &Before<'_>) -> Properties {
    let mut properties = Properties::new();
    let mut set = |name: &str, value: Value| properties.insert(name.to_owned(), value);
    set("code", json!(spec.code.hash));
    set(
        "compatibility",
        compatibility(&spec.compatibility_date, &spec.compatibility_flags),
    );
    set("vars", json!(spec.vars));
    set("secrets", secrets(spec, hasher, (before.has)("secrets")));
    let bound = spec
        .bindings
        .iter()
        .map(|(name, binding)| (name.clone(), bindings::wanted(binding)));
    set("bindings", Value::Object(bound.collect()));
    set("classes", classes(spec, before));
    if let Some(tag) = &before.tag {
        set("migrations", json!(tag));
    } else if !spec.tagged_migrations
        && (!spec.classes.is_empty() || (before.has)("migrations").is_some())
    {
        set("migrations", json!(DECLARED));
    }
    if !spec.classes.is_empty() {
        set("code_update", json!(code_update(spec.code_update)));
    }
    set("assets", spec.assets.as_ref().map_or(json!(false), assets));
    set("url", json!(spec.url));
    set("crons", sorted(&spec.crons));
    set("routes", each(spec.routes.keys()));
    set("domains", each(spec.domains.iter()));
    let consumers = spec.consumers.iter().map(|(queue, consumer)| {
        let dead_letters = consumer.dead_letter_queue.as_deref();
        let value = defaults::consumer(&consumer.settings, dead_letters);
        (queue.clone(), value)
    });
    set("consumers", Value::Object(consumers.collect()));
    set(
        "observability",
        defaults::observability(spec.observability.as_ref()),
    );
    set(
        "limits",
        defaults::limits(
            spec.limits
                .as_ref()
                .unwrap_or(&tiny_cloudflare::Limits::default()),
        ),
    );
    set("placement", defaults::placement(spec.placement.as_ref()));
    set("logpush", json!(spec.logpush));
    set("tail_consumers", sorted(&spec.tail_consumers));
    properties
}

pub(super) fn compatibility(date: &str, flags: &[String]) -> Value {
    json!({ "date": date, "flags": sorted(flags) })
}

pub(super) fn sorted(items: &[String]) -> Value {
    let mut items: Vec<&String> = items.iter().collect();
    items.sort();
    items.dedup();
    json!(items)
}

/// A set, as an object: so each of them is a change by itself.
pub(super) fn each<'a>(items: impl Iterator<Item = &'a String>) -> Value {
    Value::Object(items.map(|item| (item.clone(), json!(true))).collect())
}

pub(super) fn code_update(update: CodeUpdate) -> String {
    match update {
        CodeUpdate::Immediate => "immediate".to_owned(),
        CodeUpdate::Deferred { max_delay } => format!("deferred, at most {max_delay} s"),
    }
}

/// A value that is at hand leaves its hash. One that is not, and one that nobody names, is what it
/// is: Cloudflare keeps it.
fn secrets(spec: &WorkerSpec, hasher: &SecretHasher, have: Option<&Value>) -> Value {
    let have = have.and_then(Value::as_object);
    let mut secrets: Map<String, Value> = have.cloned().unwrap_or_default();
    for (name, secret) in &spec.secrets {
        let has = have.and_then(|have| have.get(name));
        let value = match (secret, has) {
            (SecretSpec::Value(value), _) => json!(format!("#{}", hasher.hash(name, value))),
            (SecretSpec::Generate | SecretSpec::Keep, Some(has)) => has.clone(),
            (SecretSpec::Generate, None) => json!(GENERATED),
            (SecretSpec::Keep, None) => json!(KEPT),
        };
        secrets.insert(name.clone(), value);
    }
    Value::Object(secrets)
}

/// Storage cannot be changed: what has some keeps it.
fn classes(spec: &WorkerSpec, before: &Before<'_>) -> Value {
    let classes = spec.classes.iter().map(|(class, origin)| {
        let live = &before.classes.classes;
        let renamed = origin.renamed_from.as_deref();
        let storage = live
            .get(class)
            .or_else(|| before.arriving.get(class.as_str()))
            .or_else(|| renamed.and_then(|from| live.get(from)))
            .copied()
            .unwrap_or(StorageKind::Sqlite);
        (class.clone(), json!(storage_name(storage)))
    });
    Value::Object(classes.collect())
}

fn assets(assets: &AssetsSpec) -> Value {
    let bytes: u64 = assets.files.values().map(|file| file.size).sum();
    json!({
        "files": assets.files.len(),
        "bytes": bytes,
        "hash": assets_hash(assets),
        "config": assets_config(&assets.config),
    })
}

/// Over the paths and what is at them.
pub(super) fn assets_hash(assets: &AssetsSpec) -> String {
    let hash = InputHash::new();
    assets
        .files
        .iter()
        .fold(hash, |hash, (path, file)| {
            let content_type = file.content_type.as_deref().unwrap_or_default();
            hash.text(path, &file.hash).text("type", content_type)
        })
        .finish()
}

/// As it goes up, with the two files that hold rules by their hashes.
pub(super) fn assets_config(config: &AssetsConfig) -> Value {
    let mut shown = serde_json::to_value(config).unwrap_or_default();
    for rules in ["_headers", "_redirects"] {
        if let Some(Value::String(text)) = shown.get_mut(rules) {
            *text = format!("#{}", InputHash::new().text(rules, text).finish());
        }
    }
    shown
}
