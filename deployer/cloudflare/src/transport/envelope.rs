//! What every answer of the API is wrapped in.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::error::Problem;

/// `{success, errors, result, result_info}`; more fields may come.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Envelope {
    pub(crate) success: bool,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) errors: Vec<Problem>,
    #[serde(default)]
    pub(crate) result: Value,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) result_info: ResultInfo,
}

/// Where in a list an answer stands. Which of these are filled depends on the product.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct ResultInfo {
    pub(crate) total_pages: Option<u32>,
    pub(crate) total_count: Option<u64>,
    pub(crate) cursor: Option<String>,
}

/// Cloudflare writes `null` where a list is empty.
pub(crate) fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
