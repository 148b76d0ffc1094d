//! Scripts and all that belongs to them.

use axum::Router;
use rusqlite::Transaction;

use crate::app::App;
use crate::envelope::ApiError;
use crate::store::Schema;

pub(crate) const SCHEMA: Schema = Schema {
    product: "workers",
    steps: &[],
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
    _tx: &Transaction<'_>,
    _script: &str,
) -> Result<Option<Vec<String>>, ApiError> {
    Ok(None)
}

/// The scripts that are bound to a queue, in their order. A queue with such cannot be deleted.
pub(crate) fn producers_of(_tx: &Transaction<'_>, _queue: &str) -> Result<Vec<String>, ApiError> {
    Ok(Vec::new())
}
