//! Small crates for the tests, built by the real builder, run by the real workerd.

// Each test file uses its part.
#![allow(dead_code, unused_imports, unreachable_pub)]
#![allow(clippy::expect_used, clippy::unwrap_used)] // a test's way to fail

pub mod host;
pub mod package;

pub use host::Host;
pub use package::{Package, everything};
