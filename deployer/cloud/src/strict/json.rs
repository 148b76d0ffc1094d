//! JSON bodies.

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::UNREADABLE;
use crate::envelope::ApiError;

/// A JSON body of a closed type.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let body = Bytes::from_request(request, state)
            .await
            .map_err(|error| ApiError::bad(UNREADABLE, format!("no whole body came: {error}")))?;
        parse_json(&body, "the body").map(Self)
    }
}

/// Reads JSON, and says where in `what` a mistake is.
pub(crate) fn parse_json<T: DeserializeOwned>(text: &[u8], what: &str) -> Result<T, ApiError> {
    if text.is_empty() {
        return Err(ApiError::bad(UNREADABLE, format!("{what} is empty")));
    }
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| refusal(what, error.path(), error.inner()))?;
    reader
        .end()
        .map_err(|error| ApiError::bad(UNREADABLE, format!("{what} is not JSON: {error}")))?;
    Ok(value)
}

fn refusal(what: &str, path: &serde_path_to_error::Path, error: &serde_json::Error) -> ApiError {
    let path = path.to_string();
    let place = if path == "." {
        what.to_owned()
    } else {
        format!("{what}, at `{path}`")
    };
    ApiError::bad(UNREADABLE, format!("{place}: {error}"))
}
