//! Refuses crates that are older than what a worker can be made of, with the lines to change.

use camino::Utf8Path;
use tiny_provision::locked_versions;

use crate::BuildError;
use crate::cargo::{Compiled, Workspace};

/// The first whose macros write what the shim calls.
const OLDEST_WORKER: [u32; 3] = [0, 5, 0];
/// The first whose glue is written as the builder reads it.
const OLDEST_BINDGEN: [u32; 3] = [0, 2, 92];

/// Packages that are released together with wasm-bindgen, and ask for versions of each other.
const BINDGEN_FAMILY: [&str; 4] = ["wasm-bindgen", "js-sys", "web-sys", "wasm-bindgen-futures"];

/// Looks at the lock file before anything is compiled. A workspace may hold several versions for
/// several workers: then nothing is said before it is known which one is this crate's.
pub(crate) fn check_lock(workspace: &Workspace, crate_dir: &Utf8Path) -> Result<(), BuildError> {
    let lock = workspace.root.join("Cargo.lock");
    if let [version] = locked_versions(&lock, "worker").as_slice() {
        check_worker(version, workspace, crate_dir)?;
    }
    if let [version] = locked_versions(&lock, "wasm-bindgen").as_slice() {
        check_bindgen(version, workspace)?;
    }
    Ok(())
}

/// Looks at what was compiled in.
pub(crate) fn check_compiled(
    compiled: &Compiled,
    workspace: &Workspace,
    crate_dir: &Utf8Path,
) -> Result<(), BuildError> {
    if let Some(version) = &compiled.worker {
        check_worker(version, workspace, crate_dir)?;
    }
    compiled
        .bindgen
        .as_ref()
        .map_or(Ok(()), |version| check_bindgen(version, workspace))
}

fn check_worker(
    version: &str,
    workspace: &Workspace,
    crate_dir: &Utf8Path,
) -> Result<(), BuildError> {
    if numbers(version) >= OLDEST_WORKER {
        return Ok(());
    }
    Err(BuildError::OldWorker {
        package: workspace.package.clone(),
        version: version.to_owned(),
        manifest: crate_dir.join("Cargo.toml"),
    })
}

fn check_bindgen(version: &str, workspace: &Workspace) -> Result<(), BuildError> {
    if numbers(version) >= OLDEST_BINDGEN {
        return Ok(());
    }
    let lock = workspace.root.join("Cargo.lock");
    let there: Vec<&str> = BINDGEN_FAMILY
        .into_iter()
        .filter(|package| !locked_versions(&lock, package).is_empty())
        .collect();
    Err(BuildError::OldBindgen {
        package: workspace.package.clone(),
        version: version.to_owned(),
        folder: workspace.root.clone(),
        packages: there.join(" "),
    })
}

fn numbers(version: &str) -> [u32; 3] {
    let mut numbers = version
        .split(['.', '-', '+'])
        .map(|part| part.parse().unwrap_or(0));
    std::array::from_fn(|_| numbers.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_by_number() {
        assert!(numbers("0.2.87") < OLDEST_BINDGEN);
        assert!(numbers("0.2.100") > OLDEST_BINDGEN);
        assert!(numbers("0.4.2") < OLDEST_WORKER);
        assert!(numbers("0.5.0") >= OLDEST_WORKER);
        assert!(numbers("1.0.0-rc.1") > OLDEST_WORKER);
    }
}
