//! A worker: what belongs to the script and not to one of its versions.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use super::json;
use crate::envelope::ApiError;
use crate::id;
use crate::time;
use crate::workers::classes::RawExport;
use crate::workers::refusal;
use crate::workers::upload::{Observability, TailConsumer};

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Worker {
    pub(crate) name: String,
    /// 32 hex digits, for good.
    pub(crate) tag: String,
    pub(crate) created_on: String,
    pub(crate) modified_on: String,
    /// `wrangler`, `api`, ….
    pub(crate) last_deployed_from: String,
    pub(crate) migration_tag: Option<String>,
    /// None until it is deployed with exports; from then on its classes are declared.
    pub(crate) exports: Option<BTreeMap<String, RawExport>>,
    /// Of the version to come.
    pub(crate) next_number: u64,
    pub(crate) workers_dev: bool,
    pub(crate) previews: bool,
    pub(crate) logpush: bool,
    pub(crate) observability: Option<Observability>,
    pub(crate) tags: Vec<String>,
    pub(crate) tail_consumers: Vec<TailConsumer>,
}

const COLUMNS: &str = "name, tag, created_on, modified_on, last_deployed_from, migration_tag,
    exports, next_number, workers_dev, previews, logpush, observability, tags, tail_consumers";

impl Worker {
    /// One that is not in the store yet.
    pub(crate) fn new(name: &str, source: &str) -> Self {
        let now = time::now();
        Self {
            name: name.to_owned(),
            tag: id::hex(),
            created_on: now.clone(),
            modified_on: now,
            last_deployed_from: source.to_owned(),
            migration_tag: None,
            exports: None,
            next_number: 1,
            workers_dev: false,
            previews: false,
            logpush: false,
            observability: None,
            tags: Vec::new(),
            tail_consumers: Vec::new(),
        }
    }

    pub(crate) fn with_name(tx: &Transaction<'_>, name: &str) -> rusqlite::Result<Option<Self>> {
        tx.query_row(
            &format!("select {COLUMNS} from worker where name = ?1"),
            [name],
            Self::read,
        )
        .optional()
    }

    /// By its name or by its tag, as the newer paths take it.
    pub(crate) fn with_name_or_tag(
        tx: &Transaction<'_>,
        name: &str,
    ) -> rusqlite::Result<Option<Self>> {
        tx.query_row(
            &format!("select {COLUMNS} from worker where name = ?1 or tag = ?1"),
            [name],
            Self::read,
        )
        .optional()
    }

    /// Refuses a name that leads to none.
    pub(crate) fn find(tx: &Transaction<'_>, name: &str) -> Result<Self, ApiError> {
        Self::with_name(tx, name)?.ok_or_else(refusal::no_worker)
    }

    pub(crate) fn all(tx: &Transaction<'_>) -> rusqlite::Result<Vec<Self>> {
        tx.prepare(&format!("select {COLUMNS} from worker order by name"))?
            .query_map([], Self::read)?
            .collect()
    }

    /// Also makes it.
    pub(crate) fn save(&self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        // Not `insert or replace`: that would delete the row first, and all that hangs on it.
        tx.execute(
            &format!(
                "insert into worker ({COLUMNS})
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
                 on conflict (name) do update set
                    modified_on = excluded.modified_on,
                    last_deployed_from = excluded.last_deployed_from,
                    migration_tag = excluded.migration_tag,
                    exports = excluded.exports,
                    next_number = excluded.next_number,
                    workers_dev = excluded.workers_dev,
                    previews = excluded.previews,
                    logpush = excluded.logpush,
                    observability = excluded.observability,
                    tags = excluded.tags,
                    tail_consumers = excluded.tail_consumers"
            ),
            params![
                self.name,
                self.tag,
                self.created_on,
                self.modified_on,
                self.last_deployed_from,
                self.migration_tag,
                self.exports.as_ref().map(json::text).transpose()?,
                self.next_number,
                self.workers_dev,
                self.previews,
                self.logpush,
                self.observability.as_ref().map(json::text).transpose()?,
                json::text(&self.tags)?,
                json::text(&self.tail_consumers)?,
            ],
        )
        .map(|_| ())
    }

    /// With its versions, deployments, crons, routes, domains and tails. Its namespaces are
    /// another matter.
    pub(crate) fn delete(&self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        tx.execute("delete from worker where name = ?1", [&self.name])
            .map(|_| ())
    }

    /// Exports that show in answers.
    pub(crate) fn live_exports(&self) -> BTreeMap<&str, &RawExport> {
        self.exports
            .iter()
            .flatten()
            .filter(|(_, export)| export.is_live())
            .map(|(name, export)| (name.as_str(), export))
            .collect()
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            name: row.get(0)?,
            tag: row.get(1)?,
            created_on: row.get(2)?,
            modified_on: row.get(3)?,
            last_deployed_from: row.get(4)?,
            migration_tag: row.get(5)?,
            exports: json::get_optional(row, 6)?,
            next_number: row.get(7)?,
            workers_dev: row.get(8)?,
            previews: row.get(9)?,
            logpush: row.get(10)?,
            observability: json::get_optional(row, 11)?,
            tags: json::get(row, 12)?,
            tail_consumers: json::get(row, 13)?,
        })
    }
}
