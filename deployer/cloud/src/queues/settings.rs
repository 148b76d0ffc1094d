//! How messages wait and how they are delivered, within Cloudflare's limits.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::code;
use crate::envelope::ApiError;

const DAY: u32 = 24 * 60 * 60;
/// Seconds.
const DELAY: RangeInclusive<u32> = 0..=DAY;
/// Seconds.
const RETENTION: RangeInclusive<u32> = 60..=14 * DAY;

/// A queue's own settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct QueueSettings {
    pub(super) delivery_delay: u32,
    pub(super) delivery_paused: bool,
    pub(super) message_retention_period: u32,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self {
            delivery_delay: 0,
            delivery_paused: false,
            message_retention_period: 4 * DAY,
        }
    }
}

/// What a request wants of them.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WantedSettings {
    delivery_delay: Option<u32>,
    delivery_paused: Option<bool>,
    message_retention_period: Option<u32>,
}

impl WantedSettings {
    /// What is not given stays as it is in `before`.
    pub(super) fn over(self, before: &QueueSettings) -> Result<QueueSettings, ApiError> {
        Ok(QueueSettings {
            delivery_delay: within("delivery_delay", self.delivery_delay, &DELAY)?
                .unwrap_or(before.delivery_delay),
            delivery_paused: self.delivery_paused.unwrap_or(before.delivery_paused),
            message_retention_period: within(
                "message_retention_period",
                self.message_retention_period,
                &RETENTION,
            )?
            .unwrap_or(before.message_retention_period),
        })
    }
}

/// How a worker gets messages. Nothing is as good as Cloudflare's default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConsumerSettings {
    pub(crate) batch_size: Option<u32>,
    pub(crate) max_wait_time_ms: Option<u32>,
    pub(crate) max_retries: Option<u32>,
    /// Seconds.
    pub(crate) retry_delay: Option<u32>,
    /// Batches at once; as many as are needed where it is not given.
    pub(crate) max_concurrency: Option<u32>,
    /// Of a consumer that pulls.
    pub(crate) visibility_timeout_ms: Option<u32>,
}

impl ConsumerSettings {
    pub(super) fn of_worker(self) -> Result<Self, ApiError> {
        if self.visibility_timeout_ms.is_some() {
            return Err(refused(
                "visibility_timeout_ms",
                "is for consumers that pull",
            ));
        }
        Ok(Self {
            batch_size: Some(within("batch_size", self.batch_size, &(1..=100))?.unwrap_or(10)),
            max_wait_time_ms: Some(
                within("max_wait_time_ms", self.max_wait_time_ms, &(0..=60_000))?.unwrap_or(5000),
            ),
            max_retries: Some(within("max_retries", self.max_retries, &(0..=100))?.unwrap_or(3)),
            retry_delay: Some(within("retry_delay", self.retry_delay, &DELAY)?.unwrap_or(0)),
            max_concurrency: within("max_concurrency", self.max_concurrency, &(1..=250))?,
            visibility_timeout_ms: None,
        })
    }

    pub(super) fn of_puller(self) -> Result<Self, ApiError> {
        for (name, is_given) in [
            ("max_wait_time_ms", self.max_wait_time_ms.is_some()),
            ("max_concurrency", self.max_concurrency.is_some()),
        ] {
            if is_given {
                return Err(refused(name, "is for consumers that are workers"));
            }
        }
        Ok(Self {
            batch_size: Some(within("batch_size", self.batch_size, &(1..=100))?.unwrap_or(10)),
            max_retries: Some(within("max_retries", self.max_retries, &(0..=100))?.unwrap_or(3)),
            retry_delay: Some(within("retry_delay", self.retry_delay, &DELAY)?.unwrap_or(0)),
            visibility_timeout_ms: Some(
                within(
                    "visibility_timeout_ms",
                    self.visibility_timeout_ms,
                    &(1000..=43_200_000),
                )?
                .unwrap_or(30_000),
            ),
            max_wait_time_ms: None,
            max_concurrency: None,
        })
    }
}

fn within(
    name: &str,
    value: Option<u32>,
    range: &RangeInclusive<u32>,
) -> Result<Option<u32>, ApiError> {
    match value {
        Some(value) if !range.contains(&value) => Err(refused(
            name,
            &format!(
                "must be from {} to {}, and is {value}",
                range.start(),
                range.end()
            ),
        )),
        value => Ok(value),
    }
}

fn refused(name: &str, why: &str) -> ApiError {
    ApiError::bad(code::INVALID, format!("`settings.{name}` {why}"))
}
