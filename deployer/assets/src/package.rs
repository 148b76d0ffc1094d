//! Files of npm packages that a site has beside those of its folder.

use camino::{Utf8Path, Utf8PathBuf};

use crate::AssetsError;

/// How alike two paths must be for one to be suggested in place of the other, from 0 to 1.
const ALIKE: f64 = 0.6;

/// Most paths that are suggested.
const SUGGESTED: usize = 3;

/// An npm package, unpacked, and what of it is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// What it is called in messages: `tinybase 10.0.1`.
    pub name: String,
    /// Where its files lie.
    pub folder: Utf8PathBuf,
    /// The path of a file in the package, and the one it has in the site; a folder with all that
    /// is in it, where both end with `/`.
    pub files: Vec<(String, String)>,
}

/// One of the files that are served.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Decoded, with a leading slash.
    pub(crate) url_path: String,
    /// Where it lies.
    pub(crate) file: Utf8PathBuf,
    /// What it is called in messages: `` `index.js` of tinybase 10.0.1 ``.
    pub(crate) called: String,
}

impl Package {
    /// The files that are served; what is named has to be there.
    pub(crate) fn wanted(&self) -> Result<Vec<Wanted>, AssetsError> {
        let mut wanted = Vec::new();
        let mut want = |inside: &str, to: String| {
            wanted.push(Wanted {
                url_path: format!("/{to}"),
                file: self.folder.join(inside),
                called: format!("`{inside}` of {}", self.name),
            });
        };
        for (from, to) in &self.files {
            let at = self.folder.join(from);
            if !from.ends_with('/') && at.is_file() {
                want(from, to.clone());
            } else if from.ends_with('/') && at.is_dir() {
                for inside in files_below(&at)? {
                    want(&format!("{from}{inside}"), format!("{to}{inside}"));
                }
            } else {
                return Err(self.lacks(from)?);
            }
        }
        Ok(wanted)
    }

    fn lacks(&self, path: &str) -> Result<AssetsError, AssetsError> {
        let help = match path.strip_suffix('/') {
            None if self.folder.join(path).is_dir() => {
                format!("`{path}` is a folder: end its path and its place in the site with `/`")
            }
            Some(file) if self.folder.join(file).is_file() => {
                format!("`{file}` is a file: leave out the `/` at the end of both paths")
            }
            _ => self.instead_of(path)?,
        };
        Ok(AssetsError::NotInPackage {
            package: self.name.clone(),
            path: path.to_owned(),
            help,
        })
    }

    /// What may have been meant, else what there is.
    fn instead_of(&self, path: &str) -> Result<String, AssetsError> {
        let mut candidates = files_below(&self.folder)?;
        if path.ends_with('/') {
            candidates = folders_of(&candidates);
        }
        let mut near: Vec<_> = candidates
            .iter()
            .map(|candidate| (likeness(path, candidate), candidate))
            .filter(|(likeness, _)| *likeness >= ALIKE)
            .collect();
        near.sort_by(|one, other| other.0.total_cmp(&one.0));
        near.truncate(SUGGESTED);
        if !near.is_empty() {
            let near: Vec<_> = near.iter().map(|(_, path)| format!("`{path}`")).collect();
            return Ok(format!("did you mean {}?", one_of(&near)));
        }
        let mut top: Vec<_> = candidates
            .iter()
            .map(|path| match path.split_once('/') {
                Some((folder, _)) => format!("`{folder}/`"),
                None => format!("`{path}`"),
            })
            .collect();
        top.dedup();
        Ok(format!("it holds {}", top.join(", ")))
    }
}

/// `a`, `b` or `c`
fn one_of(names: &[String]) -> String {
    match names {
        [all @ .., last] if !all.is_empty() => format!("{} or {last}", all.join(", ")),
        _ => names.concat(),
    }
}

/// A path with the same last name in another folder is as good as one that is written much alike.
fn likeness(path: &str, candidate: &str) -> f64 {
    let last = |path| Utf8Path::new(path).file_name().map(str::to_owned);
    let alike = strsim::normalized_damerau_levenshtein(path, candidate);
    if last(path) == last(candidate) {
        alike.max(ALIKE)
    } else {
        alike
    }
}

/// The paths of all files below `folder`, sorted.
fn files_below(folder: &Utf8Path) -> Result<Vec<String>, AssetsError> {
    let mut files = Vec::new();
    let mut pending = vec![folder.to_owned()];
    while let Some(next) = pending.pop() {
        for found in next.read_dir_utf8()? {
            let found = found?;
            let path = found.path();
            if found.file_type()?.is_dir() {
                pending.push(path.to_owned());
            } else if let Ok(inside) = path.strip_prefix(folder) {
                files.push(inside.to_string());
            }
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// Each folder that is named in `files`, with a slash at its end.
fn folders_of(files: &[String]) -> Vec<String> {
    let mut folders: Vec<_> = files
        .iter()
        .flat_map(|file| {
            file.match_indices('/')
                .map(|(end, _)| file[..=end].to_owned())
        })
        .collect();
    folders.sort_unstable();
    folders.dedup();
    folders
}
