//! The part `metadata` of an upload. Every object in it is closed.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::bindings::Binding;
use super::compatibility::Compatibility;
use super::kinds::TYPE_NAMES;
use super::settings::{
    AssetsConfig, CacheOptions, Limits, Observability, Placement, TailConsumer, UsageModel,
    check_tags,
};
use crate::envelope::ApiError;
use crate::strict::parse_json;
use crate::workers::classes::{Migrations, RawExport};
use crate::workers::refusal;

/// As it came, each field as Cloudflare names it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    main_module: Option<String>,
    body_part: Option<String>,
    bindings: Option<Vec<Value>>,
    compatibility_date: Option<String>,
    compatibility_flags: Option<Vec<String>>,
    migrations: Option<Migrations>,
    exports: Option<BTreeMap<String, RawExport>>,
    keep_bindings: Option<Vec<String>>,
    keep_assets: Option<bool>,
    placement: Option<Placement>,
    tail_consumers: Option<Vec<TailConsumer>>,
    streaming_tail_consumers: Option<Vec<TailConsumer>>,
    limits: Option<Limits>,
    annotations: Option<Annotations>,
    assets: Option<Assets>,
    observability: Option<Observability>,
    logpush: Option<bool>,
    containers: Option<Vec<Value>>,
    cache_options: Option<CacheOptions>,
    code_update_strategy: Option<CodeUpdate>,
    tags: Option<Vec<String>>,
    usage_model: Option<UsageModel>,
    package_dependencies: Option<Vec<PackageDependency>>,
}

/// What is to become of a worker.
#[derive(Debug, Clone)]
pub(crate) struct Metadata {
    /// None for a worker of assets alone.
    pub(crate) entry: Option<Entry>,
    pub(crate) bindings: Vec<Binding>,
    pub(crate) compatibility: Compatibility,
    pub(crate) migrations: Option<Migrations>,
    pub(crate) exports: Option<BTreeMap<String, RawExport>>,
    /// Kinds of bindings that stay although the list does not name them.
    pub(crate) keep_bindings: BTreeSet<String>,
    pub(crate) keep_assets: bool,
    pub(crate) assets: Option<Assets>,
    pub(crate) placement: Option<Placement>,
    pub(crate) limits: Option<Limits>,
    pub(crate) cache_options: Option<CacheOptions>,
    pub(crate) annotations: Annotations,
    pub(crate) usage_model: UsageModel,
    /// Here and below: of the script; none leaves it as it is.
    pub(crate) observability: Option<Observability>,
    pub(crate) logpush: Option<bool>,
    pub(crate) tail_consumers: Option<Vec<TailConsumer>>,
    pub(crate) tags: Option<Vec<String>>,
}

/// Where the code begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    MainModule(String),
    /// Of the older format, which registers its handlers by `addEventListener`.
    ServiceWorker(String),
}

impl Entry {
    pub(crate) fn part(&self) -> &str {
        match self {
            Self::MainModule(part) | Self::ServiceWorker(part) => part,
        }
    }
}

/// The assets of a version.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Assets {
    /// The completion token of an upload session.
    pub(crate) jwt: Option<String>,
    pub(crate) config: Option<AssetsConfig>,
}

/// What is said about a version or a deployment.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Annotations {
    #[serde(rename = "workers/message", skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
    #[serde(rename = "workers/tag", skip_serializing_if = "Option::is_none")]
    pub(crate) tag: Option<String>,
    #[serde(rename = "workers/alias", skip_serializing_if = "Option::is_none")]
    pub(crate) alias: Option<String>,
    #[serde(rename = "workers/commit_sha", skip_serializing_if = "Option::is_none")]
    pub(crate) commit_sha: Option<String>,
    #[serde(
        rename = "workers/pull_request_number",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) pull_request_number: Option<String>,
    #[serde(
        rename = "workers/pull_request_title",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) pull_request_title: Option<String>,
    #[serde(
        rename = "workers/pull_request_url",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) pull_request_url: Option<String>,
    #[serde(
        rename = "workers/repository_url",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) repository_url: Option<String>,
    /// Only in answers: `upload`, `secret`, `deployment`, ….
    #[serde(
        rename = "workers/triggered_by",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) triggered_by: Option<String>,
}

impl Annotations {
    pub(crate) fn triggered_by(mut self, what: &str) -> Self {
        self.triggered_by = Some(what.to_owned());
        self
    }

    /// As they came with a request.
    pub(crate) fn check(&self) -> Result<(), ApiError> {
        if self.triggered_by.is_some() {
            return Err(refusal::invalid(
                "annotation `workers/triggered_by` is Cloudflare's own",
            ));
        }
        let limits = [
            ("workers/message", &self.message, 1000),
            ("workers/tag", &self.tag, 100),
            ("workers/alias", &self.alias, 63),
        ];
        for (name, value, limit) in limits {
            if let Some(value) = value
                && value.chars().count() > limit
            {
                return Err(refusal::invalid(format!(
                    "annotation `{name}` may have at most {limit} characters"
                )));
            }
        }
        Ok(())
    }
}

/// When Durable Objects that run get the new code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum CodeUpdate {
    Immediate {},
    Deferred { max_delay: Option<u32> },
}

impl CodeUpdate {
    pub(crate) fn check(self) -> Result<(), ApiError> {
        match self {
            Self::Deferred {
                max_delay: Some(delay),
            } if delay > 300 => Err(refusal::invalid(
                "`code_update_strategy.max_delay` may be at most 300 seconds",
            )),
            Self::Immediate {} | Self::Deferred { .. } => Ok(()),
        }
    }
}

/// For Cloudflare's statistics.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct PackageDependency {
    #[serde(rename = "name")]
    _name: String,
    #[serde(rename = "installedVersion")]
    _installed: String,
    #[serde(rename = "packageJsonVersion")]
    _wanted: String,
}

impl Metadata {
    /// Reads the part, and checks all that can be told from it alone.
    pub(crate) fn parse(json: &[u8], today: chrono::NaiveDate) -> Result<Self, ApiError> {
        let wire: Wire = parse_json(json, "`metadata`")?;
        let entry = match (wire.main_module, wire.body_part) {
            (Some(_), Some(_)) => {
                return Err(refusal::invalid(
                    "metadata may have one of `main_module` and `body_part`",
                ));
            }
            (Some(part), None) => Some(Entry::MainModule(part)),
            (None, Some(part)) => Some(Entry::ServiceWorker(part)),
            (None, None) => None,
        };
        if wire
            .containers
            .is_some_and(|containers| !containers.is_empty())
        {
            return Err(refusal::invalid(
                "`containers`: the local Cloudflare has no containers",
            ));
        }
        if wire.exports.is_some() && wire.migrations.is_some() {
            return Err(refusal::invalid(
                "`migrations` and `exports` are mutually exclusive: a Worker declares its Durable Object classes with one of them",
            ));
        }
        let keep_bindings: BTreeSet<String> =
            wire.keep_bindings.unwrap_or_default().into_iter().collect();
        if let Some(unknown) = keep_bindings
            .iter()
            .find(|kind| !TYPE_NAMES.contains(&kind.as_str()))
        {
            return Err(refusal::invalid(format!(
                "`keep_bindings`: there is no binding type `{unknown}`"
            )));
        }
        let annotations = wire.annotations.unwrap_or_default();
        annotations.check()?;
        if let Some(placement) = &wire.placement {
            placement.check()?;
        }
        if let Some(limits) = &wire.limits {
            limits.check()?;
        }
        if let Some(observability) = &wire.observability {
            observability.check()?;
        }
        if let Some(strategy) = wire.code_update_strategy {
            strategy.check()?;
        }
        if let Some(tags) = &wire.tags {
            check_tags(tags)?;
        }
        drop((wire.package_dependencies, wire.streaming_tail_consumers));
        Ok(Self {
            entry,
            bindings: distinct(wire.bindings.unwrap_or_default())?,
            compatibility: Compatibility::parse(
                wire.compatibility_date,
                wire.compatibility_flags.unwrap_or_default(),
                today,
            )?,
            migrations: wire.migrations,
            exports: wire.exports,
            keep_bindings,
            keep_assets: wire.keep_assets.unwrap_or(false),
            assets: wire.assets,
            placement: wire.placement,
            limits: wire.limits,
            cache_options: wire.cache_options,
            annotations,
            usage_model: wire.usage_model.unwrap_or_default(),
            observability: wire.observability,
            logpush: wire.logpush,
            tail_consumers: wire.tail_consumers,
            tags: wire.tags,
        })
    }
}

/// Bindings, each of its own name.
pub(crate) fn distinct(values: Vec<Value>) -> Result<Vec<Binding>, ApiError> {
    let bindings: Vec<Binding> = values
        .into_iter()
        .map(Binding::parse)
        .collect::<Result<_, _>>()?;
    let mut names = BTreeSet::new();
    for binding in &bindings {
        if !names.insert(binding.name.as_str()) {
            return Err(refusal::binding_twice(&binding.name));
        }
    }
    check_values(&bindings)?;
    Ok(bindings)
}

/// The limits of what is written into the environment.
pub(crate) fn check_values(bindings: &[Binding]) -> Result<(), ApiError> {
    let values: Vec<(&str, usize)> = bindings
        .iter()
        .filter_map(|binding| Some((binding.name.as_str(), binding.value_bytes()?)))
        .collect();
    if let Some((name, bytes)) = values.iter().find(|(_, bytes)| *bytes > 5120) {
        return Err(refusal::var_too_large(name, *bytes));
    }
    if values.len() > 128 {
        return Err(refusal::too_many_vars(values.len()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn today() -> chrono::NaiveDate {
        chrono::NaiveDate::from_ymd_opt(2026, 11, 24).unwrap()
    }

    fn parse(value: &Value) -> Result<Metadata, ApiError> {
        Metadata::parse(value.to_string().as_bytes(), today())
    }

    fn refused(value: &Value) -> String {
        let error = parse(value).unwrap_err();
        format!("{} {}", error.code, error.message)
    }

    #[test]
    fn all_that_wrangler_sends_is_taken() {
        let metadata = parse(&json!({
            "main_module": "index.js",
            "bindings": [{"name": "A", "type": "plain_text", "text": "x"}],
            "compatibility_date": "2026-11-01",
            "compatibility_flags": ["nodejs_compat"],
            "migrations": {"old_tag": "v1", "new_tag": "v2", "steps": [{"new_sqlite_classes": ["A"]}]},
            "code_update_strategy": {"mode": "deferred", "max_delay": 300},
            "keep_bindings": ["plain_text", "json", "secret_text", "secret_key"],
            "logpush": false,
            "placement": {"mode": "smart"},
            "tail_consumers": [{"service": "t"}],
            "streaming_tail_consumers": [{"service": "t"}],
            "limits": {"cpu_ms": 50},
            "annotations": {"workers/message": "m", "workers/tag": "t"},
            "keep_assets": false,
            "assets": {"jwt": "x", "config": {"html_handling": "auto-trailing-slash", "not_found_handling": "404-page", "run_worker_first": ["/api/*"], "_headers": "", "_redirects": ""}},
            "observability": {"enabled": true, "head_sampling_rate": 0.5, "logs": {"enabled": true, "invocation_logs": true}},
            "cache_options": {"enabled": true},
            "package_dependencies": [{"name": "n", "installedVersion": "1", "packageJsonVersion": "^1"}],
        }))
        .unwrap();
        assert_eq!(metadata.entry, Some(Entry::MainModule("index.js".into())));
        assert!(metadata.keep_bindings.contains("secret_text"));
        assert!(metadata.migrations.is_some());
    }

    #[test]
    fn what_is_not_metadata_is_named() {
        insta::assert_snapshot!([
            json!({"main": "a"}),
            json!({"main_module": "a", "body_part": "b"}),
            json!({"main_module": "a", "bindings": [{"name": "A", "type": "ai"}, {"name": "A", "type": "images"}]}),
            json!({"main_module": "a", "bindings": [{"name": "A", "type": "plain_text", "text": "x".repeat(5121)}]}),
            json!({"main_module": "a", "bindings": (0..129).map(|n| json!({"name": format!("V{n}"), "type": "plain_text", "text": ""})).collect::<Vec<_>>()}),
            json!({"main_module": "a", "compatibility_date": "2026-11-25"}),
            json!({"main_module": "a", "compatibility_date": "yesterday"}),
            json!({"main_module": "a", "compatibility_flags": ["a", "a"], "compatibility_date": "2026-01-01"}),
            json!({"main_module": "a", "exports": {}, "migrations": {"new_tag": "v1"}}),
            json!({"main_module": "a", "keep_bindings": ["secrets"]}),
            json!({"main_module": "a", "limits": {"cpu_ms": 300_001}}),
            json!({"main_module": "a", "limits": {"cpu": 1}}),
            json!({"main_module": "a", "placement": {"mode": "clever"}}),
            json!({"main_module": "a", "placement": {"region": "a", "host": "b"}}),
            json!({"main_module": "a", "observability": {"enabled": true, "head_sampling_rate": 1.5}}),
            json!({"main_module": "a", "annotations": {"workers/note": "x"}}),
            json!({"main_module": "a", "assets": {"config": {"html": "none"}}}),
            json!({"main_module": "a", "code_update_strategy": {"mode": "deferred", "max_delay": 301}}),
            json!({"main_module": "a", "tags": ["a,b"]}),
            json!({"main_module": "a", "containers": [{"class_name": "C"}]}),
            json!({"main_module": "a", "migrations": {"steps": [{"new_class": ["A"]}]}}),
            json!({"main_module": "a", "exports": {"A": {"type": "durable-object", "store": "sqlite"}}}),
        ].iter().map(refused).collect::<Vec<_>>().join("\n"), @r#"
10026 `metadata`, at `main`: unknown field `main`, expected one of `main_module`, `body_part`, `bindings`, `compatibility_date`, `compatibility_flags`, `migrations`, `exports`, `keep_bindings`, `keep_assets`, `placement`, `tail_consumers`, `streaming_tail_consumers`, `limits`, `annotations`, `assets`, `observability`, `logpush`, `containers`, `cache_options`, `code_update_strategy`, `tags`, `usage_model`, `package_dependencies` at line 1 column 7
10021 metadata may have one of `main_module` and `body_part`
10053 Binding name 'A' already in use. Please use a different name and try again.
10054 Text binding 'A' has 5121 bytes; the limit is 5120.
10055 The Worker has 129 text bindings; the limit is 128.
10021 Can't set compatibility date in the future: 2026-11-25
10021 Invalid compatibility date: 'yesterday'. It must be YYYY-MM-DD.
10021 Compatibility flag specified multiple times: a
10021 `migrations` and `exports` are mutually exclusive: a Worker declares its Durable Object classes with one of them
10021 `keep_bindings`: there is no binding type `secrets`
10021 `limits.cpu_ms` must be between 1 and 300000
10026 `metadata`, at `limits.cpu`: unknown field `cpu`, expected `cpu_ms` or `subrequests` at line 1 column 16
10026 `metadata`, at `placement.mode`: unknown variant `clever`, expected `smart` or `targeted` at line 1 column 47
10021 `placement` must be `{"mode": "smart"}` or name one of `region`, `host` and `hostname`
10021 `observability.head_sampling_rate` must be between 0 and 1
10026 `metadata`, at `annotations.workers/note`: unknown field `workers/note`, expected one of `workers/message`, `workers/tag`, `workers/alias`, `workers/commit_sha`, `workers/pull_request_number`, `workers/pull_request_title`, `workers/pull_request_url`, `workers/repository_url`, `workers/triggered_by` at line 1 column 30
10026 `metadata`, at `assets.config.html`: unknown field `html`, expected one of `html_handling`, `not_found_handling`, `run_worker_first`, `serve_directly`, `base_path`, `_headers`, `_redirects` at line 1 column 27
10021 `code_update_strategy.max_delay` may be at most 300 seconds
10021 tag 'a,b' must not be empty, be over 1024 bytes or have `,` or `&`
10021 `containers`: the local Cloudflare has no containers
10026 `metadata`, at `migrations.steps[0].new_class`: unknown field `new_class`, expected one of `new_classes`, `new_sqlite_classes`, `renamed_classes`, `deleted_classes`, `transferred_classes` at line 1 column 54
10026 `metadata`, at `exports.A.store`: unknown field `store`, expected one of `type`, `state`, `storage`, `renamed_to`, `transferred_to`, `transfer_from`, `container`, `cache` at line 1 column 24
"#);
    }
}
