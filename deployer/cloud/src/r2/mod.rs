//! R2: buckets and their objects.

use axum::Router;

use crate::app::App;
use crate::store::Schema;

pub(crate) const SCHEMA: Schema = Schema {
    product: "r2",
    steps: &[],
};

/// Below `/accounts/{account_id}`.
pub(crate) fn routes() -> Router<App> {
    Router::new()
}
