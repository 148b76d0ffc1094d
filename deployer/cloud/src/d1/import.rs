//! Imports: a file of SQL is uploaded, then run as a whole.

use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::engine::{Outcome, Sql};
use super::files;
use super::routes::by_id;
use super::{code, split};
use crate::app::App;
use crate::envelope::{Answer, ApiError, Reply};
use crate::id;
use crate::strict::{At, Json, NoQuery};

#[derive(Deserialize)]
#[serde(tag = "action", rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum Import {
    Init {
        /// The file's MD5.
        etag: String,
    },
    Ingest {
        etag: String,
        filename: String,
    },
    Poll {
        current_bookmark: String,
    },
}

pub(super) async fn import(
    State(app): State<App>,
    At([id]): At<1>,
    _: NoQuery,
    Json(body): Json<Import>,
) -> Reply {
    app.store.read(|tx| by_id(tx, &id))?;
    match body {
        Import::Init { etag } => begin(&app, &etag),
        Import::Ingest { etag, filename } => ingest(&app, &id, &etag, &filename).await,
        // Nothing is ever under way: an ingest answers when it is done.
        Import::Poll { current_bookmark } => Ok(Answer::new(json!({
            "type": "import",
            "success": false,
            "error": format!("Not currently importing anything at {current_bookmark}."),
            "messages": [],
        }))),
    }
}

fn begin(app: &App, etag: &str) -> Reply {
    if etag.len() != 32 || !etag.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(ApiError::bad(
            code::INVALID,
            "`etag` must be the MD5 of the file, as 32 hex digits",
        ));
    }
    let filename = format!("{}.sql", id::uuid());
    if let Some(path) = app.d1.transfer(&filename) {
        // An upload goes only to a file that is awaited.
        fs_err::write(path, "")?;
    }
    Ok(Answer::new(json!({
        "type": "import",
        "success": true,
        "upload_url": files::address(app, &filename),
        "filename": filename,
        "messages": [],
    })))
}

async fn ingest(app: &App, id: &str, etag: &str, filename: &str) -> Reply {
    let missing = || {
        ApiError::bad(
            code::INVALID,
            format!("`filename`: no file `{filename}` was uploaded"),
        )
    };
    let path = app.d1.transfer(filename).ok_or_else(missing)?;
    let body = fs_err::read(&path).map_err(|_| missing())?;
    if files::md5(&body) != etag {
        return Err(ApiError::bad(
            code::INVALID,
            format!("`etag` is not that of `{filename}`"),
        ));
    }
    let text = String::from_utf8(body)
        .map_err(|error| ApiError::bad(code::INVALID, format!("`{filename}`: {error}")))?;
    let queries = split::statements(&text).len();
    let (databases, id) = (app.d1.clone(), id.to_owned());
    let sql = [Sql {
        text,
        params: Vec::new(),
    }];
    let outcome = tokio::task::spawn_blocking(move || databases.run(&id, &sql))
        .await
        .map_err(|error| ApiError::internal(&error))?;
    fs_err::remove_file(&path)?;
    Ok(Answer::new(match outcome {
        Ok(outcomes) => {
            let bookmark = crate::id::hex();
            json!({
                "type": "import",
                "success": true,
                "status": "complete",
                "at_bookmark": bookmark,
                "messages": [],
                "result": {
                    "num_queries": queries,
                    "final_bookmark": bookmark,
                    "meta": whole(&outcomes),
                },
            })
        }
        Err(error) => json!({
            "type": "import",
            "success": false,
            "status": "error",
            "error": error.to_string(),
            "messages": [],
        }),
    }))
}

/// The sums of all statements.
fn whole(outcomes: &[Outcome]) -> Value {
    let Some(last) = outcomes.last() else {
        return Value::Null;
    };
    let mut meta = last.meta.clone();
    for outcome in &outcomes[..outcomes.len() - 1] {
        meta.add(&outcome.meta);
    }
    json!(meta)
}
