//! Scripts and all that belongs to them.

use axum::Router;

use crate::app::App;
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
