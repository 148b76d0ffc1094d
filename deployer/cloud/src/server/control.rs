//! For tests that run the local Cloudflare as a process. `GET /__tiny/uploads/SCRIPT` tells what was
//! last uploaded for a script, without its code and secrets. Faults are at `/__tiny/faults`:
//! `PUT {"faults": ["…"]}` sets them, `DELETE` clears them, `GET` tells what they did, and with
//! `?struck=N` waits until so many requests were struck.

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::StatusCode;
use serde::Deserialize;

use super::connection::Connection;
use crate::app::App;
use crate::envelope::{Answer, ApiError, Reply};
use crate::faults::{Fault, FaultControl, FaultReport};
use crate::strict::{Json, NoQuery, Query, UNREADABLE};
use crate::workers::SentUpload;

pub(super) fn routes(app: &App, faults: FaultControl) -> Router {
    let uploads = Router::new()
        .route("/__tiny/uploads/{script}", get(last_upload))
        .with_state(app.clone());
    Router::new()
        .route("/__tiny/faults", get(report).put(set).delete(clear))
        .with_state(faults)
        .merge(uploads)
        .route_layer(from_fn(only_from_here))
}

async fn last_upload(
    State(app): State<App>,
    Path(script): Path<String>,
    _: NoQuery,
) -> Reply<SentUpload> {
    let none = || ApiError::new(StatusCode::NOT_FOUND, 10007, "nothing was uploaded for it");
    app.uploads.last(&script).map(Answer::new).ok_or_else(none)
}

async fn only_from_here(request: Request, next: Next) -> Response {
    let is_here = request
        .extensions()
        .get::<Connection>()
        .is_some_and(|connection| connection.peer.ip().to_canonical().is_loopback());
    if is_here {
        next.run(request).await
    } else {
        let text = "faults can be set from this machine only";
        ApiError::new(StatusCode::FORBIDDEN, 10000, text).into_response()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReportQuery {
    struck: Option<u64>,
}

async fn report(
    State(faults): State<FaultControl>,
    Query(query): Query<ReportQuery>,
) -> Reply<FaultReport> {
    if let Some(count) = query.struck {
        faults.wait_for_strikes(count).await;
    }
    Ok(Answer::new(faults.report()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewFaults {
    faults: Vec<String>,
}

async fn set(
    State(faults): State<FaultControl>,
    _: NoQuery,
    Json(body): Json<NewFaults>,
) -> Reply<FaultReport> {
    let parsed: Vec<Fault> = body
        .faults
        .iter()
        .map(|text| text.parse())
        .collect::<Result<_, _>>()
        .map_err(|error: crate::faults::InvalidFault| {
            ApiError::bad(UNREADABLE, error.to_string())
        })?;
    faults.set(parsed);
    Ok(Answer::new(faults.report()))
}

async fn clear(State(faults): State<FaultControl>, _: NoQuery) -> Reply<FaultReport> {
    faults.clear();
    Ok(Answer::new(faults.report()))
}
