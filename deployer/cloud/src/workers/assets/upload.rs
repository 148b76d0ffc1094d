//! Files come in.

use axum::extract::{FromRequestParts, State};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::live_session;
use super::token::{self, Purpose};
use crate::app::App;
use crate::envelope::{Answer, ApiError, Reply};
use crate::strict::{At, Form, NoQuery, Query};
use crate::workers::records::{AssetFile, Session, keep_asset};
use crate::workers::refusal;

/// What stands for no content type at all.
const NO_TYPE: &str = "application/null";

/// The session whose token came as the bearer token.
pub(crate) struct Bearer(Session);

impl FromRequestParts<App> for Bearer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let token = parts
            .headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "))
            .ok_or_else(token::expired)?
            .to_owned();
        app.store
            .write(|tx| {
                let claims = token::read(tx, &token, Purpose::Upload)?;
                live_session(tx, &claims.session)
            })
            .map(Self)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BucketQuery {
    base64: bool,
}

/// One bucket: each part is named by the hash of its file, and is base64.
pub(crate) async fn upload_bucket(
    State(app): State<App>,
    Query(query): Query<BucketQuery>,
    Bearer(session): Bearer,
    Form(parts): Form,
) -> Reply<Value> {
    if !query.base64 {
        return Err(refusal::unreadable("the query must have `base64=true`"));
    }
    let mut files = Vec::new();
    for part in parts {
        let content = STANDARD
            .decode(&part.body)
            .map_err(|error| refusal::unreadable(format!("part `{}`: {error}", part.name)))?;
        files.push((part.name, part.content_type, Bytes::from(content)));
    }
    keep(&app, &session, files)
}

/// One file, as it is.
pub(crate) async fn upload_file(
    State(app): State<App>,
    At([hash]): At<1>,
    _: NoQuery,
    Bearer(session): Bearer,
    headers: HeaderMap,
    body: axum::body::Body,
) -> Reply<Value> {
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let content = axum::body::to_bytes(body, 26 << 20)
        .await
        .map_err(refusal::unreadable)?;
    keep(&app, &session, vec![(hash, content_type, content)])
}

fn keep(app: &App, session: &Session, files: Vec<(String, Option<String>, Bytes)>) -> Reply<Value> {
    let mut kept = Vec::new();
    for (hash, content_type, content) in files {
        let Some(entry) = session.manifest.values().find(|entry| entry.hash == hash) else {
            return Err(refusal::invalid(format!(
                "the session's manifest has no file of the hash '{hash}'"
            )));
        };
        if content.len() as u64 != entry.size {
            return Err(refusal::invalid(format!(
                "the file of the hash '{hash}' has {} bytes, and the manifest says {}",
                content.len(),
                entry.size
            )));
        }
        let file = AssetFile {
            file: app.store.files().put(&content)?,
            size: entry.size,
            content_type: content_type.filter(|kind| kind != NO_TYPE),
        };
        kept.push((hash, file));
    }
    let completion = app.store.write(|tx| {
        for (hash, file) in &kept {
            keep_asset(tx, hash, file)?;
        }
        let is_whole = session.missing(tx)?.is_empty();
        is_whole
            .then(|| token::issue(tx, session, Purpose::Completion))
            .transpose()
    })?;
    Ok(match completion {
        Some(jwt) => Answer::new(json!({ "jwt": jwt })).with_status(StatusCode::CREATED),
        None => Answer::new(json!({ "jwt": null })).with_status(StatusCode::ACCEPTED),
    })
}
