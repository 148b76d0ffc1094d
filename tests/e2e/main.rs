//! End to end: the real `tiny`, the real workerd, a real browser.

// Every function here is part of a test: where it panics, a test fails.
#![allow(clippy::expect_used, clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

mod alchemy;
mod backups;
mod bindings;
mod browser;
mod building;
mod cli;
mod compared;
mod deploy;
mod dev;
mod faults;
mod hanging;
mod init;
mod lifetime;
mod logs;
mod long_lists;
mod metrics;
mod migration;
mod older;
mod packages;
mod safety;
mod stacks;
mod starting;
mod sync;
mod takeover;
mod terminal;
mod testing;
mod wrangler;
