//! The wasm-bindgen program, for apps locked to another version than the one built in.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::Toolchain;
use crate::cache::{Cache, Making, io_error};
use crate::cargo_progress::CargoProgress;
use crate::child::Program;
use crate::environment::Environment;
use crate::error::ProvisionError;
use crate::known::Known;
use crate::progress::{Reporter, Task};

/// To be raised when the program or how it is compiled changes.
const ENTRY: &str = "wasm-bindgen-1";
/// The published program.
const PUBLISHED: &str = "wasm-bindgen";
/// The one compiled here. rustc refuses to compile a crate of the published one's name whose
/// version is below 0.2.88.
const NAME: &str = "wasm-bindgen-runner";
const PROGRAM: &str = include_str!("program.rs");

/// The program of exactly this version: on PATH, in the cache, else compiled into it. It takes
/// the options `--target web --out-dir --out-name --no-typescript --no-demangle --keep-debug
/// --remove-producers-section` and a file.
pub(crate) async fn find_or_build(
    version: &str,
    toolchain: &Toolchain,
    environment: &Environment,
    cache: &Cache,
    reporter: &dyn Reporter,
) -> Result<Utf8PathBuf, ProvisionError> {
    for path in environment.which_all(PUBLISHED) {
        if version_of(&path, environment, cache).await.as_deref() == Some(version) {
            return Ok(path);
        }
    }
    let entry = format!("{ENTRY}-{version}");
    if let Some(folder) = cache.get(&entry) {
        return Ok(folder.join(NAME));
    }
    if environment.offline() {
        return Err(ProvisionError::Offline {
            what: format!("wasm-bindgen {version}"),
            alternative: format!(", or put wasm-bindgen {version} on PATH"),
        });
    }
    let label = format!("wasm-bindgen {version} (compiled once, about a minute)");
    let mut task = reporter.task(&label);
    let folder = cache
        .get_or_make(&entry, task.as_mut(), async |making, task| {
            compile(version, making, toolchain, environment, task).await
        })
        .await?;
    task.done(&format!("wasm-bindgen {version}"));
    Ok(folder.join(NAME))
}

async fn compile(
    version: &str,
    making: &Making,
    toolchain: &Toolchain,
    environment: &Environment,
    task: &mut dyn Task,
) -> Result<(), ProvisionError> {
    let package = making.scratch().join("package");
    let sources = package.join("src");
    fs_err::create_dir_all(&sources).map_err(io_error("create", &sources))?;
    for (path, text) in [
        (sources.join("main.rs"), PROGRAM),
        (package.join("Cargo.toml"), &manifest(version)),
    ] {
        fs_err::write(&path, text).map_err(io_error("write", &path))?;
    }
    let target = package.join("target");
    let mut progress = CargoProgress::new(task);
    let mut build = CargoProgress::asked_of(Program::new(&toolchain.cargo, environment))
        .args(["build"])
        .within(&package)
        .env("CARGO_TARGET_DIR", &target)
        // Of its dependencies those that this compiler is new enough for.
        .env("CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS", "fallback");
    for (name, value) in &toolchain.env {
        build = build.env(name, value);
    }
    // A build for this machine, whatever the user's variables say about the app's.
    for name in [
        "CARGO_BUILD_TARGET",
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTFLAGS",
        "CARGO_BUILD_RUSTFLAGS",
    ] {
        build = build.without_env(name);
    }
    build
        // One crate may take minutes on a busy machine, without a word.
        .patience(Duration::from_mins(15))
        .help(format!(
            "check that cargo reaches the crates registry, or put wasm-bindgen {version} on PATH"
        ))
        .pulse(|said| progress.hear(said))
        .run()
        .await?;
    let (from, to) = (target.join("debug").join(NAME), making.entry().join(NAME));
    fs_err::copy(&from, &to).map_err(io_error("copy into place", &to))?;
    Ok(())
}

/// Every edit waits for the program, so the crates that read and write modules are optimised.
fn manifest(version: &str) -> String {
    format!(
        "[package]\nname = \"{NAME}\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n\
         [dependencies]\nwasm-bindgen-cli-support = \"={version}\"\n\n\
         [profile.dev]\ndebug = false\nincremental = false\n\n\
         [profile.dev.package.walrus]\nopt-level = 1\n\
         [profile.dev.package.wasmparser]\nopt-level = 1\n\
         [profile.dev.package.wasm-bindgen-cli-support]\nopt-level = 1\n\n\
         [workspace]\n"
    )
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
