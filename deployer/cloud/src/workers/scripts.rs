//! Workers: listed, uploaded, read back, deleted.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::CONTENT_TYPE;
use rusqlite::Transaction;
use serde::Deserialize;
use serde_json::{Value, json};

use super::probing::Checked;
use super::records::{self, Version, Worker, live_version};
use super::source::Source;
use super::upload::{Upload, draft};
use super::{check_name, content, publish, references, refusal, shown, today};
use crate::app::App;
use crate::envelope::{Answer, ApiError, Reply};
use crate::queues;
use crate::strict::{At, Form, NoQuery, Query};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    /// `tag:yes` or `tag:no`, several with commas.
    tags: Option<String>,
}

pub(super) async fn list(
    State(app): State<App>,
    Query(query): Query<ListQuery>,
) -> Reply<Vec<Value>> {
    let filters = tag_filters(query.tags.as_deref())?;
    let workers = app.store.read(|tx| {
        Worker::all(tx)?
            .iter()
            .filter(|worker| {
                filters
                    .iter()
                    .all(|(tag, wanted)| worker.tags.contains(tag) == *wanted)
            })
            .map(|worker| {
                let live = live_version(tx, &worker.name)?;
                shown::listed(tx, worker, live.as_ref())
            })
            .collect::<rusqlite::Result<Vec<_>>>()
            .map_err(ApiError::from)
    })?;
    Ok(Answer::new(workers))
}

fn tag_filters(text: Option<&str>) -> Result<Vec<(String, bool)>, ApiError> {
    text.into_iter()
        .flat_map(|text| text.split(','))
        .filter(|filter| !filter.is_empty())
        .map(|filter| match filter.rsplit_once(':') {
            Some((tag, "yes")) => Ok((tag.to_owned(), true)),
            Some((tag, "no")) => Ok((tag.to_owned(), false)),
            _ => Err(refusal::unreadable(format!(
                "the query: `tags` must be of the form `tag:yes` or `tag:no`, and is `{filter}`"
            ))),
        })
        .collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UploadQuery {
    /// Answers without the code, as this one always does.
    #[serde(rename = "excludeScript")]
    exclude_script: Option<bool>,
    bindings_inherit: Option<Inherit>,
}

/// What becomes of an `inherit` of nothing.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Inherit {
    Strict,
}

/// Uploads a version and makes it live.
pub(super) async fn put(
    State(app): State<App>,
    At([name]): At<1>,
    Query(query): Query<UploadQuery>,
    Source(source): Source,
    form: Form,
) -> Reply {
    check_name(&name)?;
    let _ = query.exclude_script;
    let is_strict = query.bindings_inherit.is_some();
    app.uploads.note(&name, &form);
    let checked = super::probing::check(&app, Upload::read(form, today())?).await?;
    let published = app.store.write(|tx| {
        let worker = Worker::with_name(tx, &name)?.unwrap_or_else(|| Worker::new(&name, &source));
        let worker = with_settings(tx, worker, &checked)?;
        let draft = draft(tx, &name, checked, is_strict, &source)?;
        publish::deploy(tx, worker, draft)
    })?;
    app.hosting.changed().await;
    app.deployed(&name);
    Ok(Answer::new(uploaded(&published)))
}

/// What of an upload belongs to the script.
fn with_settings(
    tx: &Transaction<'_>,
    mut worker: Worker,
    checked: &Checked,
) -> Result<Worker, ApiError> {
    let metadata = &checked.metadata;
    if let Some(consumers) = &metadata.tail_consumers {
        super::settings::check_consumers(tx, &worker.name, consumers)?;
        worker.tail_consumers.clone_from(consumers);
    }
    if let Some(observability) = &metadata.observability {
        worker.observability = Some(observability.clone());
    }
    if let Some(logpush) = metadata.logpush {
        worker.logpush = logpush;
    }
    if let Some(tags) = &metadata.tags {
        worker.tags.clone_from(tags);
    }
    Ok(worker)
}

fn uploaded(published: &publish::Published) -> Value {
    let publish::Published {
        worker,
        version,
        reconciliation,
    } = published;
    let mut shown = shown::worker(worker, Some(version));
    shown["deployment_id"] = json!(version.id);
    shown["startup_time_ms"] = json!(version.content.probed.startup_ms);
    shown["entry_point"] = json!(version.content.code.as_ref().map(|code| &code.main));
    if let Some(reconciliation) = reconciliation {
        shown["exports_reconciliation"] = json!(reconciliation);
    }
    shown
}

/// The code of the live version: the script itself in the older format, else a form of modules.
pub(super) async fn get(
    State(app): State<App>,
    At([name]): At<1>,
    _: NoQuery,
) -> Result<Response, ApiError> {
    let version = live(&app, &name)?;
    content::answer(&app, &version)
}

pub(super) fn live(app: &App, name: &str) -> Result<Version, ApiError> {
    app.store.read(|tx| {
        Worker::find(tx, name)?;
        live_version(tx, name)?.ok_or_else(refusal::no_worker)
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeleteQuery {
    force: Option<bool>,
}

/// With its routes, crons and custom domains, and with its Durable Object namespaces and their
/// objects. Other resources stay.
pub(super) async fn delete(
    State(app): State<App>,
    At([name]): At<1>,
    Query(query): Query<DeleteQuery>,
) -> Reply {
    let is_forced = query.force.unwrap_or(false);
    app.store.write(|tx| {
        let worker = Worker::find(tx, &name)?;
        if is_forced {
            queues::Consumer::remove_script(tx, &name)?;
        } else {
            references::refuse_if_used(tx, &worker)?;
        }
        let mut namespaces = records::load_namespaces(tx)?;
        namespaces.all.retain(|namespace| namespace.script != name);
        namespaces
            .pending
            .retain(|pending| pending.target != name && pending.source != name);
        records::save_namespaces(tx, &namespaces)?;
        worker.delete(tx).map_err(ApiError::from)
    })?;
    app.hosting.changed().await;
    Ok(Answer::null())
}

/// JavaScript, as `GET` of a script of the older format answers it.
pub(super) fn javascript(body: bytes::Bytes) -> Response {
    ([(CONTENT_TYPE, "application/javascript")], body).into_response()
}
