//! The upload of a worker: everything that belongs to a version of it, in one call.

use std::collections::BTreeSet;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Map, Value};
use tiny_cloudflare::{
    Annotations, Binding, BindingKind, Classes, Observability, TailConsumer, Upload, UploadAssets,
    UploadMetadata,
};

use super::error::WorkerError;
use super::facts::Facts;
use super::references::References;
use super::{bindings, defaults, secrets};
use crate::ownership::Tags;
use crate::{Kind, WorkerSpec};

/// Most tags that a script can have; ours come first.
const MOST_TAGS: usize = 8;
/// What tells our tags from those of others.
const OUR_TAGS: &str = "tiny:";
const MESSAGE: &str = "tiny deploy";

/// What an upload depends on beside the manifest.
pub(super) struct Circumstances<'a> {
    pub(super) stack: &'a str,
    pub(super) stage: &'a str,
    /// The worker's id in the manifest.
    pub(super) worker: &'a str,
    /// Its physical name.
    pub(super) script: &'a str,
    pub(super) references: &'a References,
    /// The worker as it is; none when it is new.
    pub(super) there: Option<&'a Facts>,
    /// Names of the secrets that it has.
    pub(super) secrets: BTreeSet<&'a str>,
    pub(super) classes: Option<Classes>,
    pub(super) assets: Assets,
    /// Workers that cannot be bound yet.
    pub(super) without: &'a BTreeSet<&'a str>,
}

/// What becomes of the static files.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) enum Assets {
    #[default]
    None,
    /// Those of the live version, with its settings.
    Keep,
    Uploaded(UploadAssets),
}

pub(super) fn upload(spec: &WorkerSpec, with: Circumstances<'_>) -> Result<Upload, WorkerError> {
    let mut metadata = UploadMetadata::new(
        Some(spec.code.main.clone()),
        spec.compatibility_date.as_str(),
    );
    metadata.bindings = all_bindings(spec, &with)?;
    metadata
        .compatibility_flags
        .clone_from(&spec.compatibility_flags);
    match &with.assets {
        Assets::None => {}
        Assets::Keep => metadata.keep_assets = Some(true),
        Assets::Uploaded(assets) => metadata.assets = Some(assets.clone()),
    }
    metadata.placement.clone_from(&spec.placement);
    metadata.limits = spec
        .limits
        .clone()
        .filter(|limits| *limits != tiny_cloudflare::Limits::default());
    metadata.observability = observability(spec, with.there);
    let logs_go_out = with.there.is_some_and(|there| there.logpush);
    metadata.logpush = (spec.logpush || logs_go_out).then_some(spec.logpush);
    metadata.tail_consumers = tail_consumers(spec, &with)?;
    metadata.tags = Some(tags(&with));
    metadata.annotations = Some(Annotations {
        message: Some(MESSAGE.to_owned()),
        tag: None,
    });
    metadata.code_update = (!spec.classes.is_empty()).then_some(spec.code_update);
    metadata.classes = with.classes;
    Ok(Upload {
        metadata,
        modules: spec.code.modules.clone(),
    })
}

fn all_bindings(spec: &WorkerSpec, with: &Circumstances<'_>) -> Result<Vec<Binding>, WorkerError> {
    let vars = spec.vars.iter().map(|(name, value)| Binding {
        name: name.clone(),
        kind: var(value),
    });
    let mut all: Vec<Binding> = vars.collect();
    all.extend(secrets::to_upload(with.worker, spec, &with.secrets)?);
    for (name, binding) in &spec.bindings {
        let kind = bindings::uploaded(name, binding, with.worker, with.script, with.references)?;
        let waits = bindings::leads_to(binding).is_some_and(|worker| with.without.contains(worker));
        // What is bound already stays so: a worker that runs loses nothing between two passes.
        if waits && !with.there.is_some_and(|there| there.binds(name, &kind)) {
            continue;
        }
        all.push(Binding {
            name: name.clone(),
            kind,
        });
    }
    Ok(all)
}

fn var(value: &Value) -> BindingKind {
    match value {
        Value::String(text) => BindingKind::PlainText {
            text: text.clone(),
            hidden: false,
        },
        json => BindingKind::Json {
            json: json.clone(),
            hidden: false,
        },
    }
}

/// Nothing said leaves it on where it is on: it is a setting of the script.
fn observability(spec: &WorkerSpec, there: Option<&Facts>) -> Option<Observability> {
    let is_on = there.is_some_and(|there| {
        defaults::observability(there.observability.as_ref()) != Value::Bool(false)
    });
    spec.observability
        .clone()
        .or_else(|| is_on.then(Observability::default))
}

/// Nothing said leaves them as they are, too.
fn tail_consumers(
    spec: &WorkerSpec,
    with: &Circumstances<'_>,
) -> Result<Option<Vec<TailConsumer>>, WorkerError> {
    let had = with
        .there
        .is_some_and(|there| !there.tail_consumers.is_empty());
    if spec.tail_consumers.is_empty() && !had {
        return Ok(None);
    }
    let consumers = spec
        .tail_consumers
        .iter()
        .filter(|worker| !with.without.contains(worker.as_str()))
        .map(|worker| {
            let service = with.references.name(Kind::Worker, worker);
            service
                .map(|service| TailConsumer {
                    service: service.to_owned(),
                })
                .ok_or_else(|| WorkerError::Unresolved {
                    worker: with.worker.to_owned(),
                    what: format!("worker.{worker}"),
                })
        });
    consumers.collect::<Result<_, _>>().map(Some)
}

/// Ours, and those that somebody else put there as far as there is room.
fn tags(with: &Circumstances<'_>) -> Vec<String> {
    let mut tags = Tags::write(with.stack, with.stage, with.worker);
    let others = with.there.into_iter().flat_map(|there| &there.tags);
    let others = others.filter(|tag| !tag.starts_with(OUR_TAGS));
    tags.extend(others.cloned());
    tags.truncate(MOST_TAGS);
    tags
}

/// How large the code is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    /// Bytes.
    pub(super) plain: usize,
    pub(super) gzipped: usize,
}

pub(super) fn size(spec: &WorkerSpec) -> Size {
    let modules = &spec.code.modules;
    let plain = modules.iter().map(|module| module.content.len()).sum();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    for module in modules {
        // Writing into memory cannot fail.
        let _ = gzip.write_all(&module.content);
    }
    Size {
        plain,
        gzipped: gzip.finish().map_or(plain, |zipped| zipped.len()),
    }
}

/// The part `metadata` of an upload, for those who compare it with what others upload. Secrets are
/// in it in clear text.
pub(super) fn as_json(metadata: &UploadMetadata) -> Map<String, Value> {
    match serde_json::to_value(metadata) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}
