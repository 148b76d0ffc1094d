//! Queues and their consumers.

mod consumers;
mod record;
mod routes;
mod settings;

use axum::Router;
use axum::routing::get;

use crate::app::App;
use crate::store::Schema;

pub(crate) use record::{Consumer, ConsumerKind, Queue};

pub(crate) const SCHEMA: Schema = Schema {
    product: "queues",
    steps: &["create table queue (
            id text primary key,
            name text not null unique,
            created_on text not null,
            modified_on text not null,
            settings text not null
        ) strict;
        create table queue_consumer (
            id text primary key,
            queue_id text not null references queue (id) on delete cascade,
            kind text not null,
            script text,
            dead_letter_queue text,
            settings text not null,
            created_on text not null
        ) strict;
        create unique index queue_consumer_kind on queue_consumer (queue_id, kind)"],
};

/// Cloudflare's numbers for what goes wrong with queues.
mod code {
    pub(super) const NO_QUEUE: u32 = 11000;
    pub(super) const NO_HANDLER: u32 = 11001;
    pub(super) const NO_CONSUMER: u32 = 11002;
    pub(super) const INVALID: u32 = 11003;
    pub(super) const CONSUMER_EXISTS: u32 = 11004;
    pub(super) const QUEUE_IN_USE: u32 = 11005;
    pub(super) const NAME_TAKEN: u32 = 11009;
    pub(super) const NO_SCRIPT: u32 = 10007;
}

/// Below `/accounts/{account_id}`.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/queues", get(routes::list).post(routes::create))
        .route(
            "/queues/{queue_id}",
            get(routes::read)
                .patch(routes::patch)
                .put(routes::put)
                .delete(routes::delete),
        )
        .route(
            "/queues/{queue_id}/consumers",
            get(consumers::list).post(consumers::create),
        )
        .route(
            "/queues/{queue_id}/consumers/{consumer_id}",
            get(consumers::read)
                .put(consumers::replace)
                .delete(consumers::delete),
        )
}
