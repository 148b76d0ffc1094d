//! The part of an address behind the question mark.

use axum::extract::FromRequestParts;
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::UNREADABLE;
use crate::envelope::ApiError;

/// Parameters of a closed type.
#[derive(Debug)]
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        axum::extract::Query::try_from_uri(&parts.uri)
            .map(|axum::extract::Query(query)| Self(query))
            .map_err(|error| {
                use std::error::Error as _;
                // The outer text says only that there is a mistake.
                let why = error
                    .source()
                    .map_or_else(|| error.to_string(), ToString::to_string);
                ApiError::bad(UNREADABLE, format!("the query: {why}"))
            })
    }
}

/// For routes that take no parameters: they are refused rather than passed over.
#[derive(Debug)]
pub(crate) struct NoQuery;

impl<S: Send + Sync> FromRequestParts<S> for NoQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        match parts.uri.query() {
            None | Some("") => Ok(Self),
            Some(query) => {
                let name = query.split(['=', '&']).next().unwrap_or(query);
                Err(ApiError::bad(
                    UNREADABLE,
                    format!("the query: unknown field `{name}`, there are no fields"),
                ))
            }
        }
    }
}
