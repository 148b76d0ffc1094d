//! SQL over the REST API.

use axum::extract::State;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::code;
use super::engine::{Outcome, Sql};
use super::routes::by_id;
use super::values::Param;
use crate::app::App;
use crate::envelope::{Answer, ApiError, Reply};
use crate::strict::{At, Json, NoQuery};

/// `{sql, params?}` or `{batch: […]}`: one struct for both, so that a mistake is named.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Body {
    sql: Option<String>,
    params: Option<Vec<Param>>,
    batch: Option<Vec<Item>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    sql: String,
    #[serde(default)]
    params: Option<Vec<Param>>,
}

impl Body {
    fn batch(self) -> Result<Vec<Sql>, ApiError> {
        match self {
            Self {
                sql: Some(text),
                params,
                batch: None,
            } => Ok(vec![Sql {
                text,
                params: params.unwrap_or_default(),
            }]),
            Self {
                sql: None,
                params: None,
                batch: Some(items),
            } if !items.is_empty() => Ok(items
                .into_iter()
                .map(|item| Sql {
                    text: item.sql,
                    params: item.params.unwrap_or_default(),
                })
                .collect()),
            _ => Err(ApiError::bad(
                code::INVALID,
                "The request is malformed: give either `sql`, with or without `params`, or a \
                 `batch` of such that is not empty",
            )),
        }
    }
}

pub(super) async fn query(
    State(app): State<App>,
    At([id]): At<1>,
    _: NoQuery,
    Json(body): Json<Body>,
) -> Reply<Vec<Value>> {
    run(&app, id, body, |outcome| {
        let rows = outcome.rows.into_iter().map(|row| {
            Value::Object(
                outcome
                    .columns
                    .iter()
                    .cloned()
                    .zip(row)
                    .collect::<Map<_, _>>(),
            )
        });
        rows.collect()
    })
    .await
}

pub(super) async fn raw(
    State(app): State<App>,
    At([id]): At<1>,
    _: NoQuery,
    Json(body): Json<Body>,
) -> Reply<Vec<Value>> {
    run(
        &app,
        id,
        body,
        |outcome| json!({ "columns": outcome.columns, "rows": outcome.rows }),
    )
    .await
}

async fn run(
    app: &App,
    id: String,
    body: Body,
    results: impl Fn(Outcome) -> Value,
) -> Reply<Vec<Value>> {
    app.store.read(|tx| by_id(tx, &id))?;
    let batch = body.batch()?;
    let databases = app.d1.clone();
    let outcomes = tokio::task::spawn_blocking(move || databases.run(&id, &batch))
        .await
        .map_err(|error| ApiError::internal(&error))??;
    Ok(Answer::new(
        outcomes
            .into_iter()
            .map(|outcome| {
                let meta = json!(outcome.meta);
                json!({ "results": results(outcome), "success": true, "meta": meta })
            })
            .collect(),
    ))
}
