//! What SQLite says, in D1's words: its message, and the name of its number.

use rusqlite::{Error, ffi};

use super::code;
use crate::envelope::ApiError;

/// SQL that did not run. Nothing of its call has taken effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}: {name}")]
pub(super) struct SqlError {
    message: String,
    /// Such as `SQLITE_CONSTRAINT_UNIQUE`.
    name: &'static str,
}

impl SqlError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            name: "SQLITE_ERROR",
        }
    }

    pub(super) fn denied(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            name: "SQLITE_AUTH",
        }
    }

    pub(super) fn too_long() -> Self {
        Self {
            message: "statement too long".to_owned(),
            name: "SQLITE_TOOBIG",
        }
    }

    pub(super) fn of(error: &Error) -> Self {
        match error {
            Error::SqliteFailure(failure, message) => Self {
                message: message
                    .clone()
                    .unwrap_or_else(|| ffi::code_to_str(failure.extended_code).to_owned()),
                name: name(failure.extended_code),
            },
            Error::SqlInputError {
                error, msg, offset, ..
            } => Self {
                message: if *offset >= 0 {
                    format!("{msg} at offset {offset}")
                } else {
                    msg.clone()
                },
                name: name(error.extended_code),
            },
            other => Self::new(other.to_string()),
        }
    }
}

impl From<SqlError> for ApiError {
    fn from(error: SqlError) -> Self {
        Self::bad(code::SQL, error.to_string())
    }
}

fn name(extended: i32) -> &'static str {
    match extended {
        ffi::SQLITE_CONSTRAINT_CHECK => "SQLITE_CONSTRAINT_CHECK",
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => "SQLITE_CONSTRAINT_FOREIGNKEY",
        ffi::SQLITE_CONSTRAINT_NOTNULL => "SQLITE_CONSTRAINT_NOTNULL",
        ffi::SQLITE_CONSTRAINT_PRIMARYKEY => "SQLITE_CONSTRAINT_PRIMARYKEY",
        ffi::SQLITE_CONSTRAINT_TRIGGER => "SQLITE_CONSTRAINT_TRIGGER",
        ffi::SQLITE_CONSTRAINT_UNIQUE => "SQLITE_CONSTRAINT_UNIQUE",
        ffi::SQLITE_CONSTRAINT_ROWID => "SQLITE_CONSTRAINT_ROWID",
        ffi::SQLITE_CONSTRAINT_DATATYPE => "SQLITE_CONSTRAINT_DATATYPE",
        _ => match extended & 0xff {
            ffi::SQLITE_CONSTRAINT => "SQLITE_CONSTRAINT",
            ffi::SQLITE_AUTH => "SQLITE_AUTH",
            ffi::SQLITE_BUSY => "SQLITE_BUSY",
            ffi::SQLITE_CORRUPT => "SQLITE_CORRUPT",
            ffi::SQLITE_FULL => "SQLITE_FULL",
            ffi::SQLITE_MISMATCH => "SQLITE_MISMATCH",
            ffi::SQLITE_NOMEM => "SQLITE_NOMEM",
            ffi::SQLITE_RANGE => "SQLITE_RANGE",
            ffi::SQLITE_READONLY => "SQLITE_READONLY",
            ffi::SQLITE_TOOBIG => "SQLITE_TOOBIG",
            _ => "SQLITE_ERROR",
        },
    }
}
