//! Versions: what can be deployed, and never changes.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension as _, Row, Transaction};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::assets::{Manifest, asset};
use super::deployment::Deployment;
use super::json;
use crate::workers::classes::RawExport;
use crate::workers::code::{Code, Probed};
use crate::workers::live::{LiveAsset, LiveAssets};
use crate::workers::upload::{
    Annotations, AssetsConfig, Binding, CacheOptions, Compatibility, Limits, Placement, UsageModel,
};

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Version {
    /// A uuid.
    pub(crate) id: String,
    pub(crate) script: String,
    /// Counts up from 1.
    pub(crate) number: u64,
    pub(crate) created_on: String,
    /// `wrangler`, `api`, ….
    pub(crate) source: String,
    pub(crate) annotations: Annotations,
    pub(crate) content: Content,
}

/// All that a version is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Content {
    /// None for assets alone.
    pub(crate) code: Option<Code>,
    pub(crate) probed: Probed,
    #[serde(deserialize_with = "bindings")]
    pub(crate) bindings: Vec<Binding>,
    pub(crate) compatibility: Compatibility,
    pub(crate) assets: Option<VersionAssets>,
    /// As it was uploaded.
    pub(crate) exports: Option<BTreeMap<String, RawExport>>,
    /// Of the worker when the version was made.
    pub(crate) migration_tag: Option<String>,
    pub(crate) placement: Option<Placement>,
    pub(crate) limits: Option<Limits>,
    pub(crate) cache_options: Option<CacheOptions>,
    pub(crate) usage_model: UsageModel,
}

fn bindings<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Binding>, D::Error> {
    Vec::<Value>::deserialize(deserializer)?
        .into_iter()
        .map(|value| Binding::stored(value).map_err(serde::de::Error::custom))
        .collect()
}

/// Its static files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct VersionAssets {
    pub(crate) config: AssetsConfig,
    pub(crate) manifest: Manifest,
}

impl VersionAssets {
    pub(crate) fn live(self, tx: &Transaction<'_>) -> rusqlite::Result<LiveAssets> {
        let mut files = BTreeMap::new();
        for (path, entry) in self.manifest {
            let Some(file) = asset(tx, &entry.hash)? else {
                continue;
            };
            files.insert(
                path,
                LiveAsset {
                    file: file.file,
                    hash: entry.hash,
                    content_type: file.content_type,
                },
            );
        }
        Ok(LiveAssets {
            config: self.config,
            files,
        })
    }
}

const COLUMNS: &str = "id, script, number, created_on, source, annotations, content";

impl Version {
    pub(crate) fn with_id(
        tx: &Transaction<'_>,
        script: &str,
        id: &str,
    ) -> rusqlite::Result<Option<Self>> {
        tx.query_row(
            &format!("select {COLUMNS} from version where script = ?1 and id = ?2"),
            [script, id],
            Self::read,
        )
        .optional()
    }

    /// The one that was uploaded last, deployed or not.
    pub(crate) fn latest(tx: &Transaction<'_>, script: &str) -> rusqlite::Result<Option<Self>> {
        tx.query_row(
            &format!(
                "select {COLUMNS} from version where script = ?1 order by number desc limit 1"
            ),
            [script],
            Self::read,
        )
        .optional()
    }

    /// Newest first.
    pub(crate) fn all(tx: &Transaction<'_>, script: &str) -> rusqlite::Result<Vec<Self>> {
        tx.prepare(&format!(
            "select {COLUMNS} from version where script = ?1 order by number desc"
        ))?
        .query_map([script], Self::read)?
        .collect()
    }

    pub(crate) fn insert(&self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        tx.execute(
            &format!("insert into version ({COLUMNS}) values (?1, ?2, ?3, ?4, ?5, ?6, ?7)"),
            (
                &self.id,
                &self.script,
                self.number,
                &self.created_on,
                &self.source,
                json::text(&self.annotations)?,
                json::text(&self.content)?,
            ),
        )
        .map(|_| ())
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            script: row.get(1)?,
            number: row.get(2)?,
            created_on: row.get(3)?,
            source: row.get(4)?,
            annotations: json::get(row, 5)?,
            content: json::get(row, 6)?,
        })
    }
}

/// Those that get traffic, the first of a deployment first.
pub(crate) fn deployed_versions(
    tx: &Transaction<'_>,
    script: &str,
) -> rusqlite::Result<Vec<Version>> {
    let Some(deployment) = Deployment::live(tx, script)? else {
        return Ok(Vec::new());
    };
    deployment
        .versions
        .iter()
        .filter_map(|share| Version::with_id(tx, script, &share.version_id).transpose())
        .collect()
}

/// The version that speaks for a worker: the first of its deployment.
pub(crate) fn live_version(
    tx: &Transaction<'_>,
    script: &str,
) -> rusqlite::Result<Option<Version>> {
    Ok(deployed_versions(tx, script)?.into_iter().next())
}
