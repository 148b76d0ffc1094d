//! Forms: a part of JSON beside parts of files.

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;

use super::{UNREADABLE, parse_json};
use crate::envelope::ApiError;

/// The parts of a form, in their order.
#[derive(Debug)]
pub(crate) struct Form(pub(crate) Vec<Part>);

/// One part.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) filename: Option<String>,
    /// Without parameters such as `charset`.
    pub(crate) content_type: Option<String>,
    pub(crate) body: Bytes,
}

impl Form {
    /// Takes the one part of this name out.
    pub(crate) fn take(&mut self, name: &str) -> Option<Part> {
        let index = self.0.iter().position(|part| part.name == name)?;
        Some(self.0.remove(index))
    }

    /// Takes a part of JSON out, such as `metadata`.
    pub(crate) fn json<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, ApiError> {
        let part = self
            .take(name)
            .ok_or_else(|| ApiError::bad(UNREADABLE, format!("the form has no part `{name}`")))?;
        parse_json(&part.body, &format!("`{name}`"))
    }
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let boundary = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| multer::parse_boundary(value).ok())
            .ok_or_else(|| ApiError::bad(UNREADABLE, "the body is not `multipart/form-data`"))?;
        let broken = |error: multer::Error| ApiError::bad(UNREADABLE, format!("the form: {error}"));
        let mut form = multer::Multipart::new(request.into_body().into_data_stream(), boundary);
        let mut parts: Vec<Part> = Vec::new();
        while let Some(field) = form.next_field().await.map_err(broken)? {
            let name = field
                .name()
                .ok_or_else(|| ApiError::bad(UNREADABLE, "a part of the form has no name"))?
                .to_owned();
            if parts.iter().any(|part| part.name == name) {
                return Err(ApiError::bad(
                    UNREADABLE,
                    format!("the form has two parts `{name}`"),
                ));
            }
            parts.push(Part {
                name,
                filename: field.file_name().map(str::to_owned),
                content_type: field
                    .content_type()
                    .map(|kind| kind.essence_str().to_owned()),
                body: field.bytes().await.map_err(broken)?,
            });
        }
        Ok(Self(parts))
    }
}
