//! Tells the loop which files changed, soon after the last write of a save.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tiny_builder::Inputs;
use tokio::sync::mpsc;

/// Quiet time that ends a batch: a save is several events within a few milliseconds.
const QUIET: Duration = Duration::from_millis(8);
/// A stream of events (a branch switched, a formatter over the tree) is handed on at the latest
/// after this long.
const LONGEST: Duration = Duration::from_millis(150);

/// Folders and files whose changes matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct WatchSet {
    /// Files watched by name, so that an editor's replace-by-rename is seen as well.
    pub(crate) files: BTreeSet<Utf8PathBuf>,
    /// Folders watched with all that is in them.
    pub(crate) trees: BTreeSet<Utf8PathBuf>,
}

impl WatchSet {
    pub(crate) fn covers(&self, path: &Utf8Path) -> bool {
        self.files.contains(path) || self.trees.iter().any(|tree| path.starts_with(tree))
    }

    /// Adds what a person named: a file or a folder, which may not be there yet.
    pub(crate) fn add(&mut self, path: &Utf8Path) {
        if path.is_file() {
            self.files.insert(path.to_owned());
        } else {
            // To see it appear.
            self.files.insert(path.to_owned());
            self.trees.insert(path.to_owned());
        }
    }

    /// What a build was made from. A build script may watch a folder.
    pub(crate) fn add_inputs(&mut self, inputs: &Inputs) {
        for path in &inputs.paths {
            if path.is_dir() {
                self.trees.insert(path.clone());
            } else {
                self.files.insert(path.clone());
            }
        }
    }

    /// The folders to register: files by their parent, trees by themselves unless inside another.
    fn folders(&self) -> BTreeSet<(Utf8PathBuf, bool)> {
        let mut folders = BTreeSet::new();
        for tree in &self.trees {
            let nested = self
                .trees
                .iter()
                .any(|other| other != tree && tree.starts_with(other));
            if !nested {
                folders.insert((tree.clone(), true));
            }
        }
        for parent in self.files.iter().filter_map(|file| file.parent()) {
            if !self.trees.iter().any(|tree| parent.starts_with(tree)) {
                folders.insert((parent.to_owned(), false));
            }
        }
        folders
    }
}

/// Paths that changed together, and when the first of them was seen.
#[derive(Debug)]
pub(crate) struct Changes {
    pub(crate) paths: BTreeSet<Utf8PathBuf>,
    pub(crate) seen: Instant,
}

/// Watches the file system for as long as it lives.
pub(crate) struct Watcher {
    inner: RecommendedWatcher,
    folders: BTreeSet<(Utf8PathBuf, bool)>,
    set: WatchSet,
}

impl Watcher {
    /// Batches arrive on the receiver; paths outside the watch set are for [`Watcher::relevant`]
    /// to drop.
    pub(crate) fn new() -> notify::Result<(Self, mpsc::UnboundedReceiver<Changes>)> {
        let (raw_sender, raw) = mpsc::unbounded_channel();
        let inner = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else { return };
            if matches!(event.kind, EventKind::Access(_)) {
                return;
            }
            for path in event.paths {
                if let Ok(path) = Utf8PathBuf::from_path_buf(path)
                    && !is_scratch(&path)
                {
                    // The loop has ended; so will this watcher.
                    let _ = raw_sender.send((path, Instant::now()));
                }
            }
        })?;
        let (batches, receiver) = mpsc::unbounded_channel();
        tokio::spawn(batch(raw, batches));
        let watcher = Self {
            inner,
            folders: BTreeSet::new(),
            set: WatchSet::default(),
        };
        Ok((watcher, receiver))
    }

    /// Watches this from now on. Folders that do not exist (yet) are left out.
    pub(crate) fn set(&mut self, set: WatchSet) {
        let wanted = set.folders();
        for (folder, _) in self.folders.difference(&wanted) {
            // It may be gone already.
            let _ = self.inner.unwatch(folder.as_std_path());
        }
        let mut watched: BTreeSet<_> = self.folders.intersection(&wanted).cloned().collect();
        for (folder, deep) in wanted.difference(&self.folders) {
            let mode = if *deep {
                RecursiveMode::Recursive
            } else {
                RecursiveMode::NonRecursive
            };
            if self.inner.watch(folder.as_std_path(), mode).is_ok() {
                watched.insert((folder.clone(), *deep));
            }
        }
        self.folders = watched;
        self.set = set;
    }

    /// Watches folders anew that may have been deleted and made again: with the folder that it was
    /// put on, a watch is gone.
    pub(crate) fn renew<'a>(&mut self, trees: impl Iterator<Item = &'a Utf8PathBuf>) {
        for tree in trees {
            if self.folders.remove(&(tree.clone(), true)) {
                // It may be gone already.
                let _ = self.inner.unwatch(tree.as_std_path());
            }
        }
        self.set(self.set.clone());
    }

    /// Those of the paths that are watched on purpose, not because they lie beside one that is.
    pub(crate) fn relevant(&self, changes: Changes) -> Changes {
        Changes {
            paths: changes
                .paths
                .into_iter()
                .filter(|path| self.set.covers(path))
                .collect(),
            seen: changes.seen,
        }
    }
}

/// Editors' swap and backup files.
fn is_scratch(path: &Utf8Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    name.ends_with('~')
        || name.starts_with(".#")
        || name == "4913"
        || matches!(path.extension(), Some("swp" | "swx" | "tmp"))
}

async fn batch(
    mut raw: mpsc::UnboundedReceiver<(Utf8PathBuf, Instant)>,
    batches: mpsc::UnboundedSender<Changes>,
) {
    while let Some((path, seen)) = raw.recv().await {
        let mut paths = BTreeSet::from([path]);
        while seen.elapsed() < LONGEST {
            match tokio::time::timeout(QUIET, raw.recv()).await {
                Ok(Some((path, _))) => {
                    paths.insert(path);
                }
                Ok(None) | Err(_) => break,
            }
        }
        if batches.send(Changes { paths, seen }).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
        let temp = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(temp.path().canonicalize().unwrap()).unwrap();
        (temp, path)
    }

    async fn next(
        watcher: &Watcher,
        changes: &mut mpsc::UnboundedReceiver<Changes>,
    ) -> BTreeSet<Utf8PathBuf> {
        loop {
            let batch = tokio::time::timeout(Duration::from_mins(1), changes.recv())
                .await
                .expect("no change was reported")
                .unwrap();
            let relevant = watcher.relevant(batch).paths;
            if !relevant.is_empty() {
                return relevant;
            }
        }
    }

    #[tokio::test]
    async fn a_save_by_rename_is_one_change_of_the_file() {
        let (_temp, dir) = folder();
        let file = dir.join("tiny.toml");
        std::fs::write(&file, "a").unwrap();
        let (mut watcher, mut changes) = Watcher::new().unwrap();
        watcher.set(WatchSet {
            files: BTreeSet::from([file.clone()]),
            trees: BTreeSet::new(),
        });
        std::fs::write(dir.join("beside.txt"), "ignored").unwrap();
        std::fs::write(dir.join("tiny.toml.new"), "b").unwrap();
        std::fs::rename(dir.join("tiny.toml.new"), &file).unwrap();
        assert_eq!(next(&watcher, &mut changes).await, BTreeSet::from([file]));
    }

    #[tokio::test]
    async fn many_writes_at_once_come_as_one_batch() {
        let (_temp, dir) = folder();
        let (mut watcher, mut changes) = Watcher::new().unwrap();
        watcher.set(WatchSet {
            files: BTreeSet::new(),
            trees: BTreeSet::from([dir.clone()]),
        });
        let files: BTreeSet<_> = (0..20).map(|n| dir.join(format!("{n}.rs"))).collect();
        for file in &files {
            std::fs::write(file, "fn main() {}").unwrap();
        }
        let mut seen = BTreeSet::new();
        let mut batches = 0;
        while seen != files {
            seen.extend(next(&watcher, &mut changes).await);
            batches += 1;
        }
        assert!(batches <= 3, "{batches} batches for one burst of writes");
    }

    #[tokio::test]
    async fn what_is_no_longer_watched_is_no_longer_reported() {
        let (_temp, dir) = folder();
        let (old, new) = (dir.join("old"), dir.join("new"));
        std::fs::create_dir_all(&old).unwrap();
        std::fs::create_dir_all(&new).unwrap();
        let tree = |path: &Utf8PathBuf| WatchSet {
            files: BTreeSet::new(),
            trees: BTreeSet::from([path.clone()]),
        };
        let (mut watcher, mut changes) = Watcher::new().unwrap();
        watcher.set(tree(&old));
        watcher.set(tree(&new));
        std::fs::write(old.join("a.rs"), "").unwrap();
        std::fs::write(new.join("b.rs"), "").unwrap();
        assert_eq!(
            next(&watcher, &mut changes).await,
            BTreeSet::from([new.join("b.rs")])
        );
    }

    #[test]
    fn editors_scratch_files_are_ignored() {
        for name in ["main.rs~", ".#main.rs", "4913", ".main.rs.swp"] {
            assert!(
                is_scratch(Utf8Path::new("/src").join(name).as_path()),
                "{name}"
            );
        }
        assert!(!is_scratch(Utf8Path::new("/src/main.rs")));
    }
}
