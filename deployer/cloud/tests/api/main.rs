//! The local Cloudflare over real sockets: through the client that deploys with, and through
//! requests that no client of ours would make.

// What tests share is no test by itself.
#![allow(clippy::unwrap_used)]

mod accounts;
mod d1;
mod faults;
mod kv;
mod life;
mod queues;
mod r2;
mod refusals;
mod rig;
