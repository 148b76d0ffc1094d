//! The lists on disk: one row of the object's SQLite database for each row and value of a list. An
//! edit writes what it changes and nothing else, all of it or none.

use tinybase::{Restore, Store};
use wasm_bindgen::{JsCast as _, JsValue};
use worker::js_sys::JSON;
use worker::{SqlStorage, SqlStorageValue, State};

use crate::entry::{self, Entry, Key};
use crate::js::Storage;
use crate::todos::push_json;

pub struct Disk {
    storage: Storage,
    sql: SqlStorage,
    /// What this object's stores sign their stamps with.
    unique_id: String,
}

/// Bytes that one statement takes at most; the platform's texts end at 2 MB.
const CHUNK: usize = 512 * 1024;
/// Entries that are read at a time.
const READ: u32 = 1024;
/// What lies between entries and between their columns while they are read: JSON escapes it, and
/// names have no control characters.
const BETWEEN: char = '\u{1e}';
const WITHIN: char = '\u{1f}';

impl Disk {
    pub fn open(state: &State) -> worker::Result<Self> {
        let storage = state.storage();
        let sql = storage.sql();
        sql.exec(
            "CREATE TABLE IF NOT EXISTS entries (
                list TEXT NOT NULL,
                kind INTEGER NOT NULL,
                name TEXT NOT NULL,
                row TEXT NOT NULL,
                text TEXT NOT NULL,
                PRIMARY KEY (list, kind, name, row)
            ) STRICT, WITHOUT ROWID",
            None,
        )?;
        Ok(Self {
            storage: JsValue::from(storage.as_raw()).unchecked_into(),
            sql,
            unique_id: state.id().to_string(),
        })
    }

    pub fn sql(&self) -> &SqlStorage {
        &self.sql
    }

    /// Bytes that the database takes.
    pub fn size(&self) -> u64 {
        self.sql.database_size() as u64
    }

    /// Has the object woken at that time, in milliseconds since 1970. The platform waits for the
    /// alarm to be set before anything is sent.
    #[expect(clippy::cast_precision_loss, reason = "times are below 2^53")]
    pub fn set_alarm(&self, at: i64) -> Result<(), JsValue> {
        self.storage.set_alarm(at as f64).map(drop)
    }

    /// What `write` writes is kept entirely or, when it fails, not at all.
    pub fn transaction(
        &self,
        mut write: impl FnMut() -> Result<(), JsValue>,
    ) -> Result<(), JsValue> {
        self.storage.transaction(&mut write)
    }

    /// The list of this name; an empty one if nothing was ever written.
    pub fn load(&self, list: &str) -> worker::Result<Store> {
        // Many entries come as one text: each row and each column that crosses over costs more
        // than reading what is in it.
        let query = format!(
            "SELECT count(*), group_concat(
                kind || char({within}) || name || char({within}) || row || char({within}) || text,
                char({between})
            ) FROM (
                SELECT kind, name, row, text FROM entries
                WHERE list = ?1 AND (kind, name, row) > (?2, ?3, ?4)
                ORDER BY kind, name, row LIMIT {READ}
            )",
            within = u32::from(WITHIN),
            between = u32::from(BETWEEN),
        );
        let mut restore = Restore::new(&format!("{} {list}", self.unique_id));
        let (mut kind, mut name, mut row) = (0, String::new(), String::new());
        loop {
            let after: Vec<SqlStorageValue> = vec![
                list.into(),
                kind.into(),
                name.as_str().into(),
                row.as_str().into(),
            ];
            let Some(found) = self.sql.exec(&query, after)?.raw().next() else {
                break;
            };
            let found: Result<[SqlStorageValue; 2], _> = found?.try_into();
            let Ok(
                [
                    SqlStorageValue::Integer(count),
                    SqlStorageValue::String(texts),
                ],
            ) = found
            else {
                break;
            };
            for text in texts.split(BETWEEN) {
                let mut columns = text.splitn(4, WITHIN);
                let mut column = || columns.next().unwrap_or_default();
                let (number, its_name, its_row) = (column(), column(), column());
                let number = number.parse().unwrap_or(0);
                entry::restore(&mut restore, number, its_name, its_row, column())?;
                (kind, name, row) = (
                    i32::try_from(number).unwrap_or(0),
                    its_name.to_owned(),
                    its_row.to_owned(),
                );
            }
            if count < i64::from(READ) {
                break;
            }
        }
        Ok(restore.finish())
    }

    /// Whether anything was ever written to a list.
    pub fn has_entries(&self, list: &str) -> worker::Result<bool> {
        let query = "SELECT 1 FROM entries WHERE list = ? LIMIT 1";
        Ok(first(&self.sql, query, vec![list.into()])?.is_some())
    }

    /// What an older version kept under a key, as JSON.
    pub fn old_text(&self, key: &str) -> Result<Option<String>, JsValue> {
        let value = self.storage.kv().get(key)?;
        if value.is_undefined() {
            return Ok(None);
        }
        JSON::stringify(&value).map(|json| json.as_string())
    }

    /// The names of all lists.
    pub fn lists(&self) -> worker::Result<Vec<String>> {
        let mut lists = Vec::new();
        let query = "SELECT DISTINCT list FROM entries";
        for row in self.sql.exec(query, None)?.raw() {
            if let Some(SqlStorageValue::String(list)) = row?.into_iter().next() {
                lists.push(list);
            }
        }
        Ok(lists)
    }

    /// Writes all of `entries` and deletes what is `gone` or, when it fails, does neither.
    pub fn save(&self, list: &str, entries: &[Entry], gone: &[Key]) -> Result<(), JsValue> {
        let chunks = chunks(entries);
        let write = || {
            let mut chunks = chunks.iter();
            chunks.try_for_each(|chunk| self.write(list, chunk))?;
            gone.iter().try_for_each(|key| self.delete(list, key))
        };
        // One statement is a transaction by itself.
        if chunks.len() + gone.len() > 1 {
            self.transaction(write)
        } else {
            write()
        }
    }

    /// One statement for many entries.
    fn write(&self, list: &str, entries: &str) -> Result<(), JsValue> {
        let statement = "INSERT OR REPLACE INTO entries (list, kind, name, row, text)
            SELECT ?1, value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?2)";
        self.sql
            .exec(statement, vec![list.into(), entries.into()])?;
        Ok(())
    }

    fn delete(&self, list: &str, key: &Key) -> Result<(), JsValue> {
        let Key { kind, table, row } = key;
        let statement = "DELETE FROM entries WHERE list = ? AND kind = ? AND name = ? AND row = ?";
        let kind = SqlStorageValue::Integer(i64::from(*kind));
        let (table, row) = (table.as_str().into(), row.as_str().into());
        self.sql
            .exec(statement, vec![list.into(), kind, table, row])?;
        Ok(())
    }
}

/// What stands first in the first row that a query finds.
pub fn first(
    sql: &SqlStorage,
    query: &str,
    values: impl Into<Option<Vec<SqlStorageValue>>>,
) -> worker::Result<Option<SqlStorageValue>> {
    let row = sql.exec(query, values)?.raw().next().transpose()?;
    Ok(row.and_then(|row| row.into_iter().next()))
}

/// `[[kind,"name","row","text"],…]`, as many of them as it takes.
fn chunks(entries: &[Entry]) -> Vec<String> {
    let mut chunks: Vec<String> = Vec::new();
    for Entry {
        kind,
        table,
        row,
        text,
    } in entries
    {
        match chunks.last_mut() {
            Some(chunk) if chunk.len() + text.len() < CHUNK => chunk.push(','),
            _ => chunks.push(String::from("[")),
        }
        let Some(chunk) = chunks.last_mut() else {
            unreachable!("one was just added");
        };
        chunk.push('[');
        chunk.push_str(&kind.to_string());
        for column in [table, row, text] {
            chunk.push(',');
            push_json(chunk, column);
        }
        chunk.push(']');
    }
    for chunk in &mut chunks {
        chunk.push(']');
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(row: &str, text: String) -> Entry {
        Entry {
            kind: 1,
            table: "todos".into(),
            row: row.into(),
            text,
        }
    }

    #[test]
    fn entries_are_written_as_one_text() {
        assert!(chunks(&[]).is_empty());
        let two = [entry("a", "[\"x\"]".into()), entry("b\"", "[]".into())];
        assert_eq!(
            chunks(&two),
            [r#"[[1,"todos","a","[\"x\"]"],[1,"todos","b\"","[]"]]"#]
        );
    }

    #[test]
    fn many_entries_are_written_as_several_texts() {
        let many: Vec<Entry> = (0..30)
            .map(|row| entry(&row.to_string(), "x".repeat(100_000)))
            .collect();
        let chunks = chunks(&many);
        assert!(chunks.len() > 1 && chunks.iter().all(|chunk| chunk.len() < CHUNK + 1_000));
        let rows: usize = chunks
            .iter()
            .map(|chunk| {
                serde_json::from_str::<Vec<serde_json::Value>>(chunk)
                    .unwrap()
                    .len()
            })
            .sum();
        assert_eq!(rows, 30);
    }
}
