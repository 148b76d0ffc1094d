//! The oldest compiler that an app can be built with, by the `worker` crate it is locked to.

use camino::Utf8Path;

use super::active::older;
use crate::cargo_lock::locked_versions;

/// What the newest `worker` declares as its `rust-version`.
pub(crate) const NEEDED_BY_NEWEST: &str = "1.91";

/// `rust-version` of `worker` before 0.8.
const NEEDED_BEFORE_0_8: &str = "1.75";

/// The `rust-version` of the `worker` crate that the nearest Cargo.lock names, and of the newest
/// one where there is no lock file yet.
pub(crate) fn oldest_rustc(near: &Utf8Path) -> &'static str {
    let lock = near.ancestors().map(|folder| folder.join("Cargo.lock"));
    let versions = lock
        .into_iter()
        .find(|path| path.is_file())
        .map(|path| locked_versions(&path, "worker"))
        .unwrap_or_default();
    if !versions.is_empty() && versions.iter().all(|version| older(version, "0.8")) {
        NEEDED_BEFORE_0_8
    } else {
        NEEDED_BY_NEWEST
    }
}
