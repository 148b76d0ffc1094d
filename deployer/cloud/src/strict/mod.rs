//! What a handler takes from a request. Everything is closed: a field, a parameter or a part that
//! is not known is refused by name, so that a client's mistake is seen here and not in production.
//!
//! Types derive `Deserialize` with `#[serde(deny_unknown_fields)]`. Where a value may be one of
//! several shapes, a tagged enum or a `match` on a closed struct names the mistake better than
//! `untagged` does.

mod at;
mod json;
mod multipart;
mod page;
mod query;

pub(crate) use at::At;
pub(crate) use json::{Json, parse_json};
pub(crate) use multipart::{Form, Part};
pub(crate) use page::{Order, PageRule};
pub(crate) use query::{NoQuery, Query};

/// Cloudflare's number for a body that cannot be read.
pub(crate) const UNREADABLE: u32 = 10026;
