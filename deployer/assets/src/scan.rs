//! Which files a folder offers.

use std::collections::BTreeMap;
use std::time::SystemTime;

use camino::{Utf8Path, Utf8PathBuf};
use ignore::WalkBuilder;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::AssetsError;

/// Names what is not to be served, in the syntax of `.gitignore`.
const IGNORE_FILE: &str = ".assetsignore";

/// Rules, not files.
const RULES: [&str; 3] = [IGNORE_FILE, "_headers", "_redirects"];

const LARGEST: u64 = 25 * 1024 * 1024;

/// A file of the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct File {
    /// Where it is, links followed.
    pub(crate) path: Utf8PathBuf,
    pub(crate) size: u64,
    pub(crate) modified: Option<SystemTime>,
}

/// The files by URL path: decoded, with a leading slash.
pub(crate) type Files = BTreeMap<String, File>;

pub(crate) fn scan(directory: &Utf8Path) -> Result<Files, AssetsError> {
    if !directory.is_dir() {
        return Err(AssetsError::NoDirectory {
            directory: directory.to_owned(),
        });
    }
    let root = directory.canonicalize_utf8()?;
    let ignored = ignored(directory)?;
    let mut files = Files::new();
    let walk = WalkBuilder::new(directory)
        .standard_filters(false)
        .filter_entry(move |entry| {
            let is_dir = entry.file_type().is_some_and(|kind| kind.is_dir());
            entry.depth() == 0 || !ignored.matched(entry.path(), is_dir).is_ignore()
        })
        .build();
    for entry in walk {
        let entry = entry?;
        if entry.file_type().is_some_and(|kind| kind.is_dir()) {
            continue;
        }
        let path = Utf8Path::from_path(entry.path())
            .ok_or_else(|| AssetsError::Name(entry.path().to_string_lossy().into_owned()))?;
        let Ok(relative) = path.strip_prefix(directory) else {
            continue;
        };
        if RULES.contains(&relative.as_str()) {
            continue;
        }
        // A link may point to a file of the folder, never out of it; one to nowhere is no file.
        let Ok(real) = path.canonicalize_utf8() else {
            continue;
        };
        let metadata = fs_err::metadata(&real)?;
        if !real.starts_with(&root) || !metadata.is_file() {
            continue;
        }
        if metadata.len() > LARGEST {
            return Err(AssetsError::TooLarge {
                file: path.to_owned(),
                size: metadata.len(),
            });
        }
        files.insert(
            format!("/{relative}"),
            File {
                path: real,
                size: metadata.len(),
                modified: metadata.modified().ok(),
            },
        );
    }
    Ok(files)
}

fn ignored(directory: &Utf8Path) -> Result<Gitignore, AssetsError> {
    let mut builder = GitignoreBuilder::new(directory);
    let file = directory.join(IGNORE_FILE);
    if file.is_file()
        && let Some(error) = builder.add(&file)
    {
        return Err(error.into());
    }
    Ok(builder.build()?)
}
