//! Workers KV: namespaces here, values in the simulator that workers are bound to.

mod namespaces;

use axum::Router;
use axum::routing::get;

use crate::app::App;
use crate::store::Schema;

pub(crate) use namespaces::Namespace;

pub(crate) const SCHEMA: Schema = Schema {
    product: "kv",
    steps: &["create table kv_namespace (
            id text primary key,
            title text not null unique,
            created_on text not null
        ) strict"],
};

/// Below `/accounts/{account_id}`.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route(
            "/storage/kv/namespaces",
            get(namespaces::list).post(namespaces::create),
        )
        .route(
            "/storage/kv/namespaces/{namespace_id}",
            get(namespaces::read)
                .put(namespaces::rename)
                .delete(namespaces::delete),
        )
}
