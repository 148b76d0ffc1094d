//! Which files a folder offers.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use ignore::WalkBuilder;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::file::File;
use crate::{AssetsError, Complaint, Package, headers, redirects};

/// Names what is not to be served, in the syntax of `.gitignore`.
const IGNORE_FILE: &str = ".assetsignore";

/// Rules, not files.
const RULES: [&str; 3] = [IGNORE_FILE, headers::FILE, redirects::FILE];

/// What Pages runs instead of serving it: code that nobody wants to publish.
const PAGES_WORKER: &str = "_worker.js";

const LARGEST: u64 = 25 * 1024 * 1024;

const MOST: usize = 100_000;

/// The files by URL path: decoded, with a leading slash.
pub(crate) type Files = BTreeMap<String, Arc<File>>;

/// Finds the files of `directory` and of `packages`, and names those that are left out for a
/// reason.
pub(crate) fn scan(
    directory: &Utf8Path,
    packages: &[Package],
) -> Result<(Files, Vec<Complaint>), AssetsError> {
    let (mut files, complaints) = scan_folder(directory)?;
    lay_over(&mut files, directory, packages)?;
    if files.len() > MOST {
        return Err(AssetsError::TooMany {
            directory: directory.to_owned(),
            most: MOST,
        });
    }
    Ok((files, complaints))
}

/// Adds the files of `packages`, each in a place where there is none.
fn lay_over(
    files: &mut Files,
    directory: &Utf8Path,
    packages: &[Package],
) -> Result<(), AssetsError> {
    let mut called = BTreeMap::new();
    for package in packages {
        for wanted in package.wanted()? {
            let path = wanted.url_path;
            if files.contains_key(&path) {
                let there = called
                    .remove(&path)
                    .unwrap_or_else(|| format!("{directory}{path}"));
                return Err(AssetsError::Twice {
                    path,
                    one: there,
                    other: wanted.called,
                });
            }
            let metadata = fs_err::metadata(&wanted.file)?;
            if metadata.len() > LARGEST {
                return Err(AssetsError::TooLarge {
                    file: wanted.file,
                    size: metadata.len(),
                });
            }
            let file = File::new(wanted.file, Utf8Path::new(&path), &metadata);
            called.insert(path.clone(), wanted.called);
            files.insert(path, Arc::new(file));
        }
    }
    Ok(())
}

fn scan_folder(directory: &Utf8Path) -> Result<(Files, Vec<Complaint>), AssetsError> {
    if !directory.is_dir() {
        return Err(AssetsError::NoDirectory {
            directory: directory.to_owned(),
        });
    }
    let root = directory.canonicalize_utf8()?;
    let ignored = ignored(directory)?;
    let mut files = Files::new();
    let mut complaints = Vec::new();
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
        match entered(path, relative, &root) {
            Err(problem) => complaints.push(Complaint {
                file: path.to_owned(),
                line: None,
                problem: problem.to_owned(),
            }),
            Ok(None) => {}
            Ok(Some((_, metadata))) if metadata.len() > LARGEST => {
                return Err(AssetsError::TooLarge {
                    file: path.to_owned(),
                    size: metadata.len(),
                });
            }
            Ok(Some((real, metadata))) => {
                let file = File::new(real, relative, &metadata);
                files.insert(format!("/{relative}"), Arc::new(file));
            }
        }
    }
    complaints.sort_by(|one, other| one.file.cmp(&other.file));
    Ok((files, complaints))
}

/// The file that `path` stands for, links followed. `None`: it is gone, or is no file at all.
fn entered(
    path: &Utf8Path,
    relative: &Utf8Path,
    root: &Utf8Path,
) -> Result<Option<(Utf8PathBuf, Metadata)>, &'static str> {
    if relative.starts_with(PAGES_WORKER) {
        return Err("it is the code of a Pages project; delete it, or list it in .assetsignore");
    }
    let Ok(real) = path.canonicalize_utf8() else {
        return if path.is_symlink() {
            Err("it is a link to nothing")
        } else {
            Ok(None)
        };
    };
    let Ok(metadata) = fs_err::metadata(&real) else {
        return Ok(None);
    };
    if !real.starts_with(root) {
        return Err("it is a link that leads out of the folder of static files");
    }
    if metadata.is_dir() {
        return Err("it is a link to a folder");
    }
    Ok(metadata.is_file().then_some((real, metadata)))
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
