//! As much of the newer paths as wrangler calls: where a worker is published, and a version with
//! other secrets than the latest.

use std::collections::BTreeMap;

use axum::extract::State;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::publish::{self, Draft};
use super::records::{Version, Worker};
use super::source::Source;
use super::upload::{Annotations, Binding, check_values};
use super::{refusal, shown, subdomain};
use crate::app::App;
use crate::envelope::{Answer, ApiError, Reply};
use crate::strict::{At, Json, NoQuery};

/// By its name or its immutable id.
pub(super) async fn get(State(app): State<App>, At([name]): At<1>, _: NoQuery) -> Reply {
    let worker = app
        .store
        .read(|tx| Worker::with_name_or_tag(tx, &name)?.ok_or_else(refusal::no_worker))?;
    Ok(Answer::new(json!({
        "id": worker.tag,
        "name": worker.name,
        "created_on": worker.created_on,
        "updated_on": worker.modified_on,
        "logpush": worker.logpush,
        "observability": shown::observability(&worker),
        "tags": worker.tags,
        "tail_consumers": worker
            .tail_consumers
            .iter()
            .map(|consumer| json!({ "name": consumer.service }))
            .collect::<Vec<_>>(),
        "subdomain": subdomain::of(&worker),
    })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Patch {
    /// By name; null takes a binding away.
    #[serde(default)]
    env: BTreeMap<String, Option<Map<String, Value>>>,
    #[serde(default)]
    annotations: Annotations,
}

/// Makes a version of the latest one that differs in its environment, and deploys nothing.
pub(super) async fn patch_latest(
    State(app): State<App>,
    At([name]): At<1>,
    _: NoQuery,
    Source(source): Source,
    Json(patch): Json<Patch>,
) -> Reply {
    patch.annotations.check()?;
    let mut changes = BTreeMap::new();
    for (name, fields) in patch.env {
        let binding = fields
            .map(|mut fields| {
                fields.insert("name".to_owned(), Value::from(name.as_str()));
                Binding::parse(Value::Object(fields))
            })
            .transpose()?;
        changes.insert(name, binding);
    }
    let published = app.store.write(|tx| {
        let worker = Worker::with_name_or_tag(tx, &name)?.ok_or_else(refusal::no_worker)?;
        let latest = Version::latest(tx, &worker.name)?
            .ok_or_else(|| ApiError::not_found(10222, "This Worker has no versions."))?;
        let mut content = latest.content;
        for (name, binding) in changes {
            content.bindings.retain(|known| known.name != name);
            content.bindings.extend(binding);
        }
        check_values(&content.bindings)?;
        let draft = Draft {
            content,
            migrations: None,
            annotations: patch.annotations.triggered_by("secret"),
            source,
        };
        publish::add_version(tx, worker, draft)
    })?;
    Ok(Answer::new(shown::version(&published.version)))
}

/// There are no containers; wrangler asks before it deletes a worker.
pub(super) async fn no_containers() -> Answer<Value> {
    Answer::new(json!([]))
}

/// There are no workflows; wrangler asks whose one is before it makes it.
pub(super) async fn no_workflow(At([name]): At<1>) -> ApiError {
    ApiError::not_found(10200, format!("workflow.not_found: '{name}'"))
}
