//! Runs SQL as D1 does: one call is one transaction, within D1's limits.

use std::time::{Duration, Instant};

use rusqlite::{Connection, Statement, StatementStatus};
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::databases::Databases;
use super::failure::SqlError;
use super::rules::{self, Denials};
use super::split;
use super::values::{self, Param};

/// How long a call waits for another one on the same database.
const PATIENCE: Duration = Duration::from_secs(30);

/// SQL, and what stands for the `?`s of its last statement.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sql {
    pub(super) text: String,
    pub(super) params: Vec<Param>,
}

/// What one statement gave.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Outcome {
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Vec<Value>>,
    pub(super) meta: Meta,
}

impl Outcome {
    /// A row as an object, its columns in their order.
    pub(super) fn objects(&self) -> impl Serialize {
        self.rows
            .iter()
            .map(|row| Object(&self.columns, row))
            .collect::<Vec<_>>()
    }

    pub(super) fn table(&self) -> impl Serialize {
        Table {
            columns: &self.columns,
            rows: &self.rows,
        }
    }
}

struct Object<'a>(&'a [String], &'a [Value]);

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().zip(self.1))
    }
}

#[derive(Serialize)]
struct Table<'a> {
    columns: &'a [String],
    rows: &'a [Vec<Value>],
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Meta {
    served_by: &'static str,
    served_by_region: &'static str,
    served_by_primary: bool,
    timings: Timings,
    /// Milliseconds.
    duration: f64,
    /// Rows inserted, updated and deleted.
    changes: u64,
    last_row_id: i64,
    changed_db: bool,
    /// Bytes.
    size_after: u64,
    /// Nearly as D1 counts: rows looked at in full scans, and at least those that came out.
    rows_read: u64,
    /// Nearly as D1 counts: without those of indexes.
    rows_written: u64,
}

impl Meta {
    /// Counts an earlier statement of the same call in.
    pub(super) fn add(&mut self, earlier: &Self) {
        self.duration += earlier.duration;
        self.timings.sql_duration_ms += earlier.timings.sql_duration_ms;
        self.changes += earlier.changes;
        self.rows_read += earlier.rows_read;
        self.rows_written += earlier.rows_written;
        self.changed_db |= earlier.changed_db;
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Timings {
    sql_duration_ms: f64,
}

/// Size and shape of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    /// Bytes.
    pub(super) size: u64,
    pub(super) tables: u64,
}

impl Databases {
    /// Runs all, or none of it. Blocks.
    pub(super) fn run(&self, id: &str, batch: &[Sql]) -> Result<Vec<Outcome>, SqlError> {
        let mut connection = self.connect(id).map_err(|error| SqlError::of(&error))?;
        connection
            .execute_batch("begin immediate")
            .map_err(|error| SqlError::of(&error))?;
        // Where anything fails, the connection is dropped, and with it what was done.
        let denials = rules::guard(&mut connection).map_err(|error| SqlError::of(&error))?;
        let mut outcomes = Vec::new();
        for sql in batch {
            run_one(&connection, sql, &denials, &mut outcomes)?;
        }
        rules::unguard(&mut connection).map_err(|error| SqlError::of(&error))?;
        let size = size(&connection).map_err(|error| SqlError::of(&error))?;
        for outcome in &mut outcomes {
            outcome.meta.size_after = size;
        }
        connection
            .execute_batch("commit")
            .map_err(|error| SqlError::of(&error))?;
        if outcomes.is_empty() {
            return Err(SqlError::new("No SQL statements detected."));
        }
        Ok(outcomes)
    }

    /// Blocks.
    pub(super) fn extent(&self, id: &str) -> rusqlite::Result<Extent> {
        // Nobody has written in it yet.
        if !self.file(id).exists() {
            return Ok(Extent { size: 0, tables: 0 });
        }
        let connection = self.connect(id)?;
        Ok(Extent {
            size: size(&connection)?,
            tables: connection.query_row(
                "select count(*) from sqlite_schema
                 where type = 'table' and name not like 'sqlite\\_%' escape '\\'",
                [],
                |row| row.get(0),
            )?,
        })
    }

    /// A new connection for each call: what a call switches on or off ends with it.
    fn connect(&self, id: &str) -> rusqlite::Result<Connection> {
        let connection = Connection::open(self.file(id))?;
        connection.busy_timeout(PATIENCE)?;
        connection.execute_batch(
            "pragma journal_mode = wal; pragma synchronous = normal; pragma foreign_keys = on;",
        )?;
        rules::limit(&connection)?;
        Ok(connection)
    }
}

fn run_one(
    connection: &Connection,
    sql: &Sql,
    denials: &Denials,
    outcomes: &mut Vec<Outcome>,
) -> Result<(), SqlError> {
    let statements = split::statements(&sql.text);
    let last = statements.len().saturating_sub(1);
    for (index, text) in statements.into_iter().enumerate() {
        if text.len() > rules::LONGEST_STATEMENT {
            return Err(SqlError::too_long());
        }
        let params = if index == last { &sql.params[..] } else { &[] };
        let outcome = run_statement(connection, text, params, index == last);
        outcomes.push(outcome.map_err(|error| match denials.take() {
            Some(why) => SqlError::denied(why),
            None => error,
        })?);
    }
    Ok(())
}

fn run_statement(
    connection: &Connection,
    text: &str,
    params: &[Param],
    is_last: bool,
) -> Result<Outcome, SqlError> {
    let started = Instant::now();
    let changes_before = connection.total_changes();
    let failed = |error: rusqlite::Error| SqlError::of(&error);
    let mut statement = connection.prepare(text).map_err(failed)?;
    let wanted = statement.parameter_count();
    if wanted > 0 && !is_last {
        return Err(SqlError::new(
            "only the last of several statements in one call can have parameters",
        ));
    }
    if wanted != params.len() {
        return Err(SqlError::new(format!(
            "Wrong number of parameter bindings for SQL query: it has {wanted}, and {} are given",
            params.len()
        )));
    }
    let (columns, rows) = fetch(&mut statement, params).map_err(failed)?;
    let scanned = u64::try_from(statement.get_status(StatementStatus::FullscanStep)).unwrap_or(0);
    let is_schema_change = !statement.readonly() && !is_of_rows(text);
    drop(statement);
    let changes = connection.total_changes() - changes_before;
    let duration = started.elapsed().as_secs_f64() * 1e3;
    let meta = Meta {
        served_by: "local",
        served_by_region: "WEUR",
        served_by_primary: true,
        timings: Timings {
            sql_duration_ms: duration,
        },
        duration,
        changes,
        last_row_id: connection.last_insert_rowid(),
        changed_db: changes > 0 || is_schema_change,
        // Known at the end of the call.
        size_after: 0,
        rows_read: scanned.max(rows.len() as u64),
        rows_written: changes,
    };
    Ok(Outcome {
        columns,
        rows,
        meta,
    })
}

/// Whether a statement that may write is about rows, and not about tables.
fn is_of_rows(text: &str) -> bool {
    let word: String = text
        .trim_start()
        .chars()
        .take_while(char::is_ascii_alphabetic)
        .collect();
    ["insert", "update", "delete", "replace", "with"].contains(&word.to_ascii_lowercase().as_str())
}

type Rows = (Vec<String>, Vec<Vec<Value>>);

fn fetch(statement: &mut Statement<'_>, params: &[Param]) -> rusqlite::Result<Rows> {
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut rows = statement.query(rusqlite::params_from_iter(params))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(values::of_row(row, columns.len())?);
    }
    Ok((columns, found))
}

fn size(connection: &Connection) -> rusqlite::Result<u64> {
    let pages: u64 =
        connection.query_row("select * from pragma_page_count", [], |row| row.get(0))?;
    let bytes: u64 =
        connection.query_row("select * from pragma_page_size", [], |row| row.get(0))?;
    Ok(pages * bytes)
}
