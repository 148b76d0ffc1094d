//! Compatibility dates and flags. Whether a flag exists is workerd's to say, when it is probed.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::envelope::ApiError;
use crate::workers::refusal;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Compatibility {
    /// None: Cloudflare runs the worker as of its first days.
    pub(crate) date: Option<String>,
    pub(crate) flags: Vec<String>,
}

impl Compatibility {
    pub(crate) fn parse(
        date: Option<String>,
        flags: Vec<String>,
        today: NaiveDate,
    ) -> Result<Self, ApiError> {
        if let Some(text) = &date {
            let Some(day) = day(text) else {
                return Err(refusal::invalid(format!(
                    "Invalid compatibility date: '{text}'. It must be YYYY-MM-DD."
                )));
            };
            if day > today {
                return Err(refusal::invalid(format!(
                    "Can't set compatibility date in the future: {text}"
                )));
            }
        }
        let mut seen = BTreeSet::new();
        for flag in &flags {
            if !seen.insert(flag) {
                return Err(refusal::invalid(format!(
                    "Compatibility flag specified multiple times: {flag}"
                )));
            }
            if !flag
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
                || flag.is_empty()
            {
                return Err(refusal::invalid(format!(
                    "No such compatibility flag: {flag}"
                )));
            }
        }
        Ok(Self { date, flags })
    }
}

fn day(text: &str) -> Option<NaiveDate> {
    // chrono takes 2026-1-1 as well.
    (text.len() == 10)
        .then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok())
        .flatten()
}
