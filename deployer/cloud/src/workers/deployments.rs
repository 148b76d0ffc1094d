//! Deployments: shares of the traffic for versions that are there.

use std::collections::BTreeSet;

use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::records::{Deployment, Share, Version, Worker};
use super::source::Source;
use super::upload::{Annotations, CodeUpdate};
use super::{publish, refusal, shown};
use crate::app::App;
use crate::envelope::{Answer, ApiError, Reply};
use crate::strict::{At, Json, NoQuery, PageRule, Query};

const PAGES: PageRule = PageRule::new(10, 1, 100);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    since: Option<String>,
    until: Option<String>,
    page: Option<u32>,
    per_page: Option<u32>,
}

pub(super) async fn list(
    State(app): State<App>,
    At([name]): At<1>,
    Query(query): Query<ListQuery>,
) -> Reply {
    let page = PAGES.page(query.page, query.per_page)?;
    let deployments = app.store.read(|tx| {
        Worker::find(tx, &name)?;
        Deployment::all(tx, &name).map_err(ApiError::from)
    })?;
    // These points in time sort as text.
    let shown: Vec<Value> = deployments
        .iter()
        .filter(|one| {
            query
                .since
                .as_ref()
                .is_none_or(|since| one.created_on >= *since)
        })
        .filter(|one| {
            query
                .until
                .as_ref()
                .is_none_or(|until| one.created_on <= *until)
        })
        .map(shown::deployment)
        .collect();
    Ok(page
        .of(shown)
        .map(|deployments| json!({ "deployments": deployments })))
}

fn find(app: &App, name: &str, id: &str) -> Result<Deployment, ApiError> {
    app.store.read(|tx| {
        Worker::find(tx, name)?;
        Deployment::all(tx, name)?
            .into_iter()
            .find(|deployment| deployment.id == id)
            .ok_or_else(|| refusal::no_deployment(id))
    })
}

pub(super) async fn get(State(app): State<App>, At([name, id]): At<2>, _: NoQuery) -> Reply {
    Ok(Answer::new(shown::deployment(&find(&app, &name, &id)?)))
}

pub(super) async fn delete(State(app): State<App>, At([name, id]): At<2>, _: NoQuery) -> Reply {
    let deployment = find(&app, &name, &id)?;
    app.store.write(|tx| {
        let live = Deployment::live(tx, &name)?;
        if live.is_some_and(|live| live.id == id) {
            return Err(refusal::invalid(
                "The live deployment cannot be deleted: deploy another one first.",
            ));
        }
        deployment.delete(tx).map_err(ApiError::from)
    })?;
    Ok(Answer::null())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateQuery {
    /// Also over changes that were made elsewhere, which nobody makes here.
    force: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Create {
    strategy: Strategy,
    versions: Vec<Share>,
    #[serde(default)]
    annotations: Annotations,
    code_update_strategy: Option<CodeUpdate>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Strategy {
    Percentage,
}

pub(super) async fn create(
    State(app): State<App>,
    At([name]): At<1>,
    Query(query): Query<CreateQuery>,
    Source(source): Source,
    Json(body): Json<Create>,
) -> Reply {
    let Strategy::Percentage = body.strategy;
    let _ = query.force;
    check_shares(&body.versions)?;
    body.annotations.check()?;
    if let Some(strategy) = body.code_update_strategy {
        strategy.check()?;
    }
    let annotations = body.annotations.triggered_by("deployment");
    let deployment = app.store.write(|tx| {
        let worker = Worker::find(tx, &name)?;
        let versions: Vec<Version> = body
            .versions
            .iter()
            .map(|share| {
                Version::with_id(tx, &name, &share.version_id)?
                    .ok_or_else(|| refusal::no_version(&share.version_id))
            })
            .collect::<Result<_, ApiError>>()?;
        let deployment = Deployment::new(&name, &source, annotations, body.versions);
        publish::deploy_versions(tx, worker, &versions, &deployment)?;
        Ok::<_, ApiError>(deployment)
    })?;
    app.hosting.changed().await;
    app.deployed(&name);
    Ok(Answer::new(shown::deployment(&deployment)))
}

fn check_shares(shares: &[Share]) -> Result<(), ApiError> {
    if !matches!(shares.len(), 1 | 2) {
        return Err(refusal::invalid(format!(
            "a deployment must have one version or two, and has {}",
            shares.len()
        )));
    }
    let ids: BTreeSet<&str> = shares
        .iter()
        .map(|share| share.version_id.as_str())
        .collect();
    if ids.len() != shares.len() {
        return Err(refusal::invalid("a deployment names one version twice"));
    }
    if shares
        .iter()
        .any(|share| !(0.0..=100.0).contains(&share.percentage))
    {
        return Err(refusal::invalid("a `percentage` must be between 0 and 100"));
    }
    let sum: f64 = shares.iter().map(|share| share.percentage).sum();
    if (sum - 100.0).abs() > 0.001 {
        return Err(refusal::invalid(format!(
            "the percentages of a deployment must sum to 100, and sum to {sum}"
        )));
    }
    Ok(())
}
