//! Who deploys.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::header::USER_AGENT;
use http::request::Parts;

/// What Cloudflare notes as a version's source: `wrangler`, or `api` for all others.
#[derive(Debug, Clone)]
pub(super) struct Source(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Source {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let is_wrangler = parts
            .headers
            .get(USER_AGENT)
            .and_then(|agent| agent.to_str().ok())
            .is_some_and(|agent| agent.starts_with("wrangler/"));
        Ok(Self(
            if is_wrangler { "wrangler" } else { "api" }.to_owned(),
        ))
    }
}
