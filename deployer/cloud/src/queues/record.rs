//! Queues and consumers as they are kept and shown.

use rusqlite::{OptionalExtension as _, Row, Transaction};
use serde_json::{Value, json};

use super::code;
use super::settings::{ConsumerSettings, QueueSettings};
use crate::envelope::ApiError;
use crate::workers;

/// A queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Queue {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(super) created_on: String,
    pub(super) modified_on: String,
    pub(super) settings: QueueSettings,
}

/// Who takes messages out of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Consumer {
    pub(crate) id: String,
    pub(crate) queue: String,
    pub(crate) kind: ConsumerKind,
    /// The name of the queue that gets what failed too often.
    pub(crate) dead_letter_queue: Option<String>,
    pub(crate) settings: ConsumerSettings,
    pub(super) created_on: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ConsumerKind {
    Worker { script: String },
    HttpPull,
}

const QUEUE: &str = "select id, name, created_on, modified_on, settings from queue";
const CONSUMER: &str = "select queue_consumer.id, queue.name, kind, script, dead_letter_queue,
    queue_consumer.settings, queue_consumer.created_on
    from queue_consumer join queue on queue.id = queue_id";

impl Queue {
    /// Refuses an id that leads to none.
    pub(crate) fn find(tx: &Transaction<'_>, id: &str) -> Result<Self, ApiError> {
        tx.query_row(&format!("{QUEUE} where id = ?1"), [id], Self::read)
            .optional()?
            .ok_or_else(|| {
                ApiError::not_found(code::NO_QUEUE, format!("Queue '{id}' does not exist"))
            })
    }

    pub(crate) fn named(tx: &Transaction<'_>, name: &str) -> rusqlite::Result<Option<Self>> {
        tx.query_row(&format!("{QUEUE} where name = ?1"), [name], Self::read)
            .optional()
    }

    pub(super) fn all(tx: &Transaction<'_>) -> rusqlite::Result<Vec<Self>> {
        tx.prepare(&format!("{QUEUE} order by created_on, name"))?
            .query_map([], Self::read)?
            .collect()
    }

    /// Seconds that messages wait which name no delay of their own.
    pub(crate) fn delivery_delay(&self) -> u32 {
        self.settings.delivery_delay
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            name: row.get(1)?,
            created_on: row.get(2)?,
            modified_on: row.get(3)?,
            settings: from_json(&row.get::<_, String>(4)?),
        })
    }

    /// As answers show it.
    pub(super) fn whole(&self, tx: &Transaction<'_>) -> Result<Value, ApiError> {
        let consumers = Consumer::of_queue(tx, &self.id)?;
        let producers = workers::producers_of(tx, &self.name)?;
        Ok(json!({
            "queue_id": self.id,
            "queue_name": self.name,
            "created_on": self.created_on,
            "modified_on": self.modified_on,
            "settings": self.settings,
            "producers_total_count": producers.len(),
            "producers": producers
                .iter()
                .map(|script| json!({ "type": "worker", "script": script }))
                .collect::<Vec<_>>(),
            "consumers_total_count": consumers.len(),
            "consumers": consumers.iter().map(Consumer::whole).collect::<Vec<_>>(),
        }))
    }
}

impl Consumer {
    pub(super) fn of_queue(tx: &Transaction<'_>, queue: &str) -> rusqlite::Result<Vec<Self>> {
        tx.prepare(&format!("{CONSUMER} where queue_id = ?1 order by kind"))?
            .query_map([queue], Self::read)?
            .collect()
    }

    /// The queues that a script consumes. A script with such cannot be deleted.
    pub(crate) fn of_script(tx: &Transaction<'_>, script: &str) -> rusqlite::Result<Vec<Self>> {
        tx.prepare(&format!("{CONSUMER} where script = ?1 order by queue.name"))?
            .query_map([script], Self::read)?
            .collect()
    }

    /// Every worker that consumes a queue.
    pub(crate) fn all_workers(tx: &Transaction<'_>) -> rusqlite::Result<Vec<Self>> {
        tx.prepare(&format!(
            "{CONSUMER} where kind = 'worker' order by queue.name"
        ))?
        .query_map([], Self::read)?
        .collect()
    }

    /// Takes a script away from its queues, as when it is deleted by force.
    pub(crate) fn remove_script(tx: &Transaction<'_>, script: &str) -> rusqlite::Result<()> {
        tx.execute("delete from queue_consumer where script = ?1", [script])?;
        Ok(())
    }

    pub(super) fn find(tx: &Transaction<'_>, queue: &str, id: &str) -> Result<Self, ApiError> {
        tx.query_row(
            &format!("{CONSUMER} where queue_id = ?1 and queue_consumer.id = ?2"),
            [queue, id],
            Self::read,
        )
        .optional()?
        .ok_or_else(|| {
            ApiError::not_found(code::NO_CONSUMER, format!("Consumer '{id}' does not exist"))
        })
    }

    /// Queues whose consumers send what failed to the queue of this name.
    pub(super) fn queues_served_by(
        tx: &Transaction<'_>,
        dead_letter_queue: &str,
    ) -> rusqlite::Result<Vec<String>> {
        tx.prepare(
            "select queue.name from queue_consumer join queue on queue.id = queue_id
             where dead_letter_queue = ?1 and queue.name <> ?1 order by queue.name",
        )?
        .query_map([dead_letter_queue], |row| row.get(0))?
        .collect()
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let kind: String = row.get(2)?;
        Ok(Self {
            id: row.get(0)?,
            queue: row.get(1)?,
            kind: if kind == "worker" {
                ConsumerKind::Worker {
                    script: row.get(3)?,
                }
            } else {
                ConsumerKind::HttpPull
            },
            dead_letter_queue: row.get(4)?,
            settings: from_json(&row.get::<_, String>(5)?),
            created_on: row.get(6)?,
        })
    }

    /// As answers show it. Cloudflare's clients look for the script under either name.
    pub(super) fn whole(&self) -> Value {
        let settings = match serde_json::to_value(self.settings) {
            Ok(Value::Object(fields)) => Value::Object(
                fields
                    .into_iter()
                    .filter(|(_, value)| !value.is_null())
                    .collect(),
            ),
            _ => Value::Null,
        };
        let mut whole = json!({
            "consumer_id": self.id,
            "queue_name": self.queue,
            "created_on": self.created_on,
            "settings": settings,
        });
        match &self.kind {
            ConsumerKind::Worker { script } => {
                whole["type"] = json!("worker");
                whole["script"] = json!(script);
                whole["script_name"] = json!(script);
            }
            ConsumerKind::HttpPull => whole["type"] = json!("http_pull"),
        }
        if let Some(queue) = &self.dead_letter_queue {
            whole["dead_letter_queue"] = json!(queue);
        }
        whole
    }
}

impl ConsumerKind {
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Worker { .. } => "worker",
            Self::HttpPull => "http_pull",
        }
    }

    pub(super) fn script(&self) -> Option<&str> {
        match self {
            Self::Worker { script } => Some(script),
            Self::HttpPull => None,
        }
    }
}

/// What is kept was written by this program.
fn from_json<T: serde::de::DeserializeOwned + Default>(text: &str) -> T {
    serde_json::from_str(text).unwrap_or_default()
}
