//! wasm-opt, which makes releases smaller: the user's own, else binaryen's of the npm registry.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::cache::Cache;
use crate::child::Program;
use crate::environment::Environment;
use crate::error::ProvisionError;
use crate::known::Known;
use crate::npm;
use crate::pins::BINARYEN;
use crate::progress::Reporter;

const NAME: &str = "wasm-opt";
/// The file that is the program, and the one that tells node how to read it.
const SCRIPT: &str = "bin/wasm-opt";
const KIND: &str = "bin/package.json";
/// Older ones do not know all features of what rustc writes.
const OLDEST: u32 = 116;

/// How wasm-opt is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WasmOpt {
    pub program: Utf8PathBuf,
    /// Arguments before all others: its script, where the program is node.
    pub args: Vec<String>,
    /// binaryen's version: another one may write other bytes.
    pub version: u32,
}

pub(crate) async fn find_or_fetch(
    environment: &Environment,
    cache: &Cache,
    reporter: &dyn Reporter,
) -> Result<WasmOpt, ProvisionError> {
    for program in environment.which_all(NAME) {
        if let Some(version) = version_of(&program, environment, cache).await
            && version >= OLDEST
        {
            return Ok(WasmOpt {
                program,
                args: Vec::new(),
                version,
            });
        }
    }
    let Some(node) = environment.which("node") else {
        return Err(ProvisionError::NotTaken {
            why: format!(
                "there is no {NAME} of version {OLDEST} or newer on PATH, and no node to run npm's"
            ),
        });
    };
    let folder = package(environment, cache, reporter).await?;
    Ok(WasmOpt {
        program: node,
        args: vec![folder.join(SCRIPT).into_string()],
        version: BINARYEN
            .version
            .split('.')
            .next()
            .and_then(|major| major.parse().ok())
            .unwrap_or_default(),
    })
}

async fn package(
    environment: &Environment,
    cache: &Cache,
    reporter: &dyn Reporter,
) -> Result<Utf8PathBuf, ProvisionError> {
    let entry = format!("{}-{}", BINARYEN.name, BINARYEN.version);
    if let Some(folder) = cache.get(&entry) {
        return Ok(folder);
    }
    let label = format!("{NAME} {}", BINARYEN.version);
    let mut task = reporter.task(&label);
    let place = |inside: &Utf8Path| (inside == SCRIPT || inside == KIND).then(|| inside.to_owned());
    let folder = cache
        .get_or_make(&entry, task.as_mut(), async |making, task| {
            let alternative = format!(", or put {NAME} on PATH");
            npm::fetch(
                BINARYEN.into(),
                environment,
                making,
                task,
                &alternative,
                place,
            )
            .await
        })
        .await?;
    task.done(&label);
    Ok(folder)
}

/// `wasm-opt version 108 (…)` → 108
async fn version_of(program: &Utf8Path, environment: &Environment, cache: &Cache) -> Option<u32> {
    let known = Known::of_file(cache, NAME, program);
    if let Some(version) = known.read() {
        return Some(version);
    }
    let output = Program::new(program, environment)
        .args(["--version"])
        .limit(Duration::from_secs(20))
        .run()
        .await
        .ok()?;
    let version: u32 = output
        .stdout
        .split_whitespace()
        .find_map(|word| word.parse().ok())?;
    known.write(&version);
    Some(version)
}
