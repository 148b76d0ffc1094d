//! Calls about queues.

use axum::extract::State;
use rusqlite::Transaction;
use serde::Deserialize;
use serde_json::{Value, json};

use super::code;
use super::record::{Consumer, Queue};
use super::settings::{QueueSettings, WantedSettings};
use crate::app::App;
use crate::envelope::{Answer, ApiError, Reply};
use crate::strict::{At, Json, NoQuery, PageRule, Query};
use crate::{id, names, time, workers};

const PAGES: PageRule = PageRule::new(20, 1, 100);

#[derive(Default, Deserialize)]
#[serde(try_from = "Vec<(String, String)>")]
pub(super) struct ListQuery {
    /// Parts of names count. wrangler asks for several at once, and for one twice where a worker
    /// is both its producer and its consumer.
    names: Vec<String>,
    page: Option<u32>,
    per_page: Option<u32>,
}

impl TryFrom<Vec<(String, String)>> for ListQuery {
    type Error = String;

    fn try_from(pairs: Vec<(String, String)>) -> Result<Self, String> {
        let mut query = Self::default();
        for (field, value) in pairs {
            let number = || {
                let number = value.parse().map(Some);
                number.map_err(|error| format!("`{field}`: {error}"))
            };
            match field.as_str() {
                "name" => query.names.push(value),
                "page" => query.page = number()?,
                "per_page" => query.per_page = number()?,
                _ => {
                    return Err(format!(
                        "unknown field `{field}`, expected one of `name`, `page`, `per_page`"
                    ));
                }
            }
        }
        Ok(query)
    }
}

pub(super) async fn list(
    State(app): State<App>,
    Query(query): Query<ListQuery>,
) -> Reply<Vec<Value>> {
    let page = PAGES.page(query.page, query.per_page)?;
    let queues = app.store.read(|tx| {
        Queue::all(tx)?
            .iter()
            .filter(|queue| {
                query.names.is_empty() || query.names.iter().any(|part| queue.name.contains(part))
            })
            .map(|queue| queue.whole(tx))
            .collect::<Result<Vec<_>, ApiError>>()
    })?;
    Ok(page.of(queues))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewQueue {
    queue_name: String,
    #[serde(default)]
    settings: WantedSettings,
    jurisdiction: Option<Jurisdiction>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Jurisdiction {
    Eu,
    Fedramp,
    Us,
}

pub(super) async fn create(
    State(app): State<App>,
    _: NoQuery,
    Json(body): Json<NewQueue>,
) -> Reply {
    no_jurisdiction(body.jurisdiction)?;
    check_name(&body.queue_name)?;
    let settings = body.settings.over(&QueueSettings::default())?;
    let queue = app.store.write(|tx| {
        name_is_free(tx, &body.queue_name, "")?;
        let (id, now) = (id::hex(), time::now());
        tx.execute(
            "insert into queue (id, name, created_on, modified_on, settings)
             values (?1, ?2, ?3, ?3, ?4)",
            (&id, &body.queue_name, &now, json!(settings).to_string()),
        )?;
        Queue::find(tx, &id)?.whole(tx)
    })?;
    Ok(Answer::new(queue))
}

pub(super) async fn read(State(app): State<App>, At([id]): At<1>, _: NoQuery) -> Reply {
    app.store
        .read(|tx| Queue::find(tx, &id)?.whole(tx))
        .map(Answer::new)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangedQueue {
    queue_name: Option<String>,
    #[serde(default)]
    settings: WantedSettings,
    jurisdiction: Option<Jurisdiction>,
}

pub(super) async fn patch(
    State(app): State<App>,
    At([id]): At<1>,
    _: NoQuery,
    Json(body): Json<ChangedQueue>,
) -> Reply {
    change(&app, &id, &body, |queue| queue.settings.clone()).await
}

/// What is not given goes back to its default.
pub(super) async fn put(
    State(app): State<App>,
    At([id]): At<1>,
    _: NoQuery,
    Json(body): Json<ChangedQueue>,
) -> Reply {
    change(&app, &id, &body, |_| QueueSettings::default()).await
}

async fn change(
    app: &App,
    id: &str,
    body: &ChangedQueue,
    base: impl FnOnce(&Queue) -> QueueSettings,
) -> Reply {
    no_jurisdiction(body.jurisdiction)?;
    let queue = app.store.write(|tx| {
        let queue = Queue::find(tx, id)?;
        let name = body.queue_name.as_ref().unwrap_or(&queue.name);
        check_name(name)?;
        name_is_free(tx, name, id)?;
        if *name != queue.name {
            let producers = workers::producers_of(tx, &queue.name)?;
            if !producers.is_empty() {
                return Err(bound("rename", &queue.name, &producers));
            }
        }
        let settings = body.settings.over(&base(&queue))?;
        tx.execute(
            "update queue set name = ?2, settings = ?3, modified_on = ?4 where id = ?1",
            (id, name, json!(settings).to_string(), time::now()),
        )?;
        tx.execute(
            "update queue_consumer set dead_letter_queue = ?2 where dead_letter_queue = ?1",
            (&queue.name, name),
        )?;
        Queue::find(tx, id)?.whole(tx)
    })?;
    app.hosting.changed().await;
    Ok(Answer::new(queue))
}

/// Refused while a worker is bound to it or another queue's consumer sends it what failed; its own
/// consumers go with it.
pub(super) async fn delete(State(app): State<App>, At([id]): At<1>, _: NoQuery) -> Reply {
    app.store.write(|tx| {
        let queue = Queue::find(tx, &id)?;
        let producers = workers::producers_of(tx, &queue.name)?;
        if !producers.is_empty() {
            return Err(bound("delete", &queue.name, &producers));
        }
        let served = Consumer::queues_served_by(tx, &queue.name)?;
        if !served.is_empty() {
            return Err(ApiError::bad(
                code::QUEUE_IN_USE,
                format!(
                    "Cannot delete queue '{}' that serves as dead letter queue for consumers of '{}'",
                    queue.name,
                    served.join("', '")
                ),
            ));
        }
        tx.execute("delete from queue where id = ?1", [&id])?;
        Ok::<_, ApiError>(())
    })?;
    app.hosting.changed().await;
    Ok(Answer::null())
}

fn bound(verb: &str, queue: &str, producers: &[String]) -> ApiError {
    ApiError::bad(
        code::QUEUE_IN_USE,
        format!(
            "Cannot {verb} queue '{queue}' that is still referenced by a binding in a Worker. \
             Unbind queue '{queue}' from the Workers '{}'; then try again.",
            producers.join("', '")
        ),
    )
}

fn check_name(name: &str) -> Result<(), ApiError> {
    if names::is_lower_kebab(name, 1..=63) {
        return Ok(());
    }
    Err(ApiError::bad(
        code::INVALID,
        format!(
            "`queue_name` must be of lower-case letters, digits and hyphens inside, at most 63, \
             and is `{name}`"
        ),
    ))
}

fn name_is_free(tx: &Transaction<'_>, name: &str, except: &str) -> Result<(), ApiError> {
    match Queue::named(tx, name)? {
        Some(queue) if queue.id != except => Err(ApiError::conflict(
            code::NAME_TAKEN,
            format!(
                "Queue name '{name}' is already taken. Please use a different name and try again."
            ),
        )),
        _ => Ok(()),
    }
}

fn no_jurisdiction(jurisdiction: Option<Jurisdiction>) -> Result<(), ApiError> {
    match jurisdiction {
        None => Ok(()),
        Some(_) => Err(ApiError::bad(
            code::INVALID,
            "`jurisdiction` is for accounts that have jurisdictions, and this one has none",
        )),
    }
}
