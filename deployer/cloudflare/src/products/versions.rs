//! Versions: what can be deployed, and what was.

use serde::Deserialize;

use super::bindings::LiveBinding;
use super::metadata::Annotations;
use super::scripts::Upload;
use crate::account::Account;
use crate::error::CloudflareError;
use crate::transport::call::{Call, Product};
use crate::transport::envelope::null_is_default;

#[derive(Debug, Clone, Deserialize)]
pub struct Version {
    pub id: String,
    /// Counts up from 1.
    pub number: Option<u64>,
    pub startup_time_ms: Option<u64>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub metadata: VersionMetadata,
    #[serde(default, deserialize_with = "null_is_default")]
    pub annotations: Annotations,
    /// Not in lists.
    #[serde(default, deserialize_with = "null_is_default")]
    pub resources: VersionResources,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub struct VersionMetadata {
    pub author_email: Option<String>,
    pub created_on: Option<String>,
    /// `wrangler`, `api`, `dash`, ….
    pub source: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub struct VersionResources {
    #[serde(default, deserialize_with = "null_is_default")]
    pub bindings: Vec<LiveBinding>,
}

impl Account {
    /// Uploads a version that gets no traffic yet. It takes no migrations. A lost answer is unclear.
    pub async fn upload_version(
        &self,
        script: &str,
        upload: &Upload,
    ) -> Result<Version, CloudflareError> {
        let operation = format!("upload a version of worker `{script}`");
        let call = self.script(
            Call::post(Product::Scripts, operation),
            script,
            &["versions"],
        );
        self.transport.result(upload.put_into(call)).await
    }

    /// The latest ones, newest first, as many as Cloudflare gives at once.
    pub async fn latest_versions(&self, script: &str) -> Result<Vec<Version>, CloudflareError> {
        let operation = format!("list versions of worker `{script}`");
        let call = self.script(
            Call::get(Product::Scripts, operation),
            script,
            &["versions"],
        );
        self.transport.list(call, Some("items")).await
    }

    pub async fn version(
        &self,
        script: &str,
        id: &str,
    ) -> Result<Option<Version>, CloudflareError> {
        let operation = format!("read version `{id}` of worker `{script}`");
        let call = Call::get(Product::Scripts, operation);
        self.transport
            .find(self.script(call, script, &["versions", id]))
            .await
    }
}
