//! End to end: the real `tiny`, the real workerd, a real browser.

// Every function here is part of a test: where it panics, a test fails.
#![allow(clippy::expect_used, clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

mod bindings;
mod browser;
mod cli;
mod dev;
mod lifetime;
mod terminal;
mod testing;
