//! Files named by what is in them: what did not change is not written again.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest as _, Sha256};

/// The folder of such files, beside the configuration that embeds them.
const FOLDER: &str = "blobs";

/// Such files, as one configuration uses them.
#[derive(Debug, Clone)]
pub(crate) struct Blobs {
    folder: Utf8PathBuf,
    /// Those that were asked for.
    names: BTreeSet<String>,
}

impl Blobs {
    /// For a configuration in the folder `run`.
    pub(crate) fn within(run: &Utf8Path) -> std::io::Result<Self> {
        let folder = run.join(FOLDER);
        fs_err::create_dir_all(&folder)?;
        Ok(Self {
            folder,
            names: BTreeSet::new(),
        })
    }

    /// The path of a file with these bytes, from the configuration.
    pub(crate) fn put(&mut self, bytes: &[u8]) -> std::io::Result<Utf8PathBuf> {
        use std::fmt::Write as _;
        let mut name = String::with_capacity(32);
        for byte in Sha256::digest(bytes).iter().take(16) {
            // Writing to a String cannot fail.
            let _ = write!(name, "{byte:02x}");
        }
        let path = self.folder.join(&name);
        let is_there = path
            .metadata()
            .is_ok_and(|found| found.len() == bytes.len() as u64);
        if !is_there {
            // One that was cut short must not be taken for the whole.
            let half = self.folder.join(format!("{name}.half"));
            fs_err::write(&half, bytes)?;
            fs_err::rename(half, &path)?;
        }
        let path = Utf8Path::new(FOLDER).join(&name);
        self.names.insert(name);
        Ok(path)
    }

    pub(crate) fn names(&self) -> &BTreeSet<String> {
        &self.names
    }
}

/// Deletes what none of `kept` names. What cannot be deleted is left for the next time.
pub(crate) fn prune(run: &Utf8Path, kept: &[&BTreeSet<String>]) {
    let Ok(entries) = run.join(FOLDER).read_dir_utf8() else {
        return;
    };
    for entry in entries.flatten() {
        if !kept.iter().any(|names| names.contains(entry.file_name())) {
            let _ = fs_err::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_bytes_are_one_file_and_the_unused_go() {
        let temp = tempfile::tempdir().unwrap();
        let run = Utf8Path::from_path(temp.path()).unwrap();
        let mut blobs = Blobs::within(run).unwrap();
        let one = blobs.put(b"one").unwrap();
        assert_eq!(blobs.put(b"one").unwrap(), one);
        let two = Blobs::within(run).unwrap().put(b"two").unwrap();
        prune(run, &[blobs.names()]);
        assert!(run.join(one).exists() && !run.join(two).exists());
    }

    #[test]
    fn a_file_cut_short_is_written_again() {
        let temp = tempfile::tempdir().unwrap();
        let run = Utf8Path::from_path(temp.path()).unwrap();
        let mut blobs = Blobs::within(run).unwrap();
        let path = run.join(blobs.put(b"whole").unwrap());
        fs_err::write(&path, b"wh").unwrap();
        blobs.put(b"whole").unwrap();
        assert_eq!(fs_err::read(path).unwrap(), b"whole");
    }
}
