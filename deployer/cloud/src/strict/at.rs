//! Where in the account a request goes.

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;

use crate::envelope::ApiError;

/// The `N` parameters of the path behind the account's id: `At([queue, consumer]): At<2>`.
#[derive(Debug)]
pub(crate) struct At<const N: usize>(pub(crate) [String; N]);

impl<const N: usize, S: Send + Sync> FromRequestParts<S> for At<N> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let all = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|error| ApiError::bad(7003, format!("the path cannot be read: {error}")))?;
        let found: Vec<String> = all
            .iter()
            .filter(|(name, _)| *name != "account_id")
            .map(|(_, value)| value.to_owned())
            .collect();
        <[String; N]>::try_from(found)
            .map(Self)
            .map_err(|found| ApiError::internal(&format!("a route with {found:?} wants {N}")))
    }
}
