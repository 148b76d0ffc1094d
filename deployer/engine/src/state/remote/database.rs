//! The database in the account: found by its name, made on first use.

use serde::de::DeserializeOwned;
use tiny_cloudflare::{Account, CloudflareError, D1Result, D1Statement, NewD1Database};
use tokio::sync::OnceCell;

use crate::state::StateError;

/// Its name in the account.
pub(super) const NAME: &str = "tiny-state";

/// Of the tables. A tiny that finds a higher number leaves them alone.
const LAYOUT: u32 = 1;

/// What makes the tables, all of it to be run again at will.
///
/// A state is a row in `states` with its text in `state_parts`, since a row holds 2 MB at most. A
/// lease is the row with the highest token that there ever was for its stage: AUTOINCREMENT never
/// gives a number twice, not even one whose row is gone.
const TABLES: [&str; 5] = [
    "CREATE TABLE IF NOT EXISTS layout (version INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS states (\
       stack TEXT NOT NULL, stage TEXT NOT NULL, serial INTEGER NOT NULL, lineage TEXT NOT NULL, \
       write_id TEXT NOT NULL, token INTEGER NOT NULL, parts INTEGER NOT NULL, \
       resources INTEGER NOT NULL, saved_at INTEGER NOT NULL, \
       PRIMARY KEY (stack, stage, serial))",
    "CREATE TABLE IF NOT EXISTS state_parts (\
       stack TEXT NOT NULL, stage TEXT NOT NULL, write_id TEXT NOT NULL, part INTEGER NOT NULL, \
       text TEXT NOT NULL, PRIMARY KEY (stack, stage, write_id, part))",
    "CREATE TABLE IF NOT EXISTS leases (\
       token INTEGER PRIMARY KEY AUTOINCREMENT, stack TEXT NOT NULL, stage TEXT NOT NULL, \
       lease_id TEXT NOT NULL, holder TEXT NOT NULL, acquired_at INTEGER NOT NULL, \
       expires_at INTEGER NOT NULL, UNIQUE (stack, stage))",
    "INSERT INTO layout SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM layout)",
];

#[derive(Debug)]
pub(super) struct Database {
    account: Account,
    uuid: OnceCell<String>,
}

/// A statement with what stands for its `?1`, `?2`, …. Everything is text on the way; SQLite makes
/// numbers of it where it meets a column of numbers.
pub(super) fn statement(sql: impl Into<String>, params: &[&dyn ToString]) -> D1Statement {
    D1Statement {
        sql: sql.into(),
        params: params.iter().map(|param| param.to_string()).collect(),
    }
}

/// What makes the tables where they are missing.
pub(super) fn tables() -> impl Iterator<Item = D1Statement> {
    TABLES.into_iter().map(|sql| statement(sql, &[]))
}

/// A condition that keeps a tiny's hands off tables that are not as it knows them.
pub(super) fn layout_is_known() -> String {
    format!("NOT EXISTS (SELECT 1 FROM layout WHERE version > {LAYOUT})")
}

impl Database {
    pub(super) fn new(account: Account) -> Self {
        Self {
            account,
            uuid: OnceCell::new(),
        }
    }

    /// What errors call a state in it.
    pub(super) fn place(stack: &str, stage: &str) -> String {
        format!("the state of stack `{stack}`, stage `{stage}` in the D1 database `{NAME}`")
    }

    /// Runs a batch that changes something; the database is made where there is none.
    pub(super) async fn run<Row: DeserializeOwned>(
        &self,
        batch: &[D1Statement],
    ) -> Result<Vec<D1Result<Row>>, CloudflareError> {
        let uuid = self.uuid.get_or_try_init(|| self.find_or_create()).await?;
        self.account.run_d1_batch(uuid, batch).await
    }

    /// The rows of one query. None: there is no database, or not yet its tables.
    pub(super) async fn read<Row: DeserializeOwned>(
        &self,
        query: &D1Statement,
    ) -> Result<Option<Vec<Row>>, CloudflareError> {
        let Some(uuid) = self.find().await? else {
            return Ok(None);
        };
        match self.account.read_d1(&uuid, query).await {
            Ok(results) => Ok(results.into_iter().next().map(|result| result.results)),
            Err(CloudflareError::Refused(refusal)) if refusal.text().contains("no such table") => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn find(&self) -> Result<Option<String>, CloudflareError> {
        if let Some(uuid) = self.uuid.get() {
            return Ok(Some(uuid.clone()));
        }
        let Some(found) = self.account.d1_database_named(NAME).await? else {
            return Ok(None);
        };
        let uuid = self.uuid.get_or_init(|| async { found.uuid }).await;
        Ok(Some(uuid.clone()))
    }

    async fn find_or_create(&self) -> Result<String, CloudflareError> {
        if let Some(found) = self.account.d1_database_named(NAME).await? {
            return Ok(found.uuid);
        }
        let new = NewD1Database {
            name: NAME.to_owned(),
            ..NewD1Database::default()
        };
        let error = match self.account.create_d1_database(&new).await {
            Ok(made) => return Ok(made.uuid),
            Err(error) => error,
        };
        // Somebody was faster, or it was made and the answer got lost: a name is given once.
        match self.account.d1_database_named(NAME).await? {
            Some(found) => Ok(found.uuid),
            None => Err(error),
        }
    }

    /// An error where the tables are of a newer tiny.
    pub(super) async fn check_layout(&self, place: &str) -> Result<(), StateError> {
        #[derive(serde::Deserialize)]
        struct Row {
            version: Option<u64>,
        }
        let query = statement("SELECT max(version) AS version FROM layout", &[]);
        let rows: Vec<Row> = self.read(&query).await?.unwrap_or_default();
        match rows.first().and_then(|row| row.version) {
            Some(version) if version > u64::from(LAYOUT) => Err(StateError::Newer {
                place: place.to_owned(),
                schema: version,
                known: LAYOUT,
            }),
            _ => Ok(()),
        }
    }
}
