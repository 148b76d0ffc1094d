//! Small crates for the tests, built by the real builder, run by the real workerd.

// Each test file uses its part.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

pub mod host;
pub mod package;

pub use host::Host;
pub use package::{Package, everything};
