//! R2: buckets and their rules here, objects in the simulator that workers are bound to.

mod bucket;
mod buckets;
mod objects;
mod rules;

use axum::Router;
use axum::routing::get;

use crate::app::App;
use crate::store::Schema;

pub(crate) use bucket::{Bucket, Jurisdiction};

pub(crate) const SCHEMA: Schema = Schema {
    product: "r2",
    steps: &["create table r2_bucket (
            id text primary key,
            name text not null,
            jurisdiction text not null,
            location text not null,
            storage_class text not null,
            creation_date text not null,
            is_public integer not null default 0,
            cors text,
            lifecycle text,
            unique (name, jurisdiction)
        ) strict"],
};

/// Cloudflare's numbers for what goes wrong with R2.
mod code {
    pub(super) const NAME_TAKEN: u32 = 10004;
    pub(super) const INVALID_NAME: u32 = 10005;
    pub(super) const NO_BUCKET: u32 = 10006;
    pub(super) const NO_OBJECT: u32 = 10007;
    pub(super) const NOT_EMPTY: u32 = 10008;
    pub(super) const INVALID: u32 = 10040;
    pub(super) const NO_CORS: u32 = 10059;
}

/// Below `/accounts/{account_id}`.
pub(crate) fn routes() -> Router<App> {
    const BUCKET: &str = "/r2/buckets/{bucket}";
    let at = |path: &str| format!("{BUCKET}{path}");
    Router::new()
        .route("/r2/buckets", get(buckets::list).post(buckets::create))
        .route(
            BUCKET,
            get(buckets::read)
                .patch(buckets::patch)
                .delete(buckets::delete),
        )
        .route(
            &at("/cors"),
            get(rules::read_cors)
                .put(rules::put_cors)
                .delete(rules::delete_cors),
        )
        .route(
            &at("/lifecycle"),
            get(rules::read_lifecycle).put(rules::put_lifecycle),
        )
        .route(
            &at("/domains/managed"),
            get(buckets::read_managed).put(buckets::put_managed),
        )
        .route(&at("/domains/custom"), get(buckets::list_custom))
        .route(
            &at("/objects"),
            get(objects::list).delete(objects::delete_several),
        )
        .route(
            &at("/objects/{*key}"),
            get(objects::read).put(objects::put).delete(objects::delete),
        )
}
