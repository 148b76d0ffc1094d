//! What every answer is wrapped in: `{success, errors, messages, result, result_info?}`.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

use crate::hosting::HostingError;

/// What a handler gives.
pub(crate) type Reply<T = Value> = Result<Answer<T>, ApiError>;

/// A result on its way out.
#[derive(Debug)]
pub(crate) struct Answer<T> {
    status: StatusCode,
    result: T,
    info: Option<ResultInfo>,
    messages: Vec<String>,
}

/// Where in a list an answer stands. Each list fills what Cloudflare's fills there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct ResultInfo {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) page: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) per_page: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total_pages: Option<u32>,
    /// An empty one says that this was the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cursor: Option<String>,
    /// Of lists of R2's objects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) is_truncated: Option<bool>,
}

impl<T: Serialize> Answer<T> {
    pub(crate) fn new(result: T) -> Self {
        Self {
            status: StatusCode::OK,
            result,
            info: None,
            messages: Vec::new(),
        }
    }

    pub(crate) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    pub(crate) fn with_info(self, info: ResultInfo) -> Self {
        Self {
            info: Some(info),
            ..self
        }
    }

    /// The same answer with a list inside of something, as some products wrap theirs.
    pub(crate) fn map<U: Serialize>(self, wrap: impl FnOnce(T) -> U) -> Answer<U> {
        Answer {
            status: self.status,
            result: wrap(self.result),
            info: self.info,
            messages: self.messages,
        }
    }

    pub(crate) fn with_message(mut self, message: impl Into<String>) -> Self {
        self.messages.push(message.into());
        self
    }
}

impl Answer<Value> {
    /// `"result": null`, as most deletions answer.
    pub(crate) fn null() -> Self {
        Self::new(Value::Null)
    }

    /// `"result": {}`.
    pub(crate) fn empty() -> Self {
        Self::new(json!({}))
    }
}

#[derive(Serialize)]
struct Envelope<'a, T> {
    success: bool,
    errors: [(); 0],
    messages: &'a [String],
    result: &'a T,
    #[serde(skip_serializing_if = "Option::is_none")]
    result_info: Option<&'a ResultInfo>,
}

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        let envelope = Envelope {
            success: true,
            errors: [],
            messages: &self.messages,
            result: &self.result,
            result_info: self.info.as_ref(),
        };
        (self.status, Json(envelope)).into_response()
    }
}

/// A refusal. Nothing of the request has taken effect.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) code: u32,
    pub(crate) message: String,
    pub(crate) meta: Option<Value>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: u32, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            meta: None,
        }
    }

    /// 400.
    pub(crate) fn bad(code: u32, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// 404.
    pub(crate) fn not_found(code: u32, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    /// 409.
    pub(crate) fn conflict(code: u32, message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, message)
    }

    /// A failure of this server's own.
    pub(crate) fn internal(error: &dyn std::fmt::Display) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            10013,
            format!("the local Cloudflare failed: {error}"),
        )
    }

    pub(crate) fn with_meta(self, meta: Value) -> Self {
        Self {
            meta: Some(meta),
            ..self
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut problem = json!({ "code": self.code, "message": self.message });
        if let Some(meta) = self.meta {
            problem["meta"] = meta;
        }
        let body = json!({
            "success": false,
            "errors": [problem],
            "messages": [],
            "result": null,
        });
        (self.status, Json(body)).into_response()
    }
}

impl From<rusqlite::Error> for ApiError {
    fn from(error: rusqlite::Error) -> Self {
        Self::internal(&error)
    }
}

impl From<HostingError> for ApiError {
    fn from(error: HostingError) -> Self {
        Self::internal(&error)
    }
}

impl From<std::io::Error> for ApiError {
    fn from(error: std::io::Error) -> Self {
        Self::internal(&error)
    }
}
