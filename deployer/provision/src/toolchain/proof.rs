//! The proof that a toolchain works: it makes wasm of a few lines that need the library.

use std::time::Duration;

use camino::Utf8Path;

use super::{Toolchain, WASM_TARGET};
use crate::cache::io_error;
use crate::child::Program;
use crate::environment::Environment;
use crate::error::ProvisionError;

const SOURCE: &str = r#"
#[unsafe(no_mangle)]
pub extern "C" fn sum(n: u32) -> u32 {
    (0..n).collect::<Vec<u32>>().iter().sum()
}
"#;

/// Names the program that links wasm.
pub(super) const LINKER: &str = "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER";

/// Compiles and links, the way the builder will. `whole_program` also as releases are made, which
/// needs more of the standard library than a plain build does.
pub(super) async fn prove(
    toolchain: &Toolchain,
    whole_program: bool,
    environment: &Environment,
) -> Result<(), ProvisionError> {
    let folder = tempfile::tempdir().map_err(io_error("create a folder in", "/tmp".into()))?;
    let folder = Utf8Path::from_path(folder.path()).ok_or_else(|| ProvisionError::NotUtf8 {
        path: folder.path().to_string_lossy().into_owned(),
    })?;
    let source = folder.join("proof.rs");
    fs_err::write(&source, SOURCE).map_err(io_error("write", &source))?;
    let mut program = Program::new(&toolchain.rustc, environment)
        .args(["proof.rs", "--edition", "2024", "--crate-type", "cdylib"])
        .args(["--target", WASM_TARGET, "-o", "proof.wasm"]);
    if whole_program {
        program = program.args(["-O", "-Clto=fat"]);
    }
    if let Some((_, linker)) = toolchain.env.iter().find(|(name, _)| name == LINKER) {
        program = program.args([format!("-Clinker={linker}")]);
    }
    program
        .within(folder)
        .limit(Duration::from_mins(2))
        .help(
            "the toolchain is incomplete; reinstall it, or force another route with TINY_TOOLCHAIN",
        )
        .run()
        .await?;
    Ok(())
}
