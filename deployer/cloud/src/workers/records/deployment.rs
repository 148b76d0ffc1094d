//! Deployments: which versions get which share of the traffic. The latest one is live.

use rusqlite::{OptionalExtension as _, Row, Transaction};
use serde::{Deserialize, Serialize, Serializer};

use super::json;
use crate::id;
use crate::time;
use crate::workers::upload::Annotations;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Deployment {
    /// A uuid.
    pub(crate) id: String,
    pub(crate) script: String,
    pub(crate) created_on: String,
    pub(crate) source: String,
    pub(crate) annotations: Annotations,
    pub(crate) versions: Vec<Share>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Share {
    pub(crate) version_id: String,
    /// Of 100.
    #[serde(serialize_with = "whole_if_it_is")]
    pub(crate) percentage: f64,
}

/// 100 and not 100.0, as Cloudflare writes it.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's own signature")]
fn whole_if_it_is<S: Serializer>(share: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    match (0..=100_u8).find(|whole| (share - f64::from(*whole)).abs() < f64::EPSILON) {
        Some(whole) => serializer.serialize_u8(whole),
        None => serializer.serialize_f64(*share),
    }
}

const COLUMNS: &str = "id, script, created_on, source, annotations, shares";

impl Deployment {
    /// One to be inserted.
    pub(crate) fn new(
        script: &str,
        source: &str,
        annotations: Annotations,
        versions: Vec<Share>,
    ) -> Self {
        Self {
            id: id::uuid(),
            script: script.to_owned(),
            created_on: time::now(),
            source: source.to_owned(),
            annotations,
            versions,
        }
    }

    /// All traffic to one version.
    pub(crate) fn whole(
        script: &str,
        source: &str,
        annotations: Annotations,
        version: &str,
    ) -> Self {
        let share = Share {
            version_id: version.to_owned(),
            percentage: 100.0,
        };
        Self::new(script, source, annotations, vec![share])
    }

    pub(crate) fn live(tx: &Transaction<'_>, script: &str) -> rusqlite::Result<Option<Self>> {
        tx.query_row(
            &format!(
                "select {COLUMNS} from deployment where script = ?1 order by sequence desc limit 1"
            ),
            [script],
            Self::read,
        )
        .optional()
    }

    /// The live one first.
    pub(crate) fn all(tx: &Transaction<'_>, script: &str) -> rusqlite::Result<Vec<Self>> {
        tx.prepare(&format!(
            "select {COLUMNS} from deployment where script = ?1 order by sequence desc"
        ))?
        .query_map([script], Self::read)?
        .collect()
    }

    pub(crate) fn insert(&self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        tx.execute(
            &format!("insert into deployment ({COLUMNS}) values (?1, ?2, ?3, ?4, ?5, ?6)"),
            (
                &self.id,
                &self.script,
                &self.created_on,
                &self.source,
                json::text(&self.annotations)?,
                json::text(&self.versions)?,
            ),
        )
        .map(|_| ())
    }

    pub(crate) fn delete(&self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        tx.execute("delete from deployment where id = ?1", [&self.id])
            .map(|_| ())
    }

    /// The version that all traffic goes to, if it is one.
    pub(crate) fn only_version(&self) -> Option<&str> {
        match self.versions.as_slice() {
            [share] => Some(&share.version_id),
            _ => None,
        }
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            script: row.get(1)?,
            created_on: row.get(2)?,
            source: row.get(3)?,
            annotations: json::get(row, 4)?,
            versions: json::get(row, 5)?,
        })
    }
}
