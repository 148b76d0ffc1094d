//! A few short texts by name that an object keeps beside its lists.

use wasm_bindgen::JsValue;
use worker::SqlStorageValue;

use crate::disk::Disk;

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
    let mut found = disk.sql().exec(query, vec![name.into()])?.raw();
    Ok(
        match found.next().transpose()?.map(|row| row.into_iter().next()) {
            Some(Some(SqlStorageValue::String(text))) => Some(text),
            _ => None,
        },
    )
}

pub fn write(disk: &Disk, name: &str, text: &str) -> Result<(), JsValue> {
    let statement = "INSERT OR REPLACE INTO notes (name, text) VALUES (?, ?)";
    disk.sql().exec(statement, vec![name.into(), text.into()])?;
    Ok(())
}
