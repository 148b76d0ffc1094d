//! The cache folder: what was fetched or built once, for every project of this user.
//!
//! ```text
//! v1/
//!   <name>-<version>/            one entry, complete or not there at all
//!     tiny-entry.json            its files with size, time and SHA-256
//!   locks/<name>-<version>.lock  held while an entry is being made
//!   making/<name>-<version>.XXX  an entry being made; renamed into place when complete
//!   known/                       small facts about programs elsewhere, see `known.rs`
//! ```
//! `v1` is the layout; an older tiny with another layout keeps its own.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::UNIX_EPOCH;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::error::ProvisionError;
use crate::lock::Lock;
use crate::progress::Task;

const LAYOUT: &str = "v1";
const MANIFEST: &str = "tiny-entry.json";

/// The folder and the rules above.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    root: Utf8PathBuf,
}

/// The files of an entry, by path within it.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct EntryManifest {
    files: BTreeMap<Utf8PathBuf, FileMark>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct FileMark {
    size: u64,
    modified_ns: u128,
    sha256: String,
}

/// An entry being made: a private folder on the cache's disk and the lock for its name.
///
/// Cloned into blocking work, so that neither goes away under it; the flag tells that work that
/// nobody waits for it any more.
#[derive(Debug, Clone)]
pub(crate) struct Making {
    shared: Arc<MakingParts>,
}

#[derive(Debug)]
struct MakingParts {
    // Dropped in this order: the folder goes before the lock does.
    _folder: TempDir,
    path: Utf8PathBuf,
    unwanted: AtomicBool,
    _lock: Lock,
}

impl Making {
    /// Where the files of the entry go.
    pub(crate) fn entry(&self) -> Utf8PathBuf {
        self.shared.path.join("entry")
    }

    /// Room for downloads and the like, gone when the entry is published.
    pub(crate) fn scratch(&self) -> Utf8PathBuf {
        self.shared.path.join("scratch")
    }

    /// Runs `work` on a thread of its own. When this future is dropped, `work` learns it
    /// from the flag it is given.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Making) -> Result<T, ProvisionError> + Send + 'static,
    ) -> Result<T, ProvisionError> {
        /// Says so when the future is dropped before the work is done.
        struct Abandon<'a>(Option<&'a AtomicBool>);
        impl Drop for Abandon<'_> {
            fn drop(&mut self) {
                if let Some(unwanted) = self.0 {
                    unwanted.store(true, Ordering::Relaxed);
                }
            }
        }
        let mut abandon = Abandon(Some(&self.shared.unwanted));
        let making = self.clone();
        let result = tokio::task::spawn_blocking(move || work(&making)).await;
        abandon.0 = None;
        match result {
            Ok(result) => result,
            Err(failed) => match failed.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(self.io("finish")(io::ErrorKind::Interrupted.into())),
            },
        }
    }

    /// An error once nobody waits for this entry any more.
    pub(crate) fn still_wanted(&self) -> Result<(), ProvisionError> {
        if self.shared.unwanted.load(Ordering::Relaxed) {
            return Err(self.io("finish")(io::ErrorKind::Interrupted.into()));
        }
        Ok(())
    }

    fn io(&self, what: &'static str) -> impl FnOnce(io::Error) -> ProvisionError + use<> {
        let path = self.entry();
        move |source| ProvisionError::Io { what, path, source }
    }
}

impl Cache {
    pub(crate) fn at(folder: &Utf8Path) -> Self {
        Self {
            root: folder.join(LAYOUT),
        }
    }

    pub(crate) fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// The entry's folder if it is complete and unchanged. Costs one `stat` per file; a file
    /// whose time differs is read and hashed.
    pub(crate) fn get(&self, name: &str) -> Option<Utf8PathBuf> {
        let folder = self.root.join(name);
        let text = fs_err::read(folder.join(MANIFEST)).ok()?;
        let manifest: EntryManifest = serde_json::from_slice(&text).ok()?;
        manifest.holds(&folder).then_some(folder)
    }

    /// The entry's folder, made by `make` if it is not there or damaged. Of all tasks and
    /// processes that ask at once, one makes it and the others wait.
    pub(crate) async fn get_or_make<F>(
        &self,
        name: &str,
        task: &mut dyn Task,
        make: F,
    ) -> Result<Utf8PathBuf, ProvisionError>
    where
        F: AsyncFnOnce(&Making, &mut dyn Task) -> Result<(), ProvisionError>,
    {
        if let Some(folder) = self.get(name) {
            return Ok(folder);
        }
        let making = self.begin(name, task).await?;
        // Somebody else may have made it while we waited.
        if let Some(folder) = self.get(name) {
            return Ok(folder);
        }
        make(&making, task).await?;
        let target = self.root.join(name);
        making
            .blocking(move |making| publish(making, &target))
            .await?;
        Ok(self.root.join(name))
    }

    /// The lock of that name, once nobody else has it.
    pub(crate) async fn lock(
        &self,
        name: &str,
        task: &mut dyn Task,
    ) -> Result<Lock, ProvisionError> {
        let locks = self.root.join("locks");
        fs_err::create_dir_all(&locks).map_err(io_error("create", &locks))?;
        Lock::acquire(&locks.join(format!("{name}.lock")), task).await
    }

    async fn begin(&self, name: &str, task: &mut dyn Task) -> Result<Making, ProvisionError> {
        let lock = self.lock(name, task).await?;
        let nursery = self.root.join("making");
        fs_err::create_dir_all(&nursery).map_err(io_error("create", &nursery))?;
        // Whatever else is being made under this name was left by a process that died.
        let prefix = format!("{name}.");
        for left in nursery
            .read_dir_utf8()
            .map_err(io_error("read", &nursery))?
        {
            let left = left.map_err(io_error("read", &nursery))?;
            if left.file_name().starts_with(&prefix) {
                fs_err::remove_dir_all(left.path()).map_err(io_error("remove", left.path()))?;
            }
        }
        let folder = tempfile::Builder::new()
            .prefix(&prefix)
            .tempdir_in(&nursery)
            .map_err(io_error("create a folder in", &nursery))?;
        let path = Utf8PathBuf::from_path_buf(folder.path().to_owned()).map_err(|path| {
            ProvisionError::NotUtf8 {
                path: path.to_string_lossy().into_owned(),
            }
        })?;
        let making = Making {
            shared: Arc::new(MakingParts {
                _folder: folder,
                path,
                unwanted: AtomicBool::new(false),
                _lock: lock,
            }),
        };
        for folder in [making.entry(), making.scratch()] {
            fs_err::create_dir(&folder).map_err(io_error("create", &folder))?;
        }
        Ok(making)
    }
}

/// Marks the files, makes sure they are on disk, and moves the entry into place.
fn publish(making: &Making, target: &Utf8Path) -> Result<(), ProvisionError> {
    let entry = making.entry();
    let manifest = EntryManifest::of(&entry, making)?;
    let text = serde_json::to_vec(&manifest)
        .map_err(|failed| io_error("describe", &entry)(io::Error::other(failed)))?;
    let path = entry.join(MANIFEST);
    fs_err::write(&path, text).map_err(io_error("write", &path))?;
    making.still_wanted()?;
    if target.exists() {
        // Damaged, else it would have been used.
        let aside = making.scratch().join("damaged");
        fs_err::rename(target, aside).map_err(io_error("move away", target))?;
    }
    fs_err::rename(&entry, target).map_err(io_error("move into place", target))
}

impl EntryManifest {
    fn of(folder: &Utf8Path, making: &Making) -> Result<Self, ProvisionError> {
        let mut files = BTreeMap::new();
        let mut pending = vec![folder.to_owned()];
        while let Some(next) = pending.pop() {
            for found in next.read_dir_utf8().map_err(io_error("read", &next))? {
                let found = found.map_err(io_error("read", &next))?;
                let path = found.path();
                let kind = found.file_type().map_err(io_error("read", path))?;
                if kind.is_dir() {
                    pending.push(path.to_owned());
                } else if kind.is_file() {
                    making.still_wanted()?;
                    let mark = FileMark::of(path, true).map_err(io_error("read", path))?;
                    let inside = path.strip_prefix(folder).unwrap_or(path);
                    files.insert(inside.to_owned(), mark);
                }
            }
        }
        Ok(Self { files })
    }

    fn holds(&self, folder: &Utf8Path) -> bool {
        !self.files.is_empty()
            && self.files.iter().all(|(path, mark)| {
                let path = folder.join(path);
                let Ok(metadata) = path.metadata() else {
                    return false;
                };
                if metadata.len() != mark.size {
                    return false;
                }
                if modified_ns(&metadata) == mark.modified_ns {
                    return true;
                }
                FileMark::of(&path, false).is_ok_and(|now| now.sha256 == mark.sha256)
            })
    }
}

impl FileMark {
    fn of(path: &Utf8Path, settle: bool) -> io::Result<Self> {
        let mut file = std::fs::File::open(path)?;
        let mut hash = Sha256::new();
        let mut chunk = vec![0; 1 << 18];
        loop {
            let read = file.read(&mut chunk)?;
            if read == 0 {
                break;
            }
            hash.update(&chunk[..read]);
        }
        if settle {
            // The entry's name must not reach the disk before its bytes do.
            file.sync_data()?;
        }
        let metadata = file.metadata()?;
        Ok(Self {
            size: metadata.len(),
            modified_ns: modified_ns(&metadata),
            sha256: hex(&hash.finalize()),
        })
    }
}

pub(crate) fn modified_ns(metadata: &std::fs::Metadata) -> u128 {
    metadata
        .modified()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .map_or(0, |since| since.as_nanos())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

pub(crate) fn io_error(
    what: &'static str,
    path: &Utf8Path,
) -> impl FnOnce(io::Error) -> ProvisionError + use<> {
    let path = path.to_owned();
    move |source| ProvisionError::Io { what, path, source }
}
