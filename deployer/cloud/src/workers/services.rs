//! Workers by the dashboard's own paths, which wrangler reads first of all.

use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::records::{Route, Worker, live_version};
use super::{refusal, scripts, shown};
use crate::app::App;
use crate::envelope::{Answer, ApiError, Reply};
use crate::strict::{At, NoQuery, Query};
use crate::zones::Zone;

/// The only one there is, since environments became Workers of their own.
const ENVIRONMENT: &str = "production";

fn find(app: &App, name: &str) -> Result<(Worker, Value), ApiError> {
    app.store.read(|tx| {
        let worker = Worker::with_name(tx, name)?.ok_or_else(refusal::no_service)?;
        let live = live_version(tx, name)?;
        let script = shown::worker(&worker, live.as_ref());
        Ok((worker, script))
    })
}

fn environment(worker: &Worker, script: &Value) -> Value {
    json!({
        "environment": ENVIRONMENT,
        "created_on": worker.created_on,
        "modified_on": worker.modified_on,
        "script": script,
    })
}

pub(super) async fn get(State(app): State<App>, At([name]): At<1>, _: NoQuery) -> Reply {
    let (worker, script) = find(&app, &name)?;
    Ok(Answer::new(json!({
        "id": worker.name,
        "created_on": worker.created_on,
        "modified_on": worker.modified_on,
        "default_environment": environment(&worker, &script),
        "environments": [{
            "environment": ENVIRONMENT,
            "created_on": worker.created_on,
            "modified_on": worker.modified_on,
        }],
    })))
}

/// The twin of `DELETE` of the script.
pub(super) async fn delete(
    app: State<App>,
    at: At<1>,
    query: Query<scripts::DeleteQuery>,
) -> Reply {
    scripts::delete(app, at, query).await
}

fn in_production(name: &str, environment: &str) -> Result<(), ApiError> {
    if environment == ENVIRONMENT {
        return Ok(());
    }
    Err(ApiError::not_found(
        10092,
        format!(
            "workers.api.error.environment_not_found: '{name}' has no environment '{environment}'"
        ),
    ))
}

pub(super) async fn get_environment(
    State(app): State<App>,
    At([name, wanted]): At<2>,
    _: NoQuery,
) -> Reply {
    let (worker, script) = find(&app, &name)?;
    in_production(&name, &wanted)?;
    Ok(Answer::new(environment(&worker, &script)))
}

pub(super) async fn bindings(
    State(app): State<App>,
    At([name, wanted]): At<2>,
    _: NoQuery,
) -> Reply<Vec<Value>> {
    find(&app, &name)?;
    in_production(&name, &wanted)?;
    let live = app
        .store
        .read(|tx| live_version(tx, &name).map_err(ApiError::from))?;
    Ok(Answer::new(
        live.map(|version| shown::bindings(&version.content))
            .unwrap_or_default(),
    ))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RoutesQuery {
    show_zonename: Option<bool>,
}

pub(super) async fn routes(
    State(app): State<App>,
    At([name, wanted]): At<2>,
    Query(query): Query<RoutesQuery>,
) -> Reply<Vec<Value>> {
    find(&app, &name)?;
    in_production(&name, &wanted)?;
    let shows_zone = query.show_zonename.unwrap_or(false);
    let routes = app.store.read(|tx| {
        let mut shown = Vec::new();
        for route in Route::of_script(tx, &name)? {
            let mut one = json!(route);
            if shows_zone && let Some(zone) = Zone::with_id(tx, &route.zone)? {
                one["zone_name"] = json!(zone.name);
            }
            shown.push(one);
        }
        Ok::<_, ApiError>(shown)
    })?;
    Ok(Answer::new(routes))
}

pub(super) async fn subdomain(
    State(app): State<App>,
    At([name, wanted]): At<2>,
    _: NoQuery,
) -> Reply {
    let (worker, _) = find(&app, &name)?;
    in_production(&name, &wanted)?;
    Ok(Answer::new(super::subdomain::of(&worker)))
}
