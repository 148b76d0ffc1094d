//! Tails: a worker's logs as they come. They are asked for here, and served over a WebSocket by
//! `hosting`.

use axum::body::Bytes;
use axum::extract::State;
use chrono::{SecondsFormat, TimeDelta, Utc};
use rusqlite::{OptionalExtension as _, Transaction};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::records::Worker;
use super::refusal;
use crate::app::App;
use crate::envelope::{Answer, ApiError, Reply};
use crate::id;
use crate::strict::{At, NoQuery, parse_json};

/// Hours that a tail that nobody ends is good for.
const LIFETIME: i64 = 6;

/// A tail that is open.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tail {
    pub(crate) id: String,
    pub(crate) script: String,
    /// Those of several filters must match all.
    pub(crate) filters: Vec<TailFilter>,
    expires_at: String,
}

/// Which events to send.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TailFilter {
    /// Here and below: one of them in each filter. A share between 0 and 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sampling_rate: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) outcome: Option<Vec<TailOutcome>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) method: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) header: Option<TailHeader>,
    /// Addresses, or `self`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) client_ip: Option<Vec<String>>,
    /// Text in a log line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) query: Option<String>,
    #[serde(
        rename = "scriptVersion",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) script_version: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum TailOutcome {
    Ok,
    Canceled,
    Exception,
    ExceededCpu,
    ExceededMemory,
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TailHeader {
    pub(crate) key: String,
    /// Text in its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) query: Option<String>,
}

impl TailFilter {
    fn check(&self) -> Result<(), ApiError> {
        let said = [
            self.sampling_rate.is_some(),
            self.outcome.is_some(),
            self.method.is_some(),
            self.header.is_some(),
            self.client_ip.is_some(),
            self.query.is_some(),
            self.script_version.is_some(),
        ];
        if said.iter().filter(|said| **said).count() != 1 {
            return Err(refusal::unreadable("a filter must say one thing"));
        }
        if self
            .sampling_rate
            .is_some_and(|rate| !(rate > 0.0 && rate <= 1.0))
        {
            return Err(refusal::unreadable(
                "`sampling_rate` must be greater than 0 and at most 1",
            ));
        }
        Ok(())
    }
}

/// An open tail, for whoever connects to its address.
pub(crate) fn tail(tx: &Transaction<'_>, id: &str) -> rusqlite::Result<Option<Tail>> {
    tx.query_row(
        "select id, script, filters, expires_at from tail where id = ?1 and expires_at > ?2",
        (id, stamp(TimeDelta::zero())),
        |row| {
            let filters: String = row.get(2)?;
            Ok(Tail {
                id: row.get(0)?,
                script: row.get(1)?,
                filters: serde_json::from_str(&filters).unwrap_or_default(),
                expires_at: row.get(3)?,
            })
        },
    )
    .optional()
}

fn stamp(from_now: TimeDelta) -> String {
    (Utc::now() + from_now).to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn shown(app: &App, id: &str, expires_at: &str) -> Value {
    json!({
        "id": id,
        "url": format!("ws://{}/__tiny/tails/{id}", crate::server::reachable(app.address)),
        "expires_at": expires_at,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    #[serde(default)]
    filters: Vec<TailFilter>,
}

/// Takes no body as well as one with filters.
pub(super) async fn create(
    State(app): State<App>,
    At([script]): At<1>,
    _: NoQuery,
    body: Bytes,
) -> Reply {
    let Create { filters } = if body.is_empty() {
        Create {
            filters: Vec::new(),
        }
    } else {
        parse_json(&body, "the body")?
    };
    for filter in &filters {
        filter.check()?;
    }
    let id = id::uuid();
    let expires_at = stamp(TimeDelta::hours(LIFETIME));
    let text = serde_json::to_string(&filters).map_err(|error| ApiError::internal(&error))?;
    app.store.write(|tx| {
        Worker::find(tx, &script)?;
        tx.execute(
            "insert into tail (id, script, filters, expires_at) values (?1, ?2, ?3, ?4)",
            (&id, &script, text, &expires_at),
        )
        .map_err(ApiError::from)
    })?;
    Ok(Answer::new(shown(&app, &id, &expires_at)))
}

pub(super) async fn list(
    State(app): State<App>,
    At([script]): At<1>,
    _: NoQuery,
) -> Reply<Vec<Value>> {
    let tails = app.store.read(|tx| {
        Worker::find(tx, &script)?;
        tx.prepare("select id, expires_at from tail where script = ?1 and expires_at > ?2")?
            .query_map((&script, stamp(TimeDelta::zero())), |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
            })?
            .collect::<rusqlite::Result<Vec<_>>>()
            .map_err(ApiError::from)
    })?;
    Ok(Answer::new(
        tails
            .iter()
            .map(|(id, expires_at)| shown(&app, id, expires_at))
            .collect(),
    ))
}

pub(super) async fn delete(State(app): State<App>, At([script, id]): At<2>, _: NoQuery) -> Reply {
    app.store.write(|tx| {
        Worker::find(tx, &script)?;
        let ended = tx.execute(
            "delete from tail where script = ?1 and id = ?2",
            (&script, &id),
        )?;
        if ended == 0 {
            return Err(ApiError::not_found(
                10001,
                format!("There is no tail '{id}' of this Worker."),
            ));
        }
        Ok(())
    })?;
    Ok(Answer::null())
}
