//! The account on disk: one SQLite database for what is small, files for what is large.
//!
//! A product brings its tables ([`Schema`]) and works on them in [`Store::read`] and
//! [`Store::write`]. `kv` is the example to follow.

mod files;
mod schema;

use std::sync::{Arc, Mutex, PoisonError};

use camino::Utf8Path;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::error::CloudError;

pub(crate) use files::{FileId, Files};
pub(crate) use schema::Schema;

/// The account's data. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    connection: Arc<Mutex<Connection>>,
    files: Files,
}

impl Store {
    pub(crate) fn open(dir: &Utf8Path, schemas: &[Schema]) -> Result<Self, CloudError> {
        let path = dir.join("account.sqlite");
        let broken = |error: rusqlite::Error| CloudError::Store {
            path: path.clone(),
            why: error.to_string(),
        };
        let mut connection = Connection::open(&path).map_err(broken)?;
        // In WAL mode a killed process loses nothing that was committed; only a power failure may.
        connection
            .execute_batch(
                "pragma journal_mode = wal; pragma synchronous = normal; pragma foreign_keys = on;",
            )
            .map_err(broken)?;
        schema::apply(&mut connection, schemas, &path)?;
        Ok(Self {
            connection: Arc::new(Mutex::new(connection)),
            files: Files::within(dir.join("files"))?,
        })
    }

    /// Looks at the account, all at one point in time.
    pub(crate) fn read<T, E: From<rusqlite::Error>>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.within(TransactionBehavior::Deferred, work)
    }

    /// Changes the account. What is refused with an error has changed nothing.
    pub(crate) fn write<T, E: From<rusqlite::Error>>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.within(TransactionBehavior::Immediate, work)
    }

    /// Where modules and assets are, by their hash.
    pub(crate) fn files(&self) -> &Files {
        &self.files
    }

    fn within<T, E: From<rusqlite::Error>>(
        &self,
        behavior: TransactionBehavior,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        // A handler that panicked has rolled back.
        let mut connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction_with_behavior(behavior)?;
        let outcome = work(&transaction)?;
        transaction.commit()?;
        Ok(outcome)
    }
}
