//! A file that is always whole: the old one or the new one, whenever the power goes.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};

use camino::{Utf8Path, Utf8PathBuf};

/// Puts `bytes` in place of `<stage>.json`, and what was there in place of `<stage>.json.backup`.
/// When it returns, both are on the disk. The caller holds the lock, so that the names are its own.
pub(super) fn replace(folder: &Utf8Path, stage: &str, bytes: &[u8]) -> io::Result<()> {
    let current = folder.join(format!("{stage}{}", super::STATE));
    let new = write_new(folder, stage, bytes)?;
    keep(&current, &folder.join(format!("{stage}{}", super::BACKUP)))?;
    std::fs::rename(&new, &current)?;
    sync_folder(folder)
}

/// Whether `bytes` could be written.
pub(super) fn prove(folder: &Utf8Path, stage: &str, bytes: &[u8]) -> io::Result<()> {
    let new = write_new(folder, stage, bytes)?;
    std::fs::remove_file(new)
}

/// A rename is on the disk only when its folder is.
pub(super) fn sync_folder(folder: &Utf8Path) -> io::Result<()> {
    // Elsewhere a folder cannot be opened as a file.
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Writes `<stage>.json.new`, and nothing stays of it where that fails.
fn write_new(folder: &Utf8Path, stage: &str, bytes: &[u8]) -> io::Result<Utf8PathBuf> {
    let new = folder.join(format!("{stage}{}.new", super::STATE));
    // One that was left by a process that died.
    remove(&new)?;
    let written = private(&new).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    if let Err(error) = written {
        // The first error is the one to tell of.
        let _ = remove(&new);
        return Err(error);
    }
    Ok(new)
}

/// Makes `backup` the same file as `current`, with no moment in which either name leads nowhere.
fn keep(current: &Utf8Path, backup: &Utf8Path) -> io::Result<()> {
    let link = Utf8PathBuf::from(format!("{backup}.new"));
    remove(&link)?;
    match std::fs::hard_link(current, &link) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        // Some file systems have no links.
        Err(_) => {
            std::fs::copy(current, &link)?;
            File::open(&link)?.sync_all()?;
        }
    }
    std::fs::rename(&link, backup)?;
    // Two names of one file are left as they are by a rename.
    remove(&link)
}

fn remove(path: &Utf8Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A new file that only its owner can read.
pub(super) fn private(path: &Utf8Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
