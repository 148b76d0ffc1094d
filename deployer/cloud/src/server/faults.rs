//! Lets faults strike.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::extract::{OriginalUri, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use http_body_util::BodyExt as _;

use super::connection::Connection;
use crate::envelope::ApiError;
use crate::faults::{Action, FaultControl, Strike};

/// What a fault did to a request, for the journal.
#[derive(Debug, Clone, Default)]
pub(super) struct Struck(Arc<Mutex<Option<Note>>>);

#[derive(Debug, Clone)]
struct Note {
    fault: String,
    /// What the work ended with, where it was done.
    status: Option<u16>,
}

impl Struck {
    fn note(&self, action: Action, status: Option<StatusCode>) {
        let mut note = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *note = Some(Note {
            fault: action.to_string(),
            status: status.map(|status| status.as_u16()),
        });
    }

    /// The fault, if one struck, and the status that the work ended with.
    pub(super) fn outcome(&self, answered: Option<u16>) -> (Option<String>, Option<u16>) {
        let note = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match note.clone() {
            Some(Note { fault, status }) => (Some(fault), status),
            None => (None, answered),
        }
    }
}

pub(super) async fn layer(
    State(faults): State<FaultControl>,
    request: Request,
    next: Next,
) -> Response {
    let path = request
        .extensions()
        .get::<OriginalUri>()
        .map_or_else(|| request.uri().path(), |uri| uri.path());
    let path = path.strip_prefix("/client/v4").unwrap_or(path).to_owned();
    match faults.meets(request.method(), &path) {
        None => next.run(request).await,
        Some(strike) => break_off(&faults, &strike, request, next).await,
    }
}

async fn break_off(
    faults: &FaultControl,
    strike: &Strike,
    request: Request,
    next: Next,
) -> Response {
    let struck = request
        .extensions()
        .get::<Struck>()
        .cloned()
        .unwrap_or_default();
    let connection = request.extensions().get::<Connection>().cloned();
    let done = match strike.action {
        Action::Status {
            status,
            retry_after,
        } => {
            let answer = plain(status, retry_after);
            return refuse(faults, strike, &struck, request, answer).await;
        }
        Action::Code { code, status } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
            let answer = ApiError::new(status, code, "a fault struck this request");
            return refuse(faults, strike, &struck, request, answer.into_response()).await;
        }
        Action::DropBefore | Action::HangBefore => None,
        Action::DropAfter | Action::HangAfter => Some(next.run(request).await.status()),
    };
    struck.note(strike.action, done);
    if matches!(strike.action, Action::DropBefore | Action::DropAfter)
        && let Some(connection) = &connection
    {
        connection.close.cancel();
    }
    faults.struck(strike);
    if let Some(connection) = connection {
        connection.closed.cancelled().await;
    }
    // Nobody gets it.
    StatusCode::BAD_GATEWAY.into_response()
}

async fn refuse(
    faults: &FaultControl,
    strike: &Strike,
    struck: &Struck,
    request: Request,
    answer: Response,
) -> Response {
    // Whoever is still sending would see a broken connection in place of the answer.
    drain(request.into_body()).await;
    struck.note(strike.action, Some(answer.status()));
    faults.struck(strike);
    answer
}

async fn drain(mut body: Body) {
    while let Some(Ok(_)) = body.frame().await {}
}

/// As something between the client and Cloudflare would answer.
fn plain(status: u16, retry_after: Option<u32>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let mut response = (status, format!("a fault struck: {status}\n")).into_response();
    if let Some(seconds) = retry_after {
        response
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
