//! Uploading static files: Cloudflare says which it lacks, and those go up, three groups at once.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use tiny_cloudflare::{Account, AssetEntry, AssetManifest, Secret};

use super::error::WorkerError;
use crate::{AssetContent, AssetFile};

/// Groups of files under way at once, as many as Cloudflare's own tool has.
const AT_ONCE: usize = 3;

/// The token that binds the files to an upload of the worker.
pub(super) async fn upload(
    cloud: &Account,
    worker: &str,
    script: &str,
    files: &BTreeMap<String, AssetFile>,
    say: impl Fn(&str),
) -> Result<Secret, WorkerError> {
    let manifest: AssetManifest = files
        .iter()
        .map(|(path, file)| {
            let entry = AssetEntry {
                hash: file.hash.clone(),
                size: file.size,
            };
            (path.clone(), entry)
        })
        .collect();
    let session = cloud.start_asset_upload(script, &manifest).await?;
    if let Some(token) = session.completed() {
        return Ok(token.clone());
    }
    let by_hash: HashMap<&str, (&String, &AssetFile)> = files
        .iter()
        .map(|(path, file)| (file.hash.as_str(), (path, file)))
        .collect();
    let missing: usize = session.buckets.iter().map(Vec::len).sum();
    say(&format!("uploading {missing} of {} assets", files.len()));
    let (session, by_hash) = (&session, &by_hash);
    let buckets = session.buckets.iter().filter(|bucket| !bucket.is_empty());
    let tokens: Vec<Option<Secret>> = stream::iter(buckets)
        .map(|bucket| async move {
            let mut group = Vec::with_capacity(bucket.len());
            for hash in bucket {
                // Cloudflare asks for nothing that was not in the manifest.
                if let Some((path, file)) = by_hash.get(hash.as_str()) {
                    group.push(tiny_cloudflare::AssetFile {
                        hash: hash.clone(),
                        content_type: file.content_type.clone(),
                        content: content(path, file).await?,
                    });
                }
            }
            Ok::<_, WorkerError>(cloud.upload_asset_bucket(session, &group).await?)
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    tokens
        .into_iter()
        .flatten()
        .last()
        .ok_or_else(|| WorkerError::AssetsUnconfirmed {
            worker: worker.to_owned(),
        })
}

async fn content(path: &str, file: &AssetFile) -> Result<Bytes, WorkerError> {
    match &file.content {
        AssetContent::Memory(bytes) => Ok(bytes.clone()),
        AssetContent::File(source) => {
            let read = fs_err::tokio::read(source).await;
            read.map(Bytes::from).map_err(|error| WorkerError::Asset {
                path: path.to_owned(),
                why: error.to_string(),
            })
        }
    }
}
