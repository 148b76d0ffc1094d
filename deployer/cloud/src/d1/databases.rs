//! Databases as the account knows them, and their files.

use camino::{Utf8Path, Utf8PathBuf};
use rusqlite::{OptionalExtension as _, Row, Transaction};

use super::code;
use crate::envelope::ApiError;
use crate::error::CloudError;

/// A database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Database {
    /// With hyphens.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(super) created_at: String,
    pub(super) jurisdiction: Option<String>,
    pub(super) location: Option<String>,
    /// `auto` or `disabled`.
    pub(super) read_replication: String,
}

const DATABASE: &str =
    "select id, name, created_at, jurisdiction, location, read_replication from d1_database";

impl Database {
    /// By its id or its name; refuses what leads to none.
    pub(crate) fn find(tx: &Transaction<'_>, id_or_name: &str) -> Result<Self, ApiError> {
        tx.query_row(
            &format!("{DATABASE} where id = ?1 or name = ?1 order by id = ?1 desc"),
            [id_or_name],
            Self::read,
        )
        .optional()?
        .ok_or_else(|| {
            ApiError::not_found(
                code::NOT_FOUND,
                format!("The database {id_or_name} could not be found"),
            )
        })
    }

    pub(crate) fn with_id(tx: &Transaction<'_>, id: &str) -> rusqlite::Result<Option<Self>> {
        tx.query_row(&format!("{DATABASE} where id = ?1"), [id], Self::read)
            .optional()
    }

    pub(super) fn named(tx: &Transaction<'_>, name: &str) -> rusqlite::Result<Option<Self>> {
        tx.query_row(&format!("{DATABASE} where name = ?1"), [name], Self::read)
            .optional()
    }

    /// The newest first.
    pub(super) fn all(tx: &Transaction<'_>) -> rusqlite::Result<Vec<Self>> {
        tx.prepare(&format!("{DATABASE} order by created_at desc, name"))?
            .query_map([], Self::read)?
            .collect()
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            name: row.get(1)?,
            created_at: row.get(2)?,
            jurisdiction: row.get(3)?,
            location: row.get(4)?,
            read_replication: row.get(5)?,
        })
    }
}

/// The files of all databases. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Databases {
    folder: Utf8PathBuf,
}

impl Databases {
    pub(crate) fn within(folder: Utf8PathBuf) -> Result<Self, CloudError> {
        let this = Self { folder };
        let transfers = this.transfers();
        let begin = || {
            // What a process before had not brought to its end, nobody comes back for.
            match fs_err::remove_dir_all(&transfers) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            fs_err::create_dir_all(&transfers)
        };
        begin().map_err(|source| CloudError::Folder {
            path: transfers.clone(),
            source,
        })?;
        Ok(this)
    }

    /// Files of SQL on their way.
    pub(super) fn transfers(&self) -> Utf8PathBuf {
        self.folder.join("transfers")
    }

    /// Made by the first that writes in it.
    pub(super) fn file(&self, id: &str) -> Utf8PathBuf {
        self.folder.join(format!("{id}.sqlite"))
    }

    pub(super) fn remove(&self, id: &str) -> std::io::Result<()> {
        let file = self.file(id);
        for path in [file.clone(), beside(&file, "-wal"), beside(&file, "-shm")] {
            match fs_err::remove_file(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

fn beside(file: &Utf8Path, ending: &str) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{file}{ending}"))
}
