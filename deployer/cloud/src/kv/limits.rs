//! What KV takes, by its table of limits.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::code;
use crate::envelope::ApiError;

/// Bytes.
const LONGEST_KEY: usize = 512;
/// Bytes.
const LONGEST_VALUE: usize = 25 << 20;
/// Bytes of JSON.
const LONGEST_METADATA: usize = 1024;
/// Seconds.
const SHORTEST_LIFE: u64 = 60;

pub(super) fn check_key(key: &str) -> Result<(), ApiError> {
    if key.is_empty() || key == "." || key == ".." {
        return Err(ApiError::bad(
            code::KEY,
            format!("`{key}` can be no key: keys are not empty, `.` or `..`"),
        ));
    }
    if key.len() > LONGEST_KEY {
        return Err(ApiError::new(
            http::StatusCode::URI_TOO_LONG,
            code::KEY_TOO_LONG,
            format!(
                "a key has at most {LONGEST_KEY} bytes, and this one has {}",
                key.len()
            ),
        ));
    }
    Ok(())
}

pub(super) fn check_value(value: &[u8]) -> Result<(), ApiError> {
    if value.len() > LONGEST_VALUE {
        return Err(ApiError::new(
            http::StatusCode::PAYLOAD_TOO_LARGE,
            code::VALUE_TOO_LONG,
            format!(
                "a value has at most {LONGEST_VALUE} bytes, and this one has {}",
                value.len()
            ),
        ));
    }
    Ok(())
}

pub(super) fn check_metadata(metadata: Option<&Value>) -> Result<(), ApiError> {
    let length = metadata.map_or(0, |metadata| metadata.to_string().len());
    if length > LONGEST_METADATA {
        return Err(ApiError::bad(
            code::METADATA,
            format!("metadata have at most {LONGEST_METADATA} bytes, and these have {length}"),
        ));
    }
    Ok(())
}

/// When a value goes, in seconds since 1970. A moment wins over a time to live.
pub(super) fn expiration(
    at: Option<u64>,
    time_to_live: Option<u64>,
) -> Result<Option<u64>, ApiError> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let moment = match (at, time_to_live) {
        (Some(at), _) => at,
        (None, Some(seconds)) => now.saturating_add(seconds),
        (None, None) => return Ok(None),
    };
    if moment < now + SHORTEST_LIFE {
        return Err(ApiError::bad(
            code::EXPIRATION,
            format!("a value must live for at least {SHORTEST_LIFE} seconds"),
        ));
    }
    Ok(Some(moment))
}
