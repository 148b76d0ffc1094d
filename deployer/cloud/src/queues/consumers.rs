//! Calls about consumers.

use axum::extract::State;
use rusqlite::Transaction;
use serde::Deserialize;
use serde_json::{Value, json};

use super::code;
use super::record::{Consumer, ConsumerKind, Queue};
use super::settings::ConsumerSettings;
use crate::app::App;
use crate::envelope::{Answer, ApiError, Reply};
use crate::strict::{At, Json, NoQuery, PageRule, Query};
use crate::{id, time, workers};

const PAGES: PageRule = PageRule::new(20, 1, 100);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    page: Option<u32>,
    per_page: Option<u32>,
}

pub(super) async fn list(
    State(app): State<App>,
    At([queue]): At<1>,
    Query(query): Query<ListQuery>,
) -> Reply<Vec<Value>> {
    let page = PAGES.page(query.page, query.per_page)?;
    let consumers = app.store.read(|tx| {
        Queue::find(tx, &queue)?;
        Ok::<_, ApiError>(Consumer::of_queue(tx, &queue)?)
    })?;
    Ok(page.of(consumers.iter().map(Consumer::whole).collect()))
}

pub(super) async fn read(
    State(app): State<App>,
    At([queue, consumer]): At<2>,
    _: NoQuery,
) -> Reply {
    let consumer = app.store.read(|tx| {
        Queue::find(tx, &queue)?;
        Consumer::find(tx, &queue, &consumer)
    })?;
    Ok(Answer::new(consumer.whole()))
}

/// One struct for both kinds, so that a field of the wrong kind is named.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WantedConsumer {
    #[serde(rename = "type")]
    kind: Kind,
    script_name: Option<String>,
    dead_letter_queue: Option<String>,
    #[serde(default)]
    settings: ConsumerSettings,
    /// Named by some clients beside the path; it must be the same.
    queue_name: Option<String>,
    /// Workers had environments once; only the one that is left can be named.
    environment_name: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Worker,
    HttpPull,
}

/// A consumer that may be.
struct Checked {
    kind: ConsumerKind,
    dead_letter_queue: Option<String>,
    settings: ConsumerSettings,
}

impl WantedConsumer {
    fn checked(self, tx: &Transaction<'_>, queue: &Queue) -> Result<Checked, ApiError> {
        if let Some(name) = &self.queue_name
            && *name != queue.name
        {
            return Err(invalid(format!(
                "`queue_name` is `{name}`, and the queue of this path is `{}`",
                queue.name
            )));
        }
        if let Some(name) = &self.environment_name
            && name != "production"
        {
            return Err(invalid(format!("there is no environment `{name}`")));
        }
        // Some clients send an empty name for none.
        let dead_letter_queue = self.dead_letter_queue.filter(|name| !name.is_empty());
        if let Some(name) = &dead_letter_queue
            && Queue::named(tx, name)?.is_none()
        {
            return Err(ApiError::not_found(
                code::NO_QUEUE,
                format!("Queue '{name}', named as the dead letter queue, does not exist"),
            ));
        }
        let (kind, settings) = match (self.kind, self.script_name) {
            (Kind::Worker, Some(script)) => {
                check_script(tx, &script)?;
                (ConsumerKind::Worker { script }, self.settings.of_worker()?)
            }
            (Kind::Worker, None) => {
                return Err(invalid(
                    "a consumer that is a worker needs `script_name`".to_owned(),
                ));
            }
            (Kind::HttpPull, None) => (ConsumerKind::HttpPull, self.settings.of_puller()?),
            (Kind::HttpPull, Some(_)) => {
                return Err(invalid(
                    "`script_name` is for consumers that are workers".to_owned(),
                ));
            }
        };
        Ok(Checked {
            kind,
            dead_letter_queue,
            settings,
        })
    }
}

fn check_script(tx: &Transaction<'_>, script: &str) -> Result<(), ApiError> {
    let handlers = workers::handlers_of(tx, script)?.ok_or_else(|| {
        ApiError::not_found(
            code::NO_SCRIPT,
            format!("workers.api.error.script_not_found: there is no script `{script}`"),
        )
    })?;
    if handlers.iter().any(|handler| handler == "queue") {
        return Ok(());
    }
    Err(ApiError::bad(
        code::NO_HANDLER,
        format!("workers.api.error.queue_handler_missing: queue handler is missing in `{script}`"),
    ))
}

pub(super) async fn create(
    State(app): State<App>,
    At([queue]): At<1>,
    _: NoQuery,
    Json(body): Json<WantedConsumer>,
) -> Reply {
    let consumer = app.store.write(|tx| {
        let queue = Queue::find(tx, &queue)?;
        let checked = body.checked(tx, &queue)?;
        // A queue has one consumer, of whichever kind.
        if let Some(other) = Consumer::of_queue(tx, &queue.id)?.first() {
            return Err(ApiError::bad(
                code::CONSUMER_EXISTS,
                format!(
                    "workers.api.error.consumer_exists: queue '{}' already has a consumer ({})",
                    queue.name,
                    other.kind.script().unwrap_or(other.kind.word())
                ),
            ));
        }
        let id = id::hex();
        tx.execute(
            "insert into queue_consumer
             (id, queue_id, kind, script, dead_letter_queue, settings, created_on)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            (
                &id,
                &queue.id,
                checked.kind.word(),
                checked.kind.script(),
                &checked.dead_letter_queue,
                json!(checked.settings).to_string(),
                time::now(),
            ),
        )?;
        Consumer::find(tx, &queue.id, &id)
    })?;
    app.hosting.changed().await;
    Ok(Answer::new(consumer.whole()))
}

pub(super) async fn replace(
    State(app): State<App>,
    At([queue, consumer]): At<2>,
    _: NoQuery,
    Json(body): Json<WantedConsumer>,
) -> Reply {
    let consumer = app.store.write(|tx| {
        let queue = Queue::find(tx, &queue)?;
        Consumer::find(tx, &queue.id, &consumer)?;
        let checked = body.checked(tx, &queue)?;
        tx.execute(
            "update queue_consumer
             set kind = ?2, script = ?3, dead_letter_queue = ?4, settings = ?5 where id = ?1",
            (
                &consumer,
                checked.kind.word(),
                checked.kind.script(),
                &checked.dead_letter_queue,
                json!(checked.settings).to_string(),
            ),
        )?;
        Consumer::find(tx, &queue.id, &consumer)
    })?;
    app.hosting.changed().await;
    Ok(Answer::new(consumer.whole()))
}

pub(super) async fn delete(
    State(app): State<App>,
    At([queue, consumer]): At<2>,
    _: NoQuery,
) -> Reply {
    app.store.write(|tx| {
        Queue::find(tx, &queue)?;
        Consumer::find(tx, &queue, &consumer)?;
        tx.execute("delete from queue_consumer where id = ?1", [&consumer])?;
        Ok::<_, ApiError>(())
    })?;
    app.hosting.changed().await;
    Ok(Answer::null())
}

fn invalid(message: String) -> ApiError {
    ApiError::bad(code::INVALID, message)
}
