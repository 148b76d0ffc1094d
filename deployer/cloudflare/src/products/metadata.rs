//! What goes up beside a worker's modules.

use std::collections::BTreeMap;

use serde::ser::SerializeMap as _;
use serde::{Deserialize, Serialize, Serializer};

use super::bindings::Binding;
use super::deployments::CodeUpdate;
use super::durable_objects::{ExportEntry, Migrations};
use crate::secret::{Secret, on_the_wire};

/// The part `metadata` of an upload.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UploadMetadata {
    /// None for a worker of assets alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub main_module: Option<String>,
    /// All of them: what is in neither this list nor `keep_bindings` is gone.
    pub bindings: Vec<Binding>,
    pub compatibility_date: String,
    pub compatibility_flags: Vec<String>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub classes: Option<Classes>,
    /// Kinds of bindings that stay although the list above does not name them.
    pub keep_bindings: Vec<KeptKind>,
    /// Keeps the assets of the live version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_assets: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assets: Option<UploadAssets>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placement: Option<Placement>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observability: Option<Observability>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logpush: Option<bool>,
    /// None leaves them as they are, an empty list clears them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tail_consumers: Option<Vec<TailConsumer>>,
    /// Of the script, not of the version: `tiny:stack=…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Annotations>,
    #[serde(
        rename = "code_update_strategy",
        skip_serializing_if = "Option::is_none"
    )]
    pub code_update: Option<CodeUpdate>,
}

impl UploadMetadata {
    /// With nothing bound, and with the secrets of the live version kept: an upload that does not
    /// say so deletes them all.
    pub fn new(main_module: Option<String>, compatibility_date: impl Into<String>) -> Self {
        Self {
            main_module,
            bindings: Vec::new(),
            compatibility_date: compatibility_date.into(),
            compatibility_flags: Vec::new(),
            classes: None,
            keep_bindings: vec![KeptKind::SecretText, KeptKind::SecretKey],
            keep_assets: None,
            assets: None,
            placement: None,
            limits: None,
            observability: None,
            logpush: None,
            tail_consumers: None,
            tags: None,
            annotations: None,
            code_update: None,
        }
    }

    /// What no trace may show.
    pub(crate) fn hidden(&self) -> Vec<Secret> {
        let assets = self.assets.iter().filter_map(|assets| assets.jwt.clone());
        self.bindings
            .iter()
            .flat_map(Binding::hidden)
            .chain(assets)
            .collect()
    }
}

/// How Cloudflare learns of Durable Object classes; one upload does not take both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Classes {
    /// By class name.
    Exports(BTreeMap<String, ExportEntry>),
    /// The older way.
    Migrations(Migrations),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeptKind {
    SecretText,
    SecretKey,
    PlainText,
    Json,
}

/// The assets of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UploadAssets {
    /// The completion token of an upload session; none where `keep_assets` is set.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "token")]
    pub jwt: Option<Secret>,
    pub config: AssetsConfig,
}

/// Only called on a token that is there.
#[allow(clippy::ref_option)] // serde's own signature
fn token<S: Serializer>(jwt: &Option<Secret>, serializer: S) -> Result<S::Ok, S::Error> {
    match jwt {
        Some(jwt) => on_the_wire(jwt, serializer),
        None => serializer.serialize_none(),
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct AssetsConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub html_handling: Option<HtmlHandling>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_found_handling: Option<NotFoundHandling>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_worker_first: Option<RunWorkerFirst>,
    /// The text of the file.
    #[serde(rename = "_headers", skip_serializing_if = "Option::is_none")]
    pub headers: Option<String>,
    /// The text of the file.
    #[serde(rename = "_redirects", skip_serializing_if = "Option::is_none")]
    pub redirects: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HtmlHandling {
    AutoTrailingSlash,
    ForceTrailingSlash,
    DropTrailingSlash,
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotFoundHandling {
    None,
    #[serde(rename = "404-page")]
    NotFoundPage,
    SinglePageApplication,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum RunWorkerFirst {
    Always(bool),
    Paths(Vec<String>),
}

/// Where the worker runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placement {
    Smart,
    /// Such as `aws:eu-west-1`.
    Region(String),
    /// Such as `db.example.com:5432`.
    Host(String),
}

impl Serialize for Placement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (key, value) = match self {
            Self::Smart => ("mode", "smart"),
            Self::Region(region) => ("region", region.as_str()),
            Self::Host(host) => ("host", host.as_str()),
        };
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(key, value)?;
        map.end()
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subrequests: Option<u32>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Observability {
    pub enabled: bool,
    /// Between 0 and 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head_sampling_rate: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logs: Option<LogSettings>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traces: Option<TraceSettings>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogSettings {
    pub enabled: bool,
    pub invocation_logs: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head_sampling_rate: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TraceSettings {
    #[serde(default)]
    pub enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head_sampling_rate: Option<f64>,
}

/// A worker that gets this one's logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TailConsumer {
    pub service: String,
}

/// What is said about a version or a deployment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Annotations {
    #[serde(rename = "workers/message", skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    #[serde(rename = "workers/tag", skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
}
