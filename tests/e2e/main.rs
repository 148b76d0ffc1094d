//! End to end: the real `tiny`, the real workerd, a real browser.

#[path = "../support/mod.rs"]
mod support;

mod cli;
mod dev;
