//! D1: databases of SQLite, one file each. `engine` runs SQL in them as D1 would; the REST API
//! (`routes`, `sql`) and the workers' bindings (`wire`) both go through it.

mod databases;
mod engine;
mod export;
mod failure;
mod files;
mod import;
mod routes;
mod rules;
mod split;
mod sql;
mod values;
mod wire;

use axum::Router;
use axum::routing::{get, post};

use crate::app::App;
use crate::store::Schema;

pub(crate) use databases::{Database, Databases};
pub(crate) use files::file_routes;
pub(crate) use wire::D1Bindings;

pub(crate) const SCHEMA: Schema = Schema {
    product: "d1",
    steps: &["create table d1_database (
            id text primary key,
            name text not null unique,
            created_at text not null,
            jurisdiction text,
            location text,
            read_replication text not null
        ) strict"],
};

/// Cloudflare's numbers for what goes wrong with D1.
mod code {
    pub(super) const INVALID: u32 = 7400;
    pub(super) const NOT_FOUND: u32 = 7404;
    pub(super) const SQL: u32 = 7500;
    pub(super) const NAME_TAKEN: u32 = 7502;
}

/// Below `/accounts/{account_id}`.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/d1/database", get(routes::list).post(routes::create))
        .route(
            "/d1/database/{database}",
            get(routes::read)
                .patch(routes::patch)
                .put(routes::put)
                .delete(routes::delete),
        )
        .route("/d1/database/{database}/query", post(sql::query))
        .route("/d1/database/{database}/raw", post(sql::raw))
        .route("/d1/database/{database}/import", post(import::import))
        .route("/d1/database/{database}/export", post(export::export))
}
