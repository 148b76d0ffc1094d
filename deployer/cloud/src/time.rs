//! Points in time, as answers show them.

use chrono::{SecondsFormat, Utc};

/// Now, as `2026-01-31T12:00:00.000000Z`.
pub(crate) fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true)
}
