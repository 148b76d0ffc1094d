//! Workers on the local Cloudflare: what it takes, what it refuses, and that a refusal changes
//! nothing. All code that is uploaded here is started once, in the real workerd; none is run.

// What tests share is no test by itself.
#![allow(clippy::unwrap_used)]

mod assets;
mod classes;
mod client;
// The rig of the tests that run what they deploy.
#[allow(dead_code)]
#[path = "../hosting/rig.rs"]
mod rig;
mod settings;
mod triggers;
mod uploads;
mod versions;
