//! Which files a build was made from: what has to be watched.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use crate::cargo::{Compiled, Workspace};

/// The files that decide what a build gives. A change in any of them asks for a new build.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inputs {
    /// Absolute; files, and folders where a build script watches one.
    pub paths: BTreeSet<Utf8PathBuf>,
}

/// What cargo knows of the last build.
pub(crate) fn read(compiled: &Compiled, workspace: &Workspace, crate_dir: &Utf8Path) -> Inputs {
    let mut paths: BTreeSet<Utf8PathBuf> = compiled.manifests.iter().cloned().collect();
    for file in ["Cargo.toml", "Cargo.lock", ".cargo/config.toml"] {
        paths.insert(workspace.root.join(file));
    }
    // cargo writes one rule with every source file, of path dependencies as well.
    if let Ok(rule) = fs_err::read_to_string(compiled.wasm.with_extension("d")) {
        paths.extend(
            prerequisites(&rule)
                .into_iter()
                .map(|path| crate_dir.join(path)),
        );
    }
    Inputs { paths }
}

/// The right-hand side of a make rule; spaces in names are escaped.
fn prerequisites(rule: &str) -> Vec<String> {
    let Some((_, files)) = rule.lines().next().and_then(|line| line.split_once(": ")) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut name = String::new();
    let mut characters = files.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => name.extend(characters.next()),
            ' ' => found.extend((!name.is_empty()).then(|| std::mem::take(&mut name))),
            _ => name.push(character),
        }
    }
    found.extend((!name.is_empty()).then_some(name));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_with_spaces_are_whole() {
        assert_eq!(
            prerequisites("/t/todo.wasm: /a/src/lib.rs /my\\ app/page.rs\n"),
            ["/a/src/lib.rs", "/my app/page.rs"]
        );
        assert!(prerequisites("").is_empty());
    }
}
