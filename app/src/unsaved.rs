//! Which lists changed since their last backup.
//!
//! Changes are numbered: while a backup is under way there may be further ones, which it does not
//! have.

use wasm_bindgen::JsValue;
use worker::SqlStorageValue;

use crate::disk::{Disk, first};

pub fn prepare(disk: &Disk) -> worker::Result<()> {
    let table = "CREATE TABLE IF NOT EXISTS backups (
        list TEXT PRIMARY KEY,
        changed INTEGER NOT NULL,
        saved INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID";
    disk.sql().exec(table, None)?;
    Ok(())
}

/// Takes note of a change.
pub fn note(disk: &Disk, list: &str) -> Result<(), JsValue> {
    let statement = "INSERT INTO backups (list, changed, saved) VALUES (?, 1, 0)
        ON CONFLICT (list) DO UPDATE SET changed = changed + 1";
    disk.sql().exec(statement, vec![list.into()])?;
    Ok(())
}

/// The number of the last change that was noted.
pub fn number(disk: &Disk, list: &str) -> Result<i64, JsValue> {
    let query = "SELECT changed FROM backups WHERE list = ?";
    Ok(match first(disk.sql(), query, vec![list.into()])? {
        Some(SqlStorageValue::Integer(number)) => number,
        _ => 0,
    })
}

/// Takes note of a backup that has all changes up to that number.
pub fn saved(disk: &Disk, list: &str, number: i64) -> Result<(), JsValue> {
    let statement = "UPDATE backups SET saved = max(saved, ?) WHERE list = ?";
    let number = SqlStorageValue::Integer(number);
    disk.sql().exec(statement, vec![number, list.into()])?;
    Ok(())
}

/// The lists that have changes which are in no backup.
pub fn all(disk: &Disk) -> worker::Result<Vec<String>> {
    let query = "SELECT list FROM backups WHERE changed > saved";
    let mut lists = Vec::new();
    for row in disk.sql().exec(query, None)?.raw() {
        if let Some(SqlStorageValue::String(list)) = row?.into_iter().next() {
            lists.push(list);
        }
    }
    Ok(lists)
}
