//! Queues and their consumers.

use axum::Router;

use crate::app::App;
use crate::store::Schema;

pub(crate) const SCHEMA: Schema = Schema {
    product: "queues",
    steps: &[],
};

/// Below `/accounts/{account_id}`.
pub(crate) fn routes() -> Router<App> {
    Router::new()
}
