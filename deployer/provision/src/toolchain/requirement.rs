//! The oldest compiler that an app can be built with, by the `worker` crate it is locked to.

use camino::Utf8Path;

use super::active::older;
use crate::cargo_lock::locked_versions;

/// What the newest `worker` declares as its `rust-version`.
pub(crate) const NEEDED_BY_NEWEST: &str = "1.91";

/// The first `worker` that declares it.
const FIRST_TO_NEED_IT: &str = "0.8.7";

/// `rust-version` of `worker` before that, from 0.5 on.
const NEEDED_BEFORE: &str = "1.75";

/// The `rust-version` of the `worker` crate that the nearest Cargo.lock names, and of the newest
/// one where there is no lock file yet.
pub(crate) fn oldest_rustc(near: &Utf8Path) -> &'static str {
    let mut locks = near.ancestors().map(|folder| folder.join("Cargo.lock"));
    let versions = locks
        .find(|path| path.is_file())
        .map(|path| locked_versions(&path, "worker"))
        .unwrap_or_default();
    if !versions.is_empty()
        && versions
            .iter()
            .all(|version| older(version, FIRST_TO_NEED_IT))
    {
        NEEDED_BEFORE
    } else {
        NEEDED_BY_NEWEST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locked_worker_crate_decides_how_old_a_compiler_may_be() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        assert_eq!(oldest_rustc(folder), NEEDED_BY_NEWEST);
        for (worker, oldest) in [("0.5.0", "1.75"), ("0.8.6", "1.75"), ("0.8.7", "1.91")] {
            let lock = format!("[[package]]\nname = \"worker\"\nversion = \"{worker}\"\n");
            fs_err::write(folder.join("Cargo.lock"), lock).unwrap();
            assert_eq!(oldest_rustc(&folder.join("crates/api")), oldest, "{worker}");
        }
    }
}
