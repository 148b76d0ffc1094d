//! What every request to the API goes through, from outside in: the journal, the latency, the
//! faults, who calls, how often, and then its route.

use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use tokio::sync::mpsc;

use super::journal::Journal;
use super::limit::Limiter;
use super::{auth, faults, journal, limit};
use crate::envelope::ApiError;
use crate::faults::FaultControl;
use crate::options::RateLimit;

/// More than any upload that Cloudflare takes.
const LONGEST_BODY: usize = 300 << 20;

/// What the layers work with.
#[derive(Debug)]
pub(crate) struct Layers {
    pub(crate) journal: Option<Journal>,
    pub(crate) latency: Duration,
    pub(crate) faults: FaultControl,
    pub(crate) rate_limit: Option<RateLimit>,
    /// Held by each request, for whoever waits for the last one.
    pub(crate) under_way: mpsc::Sender<()>,
}

impl Layers {
    pub(super) fn around(self, api: Router) -> Router {
        // The last one added is the outermost.
        let mut api = api.layer(DefaultBodyLimit::max(LONGEST_BODY));
        if let Some(rule) = self.rate_limit {
            api = api.layer(from_fn_with_state(Limiter::new(rule), limit::layer));
        }
        api = api
            .layer(from_fn(auth::layer))
            .layer(from_fn_with_state(self.faults.clone(), faults::layer));
        if !self.latency.is_zero() {
            api = api.layer(from_fn_with_state(self.latency, wait));
        }
        if let Some(journal) = self.journal {
            api = api.layer(from_fn_with_state(journal, journal::layer));
        }
        api.layer(from_fn_with_state(
            (self.under_way, self.faults),
            to_the_end,
        ))
    }
}

async fn wait(State(latency): State<Duration>, request: Request, next: Next) -> Response {
    tokio::time::sleep(latency).await;
    next.run(request).await
}

/// What has begun is done, and recorded, also when the client goes away: as in the cloud.
async fn to_the_end(
    State((under_way, faults)): State<(mpsc::Sender<()>, FaultControl)>,
    request: Request,
    next: Next,
) -> Response {
    let work = async move {
        let _under_way = faults.arrived();
        let response = next.run(request).await;
        drop(under_way);
        response
    };
    match tokio::spawn(work).await {
        Ok(response) => response,
        Err(error) => ApiError::internal(&error).into_response(),
    }
}
