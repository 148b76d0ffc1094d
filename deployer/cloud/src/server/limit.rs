//! How often the API may be called.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::envelope::ApiError;
use crate::options::RateLimit;

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// Counts requests in windows of time. The limit is the user's, of whom there is one.
#[derive(Debug, Clone)]
pub(super) struct Limiter {
    rule: RateLimit,
    window: Arc<Mutex<Window>>,
}

#[derive(Debug)]
struct Window {
    began: Instant,
    requests: u32,
}

/// How one request stands to the limit.
struct Standing {
    remaining: Option<u32>,
    /// Seconds until the window ends.
    reset: u64,
}

impl Limiter {
    pub(super) fn new(rule: RateLimit) -> Self {
        Self {
            rule,
            window: Arc::new(Mutex::new(Window {
                began: Instant::now(),
                requests: 0,
            })),
        }
    }

    fn count(&self) -> Standing {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if window.began.elapsed() >= self.rule.window {
            *window = Window {
                began: Instant::now(),
                requests: 0,
            };
        }
        let left = self.rule.window.saturating_sub(window.began.elapsed());
        let remaining = self.rule.requests.checked_sub(window.requests + 1);
        if remaining.is_some() {
            window.requests += 1;
        }
        Standing {
            remaining,
            // Up, so that nobody comes back too early.
            reset: left.as_secs() + u64::from(left.subsec_nanos() > 0),
        }
    }
}

pub(super) async fn layer(
    State(limiter): State<Limiter>,
    request: Request,
    next: Next,
) -> Response {
    let standing = limiter.count();
    let mut response = if standing.remaining.is_some() {
        next.run(request).await
    } else {
        ApiError::new(
            StatusCode::TOO_MANY_REQUESTS,
            10429,
            "Rate limited. Please wait and consider throttling your request speed",
        )
        .into_response()
    };
    let headers = response.headers_mut();
    set(headers, LIMIT, limiter.rule.requests.into());
    set(headers, REMAINING, standing.remaining.unwrap_or(0).into());
    if standing.remaining.is_none() {
        set(headers, RETRY_AFTER, standing.reset.into());
        set(headers, RESET, standing.reset.into());
    }
    response
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
    headers.insert(name, value);
}
