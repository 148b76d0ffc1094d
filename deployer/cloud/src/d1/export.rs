//! Exports: a database as a file of SQL that makes it again.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use axum::extract::State;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Transaction};
use serde::Deserialize;
use serde_json::json;

use super::databases::Databases;
use super::failure::SqlError;
use super::files;
use super::routes::by_id;
use crate::app::App;
use crate::envelope::{Answer, ApiError, Reply};
use crate::id;
use crate::strict::{At, Json, NoQuery};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Export {
    #[allow(dead_code)] // there is one
    output_format: OutputFormat,
    /// Nothing is ever under way: an export answers when it is done.
    #[allow(dead_code)]
    current_bookmark: Option<String>,
    #[serde(default)]
    dump_options: DumpOptions,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum OutputFormat {
    Polling,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct DumpOptions {
    no_data: Option<bool>,
    no_schema: Option<bool>,
    tables: Option<Vec<String>>,
}

pub(super) async fn export(
    State(app): State<App>,
    At([id]): At<1>,
    _: NoQuery,
    Json(body): Json<Export>,
) -> Reply {
    let database = app.store.read(|tx| by_id(tx, &id))?;
    let options = body.dump_options;
    let databases = app.d1.clone();
    let sql = tokio::task::spawn_blocking(move || databases.dump(&id, &options))
        .await
        .map_err(|error| ApiError::internal(&error))??;
    let filename = format!("{}.sql", id::uuid());
    if let Some(path) = app.d1.transfer(&filename) {
        fs_err::write(path, sql)?;
    }
    Ok(Answer::new(json!({
        "type": "export",
        "success": true,
        "status": "complete",
        "at_bookmark": id::hex(),
        "messages": [],
        "result": {
            "filename": format!("{}.sql", database.name),
            "signed_url": files::address(&app, &filename),
        },
    })))
}

/// A table, an index, a view or a trigger.
struct Item {
    kind: String,
    name: String,
    table: String,
    sql: String,
}

impl Databases {
    /// Blocks.
    fn dump(&self, id: &str, options: &DumpOptions) -> Result<String, SqlError> {
        let failed = |error: rusqlite::Error| SqlError::of(&error);
        let mut connection = Connection::open(self.file(id)).map_err(failed)?;
        let tx = connection.transaction().map_err(failed)?;
        let items = items(&tx, options.tables.as_deref()).map_err(failed)?;
        if items.iter().any(|item| {
            item.sql
                .to_ascii_lowercase()
                .starts_with("create virtual table")
        }) {
            return Err(SqlError::new(
                "D1 Export error: cannot export databases with Virtual Tables (fts5)",
            ));
        }
        let with_schema = !options.no_schema.unwrap_or(false);
        let mut sql = String::from("PRAGMA defer_foreign_keys=TRUE;\n");
        for table in items.iter().filter(|item| item.kind == "table") {
            if with_schema {
                let _ = writeln!(sql, "{};", table.sql);
            }
            if !options.no_data.unwrap_or(false) {
                rows(&tx, &table.name, &mut sql).map_err(failed)?;
            }
        }
        if with_schema {
            for item in items.iter().filter(|item| item.kind != "table") {
                let _ = writeln!(sql, "{};", item.sql);
            }
        }
        Ok(sql)
    }
}

/// Tables first, in the order in which they were made.
fn items(tx: &Transaction<'_>, wanted: Option<&[String]>) -> rusqlite::Result<Vec<Item>> {
    let wanted: Option<BTreeSet<&String>> = wanted
        .filter(|tables| !tables.is_empty())
        .map(|tables| tables.iter().collect());
    let mut statement = tx.prepare(
        "select type, name, tbl_name, sql from sqlite_schema
         where sql not null and name not like 'sqlite\\_%' escape '\\'
         order by type <> 'table', rowid",
    )?;
    let all = statement.query_map([], |row| {
        Ok(Item {
            kind: row.get(0)?,
            name: row.get(1)?,
            table: row.get(2)?,
            sql: row.get(3)?,
        })
    })?;
    all.filter(|item| {
        item.as_ref().map_or(true, |item| {
            wanted
                .as_ref()
                .is_none_or(|wanted| wanted.contains(&item.table))
        })
    })
    .collect()
}

fn rows(tx: &Transaction<'_>, table: &str, sql: &mut String) -> rusqlite::Result<()> {
    let quoted = quoted(table);
    let mut statement = tx.prepare(&format!("select * from {quoted}"))?;
    let columns: Vec<String> = statement.column_names().map(self::quoted).collect();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let values: Vec<String> = (0..columns.len())
            .map(|column| row.get_ref(column).map(literal))
            .collect::<Result<_, _>>()?;
        let _ = writeln!(
            sql,
            "INSERT INTO {quoted} ({}) VALUES({});",
            columns.join(","),
            values.join(",")
        );
    }
    Ok(())
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        // SQLite reads an exponent this large as infinity.
        ValueRef::Real(number) if number.is_infinite() => {
            if number > 0.0 { "9e999" } else { "-9e999" }.to_owned()
        }
        ValueRef::Real(number) => format!("{number:?}"),
        ValueRef::Text(text) => {
            format!("'{}'", String::from_utf8_lossy(text).replace('\'', "''"))
        }
        ValueRef::Blob(bytes) => {
            let mut text = String::from("X'");
            for byte in bytes {
                let _ = write!(text, "{byte:02X}");
            }
            text.push('\'');
            text
        }
    }
}
