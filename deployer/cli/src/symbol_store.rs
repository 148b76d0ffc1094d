//! Symbols of what was deployed from here, so that a panic in the cloud can be read: the module
//! with its names, by the hash of the bundle, and which version of a worker runs which bundle.

use camino::{Utf8Path, Utf8PathBuf};
use tiny_builder::{Build, Symbols};

/// Bundles that are kept; each may weigh some megabytes.
const KEPT: usize = 12;

/// The folder `.tiny/symbols` of a project.
pub(crate) struct SymbolStore {
    folder: Utf8PathBuf,
}

impl SymbolStore {
    /// Of the project with this root.
    pub(crate) fn of(root: &Utf8Path) -> Self {
        Self {
            folder: root.join(".tiny/symbols"),
        }
    }

    /// Keeps the symbols of a build, and lets go of the oldest ones.
    pub(crate) fn keep(&self, build: &Build) -> std::io::Result<()> {
        fs_err::create_dir_all(self.folder.join("versions"))?;
        let path = self.bundle(&build.bundle.hash);
        if !path.exists() {
            // Written whole before it has its name: two deploys may do this at once.
            let scratch = tempfile::NamedTempFile::new_in(&self.folder)?;
            fs_err::write(scratch.path(), build.symbols.module())?;
            scratch.persist(path)?;
        }
        self.prune()
    }

    /// Notes that a version of a worker runs this bundle.
    pub(crate) fn note(&self, version: &str, hash: &str) -> std::io::Result<()> {
        if !is_plain(version) {
            return Ok(());
        }
        let folder = self.folder.join("versions");
        fs_err::create_dir_all(&folder)?;
        fs_err::write(folder.join(version), hash)
    }

    /// Notes that a version runs the same code as an earlier one, where that one is known.
    pub(crate) fn note_same(&self, version: &str, earlier: &str) -> std::io::Result<()> {
        match self.hash_of(earlier) {
            Some(hash) => self.note(version, &hash),
            None => Ok(()),
        }
    }

    /// The symbols of a version, if it was deployed from here.
    pub(crate) fn of_version(&self, version: &str) -> Option<Symbols> {
        let module = fs_err::read(self.bundle(&self.hash_of(version)?)).ok()?;
        Some(Symbols::from_module(module.into()))
    }

    fn hash_of(&self, version: &str) -> Option<String> {
        if !is_plain(version) {
            return None;
        }
        let hash = fs_err::read_to_string(self.folder.join("versions").join(version)).ok()?;
        is_plain(&hash).then_some(hash)
    }

    fn bundle(&self, hash: &str) -> Utf8PathBuf {
        self.folder.join(format!("{hash}.wasm"))
    }

    fn prune(&self) -> std::io::Result<()> {
        let mut bundles = Vec::new();
        for entry in self.folder.read_dir_utf8()? {
            let entry = entry?;
            if entry.path().extension() == Some("wasm") {
                bundles.push((entry.metadata()?.modified()?, entry.into_path()));
            }
        }
        bundles.sort();
        let stale = bundles.len().saturating_sub(KEPT);
        for (_, path) in bundles.drain(..stale) {
            fs_err::remove_file(path)?;
        }
        Ok(())
    }
}

/// Versions come from a server: they must not lead out of the folder.
fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 128
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_leads_to_its_bundle_and_nowhere_else() {
        let temp = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(temp.path()).unwrap();
        let store = SymbolStore::of(root);
        store.note("v1", "abc").unwrap();
        assert!(store.of_version("v1").is_none(), "the bundle is gone");
        fs_err::write(root.join(".tiny/symbols/abc.wasm"), b"\0asm").unwrap();
        assert!(store.of_version("v1").is_some());
        assert!(store.of_version("v2").is_none());
        store.note_same("v2", "v1").unwrap();
        assert!(store.of_version("v2").is_some());

        store.note("../../escaped", "abc").unwrap();
        assert!(!root.join("escaped").exists() && !root.join(".tiny/escaped").exists());
        fs_err::write(root.join(".tiny/symbols/versions/v3"), "../../../secret").unwrap();
        assert!(store.of_version("v3").is_none());
    }

    #[test]
    fn only_the_newest_bundles_are_kept() {
        let temp = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(temp.path()).unwrap();
        let store = SymbolStore::of(root);
        fs_err::create_dir_all(root.join(".tiny/symbols")).unwrap();
        for number in 0..KEPT + 3 {
            let path = root.join(format!(".tiny/symbols/{number}.wasm"));
            fs_err::write(&path, b"").unwrap();
            let age = std::time::SystemTime::UNIX_EPOCH
                + std::time::Duration::from_secs(u64::try_from(number).unwrap());
            fs_err::File::options()
                .write(true)
                .open(&path)
                .unwrap()
                .file()
                .set_modified(age)
                .unwrap();
        }
        store.prune().unwrap();
        let left = |number: usize| root.join(format!(".tiny/symbols/{number}.wasm")).exists();
        assert!(!left(0) && !left(2) && left(3) && left(KEPT + 2));
    }
}
