//! Workers: scripts and all that belongs to them.
//!
//! An upload is read by `upload`, started once by `probing`, and made a version by `publish`, where
//! `classes` decides what becomes of Durable Objects. `records` is the store, `live` what has to
//! run. All other files are routes.

mod classes;
mod code;
mod live;
mod names;
mod probing;
mod publish;
mod records;
mod refusal;
mod rehearsal;
mod upload;

use axum::Router;
use rusqlite::Transaction;

use crate::app::App;
use crate::envelope::ApiError;

pub(crate) use classes::Storage;
pub(crate) use code::{ClassKind, Code, Format, Module, ModuleKind, ProbeError, Probed};
pub(crate) use live::{LiveAsset, LiveAssets, LiveClass, LiveVersion, LiveWorker, live, subdomain};
pub(crate) use records::SCHEMA;
pub use rehearsal::Rehearsal;
pub(crate) use upload::{
    AssetsConfig, Binding, BindingKind, Compatibility, Hidden, HtmlHandling, NotFoundHandling,
    RunWorkerFirst,
};

/// Below `/accounts/{account_id}`.
pub(crate) fn routes() -> Router<App> {
    Router::new()
}

/// Below `/zones/{zone_id}`.
pub(crate) fn zone_routes() -> Router<App> {
    Router::new()
}

/// The handlers that a script's code has (`fetch`, `queue`, …), or none where there is no such
/// script. What a queue asks before it takes the script as a consumer.
pub(crate) fn handlers_of(
    tx: &Transaction<'_>,
    script: &str,
) -> Result<Option<Vec<String>>, ApiError> {
    if records::Worker::with_name(tx, script)?.is_none() {
        return Ok(None);
    }
    let handlers = records::live_version(tx, script)?
        .map(|version| version.content.probed.handlers.into_iter().collect())
        .unwrap_or_default();
    Ok(Some(handlers))
}

/// The scripts that are bound to a queue, in their order. A queue with such cannot be deleted.
pub(crate) fn producers_of(tx: &Transaction<'_>, queue: &str) -> Result<Vec<String>, ApiError> {
    let mut producers = Vec::new();
    for worker in records::Worker::all(tx)? {
        let is_bound = records::deployed_versions(tx, &worker.name)?
            .iter()
            .flat_map(|version| &version.content.bindings)
            .any(|binding| {
                matches!(&binding.kind, BindingKind::Queue { queue_name, .. } if queue_name == queue)
            });
        if is_bound {
            producers.push(worker.name);
        }
    }
    Ok(producers)
}
