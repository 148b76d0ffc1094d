//! Crons.

use std::collections::BTreeSet;
use std::str::FromStr as _;

use axum::extract::State;
use croner::Cron as Expression;
use serde::Deserialize;
use serde_json::{Value, json};

use super::records::{Cron, Worker, crons, replace_crons};
use crate::app::App;
use crate::envelope::{Answer, ApiError, Reply};
use crate::strict::{At, Json, NoQuery};

/// Of one worker.
const MOST: usize = 250;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    cron: String,
}

fn shown(crons: &[Cron]) -> Value {
    json!({ "schedules": crons })
}

pub(super) async fn get(State(app): State<App>, At([name]): At<1>, _: NoQuery) -> Reply {
    let crons = app.store.read(|tx| {
        Worker::find(tx, &name)?;
        crons(tx, &name).map_err(ApiError::from)
    })?;
    Ok(Answer::new(shown(&crons)))
}

/// Replaces them all.
pub(super) async fn put(
    State(app): State<App>,
    At([name]): At<1>,
    _: NoQuery,
    Json(wanted): Json<Vec<Wanted>>,
) -> Reply {
    let expressions: Vec<String> = wanted.into_iter().map(|one| one.cron).collect();
    check(&expressions)?;
    let crons = app.store.write(|tx| {
        Worker::find(tx, &name)?;
        replace_crons(tx, &name, &expressions)?;
        crons(tx, &name).map_err(ApiError::from)
    })?;
    app.hosting.changed().await;
    Ok(Answer::new(shown(&crons)))
}

fn check(expressions: &[String]) -> Result<(), ApiError> {
    if expressions.len() > MOST {
        return Err(ApiError::bad(
            10072,
            format!(
                "A Worker may have {MOST} crons, and not {}.",
                expressions.len()
            ),
        ));
    }
    let mut seen = BTreeSet::new();
    for cron in expressions {
        // Five fields: croner would take seconds as well.
        let is_valid = cron.split_whitespace().count() == 5 && Expression::from_str(cron).is_ok();
        if !is_valid {
            return Err(ApiError::bad(
                10100,
                format!("invalid cron string: '{cron}'"),
            ));
        }
        if !seen.insert(cron) {
            return Err(ApiError::bad(
                10100,
                format!("invalid cron string: '{cron}' is there twice"),
            ));
        }
    }
    Ok(())
}
