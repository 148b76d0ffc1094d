//! A second rustup home, so that a test can add a target without touching the user's toolchain,
//! and does so even where the user's has it already.

use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};

use super::real;

const WASM: &str = "wasm32-unknown-unknown";

/// Fills `home` with this machine's active toolchain, but its wasm target and its documentation.
pub(super) fn copy_without_wasm(home: &Utf8Path) {
    let asked = Command::new(real("rustc"))
        .args(["--print", "sysroot"])
        .output()
        .unwrap();
    let toolchain = Utf8PathBuf::from(String::from_utf8(asked.stdout).unwrap().trim());
    let toolchain = toolchain.canonicalize_utf8().unwrap();
    let name = toolchain.file_name().unwrap();
    let copy = home.join("toolchains").join(name);
    copy_folder(&toolchain, &copy);
    let rustlib = copy.join("lib/rustlib");
    assert!(
        rustlib.join("multirust-config.toml").is_file(),
        "{toolchain} was not installed by rustup, which these tests need"
    );
    edit(&rustlib.join("components"), |text| {
        text.lines()
            .filter(|line| !line.contains(WASM))
            .fold(String::new(), |text, line| text + line + "\n")
    });
    edit(&rustlib.join("multirust-config.toml"), |text| {
        let parts: Vec<&str> = text
            .split("[[components]]")
            .filter(|part| !part.contains(WASM))
            .collect();
        parts.join("[[components]]")
    });
    let settings = format!("version = \"12\"\ndefault_toolchain = \"{name}\"\n");
    std::fs::write(home.join("settings.toml"), settings).unwrap();
}

/// Links files where it can, for a toolchain is large; what rustup rewrites is small and copied.
fn copy_folder(from: &Utf8Path, to: &Utf8Path) {
    std::fs::create_dir_all(to).unwrap();
    for found in from.read_dir_utf8().unwrap() {
        let found = found.unwrap();
        if found.file_name().contains(WASM) || found.file_name() == "share" {
            continue;
        }
        let target = to.join(found.file_name());
        let kind = found.file_type().unwrap();
        if kind.is_dir() {
            copy_folder(found.path(), &target);
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(std::fs::read_link(found.path()).unwrap(), target).unwrap();
        } else if found.metadata().unwrap().len() < 2_000_000
            || std::fs::hard_link(found.path(), &target).is_err()
        {
            std::fs::copy(found.path(), &target).unwrap();
        }
    }
}

fn edit(path: &Utf8Path, change: impl FnOnce(&str) -> String) {
    let text = std::fs::read_to_string(path).unwrap();
    std::fs::write(path, change(&text)).unwrap();
}
