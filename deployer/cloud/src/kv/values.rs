//! Values, which the workers' bindings see as well.

use axum::extract::{FromRequest as _, Request, State};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, EXPIRES};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::limits::{check_key, check_metadata, check_value, expiration};
use super::{Namespace, code};
use crate::app::App;
use crate::envelope::{Answer, ApiError, Reply, ResultInfo};
use crate::strict::{At, Form, Json, NoQuery, PageRule, Query, UNREADABLE, parse_json};
use crate::values::KvValue;

const MOST_PUT: usize = 10_000;
const MOST_READ: usize = 100;
const KEYS: PageRule = PageRule::new(1000, 10, 1000);

pub(super) async fn read(
    State(app): State<App>,
    At([namespace, key]): At<2>,
    _: NoQuery,
) -> Result<Response, ApiError> {
    let value = find(&app, &namespace, &key).await?;
    let mut response = value.value.into_response();
    if let Some(expiration) = value.expiration {
        response.headers_mut().insert(EXPIRES, expiration.into());
    }
    Ok(response)
}

pub(super) async fn metadata(
    State(app): State<App>,
    At([namespace, key]): At<2>,
    _: NoQuery,
) -> Reply {
    let value = find(&app, &namespace, &key).await?;
    Ok(Answer::new(value.metadata.unwrap_or_default()))
}

async fn find(app: &App, namespace: &str, key: &str) -> Result<KvValue, ApiError> {
    app.store.read(|tx| Namespace::find(tx, namespace))?;
    app.hosting
        .kv_get(namespace, key)
        .await?
        .ok_or_else(|| ApiError::not_found(code::NO_KEY, "get: 'key not found'"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PutQuery {
    expiration: Option<u64>,
    expiration_ttl: Option<u64>,
}

/// The value is the body, or, beside metadata, a part of a form.
pub(super) async fn put(
    State(app): State<App>,
    At([namespace, key]): At<2>,
    Query(query): Query<PutQuery>,
    request: Request,
) -> Reply {
    check_key(&key)?;
    let expiration = expiration(query.expiration, query.expiration_ttl)?;
    app.store.read(|tx| Namespace::find(tx, &namespace))?;
    let is_form = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|kind| kind.starts_with("multipart/form-data"));
    let (value, metadata) = if is_form {
        let mut form = Form::from_request(request, &app).await?;
        let value = form
            .take("value")
            .ok_or_else(|| ApiError::bad(UNREADABLE, "the form has no part `value`"))?;
        let metadata: Option<Value> = form
            .take("metadata")
            .map(|part| parse_json(&part.body, "`metadata`"))
            .transpose()?;
        if let Some(part) = form.0.first() {
            return Err(ApiError::bad(
                UNREADABLE,
                format!("the form: unknown part `{}`", part.name),
            ));
        }
        (value.body, metadata)
    } else {
        let body = Bytes::from_request(request, &app)
            .await
            .map_err(|error| ApiError::bad(UNREADABLE, format!("no whole body came: {error}")))?;
        (body, None)
    };
    check_value(&value)?;
    check_metadata(metadata.as_ref())?;
    let value = KvValue {
        value,
        metadata,
        expiration,
    };
    app.hosting.kv_put(&namespace, &key, value).await?;
    Ok(Answer::null())
}

pub(super) async fn delete(
    State(app): State<App>,
    At([namespace, key]): At<2>,
    _: NoQuery,
) -> Reply {
    app.store.read(|tx| Namespace::find(tx, &namespace))?;
    app.hosting.kv_delete(&namespace, &key).await?;
    Ok(Answer::null())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeysQuery {
    prefix: Option<String>,
    limit: Option<u32>,
    cursor: Option<String>,
}

pub(super) async fn keys(
    State(app): State<App>,
    At([namespace]): At<1>,
    Query(query): Query<KeysQuery>,
) -> Reply {
    let limit = KEYS.per_page(query.limit)?;
    app.store.read(|tx| Namespace::find(tx, &namespace))?;
    let page = app
        .hosting
        .kv_keys(
            &namespace,
            query.prefix.as_deref().unwrap_or_default(),
            limit,
            query.cursor.as_deref().filter(|cursor| !cursor.is_empty()),
        )
        .await?;
    let info = ResultInfo {
        count: Some(page.keys.len() as u64),
        cursor: Some(page.cursor.unwrap_or_default()),
        ..ResultInfo::default()
    };
    Ok(Answer::new(json!(page.keys)).with_info(info))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pair {
    key: String,
    value: String,
    #[serde(default)]
    base64: bool,
    expiration: Option<u64>,
    expiration_ttl: Option<u64>,
    metadata: Option<Value>,
}

impl Pair {
    fn checked(self) -> Result<(String, KvValue), ApiError> {
        check_key(&self.key)?;
        let value: Bytes = if self.base64 {
            base64::engine::general_purpose::STANDARD
                .decode(&self.value)
                .map_err(|error| {
                    ApiError::bad(
                        code::BULK,
                        format!("the value of `{}` is not base64: {error}", self.key),
                    )
                })?
                .into()
        } else {
            self.value.into()
        };
        check_value(&value)?;
        check_metadata(self.metadata.as_ref())?;
        let expiration = expiration(self.expiration, self.expiration_ttl)?;
        Ok((
            self.key,
            KvValue {
                value,
                metadata: self.metadata,
                expiration,
            },
        ))
    }
}

/// All are checked before the first is put.
pub(super) async fn put_several(
    State(app): State<App>,
    At([namespace]): At<1>,
    _: NoQuery,
    Json(pairs): Json<Vec<Pair>>,
) -> Reply {
    at_most(pairs.len(), MOST_PUT)?;
    app.store.read(|tx| Namespace::find(tx, &namespace))?;
    let pairs = pairs
        .into_iter()
        .map(Pair::checked)
        .collect::<Result<Vec<_>, _>>()?;
    let count = pairs.len();
    for (key, value) in pairs {
        app.hosting.kv_put(&namespace, &key, value).await?;
    }
    Ok(counted(count))
}

pub(super) async fn delete_several(
    State(app): State<App>,
    At([namespace]): At<1>,
    _: NoQuery,
    Json(keys): Json<Vec<String>>,
) -> Reply {
    at_most(keys.len(), MOST_PUT)?;
    app.store.read(|tx| Namespace::find(tx, &namespace))?;
    for key in &keys {
        app.hosting.kv_delete(&namespace, key).await?;
    }
    Ok(counted(keys.len()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    keys: Vec<String>,
    #[serde(default, rename = "type")]
    kind: Kind,
    #[serde(default, rename = "withMetadata")]
    with_metadata: bool,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    #[default]
    Text,
    Json,
}

pub(super) async fn read_several(
    State(app): State<App>,
    At([namespace]): At<1>,
    _: NoQuery,
    Json(wanted): Json<Wanted>,
) -> Reply {
    at_most(wanted.keys.len(), MOST_READ)?;
    app.store.read(|tx| Namespace::find(tx, &namespace))?;
    let mut values = Map::new();
    for key in wanted.keys {
        let found = app.hosting.kv_get(&namespace, &key).await?;
        let shown = match found {
            None => Value::Null,
            Some(found) => {
                let value = shown(&key, wanted.kind, &found.value)?;
                if wanted.with_metadata {
                    let mut whole = json!({ "value": value, "metadata": found.metadata });
                    if let Some(expiration) = found.expiration {
                        whole["expiration"] = json!(expiration);
                    }
                    whole
                } else {
                    value
                }
            }
        };
        values.insert(key, shown);
    }
    Ok(Answer::new(json!({ "values": values })))
}

fn shown(key: &str, kind: Kind, value: &[u8]) -> Result<Value, ApiError> {
    match kind {
        Kind::Text => Ok(String::from_utf8_lossy(value).into()),
        Kind::Json => serde_json::from_slice(value).map_err(|error| {
            ApiError::bad(
                code::BULK,
                format!("the value of `{key}` is not JSON: {error}"),
            )
        }),
    }
}

fn at_most(count: usize, most: usize) -> Result<(), ApiError> {
    if (1..=most).contains(&count) {
        return Ok(());
    }
    Err(ApiError::bad(
        code::BULK,
        format!("from 1 to {most} keys go into one call, and {count} are given"),
    ))
}

fn counted(count: usize) -> Answer<Value> {
    Answer::new(json!({ "successful_key_count": count, "unsuccessful_keys": [] }))
}
