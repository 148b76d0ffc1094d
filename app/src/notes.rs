//! A few short texts by name that an object keeps beside its lists.

use wasm_bindgen::JsValue;
use worker::SqlStorageValue;

use crate::disk::{Disk, first};

pub fn prepare(disk: &Disk) -> worker::Result<()> {
    let table = "CREATE TABLE IF NOT EXISTS notes (
        name TEXT PRIMARY KEY,
        text TEXT NOT NULL
    ) STRICT, WITHOUT ROWID";
    disk.sql().exec(table, None)?;
    Ok(())
}

pub fn read(disk: &Disk, name: &str) -> worker::Result<Option<String>> {
    let query = "SELECT text FROM notes WHERE name = ?";
    Ok(match first(disk.sql(), query, vec![name.into()])? {
        Some(SqlStorageValue::String(text)) => Some(text),
        _ => None,
    })
}

pub fn write(disk: &Disk, name: &str, text: &str) -> Result<(), JsValue> {
    let statement = "INSERT OR REPLACE INTO notes (name, text) VALUES (?, ?)";
    disk.sql().exec(statement, vec![name.into(), text.into()])?;
    Ok(())
}
