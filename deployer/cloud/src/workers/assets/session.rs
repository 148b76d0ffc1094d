//! A session begins with a manifest.

use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::token::{self, Purpose};
use super::{LIFETIME, now};
use crate::app::App;
use crate::envelope::{Answer, ApiError, Reply};
use crate::strict::{At, Json, NoQuery};
use crate::workers::records::{Manifest, Session};
use crate::workers::{check_name, refusal};

const MOST_FILES: usize = 100_000;
/// 25 MiB.
const MOST_BYTES: u64 = 25 << 20;
/// Of one bucket. Cloudflare's are of 50 MB; these are smaller, so that they are met in tests.
const BUCKET_BYTES: u64 = 40_000_000;
const BUCKET_FILES: usize = 500;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Start {
    manifest: Manifest,
}

pub(crate) async fn begin(
    State(app): State<App>,
    At([script]): At<1>,
    _: NoQuery,
    Json(Start { manifest }): Json<Start>,
) -> Reply<Value> {
    check_name(&script)?;
    check(&manifest)?;
    let (jwt, buckets) = app.store.write(|tx| {
        Session::forget_expired(tx, now())?;
        let session = Session::begin(tx, &script, manifest, now() + LIFETIME)?;
        let missing = session.missing(tx)?;
        let purpose = if missing.is_empty() {
            Purpose::Completion
        } else {
            Purpose::Upload
        };
        let jwt = token::issue(tx, &session, purpose)?;
        Ok::<_, ApiError>((jwt, buckets(&session.manifest, missing)))
    })?;
    Ok(Answer::new(json!({ "jwt": jwt, "buckets": buckets })))
}

fn check(manifest: &Manifest) -> Result<(), ApiError> {
    if manifest.len() > MOST_FILES {
        return Err(refusal::invalid(format!(
            "the manifest has {} files; the limit is {MOST_FILES}",
            manifest.len()
        )));
    }
    for (path, entry) in manifest {
        if !path.starts_with('/') {
            return Err(refusal::invalid(format!(
                "manifest: the path '{path}' must begin with /"
            )));
        }
        let is_hash =
            entry.hash.len() == 32 && entry.hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hash {
            return Err(refusal::invalid(format!(
                "manifest: the hash of '{path}' must be 32 hex digits"
            )));
        }
        if entry.size > MOST_BYTES {
            return Err(refusal::invalid(format!(
                "manifest: '{path}' has {} bytes; the limit is {MOST_BYTES}",
                entry.size
            )));
        }
    }
    Ok(())
}

/// What is missing, in groups of one request each.
fn buckets(manifest: &Manifest, missing: Vec<String>) -> Vec<Vec<String>> {
    let mut buckets: Vec<Vec<String>> = Vec::new();
    let mut bytes = 0;
    for hash in missing {
        let size = manifest
            .values()
            .find(|entry| entry.hash == hash)
            .map_or(0, |entry| entry.size);
        match buckets.last_mut() {
            Some(bucket) if bytes + size <= BUCKET_BYTES && bucket.len() < BUCKET_FILES => {
                bucket.push(hash);
                bytes += size;
            }
            _ => {
                buckets.push(vec![hash]);
                bytes = size;
            }
        }
    }
    buckets
}
