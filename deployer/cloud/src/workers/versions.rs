//! Versions: uploaded without traffic, listed, looked at.

use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::records::{Version, Worker};
use super::scripts::Inherit;
use super::source::Source;
use super::upload::{Upload, draft};
use super::{publish, refusal, shown, today};
use crate::app::App;
use crate::envelope::{Answer, ApiError, Reply};
use crate::strict::{At, Form, NoQuery, PageRule, Query};

const PAGES: PageRule = PageRule::new(10, 1, 100);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    /// Only those that can still be deployed, as all can here.
    deployable: Option<bool>,
    page: Option<u32>,
    per_page: Option<u32>,
}

pub(super) async fn list(
    State(app): State<App>,
    At([name]): At<1>,
    Query(query): Query<ListQuery>,
) -> Reply {
    let _ = query.deployable;
    let page = PAGES.page(query.page, query.per_page)?;
    let versions = app.store.read(|tx| {
        Worker::find(tx, &name)?;
        Version::all(tx, &name).map_err(ApiError::from)
    })?;
    let shown: Vec<Value> = versions.iter().map(shown::version_in_list).collect();
    Ok(page.of(shown).map(|items| json!({ "items": items })))
}

pub(super) async fn get(State(app): State<App>, At([name, id]): At<2>, _: NoQuery) -> Reply {
    let version = app.store.read(|tx| {
        Worker::find(tx, &name)?;
        Version::with_id(tx, &name, &id)?.ok_or_else(|| refusal::no_version(&id))
    })?;
    Ok(Answer::new(shown::version(&version)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UploadQuery {
    bindings_inherit: Option<Inherit>,
}

pub(super) async fn upload(
    State(app): State<App>,
    At([name]): At<1>,
    Query(query): Query<UploadQuery>,
    Source(source): Source,
    form: Form,
) -> Reply {
    // Nothing can be a version of a worker that is not there.
    app.store.read(|tx| Worker::find(tx, &name))?;
    app.uploads.note(&name, &form);
    let upload = Upload::read(form, today())?;
    if upload.metadata.migrations.is_some() {
        return Err(refusal::migration_in_version());
    }
    let is_strict = query.bindings_inherit.is_some();
    let checked = super::probing::check(&app, upload).await?;
    let published = app.store.write(|tx| {
        let worker = Worker::find(tx, &name)?;
        let draft = draft(tx, &name, checked, is_strict, &source)?;
        publish::add_version(tx, worker, draft)
    })?;
    Ok(Answer::new(shown::version(&published.version)))
}
