//! The engine against a local Cloudflare.

#![allow(clippy::unwrap_used, clippy::panic)]

mod apply;
mod changes;
mod interruptions;
mod ownership;
mod places;
mod support;
mod updates;
mod workers;
