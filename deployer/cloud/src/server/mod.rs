//! The HTTP side: connections, the layers that each request goes through, and the routes.

mod auth;
mod connection;
mod control;
mod faults;
mod host;
mod journal;
mod layers;
mod limit;
mod routes;

pub(crate) use connection::{Connection, serve};
pub(crate) use host::reachable;
pub(crate) use journal::Journal;
pub(crate) use layers::Layers;
pub(crate) use routes::router;
