//! Settings of a version or of a script that uploads and `PATCH` share.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

use crate::envelope::ApiError;
use crate::workers::refusal;

/// Where a worker runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Placement {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mode: Option<PlacementMode>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hostname: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<Vec<Target>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PlacementMode {
    Smart,
    Targeted,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum Target {
    Region(String),
    Hostname(String),
    Host(String),
}

impl Placement {
    pub(crate) fn check(&self) -> Result<(), ApiError> {
        let places = [
            self.region.is_some(),
            self.hostname.is_some(),
            self.host.is_some(),
            self.target.is_some(),
        ];
        let named = places.iter().filter(|named| **named).count();
        let whole = match self.mode {
            Some(PlacementMode::Smart) => named == 0,
            Some(PlacementMode::Targeted) => named == 1,
            None => named == 1 && self.target.is_none(),
        };
        if whole {
            return Ok(());
        }
        Err(refusal::invalid(
            "`placement` must be `{\"mode\": \"smart\"}` or name one of `region`, `host` and `hostname`",
        ))
    }

    pub(crate) fn mode(&self) -> PlacementMode {
        self.mode.unwrap_or(PlacementMode::Targeted)
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cpu_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subrequests: Option<u64>,
}

impl Limits {
    pub(crate) fn check(&self) -> Result<(), ApiError> {
        let ranges = [
            ("cpu_ms", self.cpu_ms, 300_000),
            ("subrequests", self.subrequests, 10_000_000),
        ];
        for (name, value, most) in ranges {
            if value.is_some_and(|value| value == 0 || value > most) {
                return Err(refusal::invalid(format!(
                    "`limits.{name}` must be between 1 and {most}"
                )));
            }
        }
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Observability {
    pub(crate) enabled: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    head_sampling_rate: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    issues: Option<Issues>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    logs: Option<Logs>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    redact_query_string: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    traces: Option<Traces>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Issues {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    enabled: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "as Cloudflare names them")]
struct Logs {
    enabled: bool,
    /// Cloudflare's description demands it, and wrangler leaves it out where its user does.
    #[serde(default = "yes")]
    invocation_logs: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    destinations: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    head_sampling_rate: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    persist: Option<bool>,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Traces {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    destinations: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    enabled: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    head_sampling_rate: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    persist: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    propagation_policy: Option<PropagationPolicy>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum PropagationPolicy {
    Authenticated,
    Accept,
}

impl Observability {
    pub(crate) fn check(&self) -> Result<(), ApiError> {
        let rates = [
            ("", self.head_sampling_rate),
            (
                "logs.",
                self.logs.as_ref().and_then(|logs| logs.head_sampling_rate),
            ),
            (
                "traces.",
                self.traces
                    .as_ref()
                    .and_then(|traces| traces.head_sampling_rate),
            ),
        ];
        for (of, rate) in rates {
            if rate.is_some_and(|rate| !(0.0..=1.0).contains(&rate)) {
                return Err(refusal::invalid(format!(
                    "`observability.{of}head_sampling_rate` must be between 0 and 1"
                )));
            }
        }
        Ok(())
    }
}

/// A worker that gets this one's logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TailConsumer {
    pub(crate) service: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    environment: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CacheOptions {
    enabled: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cross_version_cache: Option<bool>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum UsageModel {
    #[default]
    Standard,
    Bundled,
    Unbound,
}

/// How the assets of a version are served.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AssetsConfig {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) html_handling: Option<HtmlHandling>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) not_found_handling: Option<NotFoundHandling>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) run_worker_first: Option<RunWorkerFirst>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) serve_directly: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) base_path: Option<String>,
    /// The text of the file.
    #[serde(rename = "_headers", default, skip_serializing_if = "Option::is_none")]
    pub(crate) headers: Option<String>,
    /// The text of the file.
    #[serde(
        rename = "_redirects",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) redirects: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum HtmlHandling {
    AutoTrailingSlash,
    ForceTrailingSlash,
    DropTrailingSlash,
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum NotFoundHandling {
    None,
    #[serde(rename = "404-page")]
    NotFoundPage,
    SinglePageApplication,
}

/// Which paths the worker gets before the assets do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RunWorkerFirst {
    Always(bool),
    Paths(Vec<String>),
}

impl Serialize for RunWorkerFirst {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Always(always) => always.serialize(serializer),
            Self::Paths(paths) => paths.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for RunWorkerFirst {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Bool(always) => Ok(Self::Always(always)),
            Value::Array(paths) => paths
                .into_iter()
                .map(|path| match path {
                    Value::String(path) => Ok(path),
                    other => Err(serde::de::Error::custom(format!(
                        "run_worker_first: {other} is not a path"
                    ))),
                })
                .collect::<Result<_, _>>()
                .map(Self::Paths),
            other => Err(serde::de::Error::custom(format!(
                "run_worker_first must be a boolean or a list of paths, not {other}"
            ))),
        }
    }
}

impl AssetsConfig {
    pub(crate) fn check(&self) -> Result<(), ApiError> {
        if let Some(RunWorkerFirst::Paths(paths)) = &self.run_worker_first {
            if paths.is_empty() || paths.len() > 100 {
                return Err(refusal::invalid(
                    "`assets.config.run_worker_first` must have between 1 and 100 paths",
                ));
            }
            if let Some(path) = paths
                .iter()
                .find(|path| !path.starts_with('/') && !path.starts_with("!/"))
            {
                return Err(refusal::invalid(format!(
                    "`assets.config.run_worker_first`: '{path}' must start with / or !/"
                )));
            }
        }
        Ok(())
    }
}

/// Names under which the dashboard groups workers.
pub(crate) fn check_tags(tags: &[String]) -> Result<(), ApiError> {
    for tag in tags {
        if tag.is_empty() || tag.len() > 1024 || tag.contains([',', '&']) {
            return Err(refusal::invalid(format!(
                "tag '{tag}' must not be empty, be over 1024 bytes or have `,` or `&`"
            )));
        }
    }
    Ok(())
}

/// What a worker without settings of its own is answered with.
pub(crate) fn no_observability() -> Value {
    json!({ "enabled": false })
}
