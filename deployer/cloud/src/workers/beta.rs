//! As much of the newer paths as wrangler reads: where a worker is published.

use axum::extract::State;
use serde_json::json;

use super::records::Worker;
use super::{refusal, shown, subdomain};
use crate::app::App;
use crate::envelope::{Answer, ApiError, Reply};
use crate::strict::{At, NoQuery};

/// By its name or its immutable id.
pub(super) async fn get(State(app): State<App>, At([name]): At<1>, _: NoQuery) -> Reply {
    let worker = app
        .store
        .read(|tx| Worker::with_name_or_tag(tx, &name)?.ok_or_else(refusal::no_worker))?;
    Ok(Answer::new(json!({
        "id": worker.tag,
        "name": worker.name,
        "created_on": worker.created_on,
        "updated_on": worker.modified_on,
        "logpush": worker.logpush,
        "observability": shown::observability(&worker),
        "tags": worker.tags,
        "tail_consumers": worker
            .tail_consumers
            .iter()
            .map(|consumer| json!({ "name": consumer.service }))
            .collect::<Vec<_>>(),
        "subdomain": subdomain::of(&worker),
    })))
}

/// There are no workflows; wrangler asks whose one is before it makes it.
pub(super) async fn no_workflow(At([name]): At<1>) -> ApiError {
    ApiError::not_found(10200, format!("workflow.not_found: '{name}'"))
}
