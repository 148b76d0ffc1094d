//! Reads which versions a Cargo.lock names.

use camino::Utf8Path;

/// The versions of a package in a lock file; empty where there is none or it cannot be read,
/// which is for cargo to complain about.
pub fn locked_versions(lock: &Utf8Path, package: &str) -> Vec<String> {
    let text = fs_err::read_to_string(lock).unwrap_or_default();
    // Each package is a table whose first two lines are its name and version.
    let name = format!("name = \"{package}\"");
    let mut lines = text.lines();
    let mut versions = Vec::new();
    while lines.by_ref().any(|line| line == name) {
        let version = lines
            .next()
            .and_then(|line| line.strip_prefix("version = "))
            .map(|version| version.trim_matches('"').to_owned());
        versions.extend(version);
    }
    versions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_of_a_package_is_found_and_no_other_package() {
        let folder = tempfile::tempdir().unwrap();
        let lock = Utf8Path::from_path(folder.path())
            .unwrap()
            .join("Cargo.lock");
        let package = |name: &str, version: &str| {
            format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n\n")
        };
        let text = package("worker", "0.5.0")
            + &package("worker-sys", "0.5.1")
            + &package("worker", "0.8.7");
        fs_err::write(&lock, text).unwrap();
        assert_eq!(locked_versions(&lock, "worker"), ["0.5.0", "0.8.7"]);
        assert!(locked_versions(&lock, "axum").is_empty());
        assert!(locked_versions(&lock.with_file_name("none"), "worker").is_empty());
    }
}
