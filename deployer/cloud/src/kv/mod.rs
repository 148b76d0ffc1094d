//! Workers KV: namespaces here, values in the simulator that workers are bound to.

mod limits;
mod namespaces;
mod values;

use axum::Router;
use axum::routing::{get, post, put};

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

/// Cloudflare's numbers for what goes wrong with KV.
mod code {
    pub(super) const NO_KEY: u32 = 10009;
    pub(super) const NO_NAMESPACE: u32 = 10013;
    pub(super) const TITLE_TAKEN: u32 = 10014;
    pub(super) const TITLE: u32 = 10019;
    pub(super) const EXPIRATION: u32 = 10020;
    pub(super) const METADATA: u32 = 10022;
    pub(super) const KEY: u32 = 10029;
    pub(super) const KEY_TOO_LONG: u32 = 10030;
    pub(super) const VALUE_TOO_LONG: u32 = 10033;
    pub(super) const BULK: u32 = 10012;
}

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
        .route(
            "/storage/kv/namespaces/{namespace_id}/values/{key}",
            get(values::read).put(values::put).delete(values::delete),
        )
        .route(
            "/storage/kv/namespaces/{namespace_id}/metadata/{key}",
            get(values::metadata),
        )
        .route(
            "/storage/kv/namespaces/{namespace_id}/keys",
            get(values::keys),
        )
        .route(
            "/storage/kv/namespaces/{namespace_id}/bulk",
            put(values::put_several).delete(values::delete_several),
        )
        .route(
            "/storage/kv/namespaces/{namespace_id}/bulk/delete",
            post(values::delete_several),
        )
        .route(
            "/storage/kv/namespaces/{namespace_id}/bulk/get",
            post(values::read_several),
        )
}
