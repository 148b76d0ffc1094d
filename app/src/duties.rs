//! What the object has to do later, with the one alarm that it has.

use wasm_bindgen::JsValue;
use worker::SqlStorageValue;

use crate::disk::{Disk, first};

/// Something to be done once, at a time that is kept on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// To ask everybody for what could not be taken before.
    AskAgain,
    /// To forget what was deleted long ago.
    Forget,
    /// To back up the lists that changed.
    BackUp,
    /// To tell objects that the lists have arrived that they handed over.
    TellArrivals,
    /// To report what was counted.
    Report,
    /// To move todos to the archive.
    Archive,
    /// To look into what was done to archived todos.
    Restore,
    /// To close WebSockets whose session or token has expired.
    Expire,
}

impl Duty {
    const EVERY: [Self; 8] = [
        Self::AskAgain,
        Self::Forget,
        Self::BackUp,
        Self::TellArrivals,
        Self::Report,
        Self::Archive,
        Self::Restore,
        Self::Expire,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::AskAgain => "ask-again",
            Self::Forget => "forget",
            Self::BackUp => "back-up",
            Self::TellArrivals => "tell-arrivals",
            Self::Report => "report",
            Self::Archive => "archive",
            Self::Restore => "restore",
            Self::Expire => "expire",
        }
    }
}

pub fn prepare(disk: &Disk) -> worker::Result<()> {
    let table = "CREATE TABLE IF NOT EXISTS duties (
        name TEXT PRIMARY KEY,
        at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID";
    disk.sql().exec(table, None)?;
    Ok(())
}

/// Has a duty done at a time, in milliseconds since 1970; one that is due earlier stays.
pub fn schedule(disk: &Disk, duty: Duty, at: u64) -> Result<(), JsValue> {
    let statement = "INSERT INTO duties (name, at) VALUES (?, ?)
        ON CONFLICT (name) DO UPDATE SET at = min(at, excluded.at)";
    let at = SqlStorageValue::Integer(i64::try_from(at).unwrap_or(i64::MAX));
    disk.sql().exec(statement, vec![duty.name().into(), at])?;
    wake_for_next(disk)
}

/// Whether a duty is on the list.
pub fn is_scheduled(disk: &Disk, duty: Duty) -> worker::Result<bool> {
    Ok(at(disk, duty)?.is_some())
}

/// When a duty is due, in milliseconds since 1970.
pub fn at(disk: &Disk, duty: Duty) -> worker::Result<Option<u64>> {
    let query = "SELECT at FROM duties WHERE name = ?";
    Ok(match first(disk.sql(), query, vec![duty.name().into()])? {
        Some(SqlStorageValue::Integer(at)) => u64::try_from(at).ok(),
        _ => None,
    })
}

/// Takes a duty off the list.
pub fn cancel(disk: &Disk, duty: Duty) -> Result<(), JsValue> {
    let statement = "DELETE FROM duties WHERE name = ?";
    disk.sql().exec(statement, vec![duty.name().into()])?;
    Ok(())
}

/// Takes the duties that are due off the list.
pub fn take_due(disk: &Disk, now: u64) -> Result<Vec<Duty>, JsValue> {
    let now = SqlStorageValue::Integer(i64::try_from(now).unwrap_or(i64::MAX));
    let statement = "DELETE FROM duties WHERE at <= ? RETURNING name";
    let mut due = Vec::new();
    for row in disk.sql().exec(statement, vec![now])?.raw() {
        if let Some(SqlStorageValue::String(name)) = row?.into_iter().next() {
            // One of another version of this worker is forgotten.
            due.extend(Duty::EVERY.into_iter().find(|duty| duty.name() == name));
        }
    }
    Ok(due)
}

/// Sets the alarm to the duty that is due next.
pub fn wake_for_next(disk: &Disk) -> Result<(), JsValue> {
    let query = "SELECT min(at) FROM duties";
    if let Some(row) = disk.sql().exec(query, None)?.raw().next()
        && let Some(SqlStorageValue::Integer(at)) = row?.into_iter().next()
    {
        disk.set_alarm(at)?;
    }
    Ok(())
}
