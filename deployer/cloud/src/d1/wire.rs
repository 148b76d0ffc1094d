//! What workers' D1 bindings say: `POST /query` and `POST /execute`, with one statement or a list
//! of them, and `?resultsFormat=`. The protocol is that of the module inside workerd that a binding
//! is made of.

use std::pin::Pin;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tiny_runtime::D1Host;

use super::databases::{Database, Databases};
use super::engine::{Outcome, Sql};
use super::split;
use super::values::Param;
use crate::app::App;
use crate::store::Store;

/// Answers workers for the databases of an account.
#[derive(Debug, Clone)]
pub(crate) struct D1Bindings {
    store: Store,
    databases: Databases,
}

impl D1Bindings {
    pub(crate) fn of(app: &App) -> Self {
        Self {
            store: app.store.clone(),
            databases: app.d1.clone(),
        }
    }

    fn answer(&self, database: &str, request: &Request<Bytes>) -> Value {
        match self.run(database, request) {
            Ok(answer) => answer,
            Err(error) => json!({ "success": false, "error": error, "meta": {} }),
        }
    }

    fn run(&self, database: &str, request: &Request<Bytes>) -> Result<Value, String> {
        let path = request.uri().path();
        if !["/query", "/execute"].contains(&path) {
            return Err(format!("D1 bindings have no call {path}"));
        }
        let exists = self
            .store
            .read(|tx| Database::with_id(tx, database))
            .map_err(|error: rusqlite::Error| error.to_string())?
            .is_some();
        if !exists {
            return Err(format!("The database {database} could not be found"));
        }
        let body: Body =
            serde_json::from_slice(request.body()).map_err(|error| error.to_string())?;
        let (items, is_list) = match body {
            Body::One(item) => (vec![item], false),
            Body::List(items) => (items, true),
        };
        let batch = items
            .into_iter()
            .map(Item::checked)
            .collect::<Result<Vec<Sql>, String>>()?;
        let outcomes = self
            .databases
            .run(database, &batch)
            .map_err(|error| error.to_string())?;
        let format = Format::of(request.uri().query().unwrap_or_default());
        let mut answers: Vec<Value> = outcomes
            .iter()
            .map(|outcome| format.show(outcome))
            .collect();
        Ok(if is_list {
            Value::Array(answers)
        } else {
            answers.pop().unwrap_or_default()
        })
    }
}

impl D1Host for D1Bindings {
    fn fetch(
        &self,
        database: &str,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Response<Bytes>> + Send>> {
        let (this, database) = (self.clone(), database.to_owned());
        Box::pin(async move {
            let answer =
                tokio::task::spawn_blocking(move || this.answer(&database, &request)).await;
            let answer = answer.unwrap_or_else(
                |error| json!({ "success": false, "error": error.to_string(), "meta": {} }),
            );
            let mut response = Response::new(Bytes::from(answer.to_string()));
            *response.status_mut() = StatusCode::OK;
            response
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        })
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Body {
    List(Vec<Item>),
    One(Item),
}

#[derive(Deserialize)]
struct Item {
    sql: String,
    #[serde(default)]
    params: Option<Vec<Param>>,
}

impl Item {
    /// A binding prepares each statement by itself; empty lines of `exec` are no mistake.
    fn checked(self) -> Result<Sql, String> {
        if split::statements(&self.sql).len() > 1 {
            return Err(
                "A prepared SQL statement must contain only one statement.: SQLITE_ERROR"
                    .to_owned(),
            );
        }
        Ok(Sql {
            text: self.sql,
            params: self.params.unwrap_or_default(),
        })
    }
}

#[derive(Clone, Copy)]
enum Format {
    Objects,
    Columns,
    Nothing,
}

impl Format {
    fn of(query: &str) -> Self {
        let named = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("resultsFormat="));
        match named {
            Some("ROWS_AND_COLUMNS") => Self::Columns,
            Some("NONE") => Self::Nothing,
            _ => Self::Objects,
        }
    }

    fn show(self, outcome: &Outcome) -> Value {
        let mut answer = json!({ "success": true, "meta": outcome.meta });
        match self {
            Self::Columns => answer["results"] = json!(outcome.table()),
            Self::Objects => answer["results"] = json!(outcome.objects()),
            Self::Nothing => {}
        }
        answer
    }
}
