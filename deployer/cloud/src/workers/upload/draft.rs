//! From an upload to a version: what it takes over from the one before.

use std::collections::BTreeSet;

use rusqlite::Transaction;

use super::bindings::Binding;
use super::metadata::{Assets, Metadata};
use super::resolve::{Inheritance, settle};
use crate::envelope::ApiError;
use crate::workers::assets;
use crate::workers::probing::Checked;
use crate::workers::publish::Draft;
use crate::workers::records::{Content, Version, VersionAssets};
use crate::workers::refusal;

/// What is to be published. `strict`: an `inherit` of nothing is refused.
pub(crate) fn draft(
    tx: &Transaction<'_>,
    script: &str,
    checked: Checked,
    strict: bool,
    source: &str,
) -> Result<Draft, ApiError> {
    let Checked {
        metadata,
        code,
        probed,
    } = checked;
    let previous = Version::latest(tx, script)?;
    let nothing: Vec<Binding> = Vec::new();
    let bindings = settle(
        metadata.bindings,
        &Inheritance {
            previous: previous
                .as_ref()
                .map_or(&nothing, |version| &version.content.bindings),
            keep: &metadata.keep_bindings,
            strict,
        },
    )?;
    let assets = taken(
        tx,
        script,
        metadata.assets,
        metadata.keep_assets,
        previous.and_then(|version| version.content.assets),
    )?;
    if code.is_none() && assets.is_none() {
        return Err(refusal::invalid(
            "the Worker would have neither code nor assets",
        ));
    }
    Ok(Draft {
        content: Content {
            code,
            probed,
            bindings,
            compatibility: metadata.compatibility,
            assets,
            exports: metadata.exports,
            migration_tag: None,
            placement: metadata.placement,
            limits: metadata.limits,
            cache_options: metadata.cache_options,
            usage_model: metadata.usage_model,
        },
        migrations: metadata.migrations,
        annotations: metadata.annotations.triggered_by("upload"),
        source: source.to_owned(),
    })
}

/// The assets that a version gets: new ones, or those of the version before.
fn taken(
    tx: &Transaction<'_>,
    script: &str,
    uploaded: Option<Assets>,
    keep: bool,
    previous: Option<VersionAssets>,
) -> Result<Option<VersionAssets>, ApiError> {
    let Some(Assets { jwt, config }) = uploaded else {
        return match (keep, previous) {
            (false, _) => Ok(None),
            (true, Some(previous)) => Ok(Some(previous)),
            (true, None) => Err(nothing_to_keep()),
        };
    };
    if let Some(config) = &config {
        config.check()?;
    }
    match jwt {
        Some(_) if keep => Err(refusal::invalid(
            "metadata may have one of `assets.jwt` and `keep_assets`",
        )),
        Some(jwt) => Ok(Some(VersionAssets {
            config: config.unwrap_or_default(),
            manifest: assets::complete(tx, script, &jwt)?,
        })),
        None if keep => {
            let previous = previous.ok_or_else(nothing_to_keep)?;
            Ok(Some(VersionAssets {
                config: config.unwrap_or(previous.config),
                manifest: previous.manifest,
            }))
        }
        None => Err(refusal::invalid(
            "`assets` must have the `jwt` of a completed upload session, or metadata `keep_assets`",
        )),
    }
}

fn nothing_to_keep() -> ApiError {
    refusal::invalid("`keep_assets`: the version before has no assets")
}

/// Settings of a version that a `PATCH` changes; none leaves it as it is.
pub(crate) fn patched(
    latest: Version,
    metadata: Metadata,
    given: &BTreeSet<String>,
    strict: bool,
    source: &str,
) -> Result<Draft, ApiError> {
    let mut content = latest.content;
    let has = |field: &str| given.contains(field);
    if has("bindings") {
        content.bindings = settle(
            metadata.bindings,
            &Inheritance {
                previous: &content.bindings,
                keep: &metadata.keep_bindings,
                strict,
            },
        )?;
    }
    if has("compatibility_date") {
        content.compatibility.date = metadata.compatibility.date;
    }
    if has("compatibility_flags") {
        content.compatibility.flags = metadata.compatibility.flags;
    }
    if has("placement") {
        content.placement = metadata.placement;
    }
    if has("limits") {
        content.limits = metadata.limits;
    }
    if has("cache_options") {
        content.cache_options = metadata.cache_options;
    }
    if has("usage_model") {
        content.usage_model = metadata.usage_model;
    }
    if has("exports") {
        content.exports = metadata.exports;
    }
    Ok(Draft {
        content,
        migrations: metadata.migrations,
        annotations: metadata.annotations.triggered_by("settings"),
        source: source.to_owned(),
    })
}
