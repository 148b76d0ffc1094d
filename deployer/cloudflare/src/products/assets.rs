//! Static assets: a session says which files Cloudflare lacks, and they are uploaded in buckets.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::error::CloudflareError;
use crate::secret::Secret;
use crate::transport::call::{Call, Effect, Product};
use crate::transport::envelope::null_is_default;
use crate::transport::multipart::Multipart;

/// One file of a site: content is known by its hash, 32 hex digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AssetEntry {
    pub hash: String,
    /// Bytes.
    pub size: u64,
}

/// All files of a site, by path with a leading slash.
pub type AssetManifest = BTreeMap<String, AssetEntry>;

#[derive(Serialize)]
struct Start<'a> {
    manifest: &'a AssetManifest,
}

/// What is to be uploaded, and with which key.
#[derive(Debug, Clone, Deserialize)]
pub struct AssetSession {
    jwt: Secret,
    /// Hashes of the files that Cloudflare lacks, in groups of one request each.
    #[serde(default, deserialize_with = "null_is_default")]
    pub buckets: Vec<Vec<String>>,
}

impl AssetSession {
    /// The completion token, when Cloudflare has all files already.
    pub fn completed(&self) -> Option<&Secret> {
        self.buckets.iter().all(Vec::is_empty).then_some(&self.jwt)
    }
}

/// A file of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetFile {
    pub hash: String,
    /// None: Cloudflare serves it without a content type.
    pub content_type: Option<String>,
    pub content: Bytes,
}

#[derive(Deserialize)]
struct BucketDone {
    jwt: Option<Secret>,
}

impl Account {
    /// Files are stored by their content, so a session may be started as often as one likes.
    pub async fn start_asset_upload(
        &self,
        script: &str,
        manifest: &AssetManifest,
    ) -> Result<AssetSession, CloudflareError> {
        let operation = format!("start uploading assets of worker `{script}`");
        let call = Call::post(Product::Scripts, operation).effect(Effect::Put);
        let call = self
            .script(call, script, &["assets-upload-session"])
            .json(&Start { manifest });
        self.transport.result(call).await
    }

    /// Uploads the files of one bucket. The answer to the last bucket that comes in is the
    /// completion token, which goes into the metadata of the upload and is good for an hour.
    pub async fn upload_asset_bucket(
        &self,
        session: &AssetSession,
        files: &[AssetFile],
    ) -> Result<Option<Secret>, CloudflareError> {
        let form = files.iter().fold(Multipart::default(), |form, file| {
            let content_type = file.content_type.as_deref().unwrap_or("application/null");
            let content = Bytes::from(STANDARD.encode(&file.content));
            form.file(&file.hash, content_type, content)
        });
        let operation = format!("upload {} assets", files.len());
        let call = Call::post(Product::Scripts, operation)
            .effect(Effect::Put)
            .at(&["accounts", self.id(), "workers", "assets", "upload"])
            .query("base64", "true")
            .bearer(session.jwt.clone())
            .multipart(form);
        let done: Option<BucketDone> = self.transport.result(call).await?;
        Ok(done.and_then(|done| done.jwt))
    }
}
