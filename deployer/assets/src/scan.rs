//! Which files a folder offers.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use camino::Utf8Path;
use ignore::WalkBuilder;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::file::File;
use crate::{AssetsError, headers, redirects};

/// Names what is not to be served, in the syntax of `.gitignore`.
const IGNORE_FILE: &str = ".assetsignore";

/// Rules, not files.
const RULES: [&str; 3] = [IGNORE_FILE, headers::FILE, redirects::FILE];

const LARGEST: u64 = 25 * 1024 * 1024;

/// The files by URL path: decoded, with a leading slash.
pub(crate) type Files = BTreeMap<String, Arc<File>>;

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
        let entry = match entry {
            Ok(entry) => entry,
            // Deleted while the folder was being read.
            Err(error) if is_gone(&error) => continue,
            Err(error) => return Err(error.into()),
        };
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
        let Ok(metadata) = fs_err::metadata(&real) else {
            continue;
        };
        if !real.starts_with(&root) || !metadata.is_file() {
            continue;
        }
        if metadata.len() > LARGEST {
            return Err(AssetsError::TooLarge {
                file: path.to_owned(),
                size: metadata.len(),
            });
        }
        files.insert(format!("/{relative}"), Arc::new(File::new(real, &metadata)));
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

fn is_gone(error: &ignore::Error) -> bool {
    error
        .io_error()
        .is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
}
