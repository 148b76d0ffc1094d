//! What is deployed through the API runs, and its data lives as it would on Cloudflare.

#![allow(clippy::unwrap_used)] // a test's way to fail

mod code;
mod objects;
mod products;
mod requests;
mod rig;
mod tails;
mod versions;
