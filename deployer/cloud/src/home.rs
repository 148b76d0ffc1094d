//! The folder of a local Cloudflare: one process at a time, which tells the others where it is.

use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::error::CloudError;

const LOCK: &str = "lock";
const ANNOUNCEMENT: &str = "running.json";

/// Whoever only looks whether a folder is in use holds the lock for a moment.
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(10);

/// Where a running local Cloudflare is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announced {
    pub address: SocketAddr,
    /// Ends with `/client/v4`.
    pub base_url: String,
    pub account_id: String,
    pub pid: u32,
}

/// The local Cloudflare that runs on this folder, if one does. What a killed one left behind does
/// not count.
pub fn running(dir: &Utf8Path) -> Option<Announced> {
    let lock = File::open(dir.join(LOCK)).ok()?;
    match lock.try_lock_shared() {
        Err(TryLockError::WouldBlock) => {
            let text = fs_err::read(dir.join(ANNOUNCEMENT)).ok()?;
            serde_json::from_slice(&text).ok()
        }
        Ok(()) | Err(TryLockError::Error(_)) => None,
    }
}

/// The folder, held.
#[derive(Debug)]
pub(crate) struct Home {
    dir: Utf8PathBuf,
    _lock: File,
}

impl Home {
    /// Takes the folder, or names who has it.
    pub(crate) async fn take(dir: &Utf8Path) -> Result<Self, CloudError> {
        let failed = |source| CloudError::Folder {
            path: dir.to_owned(),
            source,
        };
        fs_err::create_dir_all(dir).map_err(failed)?;
        let path = dir.join(LOCK);
        let mut lock = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(failed)?;
        let mut attempt = 1;
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if attempt < ATTEMPTS => {
                    attempt += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(CloudError::InUse {
                        dir: dir.to_owned(),
                        pid: fs_err::read_to_string(&path)
                            .ok()
                            .and_then(|pid| pid.trim().parse().ok()),
                    });
                }
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
        }
        lock.set_len(0).map_err(failed)?;
        writeln!(lock, "{}", std::process::id()).map_err(failed)?;
        let home = Self {
            dir: dir.to_owned(),
            _lock: lock,
        };
        // Of one that was killed.
        home.withdraw();
        Ok(home)
    }

    /// Lets others find this one.
    pub(crate) fn announce(&self, announced: &Announced) -> Result<(), CloudError> {
        let path = self.dir.join(ANNOUNCEMENT);
        let write = || {
            let unfinished = self.dir.join("running.json.unfinished");
            fs_err::write(&unfinished, serde_json::to_vec(announced)?)?;
            fs_err::rename(&unfinished, &path)
        };
        write().map_err(|source| CloudError::Folder {
            path: path.clone(),
            source,
        })
    }

    fn withdraw(&self) {
        // There may be none.
        let _ = fs_err::remove_file(self.dir.join(ANNOUNCEMENT));
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.withdraw();
    }
}
