//! SQL over the REST API.

use axum::extract::State;
use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Serialize, Serializer};

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
) -> Reply<Vec<Shown>> {
    run(&app, id, body, Shown::Objects).await
}

pub(super) async fn raw(
    State(app): State<App>,
    At([id]): At<1>,
    _: NoQuery,
    Json(body): Json<Body>,
) -> Reply<Vec<Shown>> {
    run(&app, id, body, Shown::Table).await
}

/// A result on its way out.
pub(super) enum Shown {
    Objects(Outcome),
    Table(Outcome),
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut shown = serializer.serialize_struct("Shown", 3)?;
        let meta = match self {
            Self::Objects(outcome) => {
                shown.serialize_field("results", &outcome.objects())?;
                &outcome.meta
            }
            Self::Table(outcome) => {
                shown.serialize_field("results", &outcome.table())?;
                &outcome.meta
            }
        };
        shown.serialize_field("success", &true)?;
        shown.serialize_field("meta", meta)?;
        shown.end()
    }
}

async fn run(app: &App, id: String, body: Body, shown: fn(Outcome) -> Shown) -> Reply<Vec<Shown>> {
    app.store.read(|tx| by_id(tx, &id))?;
    let batch = body.batch()?;
    let databases = app.d1.clone();
    let outcomes = tokio::task::spawn_blocking(move || databases.run(&id, &batch))
        .await
        .map_err(|error| ApiError::internal(&error))??;
    Ok(Answer::new(outcomes.into_iter().map(shown).collect()))
}
