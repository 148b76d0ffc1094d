//! Values between JSON and SQLite. They pass through JavaScript at D1, which has one kind of
//! number.

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Row, ToSql};
use serde::{Deserialize, Deserializer};
use serde_json::{Number, Value};

/// Larger whole numbers have no exact double.
const LARGEST_EXACT: i64 = 1 << 53;

/// What stands for a `?`.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Param {
    Null,
    Number(f64),
    Text(String),
    Blob(Vec<u8>),
}

impl<'de> Deserialize<'de> for Param {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        Ok(match Value::deserialize(deserializer)? {
            Value::Null => Self::Null,
            Value::String(text) => Self::Text(text),
            Value::Number(number) => Self::Number(number.as_f64().unwrap_or(f64::NAN)),
            Value::Array(bytes) => Self::Blob(
                bytes
                    .iter()
                    .map(|byte| byte.as_u64().and_then(|byte| u8::try_from(byte).ok()))
                    .collect::<Option<_>>()
                    .ok_or_else(|| D::Error::custom("an array must hold bytes"))?,
            ),
            Value::Bool(_) | Value::Object(_) => {
                return Err(D::Error::custom(
                    "a parameter is a string, a number, null or an array of bytes",
                ));
            }
        })
    }
}

impl ToSql for Param {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            Self::Number(number) => ToSqlOutput::Borrowed(ValueRef::Real(*number)),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Blob(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
        })
    }
}

/// The values of a row.
pub(super) fn of_row(row: &Row<'_>, columns: usize) -> rusqlite::Result<Vec<Value>> {
    (0..columns)
        .map(|column| row.get_ref(column).map(json))
        .collect()
}

fn json(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) if number.abs() <= LARGEST_EXACT => number.into(),
        #[allow(clippy::cast_precision_loss)] // which is what happens there
        ValueRef::Integer(number) => real(number as f64),
        ValueRef::Real(number) => real(number),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into(),
        ValueRef::Blob(bytes) => bytes.into(),
    }
}

/// As JavaScript writes it: `1`, not `1.0`.
fn real(number: f64) -> Value {
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)] // checked to be exact
    if number.fract() == 0.0 && number.abs() <= LARGEST_EXACT as f64 {
        return (number as i64).into();
    }
    // JSON has no infinity.
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}
