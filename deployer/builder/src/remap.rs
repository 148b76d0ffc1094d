//! Keeps this machine's folders out of what is published.
//!
//! Panic messages carry the paths of source files, the registry's among them, so that the same
//! input would give other bytes in other homes. The compiler's flag against it can only be set
//! where it would hide flags of the user's own configuration, so a script adds it to every call.

use std::os::unix::fs::PermissionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use tiny_provision::Toolchain;

use crate::cargo::Workspace;

/// Names the program that cargo calls in place of the compiler, with the compiler's path first.
pub(crate) const VARIABLE: &str = "RUSTC_WRAPPER";

/// The script, written where it is not there already.
pub(crate) fn wrapper(
    workspace: &Workspace,
    toolchain: &Toolchain,
) -> std::io::Result<Utf8PathBuf> {
    let sources = toolchain.sysroot.join("lib/rustlib/src/rust");
    let cargo_home = cargo_home();
    // Named after the registry's address, which is another one behind a mirror.
    let crates = cargo_home.join("registry/src").read_dir_utf8();
    let crates = crates.into_iter().flatten().flatten();
    // Of several that fit, the compiler takes the last.
    let mut folders = vec![(cargo_home.clone(), "/cargo".to_owned())];
    folders.extend(crates.map(|folder| (folder.into_path(), "/crates".to_owned())));
    folders.extend([
        (sources, format!("/rustc/{}", toolchain.rustc_version)),
        (workspace.root.clone(), "/src".to_owned()),
        (workspace.target.clone(), "/target".to_owned()),
    ]);
    // One that the user has set still gets its turn.
    let before = std::env::var(VARIABLE).unwrap_or_default();
    let text = script(&before, &folders);
    let path = workspace.target.join("rustc-for-release");
    if std::fs::read_to_string(&path).is_ok_and(|there| there == text) {
        return Ok(path);
    }
    fs_err::create_dir_all(&workspace.target)?;
    let mut file = tempfile::NamedTempFile::new_in(&workspace.target)?;
    std::io::Write::write_all(&mut file, text.as_bytes())?;
    fs_err::set_permissions(file.path(), std::fs::Permissions::from_mode(0o755))?;
    // Closed before it is run: a file that is open for writing cannot be.
    file.into_temp_path().persist(&path)?;
    Ok(path)
}

fn script(before: &str, folders: &[(Utf8PathBuf, String)]) -> String {
    let mut words = String::new();
    if !before.is_empty() {
        words = quoted(before) + " ";
    }
    words += "\"$@\"";
    for (folder, name) in folders {
        words += " ";
        words += &quoted(&format!("--remap-path-prefix={folder}={name}"));
    }
    format!("#!/bin/sh\nexec {words}\n")
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn cargo_home() -> Utf8PathBuf {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    variable("CARGO_HOME").map_or_else(
        || Utf8Path::new(&variable("HOME").unwrap_or_default()).join(".cargo"),
        Utf8PathBuf::from,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_with_any_name_are_one_word_each() {
        let folders = [("/it's here".into(), "/src".to_owned())];
        assert_eq!(
            script("", &folders),
            "#!/bin/sh\nexec \"$@\" '--remap-path-prefix=/it'\\''s here=/src'\n"
        );
        assert!(script("sccache", &folders).contains("exec 'sccache' \"$@\" '--remap"));
    }
}
