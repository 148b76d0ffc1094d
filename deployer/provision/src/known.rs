//! Small facts about programs outside the cache, so that a warm start asks none of them.

use std::hash::{DefaultHasher, Hash, Hasher as _};

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cache::{Cache, modified_ns};

/// One remembered fact. Its key covers all that it depends on; when any of that changes, the
/// fact is simply not found. Failing to remember is no failure.
#[derive(Debug)]
pub(crate) struct Known {
    path: Option<Utf8PathBuf>,
}

impl Known {
    /// A fact about one file, for as long as its size and time stay.
    pub(crate) fn of_file(cache: &Cache, kind: &str, file: &Utf8Path) -> Self {
        match file.metadata() {
            Ok(metadata) => Self::of(cache, kind, &(file, metadata.len(), modified_ns(&metadata))),
            Err(_) => Self { path: None },
        }
    }

    /// A fact about anything that can be hashed.
    pub(crate) fn of(cache: &Cache, kind: &str, key: &impl Hash) -> Self {
        // Not stable between compiler versions, which only means asking once more.
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let name = format!("{kind}-{:016x}.json", hasher.finish());
        Self {
            path: Some(cache.root().join("known").join(name)),
        }
    }

    pub(crate) fn read<T: DeserializeOwned>(&self) -> Option<T> {
        let text = std::fs::read(self.path.as_ref()?).ok()?;
        serde_json::from_slice(&text).ok()
    }

    pub(crate) fn write<T: Serialize>(&self, fact: &T) {
        let Some(path) = &self.path else { return };
        let Some(folder) = path.parent() else { return };
        let write = || -> std::io::Result<()> {
            std::fs::create_dir_all(folder)?;
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            serde_json::to_writer(&mut file, fact)?;
            file.persist(path)?;
            Ok(())
        };
        let _ = write();
    }

    pub(crate) fn forget(&self) {
        if let Some(path) = &self.path {
            let _ = std::fs::remove_file(path);
        }
    }
}
