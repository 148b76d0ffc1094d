//! Files of SQL on their way into a database or out of it. Cloudflare keeps them in a bucket that
//! signed addresses lead to; here the addresses are below `/__tiny/d1/`, and as hard to guess.

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use bytes::Bytes;
use camino::Utf8PathBuf;
use http::header::{CONTENT_TYPE, ETAG};
use http::{HeaderValue, StatusCode};
use md5::{Digest as _, Md5};

use super::databases::Databases;
use crate::app::App;
use crate::server::reachable;

/// Beside the API.
pub(crate) fn file_routes() -> Router<App> {
    Router::new()
        .route("/__tiny/d1/{name}", get(download).put(upload))
        .layer(DefaultBodyLimit::disable())
}

/// What a client compares a file by.
pub(super) fn md5(body: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for byte in Md5::digest(body) {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

pub(super) fn address(app: &App, name: &str) -> String {
    format!("http://{}/__tiny/d1/{name}", reachable(app.address))
}

impl Databases {
    /// None for a name that this server never gave.
    pub(super) fn transfer(&self, name: &str) -> Option<Utf8PathBuf> {
        let is_known = name.strip_suffix(".sql").is_some_and(|name| {
            name.bytes()
                .all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
        });
        is_known.then(|| self.transfers().join(name))
    }
}

/// Only where an import has begun; the answer's ETag is the body's MD5.
async fn upload(State(app): State<App>, Path(name): Path<String>, body: Bytes) -> Response {
    let Some(path) = app.d1.transfer(&name).filter(|path| path.exists()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if let Err(error) = fs_err::write(path, &body) {
        return (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response();
    }
    let mut response = StatusCode::OK.into_response();
    if let Ok(etag) = HeaderValue::from_str(&format!("\"{}\"", md5(&body))) {
        response.headers_mut().insert(ETAG, etag);
    }
    response
}

async fn download(State(app): State<App>, Path(name): Path<String>) -> Response {
    let body = app
        .d1
        .transfer(&name)
        .and_then(|path| fs_err::read(path).ok());
    match body {
        Some(body) => ([(CONTENT_TYPE, "application/sql")], body).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
