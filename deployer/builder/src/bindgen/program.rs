//! Runs wasm-bindgen as a program and reads what it wrote.

use std::collections::BTreeMap;
use std::process::Stdio;

use camino::Utf8Path;
use tiny_provision::ProcessGroup;
use tokio::process::Command;

use super::{Files, Keep, STEM, WASM};
use crate::BuildError;

/// The program as wasm-bindgen publishes it.
pub(super) fn published(
    program: &Utf8Path,
    wasm: &Utf8Path,
    out: &Utf8Path,
    keep: Keep,
) -> Command {
    let mut command = Command::new(program);
    command
        // Every version knows these.
        .args(["--target", "web", "--no-typescript", "--no-demangle"])
        .args(["--out-name", STEM, "--out-dir", out.as_str()])
        .arg(wasm);
    if keep.lines {
        command.arg("--keep-debug");
    }
    if !keep.names() {
        command.arg("--remove-producers-section");
    }
    command
}

/// Runs what `command` gives for a folder, and reads what is in it afterwards.
pub(super) async fn run(
    command: impl FnOnce(&Utf8Path) -> Command,
    program: &Utf8Path,
    version: &str,
) -> Result<Files, BuildError> {
    let failed = |why: String| BuildError::Bindgen {
        version: version.to_owned(),
        why,
    };
    let folder = tempfile::tempdir().map_err(BuildError::Io)?;
    let out = Utf8Path::from_path(folder.path())
        .ok_or_else(|| failed("the folder for temporary files is not valid UTF-8".to_owned()))?;
    let mut command = command(out);
    command
        .env_remove("RUST_BACKTRACE")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let child = command.spawn().map_err(|source| BuildError::Start {
        program: program.to_owned(),
        source,
    })?;
    let mut group = ProcessGroup::of(&child);
    let output = child.wait_with_output().await.map_err(BuildError::Io)?;
    group.ended();
    if !output.status.success() {
        return Err(failed(
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        ));
    }
    let mut snippets = BTreeMap::new();
    gather(&out.join("snippets"), "snippets", &mut snippets).map_err(BuildError::Io)?;
    Ok(Files {
        js: fs_err::read_to_string(out.join(format!("{STEM}.js"))).map_err(BuildError::Io)?,
        wasm: fs_err::read(out.join(WASM)).map_err(BuildError::Io)?.into(),
        snippets,
    })
}

/// Reads all files below `folder`, named by their path from it.
fn gather(
    folder: &Utf8Path,
    name: &str,
    into: &mut BTreeMap<String, String>,
) -> std::io::Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in folder.read_dir_utf8()? {
        let entry = entry?;
        let name = format!("{name}/{}", entry.file_name());
        if entry.file_type()?.is_dir() {
            gather(entry.path(), &name, into)?;
        } else {
            into.insert(name, fs_err::read_to_string(entry.path())?);
        }
    }
    Ok(())
}
