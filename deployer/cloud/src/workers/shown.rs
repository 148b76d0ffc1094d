//! Workers, versions and deployments as answers show them.

use rusqlite::Transaction;
use serde_json::{Map, Value, json};

use super::code::{ClassKind, Code, Probed};
use super::records::{Content, Deployment, Route, Version, Worker};
use super::upload::no_observability;

/// Nobody's address: the local account has no people.
const AUTHOR: &str = "nobody@localhost";
const AUTHOR_ID: &str = "00000000000000000000000000000001";

/// A worker with what its live version has.
pub(super) fn worker(worker: &Worker, live: Option<&Version>) -> Value {
    let mut shown = json!({
        "id": worker.name,
        "tag": worker.tag,
        "tags": worker.tags,
        "created_on": worker.created_on,
        "modified_on": worker.modified_on,
        "last_deployed_from": worker.last_deployed_from,
        "logpush": worker.logpush,
        "observability": observability(worker),
        "tail_consumers": tail_consumers(worker),
        "exports": worker.live_exports(),
    });
    if let Some(fields) = shown.as_object_mut() {
        if let Some(tag) = &worker.migration_tag {
            fields.insert("migration_tag".to_owned(), json!(tag));
        }
        if let Some(version) = live {
            fields.append(&mut of_version(&version.content));
        }
    }
    shown
}

/// The same in a list, with its routes.
pub(super) fn listed(
    tx: &Transaction<'_>,
    one: &Worker,
    live: Option<&Version>,
) -> rusqlite::Result<Value> {
    let mut shown = worker(one, live);
    shown["routes"] = json!(Route::of_script(tx, &one.name)?);
    Ok(shown)
}

pub(super) fn observability(worker: &Worker) -> Value {
    worker
        .observability
        .as_ref()
        .map_or_else(no_observability, |observability| json!(observability))
}

/// Cloudflare writes null where there are none.
pub(super) fn tail_consumers(worker: &Worker) -> Value {
    if worker.tail_consumers.is_empty() {
        Value::Null
    } else {
        json!(worker.tail_consumers)
    }
}

fn of_version(content: &Content) -> Map<String, Value> {
    let mut fields = Map::new();
    let mut set = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    set("etag", json!(etag(content)));
    set("handlers", json!(content.probed.handlers));
    set("named_handlers", named_handlers(&content.probed));
    set("has_assets", json!(content.assets.is_some()));
    set("has_modules", json!(has_modules(content)));
    set("usage_model", json!(content.usage_model));
    set("compatibility_date", json!(content.compatibility.date));
    set("compatibility_flags", json!(content.compatibility.flags));
    if let Some(placement) = &content.placement {
        set("placement", json!(placement));
        set("placement_mode", json!(placement.mode()));
    }
    if let Some(cache) = &content.cache_options {
        set("cache_options", json!(cache));
    }
    fields
}

fn has_modules(content: &Content) -> bool {
    content
        .code
        .as_ref()
        .is_some_and(|code| code.format == super::code::Format::Modules)
}

/// Of the code, or of the files where there is none.
pub(super) fn etag(content: &Content) -> String {
    content.code.as_ref().map_or_else(
        || {
            let files = content.assets.as_ref().map(|assets| &assets.manifest);
            blake3::hash(json!(files).to_string().as_bytes())
                .to_hex()
                .to_string()
        },
        Code::etag,
    )
}

fn named_handlers(probed: &Probed) -> Value {
    probed
        .classes
        .iter()
        .map(|(name, kind)| {
            let handlers = match kind {
                ClassKind::DurableObject | ClassKind::Plain => ["class"],
                ClassKind::Entrypoint => ["entrypoint"],
                ClassKind::Workflow => ["workflow"],
            };
            json!({ "name": name, "handlers": handlers })
        })
        .collect()
}

/// A version in a list.
pub(super) fn version_in_list(version: &Version) -> Value {
    json!({
        "id": version.id,
        "number": version.number,
        "metadata": {
            "created_on": version.created_on,
            "modified_on": version.created_on,
            "source": version.source,
            "author_id": AUTHOR_ID,
            "author_email": AUTHOR,
            "hasPreview": false,
            "has_preview": false,
        },
        "annotations": version.annotations,
    })
}

/// A version by itself.
pub(super) fn version(version: &Version) -> Value {
    let content = &version.content;
    let mut shown = version_in_list(version);
    shown["startup_time_ms"] = json!(content.probed.startup_ms);
    let mut runtime = json!({
        "compatibility_date": content.compatibility.date,
        "compatibility_flags": content.compatibility.flags,
        "usage_model": content.usage_model,
        "limits": content.limits,
        "exports": content.exports,
    });
    if let Some(tag) = &content.migration_tag {
        runtime["migration_tag"] = json!(tag);
    }
    shown["resources"] = json!({
        "script": {
            "etag": etag(content),
            "handlers": content.probed.handlers,
            "named_handlers": named_handlers(&content.probed),
            "last_deployed_from": version.source,
        },
        "script_runtime": without_nulls(runtime),
        "bindings": bindings(content),
    });
    shown
}

pub(super) fn bindings(content: &Content) -> Vec<Value> {
    content.bindings.iter().map(super::Binding::shown).collect()
}

pub(super) fn deployment(deployment: &Deployment) -> Value {
    json!({
        "id": deployment.id,
        "source": deployment.source,
        "strategy": "percentage",
        "author_email": AUTHOR,
        "annotations": deployment.annotations,
        "versions": deployment.versions,
        "created_on": deployment.created_on,
    })
}

pub(super) fn without_nulls(mut value: Value) -> Value {
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    value
}
