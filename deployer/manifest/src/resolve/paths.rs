//! Folders that the manifest names.

use std::fs::FileType;

use camino::{Utf8Path, Utf8PathBuf};

use crate::layers;
use crate::reader::At;
use crate::report::Report;
use crate::suggest;

/// The absolute path; it starts from the folder of the file it is written in.
pub(super) fn path(written: &At<String>, report: &Report) -> Utf8PathBuf {
    layers::resolve(report.folder(written.span), &written.value)
}

/// The absolute path of a folder that has to be there.
pub(super) fn folder(written: &At<String>, what: &str, report: &mut Report) -> Utf8PathBuf {
    let folder = path(written, report);
    if !folder.is_dir() {
        let message = if folder.exists() {
            format!("`{}` is not a folder", written.value)
        } else {
            format!("there is no folder `{}`", written.value)
        };
        let help = neighbour(&folder, written, FileType::is_dir).map_or_else(
            || format!("create the folder of the {what}, or mend the path; it starts from the folder of this file"),
            |near| format!("did you mean `{near}`?"),
        );
        report.problem(written.span, message, "not a folder", help);
    }
    folder
}

/// Reports a file that has to be there, `path`, and is not.
pub(super) fn check_file(written: &At<String>, path: &Utf8Path, report: &mut Report) {
    if path.is_file() {
        return;
    }
    let message = if path.exists() {
        format!("`{}` is not a file", written.value)
    } else {
        format!("there is no file `{}`", written.value)
    };
    let help = neighbour(path, written, FileType::is_file).map_or_else(
        || "create the file, or mend the path; it starts from the folder of this file".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    report.problem(written.span, message, "not a file", help);
}

/// The absolute path of the folder of a cargo package.
pub(super) fn package(written: &At<String>, report: &mut Report) -> Utf8PathBuf {
    let clean = path(written, report);
    if !clean.is_dir() {
        return folder(written, "crate", report);
    }
    if !clean.join("Cargo.toml").is_file() {
        let message = format!("there is no `Cargo.toml` in `{}`", written.value);
        let help = "name the folder of a cargo package; `cargo init --lib` makes one".to_owned();
        report.problem(written.span, message, "not a cargo package", help);
    }
    clean
}

/// A file or folder beside the one that is missing, with a name much like it.
fn neighbour(
    missing: &Utf8Path,
    written: &At<String>,
    fits: impl Fn(&FileType) -> bool,
) -> Option<Utf8PathBuf> {
    let name = missing.file_name()?;
    let beside: Vec<String> = missing
        .parent()?
        .read_dir_utf8()
        .ok()?
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| fits(&kind)))
        .map(|entry| entry.file_name().to_owned())
        .collect();
    let near = suggest::closest(name, beside.iter().map(String::as_str))?;
    Some(Utf8Path::new(&written.value).with_file_name(near))
}
