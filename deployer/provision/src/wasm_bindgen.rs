//! The wasm-bindgen program, for apps locked to another version than the one built in.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::cache::Cache;
use crate::cargo_progress::CargoProgress;
use crate::child::Program;
use crate::environment::Environment;
use crate::error::ProvisionError;
use crate::known::Known;
use crate::progress::{Reporter, Task};

/// The program of exactly this version.
pub(crate) async fn find_or_build(
    version: &str,
    environment: &Environment,
    cache: &Cache,
    reporter: &dyn Reporter,
) -> Result<Utf8PathBuf, ProvisionError> {
    for path in environment.which_all("wasm-bindgen") {
        if version_of(&path, environment, cache).await.as_deref() == Some(version) {
            return Ok(path);
        }
    }
    let name = format!("wasm-bindgen-{version}");
    let program = |folder: Utf8PathBuf| folder.join("bin/wasm-bindgen");
    if let Some(folder) = cache.get(&name) {
        return Ok(program(folder));
    }
    if environment.offline() {
        return Err(ProvisionError::Offline {
            what: format!("wasm-bindgen {version}"),
            alternative: format!(", or put wasm-bindgen {version} on PATH"),
        });
    }
    let label = format!("wasm-bindgen {version}");
    let mut task = reporter.task(&label);
    let folder = cache
        .get_or_make(&name, task.as_mut(), async |making, task| {
            let build = async |locked: bool, task: &mut dyn Task| {
                install(
                    version,
                    locked,
                    &making.scratch(),
                    &making.entry(),
                    environment,
                    task,
                )
                .await
            };
            // The package's own Cargo.lock may name crates that a lagging index lacks.
            match build(true, task).await {
                Err(ProvisionError::Failed { output, .. }) if output.contains("version") => {
                    build(false, task).await
                }
                other => other,
            }
        })
        .await?;
    task.done(&label);
    Ok(program(folder))
}

async fn install(
    version: &str,
    locked: bool,
    scratch: &Utf8Path,
    root: &Utf8Path,
    environment: &Environment,
    task: &mut dyn Task,
) -> Result<(), ProvisionError> {
    let mut progress = CargoProgress::new(task);
    let locked = if locked { &["--locked"][..] } else { &[] };
    CargoProgress::asked_of(Program::new("cargo", environment))
        .args(["install", "wasm-bindgen-cli", "--version", version])
        .args(["--bin", "wasm-bindgen", "--no-track"])
        .args(["--root", root.as_str()])
        .args(locked)
        .within(scratch)
        // A build for this machine, whatever the user's variables say about the app's.
        .env("CARGO_TARGET_DIR", scratch.join("target"))
        .without_env("CARGO_BUILD_TARGET")
        .patience(Duration::from_mins(5))
        .help(format!(
            "check that `cargo install wasm-bindgen-cli --version {version}` works, or put that program on PATH"
        ))
        .pulse(|said| progress.hear(said))
        .run()
        .await?;
    Ok(())
}

async fn version_of(path: &Utf8Path, environment: &Environment, cache: &Cache) -> Option<String> {
    let known = Known::of_file(cache, "wasm-bindgen", path);
    if let Some(version) = known.read() {
        return Some(version);
    }
    let output = Program::new(path, environment)
        .args(["--version"])
        .limit(Duration::from_secs(20))
        .run()
        .await
        .ok()?;
    let version = output.stdout.split_whitespace().nth(1)?.to_owned();
    known.write(&version);
    Some(version)
}
