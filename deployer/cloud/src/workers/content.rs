//! The code of a version, given back.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::{CONTENT_TYPE, HeaderName};
use serde::Deserialize;

use super::code::{Code, Format};
use super::records::{Version, Worker};
use super::{refusal, scripts};
use crate::app::App;
use crate::envelope::ApiError;
use crate::strict::{At, Query};

/// Says which part the code begins with.
const ENTRYPOINT: HeaderName = HeaderName::from_static("cf-entrypoint");
const BOUNDARY: &str = "----local-cloudflare";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ContentQuery {
    version: Option<String>,
}

pub(super) async fn get(
    State(app): State<App>,
    At([name]): At<1>,
    Query(query): Query<ContentQuery>,
) -> Result<Response, ApiError> {
    let version = match query.version {
        None => scripts::live(&app, &name)?,
        Some(id) => app.store.read(|tx| {
            Worker::find(tx, &name)?;
            Version::with_id(tx, &name, &id)?.ok_or_else(|| refusal::no_version(&id))
        })?,
    };
    answer(&app, &version)
}

pub(super) fn answer(app: &App, version: &Version) -> Result<Response, ApiError> {
    let Some(code) = &version.content.code else {
        return Err(refusal::invalid("the Worker has only assets"));
    };
    if code.format == Format::ServiceWorker
        && let [script] = code.modules.as_slice()
    {
        return Ok(scripts::javascript(app.store.files().get(&script.file)?));
    }
    let body = form(app, code)?;
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    Ok((
        [(CONTENT_TYPE, kind), (ENTRYPOINT, code.main.clone())],
        body,
    )
        .into_response())
}

fn form(app: &App, code: &Code) -> Result<Vec<u8>, ApiError> {
    let mut body = Vec::new();
    for module in &code.modules {
        let name = &module.name;
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{name}\"\r\nContent-Type: {}\r\n\r\n",
            module.kind.content_type()
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(&app.store.files().get(&module.file)?);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    Ok(body)
}
