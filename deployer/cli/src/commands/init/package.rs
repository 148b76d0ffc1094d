//! The cargo package of a worker.

use camino::{Utf8Path, Utf8PathBuf};
use toml_edit::{DocumentMut, Item};

use crate::exit::Failure;

const DEEPEST: usize = 5;

/// A package that can be built as a worker.
#[derive(Debug)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) folder: Utf8PathBuf,
}

/// What the `Cargo.toml` of a folder is.
enum Manifest {
    Package(DocumentMut, String),
    Workspace,
    Other(Utf8PathBuf),
}

/// The package in a folder, or the one of its workspace that was asked for by name.
pub(super) fn find(folder: &Utf8Path, wanted: Option<&str>) -> Result<Package, Failure> {
    let manifest = read(folder)?;
    if let Manifest::Other(file) = &manifest {
        return Err(Failure::usage(format!("{file} describes no package"))
            .with_help("run `tiny init` in the folder of the worker's package".to_owned()));
    }
    if let Some(wanted) = wanted
        && !matches!(&manifest, Manifest::Package(_, name) if name == wanted)
    {
        let root = workspace(folder).unwrap_or_else(|| folder.to_owned());
        let Some(found) = search(&root, wanted, 0) else {
            return Err(Failure::usage(format!(
                "no package in {root} is called `{wanted}`, which the build command names"
            ))
            .with_help("run `tiny init` in the folder of the worker's package".to_owned()));
        };
        return find(&found, None);
    }
    match manifest {
        Manifest::Package(document, name) => {
            check_library(folder, &document, &name)?;
            Ok(Package {
                name,
                folder: folder.to_owned(),
            })
        }
        Manifest::Workspace | Manifest::Other(_) => Err(Failure::usage(format!(
            "{folder}/Cargo.toml is a workspace without a package of its own"
        ))
        .with_help(
            "run `tiny init --all` for every worker in it, or `tiny init` in the folder of one package"
                .to_owned(),
        )),
    }
}

fn read(folder: &Utf8Path) -> Result<Manifest, Failure> {
    let file = folder.join("Cargo.toml");
    let text = fs_err::read_to_string(&file).map_err(|error| {
        Failure::usage(format!("there is no cargo package here: {error}")).with_help(
            "run it in the worker's folder, or start a new one with `tiny new`".to_owned(),
        )
    })?;
    let document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
        Failure::usage(format!(
            "{file} is not valid: {}",
            error.to_string().trim_end()
        ))
        .with_help("correct that line, then run `tiny init` again".to_owned())
    })?;
    let name = document
        .get("package")
        .and_then(|package| package.get("name"))
        .and_then(Item::as_str)
        .map(str::to_owned);
    Ok(match name {
        Some(name) => Manifest::Package(document, name),
        None if document.contains_key("workspace") => Manifest::Workspace,
        None => Manifest::Other(file),
    })
}

/// Workers are libraries of the kind that a WebAssembly module is made of.
fn check_library(folder: &Utf8Path, document: &DocumentMut, name: &str) -> Result<(), Failure> {
    let library = document.get("lib");
    let types = ["crate-type", "crate_type"]
        .iter()
        .find_map(|key| library?.get(key)?.as_array());
    let is_cdylib =
        types.is_some_and(|types| types.iter().any(|kind| kind.as_str() == Some("cdylib")));
    let path = library
        .and_then(|library| library.get("path"))
        .and_then(Item::as_str);
    let file = path.unwrap_or("src/lib.rs");
    if !folder.join(file).is_file() {
        return Err(Failure::usage(format!(
            "package `{name}` has no library, and a worker is one: {folder}/{file} is missing"
        ))
        .with_help(
            "move the worker's code to src/lib.rs, add `[lib]` with `crate-type = [\"cdylib\"]` to Cargo.toml, then \
             run `tiny init` again"
                .to_owned(),
        ));
    }
    if !is_cdylib {
        return Err(Failure::usage(format!(
            "the library of package `{name}` is not a cdylib, so it can't become a WebAssembly module"
        ))
        .with_help(format!(
            "add `[lib]` with `crate-type = [\"cdylib\"]` to {folder}/Cargo.toml, then run `tiny init` again"
        )));
    }
    Ok(())
}

/// The nearest folder above that is a workspace.
fn workspace(folder: &Utf8Path) -> Option<Utf8PathBuf> {
    let is_root = |folder: &&Utf8Path| {
        let text = fs_err::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
        text.parse::<DocumentMut>()
            .is_ok_and(|document| document.contains_key("workspace"))
    };
    folder.ancestors().find(is_root).map(Utf8Path::to_owned)
}

fn search(folder: &Utf8Path, wanted: &str, depth: usize) -> Option<Utf8PathBuf> {
    if let Ok(Manifest::Package(_, name)) = read(folder)
        && name == wanted
    {
        return Some(folder.to_owned());
    }
    if depth == DEEPEST {
        return None;
    }
    let mut folders: Vec<Utf8PathBuf> = folder
        .read_dir_utf8()
        .ok()?
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter(|entry| !entry.file_name().starts_with('.'))
        .filter(|entry| !matches!(entry.file_name(), "target" | "node_modules"))
        .map(camino::Utf8DirEntry::into_path)
        .collect();
    folders.sort();
    folders
        .iter()
        .find_map(|folder| search(folder, wanted, depth + 1))
}
