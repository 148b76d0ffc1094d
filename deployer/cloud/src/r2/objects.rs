//! Objects, which the workers' bindings see as well.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_TYPE, ETAG,
    EXPIRES,
};
use http::{HeaderMap, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};

use super::bucket::{Bucket, Jurisdiction};
use super::code;
use crate::app::App;
use crate::envelope::{Answer, ApiError, Reply, ResultInfo};
use crate::strict::{At, Json, NoQuery, PageRule, Query};
use crate::values::R2Object;

const PAGES: PageRule = PageRule::new(1000, 1, 1000);
/// Bytes.
const LONGEST_KEY: usize = 1024;
/// Bytes; larger ones go over the S3 API.
const LARGEST: usize = 300 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    prefix: Option<String>,
    cursor: Option<String>,
    per_page: Option<u32>,
}

pub(super) async fn list(
    State(app): State<App>,
    jurisdiction: Jurisdiction,
    At([name]): At<1>,
    Query(query): Query<ListQuery>,
) -> Reply<Vec<Value>> {
    let per_page = PAGES.per_page(query.per_page)?;
    let storage = storage(&app, &name, &jurisdiction)?;
    let prefix = query.prefix.unwrap_or_default();
    let page = app
        .hosting
        .r2_list(&storage, &prefix, per_page, query.cursor.as_deref())
        .await?;
    let objects: Vec<Value> = page.objects.iter().map(|object| json!(object)).collect();
    let is_truncated = page.cursor.is_some();
    Ok(Answer::new(objects).with_info(ResultInfo {
        per_page: Some(per_page),
        cursor: Some(page.cursor.unwrap_or_default()),
        is_truncated: Some(is_truncated),
        ..ResultInfo::default()
    }))
}

pub(super) async fn read(
    State(app): State<App>,
    jurisdiction: Jurisdiction,
    At([name, key]): At<2>,
    _: NoQuery,
) -> Result<Response, ApiError> {
    let storage = storage(&app, &name, &jurisdiction)?;
    let object =
        app.hosting.r2_get(&storage, &key).await?.ok_or_else(|| {
            ApiError::not_found(code::NO_OBJECT, "The specified key does not exist.")
        })?;
    let mut response = object.body.into_response();
    for (name, value) in [(CONTENT_TYPE, object.content_type), (ETAG, object.etag)] {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}

pub(super) async fn put(
    State(app): State<App>,
    jurisdiction: Jurisdiction,
    At([name, key]): At<2>,
    _: NoQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    if key.len() > LONGEST_KEY {
        return Err(ApiError::bad(
            code::INVALID,
            format!("a key has at most {LONGEST_KEY} bytes"),
        ));
    }
    if body.len() > LARGEST {
        return Err(ApiError::bad(
            code::INVALID,
            "an object of more than 300 MiB goes over the S3 API, which there is none of here",
        ));
    }
    for header in [
        CACHE_CONTROL,
        CONTENT_DISPOSITION,
        CONTENT_ENCODING,
        CONTENT_LANGUAGE,
        EXPIRES,
    ] {
        if headers.contains_key(&header) {
            return Err(ApiError::bad(
                code::INVALID,
                format!("`{header}` of objects is not kept here"),
            ));
        }
    }
    let storage = storage(&app, &name, &jurisdiction)?;
    let size = body.len();
    let object = R2Object {
        body,
        content_type: headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned),
        etag: None,
    };
    let etag = app.hosting.r2_put(&storage, &key, object).await?;
    Ok(Answer::new(json!({
        "key": key,
        "etag": etag.trim_matches('"'),
        "size": size.to_string(),
        "uploaded": crate::time::now(),
        "version": crate::id::hex(),
        "storage_class": "Standard",
    })))
}

pub(super) async fn delete(
    State(app): State<App>,
    jurisdiction: Jurisdiction,
    At([name, key]): At<2>,
    _: NoQuery,
) -> Reply {
    let storage = storage(&app, &name, &jurisdiction)?;
    app.hosting.r2_delete(&storage, &key).await?;
    Ok(Answer::new(json!({ "key": key })))
}

pub(super) async fn delete_several(
    State(app): State<App>,
    jurisdiction: Jurisdiction,
    At([name]): At<1>,
    _: NoQuery,
    Json(keys): Json<Vec<String>>,
) -> Reply<Vec<Value>> {
    let storage = storage(&app, &name, &jurisdiction)?;
    for key in &keys {
        app.hosting.r2_delete(&storage, key).await?;
    }
    Ok(Answer::new(
        keys.iter().map(|key| json!({ "key": key })).collect(),
    ))
}

fn storage(app: &App, name: &str, jurisdiction: &Jurisdiction) -> Result<String, ApiError> {
    let bucket = Bucket::asked_for(app, name, jurisdiction)?;
    Ok(bucket.storage())
}
