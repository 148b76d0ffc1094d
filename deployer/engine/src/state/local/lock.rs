//! The lock of a stage: the operating system's, on a file that says who holds it. The system takes
//! it back from a process that ends, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use tiny_manifest::StageName;

use crate::state::{Holder, StateError};

/// How long a lock is tried for: those who only look hold it for an instant.
const PATIENCE: Duration = Duration::from_millis(250);
const PAUSE: Duration = Duration::from_millis(10);

/// Held until it is dropped.
#[derive(Debug)]
pub(in crate::state) struct FileLock {
    file: File,
    path: Utf8PathBuf,
    pub(in crate::state) holder: Holder,
}

impl FileLock {
    pub(super) fn take(
        path: &Utf8Path,
        stage: &StageName,
        purpose: &str,
    ) -> Result<Self, StateError> {
        let unwritable = |source| StateError::Unwritable {
            path: path.to_owned(),
            source,
        };
        let until = Instant::now() + PATIENCE;
        loop {
            let mut file = open(path).map_err(unwritable)?;
            match file.try_lock() {
                Ok(()) if is_at(&file, path).map_err(unwritable)? => {
                    let holder = Holder::this_process(purpose);
                    write(&mut file, &holder).map_err(unwritable)?;
                    return Ok(Self {
                        file,
                        path: path.to_owned(),
                        holder,
                    });
                }
                // Its last holder removed it before it let go: there is another one by now.
                Ok(()) => {}
                Err(TryLockError::Error(source)) => return Err(unwritable(source)),
                Err(TryLockError::WouldBlock) if Instant::now() >= until => {
                    return Err(StateError::Locked {
                        stage: stage.to_string(),
                        holder: read(&mut file).map(Box::new),
                    });
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            }
        }
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Empty, it names nobody; gone, it is no litter. Neither is needed for it to be free.
        let _ = self.file.set_len(0);
        if cfg!(unix) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Who holds the lock, if anybody does.
pub(super) fn holder(path: &Utf8Path) -> Option<Holder> {
    let mut file = File::open(path).ok()?;
    let holder = read(&mut file)?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Some(holder),
        // It died; what it wrote is still there.
        _ => None,
    }
}

fn open(path: &Utf8Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Whether the file that was locked is still the one of this name.
#[cfg(unix)]
fn is_at(file: &File, path: &Utf8Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let held = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(there) => Ok(there.ino() == held.ino() && there.dev() == held.dev()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(not(unix))]
fn is_at(_: &File, _: &Utf8Path) -> io::Result<bool> {
    Ok(true)
}

fn write(file: &mut File, holder: &Holder) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(&serde_json::to_vec(holder)?)?;
    file.sync_all()
}

fn read(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// What happens between opening a file and locking it.
    #[test]
    fn a_lock_on_a_file_that_was_replaced_is_no_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap().join("lock");
        let old = open(&path).unwrap();
        assert!(is_at(&old, &path).unwrap());
        std::fs::remove_file(&path).unwrap();
        assert!(!is_at(&old, &path).unwrap());
        let new = open(&path).unwrap();
        assert!(!is_at(&old, &path).unwrap());
        assert!(is_at(&new, &path).unwrap());
    }
}
