//! Settings of the live version, and those of the script.

use std::collections::BTreeSet;

use axum::extract::State;
use rusqlite::Transaction;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use super::probing::probe;
use super::records::{Deployment, Version, Worker, live_version};
use super::scripts::Inherit;
use super::source::Source;
use super::upload::{Metadata, Observability, TailConsumer, UsageModel, check_tags, patched};
use super::{publish, refusal, shown, today};
use crate::app::App;
use crate::envelope::{Answer, ApiError, Reply};
use crate::strict::{At, Form, Json, NoQuery, Query};

pub(super) async fn get(State(app): State<App>, At([name]): At<1>, _: NoQuery) -> Reply {
    let shown = app.store.read(|tx| {
        let worker = Worker::find(tx, &name)?;
        let live = live_version(tx, &name)?.ok_or_else(refusal::no_worker)?;
        Ok::<_, ApiError>(settings(&worker, &live))
    })?;
    Ok(Answer::new(shown))
}

fn settings(worker: &Worker, live: &Version) -> Value {
    let content = &live.content;
    let mut shown = json!({
        "annotations": live.annotations,
        "bindings": shown::bindings(content),
        "compatibility_date": content.compatibility.date,
        "compatibility_flags": content.compatibility.flags,
        "usage_model": content.usage_model,
        "placement": content.placement,
        "limits": content.limits,
        "cache_options": content.cache_options,
        "migration_tag": worker.migration_tag,
    });
    shown = shown::without_nulls(shown);
    shown["tags"] = json!(worker.tags);
    shown["tail_consumers"] = shown::tail_consumers(worker);
    shown["logpush"] = json!(worker.logpush);
    shown["observability"] = shown::observability(worker);
    shown["exports"] = json!(worker.live_exports());
    shown
}

/// What the part `settings` may have; all else of an upload stays.
const PATCHABLE: [&str; 15] = [
    "annotations",
    "bindings",
    "cache_options",
    "compatibility_date",
    "compatibility_flags",
    "exports",
    "keep_bindings",
    "limits",
    "logpush",
    "migrations",
    "observability",
    "placement",
    "tags",
    "tail_consumers",
    "usage_model",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PatchQuery {
    bindings_inherit: Option<Inherit>,
}

/// Makes and deploys a version that differs in its settings.
pub(super) async fn patch(
    State(app): State<App>,
    At([name]): At<1>,
    Query(query): Query<PatchQuery>,
    Source(source): Source,
    mut form: Form,
) -> Reply {
    let fields: Map<String, Value> = form.json("settings")?;
    if let Some(part) = form.0.first() {
        return Err(refusal::unreadable(format!(
            "the form has a part `{}`, and may have `settings` alone",
            part.name
        )));
    }
    let given: BTreeSet<String> = fields.keys().cloned().collect();
    if let Some(field) = given
        .iter()
        .find(|field| !PATCHABLE.contains(&field.as_str()))
    {
        return Err(refusal::unreadable(format!(
            "`settings`: unknown field `{field}`, expected one of {}",
            PATCHABLE.map(|field| format!("`{field}`")).join(", ")
        )));
    }
    let metadata = Metadata::parse(Value::Object(fields).to_string().as_bytes(), today())?;
    let is_strict = query.bindings_inherit.is_some();
    // Other rules may make other code of it.
    let latest = app.store.read(|tx| {
        Worker::find(tx, &name)?;
        deployed_latest(tx, &name, 10214)
    })?;
    let mut draft = patched(latest, metadata.clone(), &given, is_strict, &source)?;
    if let Some(code) = &draft.content.code {
        draft.content.probed = probe(&app, code, &draft.content.compatibility).await?;
    }
    let changed = app.store.write(|tx| {
        let mut worker = Worker::find(tx, &name)?;
        deployed_latest(tx, &name, 10214)?;
        if let Some(consumers) = metadata.tail_consumers {
            check_consumers(tx, &name, &consumers)?;
            worker.tail_consumers = consumers;
        }
        if let Some(tags) = metadata.tags {
            worker.tags = tags;
        }
        if let Some(logpush) = metadata.logpush {
            worker.logpush = logpush;
        }
        if metadata.observability.is_some() {
            worker.observability = metadata.observability;
        }
        let published = publish::deploy(tx, worker, draft)?;
        let mut shown = settings(&published.worker, &published.version);
        if let Some(reconciliation) = published.reconciliation {
            shown["exports_reconciliation"] = json!(reconciliation);
        }
        Ok::<_, ApiError>(shown)
    })?;
    app.hosting.changed().await;
    Ok(Answer::new(changed))
}

/// The newest version, which has to have all the traffic before anything is changed in it: what
/// nobody deployed yet must not go live by the way.
pub(super) fn deployed_latest(
    tx: &Transaction<'_>,
    name: &str,
    code: u32,
) -> Result<Version, ApiError> {
    let latest = Version::latest(tx, name)?.ok_or_else(refusal::no_worker)?;
    let live = Deployment::live(tx, name)?;
    let is_live = live
        .as_ref()
        .and_then(Deployment::only_version)
        .is_some_and(|id| id == latest.id);
    if is_live {
        return Ok(latest);
    }
    Err(ApiError::bad(
        code,
        "The latest version of the Worker is not the one that is deployed. Deploy it first, or change the setting in a new version.",
    ))
}

/// What belongs to the script and not to a version.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScriptSettings {
    logpush: Option<bool>,
    observability: Option<Observability>,
    tags: Option<Vec<String>>,
    #[serde(default, deserialize_with = "null_is_none_of_them")]
    tail_consumers: Option<Vec<TailConsumer>>,
}

/// null clears them, which is something else than to say nothing.
fn null_is_none_of_them<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<TailConsumer>>, D::Error> {
    let given: Option<Vec<TailConsumer>> = Option::deserialize(deserializer)?;
    Ok(Some(given.unwrap_or_default()))
}

fn script_settings(worker: &Worker) -> Value {
    json!({
        "logpush": worker.logpush,
        "observability": shown::observability(worker),
        "tags": worker.tags,
        "tail_consumers": shown::tail_consumers(worker),
    })
}

pub(super) async fn get_script(State(app): State<App>, At([name]): At<1>, _: NoQuery) -> Reply {
    let worker = app.store.read(|tx| Worker::find(tx, &name))?;
    Ok(Answer::new(script_settings(&worker)))
}

pub(super) async fn patch_script(
    State(app): State<App>,
    At([name]): At<1>,
    _: NoQuery,
    Json(settings): Json<ScriptSettings>,
) -> Reply {
    if let Some(observability) = &settings.observability {
        observability.check()?;
    }
    if let Some(tags) = &settings.tags {
        check_tags(tags)?;
    }
    let worker = app.store.write(|tx| {
        let mut worker = Worker::find(tx, &name)?;
        if let Some(consumers) = settings.tail_consumers {
            check_consumers(tx, &name, &consumers)?;
            worker.tail_consumers = consumers;
        }
        if let Some(logpush) = settings.logpush {
            worker.logpush = logpush;
        }
        if settings.observability.is_some() {
            worker.observability = settings.observability;
        }
        if let Some(tags) = settings.tags {
            worker.tags = tags;
        }
        worker.save(tx)?;
        Ok::<_, ApiError>(worker)
    })?;
    app.hosting.changed().await;
    Ok(Answer::new(script_settings(&worker)))
}

/// A worker cannot send its events to nobody.
pub(super) fn check_consumers(
    tx: &Transaction<'_>,
    script: &str,
    consumers: &[TailConsumer],
) -> Result<(), ApiError> {
    for TailConsumer { service, .. } in consumers {
        if service != script && Worker::with_name(tx, service)?.is_none() {
            return Err(refusal::invalid(format!(
                "tail consumer '{service}' does not exist on your account"
            )));
        }
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Usage {
    usage_model: UsageModel,
}

pub(super) async fn get_usage(State(app): State<App>, At([name]): At<1>, _: NoQuery) -> Reply {
    let live = super::scripts::live(&app, &name)?;
    Ok(Answer::new(
        json!({ "usage_model": live.content.usage_model }),
    ))
}

/// All but `standard` are of the past, and none is billed here.
pub(super) async fn put_usage(
    State(app): State<App>,
    At([name]): At<1>,
    _: NoQuery,
    Json(usage): Json<Usage>,
) -> Reply {
    app.store.read(|tx| Worker::find(tx, &name))?;
    Ok(Answer::new(json!({ "usage_model": usage.usage_model })))
}
