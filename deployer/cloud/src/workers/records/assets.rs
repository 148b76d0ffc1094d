//! Static files, by the hashes that their uploaders give them, and sessions to upload them in.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension as _, Transaction};
use serde::{Deserialize, Serialize};

use super::json;
use crate::id;
use crate::store::FileId;

/// Files of a site, by path with a leading slash.
pub(crate) type Manifest = BTreeMap<String, ManifestEntry>;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ManifestEntry {
    pub(crate) hash: String,
    /// Bytes.
    pub(crate) size: u64,
}

/// A file that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AssetFile {
    pub(crate) file: FileId,
    pub(crate) size: u64,
    pub(crate) content_type: Option<String>,
}

pub(crate) fn asset(tx: &Transaction<'_>, hash: &str) -> rusqlite::Result<Option<AssetFile>> {
    tx.query_row(
        "select file, size, content_type from asset where hash = ?1",
        [hash],
        |row| {
            Ok(AssetFile {
                file: row.get(0)?,
                size: row.get(1)?,
                content_type: row.get(2)?,
            })
        },
    )
    .optional()
}

pub(crate) fn keep_asset(
    tx: &Transaction<'_>,
    hash: &str,
    asset: &AssetFile,
) -> rusqlite::Result<()> {
    tx.execute(
        "insert into asset (hash, file, size, content_type) values (?1, ?2, ?3, ?4)
         on conflict (hash) do update set
            file = excluded.file, size = excluded.size, content_type = excluded.content_type",
        (hash, &asset.file, asset.size, &asset.content_type),
    )
    .map(|_| ())
}

/// What one worker is to be served with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) script: String,
    pub(crate) manifest: Manifest,
    /// Seconds since 1970.
    pub(crate) expires: u64,
}

impl Session {
    pub(crate) fn begin(
        tx: &Transaction<'_>,
        script: &str,
        manifest: Manifest,
        expires: u64,
    ) -> rusqlite::Result<Self> {
        let session = Self {
            id: id::hex(),
            script: script.to_owned(),
            manifest,
            expires,
        };
        tx.execute(
            "insert into asset_session (id, script, manifest, expires) values (?1, ?2, ?3, ?4)",
            (
                &session.id,
                &session.script,
                json::text(&session.manifest)?,
                session.expires,
            ),
        )?;
        Ok(session)
    }

    pub(crate) fn with_id(tx: &Transaction<'_>, id: &str) -> rusqlite::Result<Option<Self>> {
        tx.query_row(
            "select id, script, manifest, expires from asset_session where id = ?1",
            [id],
            |row| {
                Ok(Self {
                    id: row.get(0)?,
                    script: row.get(1)?,
                    manifest: json::get(row, 2)?,
                    expires: row.get(3)?,
                })
            },
        )
        .optional()
    }

    pub(crate) fn forget_expired(tx: &Transaction<'_>, now: u64) -> rusqlite::Result<()> {
        tx.execute("delete from asset_session where expires < ?1", [now])
            .map(|_| ())
    }

    /// Hashes that no file came in for yet, each once.
    pub(crate) fn missing(&self, tx: &Transaction<'_>) -> rusqlite::Result<Vec<String>> {
        let mut missing = Vec::new();
        for entry in self.manifest.values() {
            let is_there = asset(tx, &entry.hash)?.is_some_and(|asset| asset.size == entry.size);
            if !is_there && !missing.contains(&entry.hash) {
                missing.push(entry.hash.clone());
            }
        }
        Ok(missing)
    }
}
