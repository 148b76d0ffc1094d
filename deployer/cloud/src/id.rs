//! The identifiers that Cloudflare gives.

use uuid::Uuid;

/// 32 hex digits, as of accounts, namespaces and queues.
pub(crate) fn hex() -> String {
    Uuid::new_v4().simple().to_string()
}

/// With hyphens, as of databases and versions.
pub(crate) fn uuid() -> String {
    Uuid::new_v4().to_string()
}

pub(crate) fn is_hex(text: &str) -> bool {
    text.len() == 32
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
