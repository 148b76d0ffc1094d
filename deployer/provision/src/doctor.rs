//! What `tiny doctor` looks at.

use camino::Utf8Path;
use miette::Diagnostic as _;

use crate::cache::{Cache, io_error};
use crate::environment::Environment;
use crate::error::ProvisionError;
use crate::progress::Silent;
use crate::toolchain::active::Active;
use crate::toolchain::requirement::oldest_rustc;
use crate::toolchain::{Route, WASM_TARGET, remembered};
use crate::{simulators, workerd};

/// One thing that has to be right, what was found, and the cure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was looked at: `workerd`.
    pub name: String,
    pub found: Result<String, Missing>,
}

/// Something is missing or broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    pub why: String,
    /// What to do about it.
    pub cure: String,
}

/// Every check, in the order in which the things are needed.
pub(crate) async fn examine(
    near: &Utf8Path,
    environment: &Environment,
    cache: &Cache,
) -> Vec<Check> {
    let rust = Active::ask(near, environment).await;
    vec![
        compiler(rust.as_ref(), oldest_rustc(near)),
        wasm_library(rust.as_ref().ok(), near, environment, cache),
        workerd(near, environment, cache).await,
        simulators(cache),
        npm(environment),
        folder(environment),
    ]
}

fn check(name: &str, found: Result<String, Missing>) -> Check {
    Check {
        name: name.to_owned(),
        found,
    }
}

fn missing(why: &str, cure: &str) -> Missing {
    Missing {
        why: why.to_owned(),
        cure: cure.to_owned(),
    }
}

fn of_error(error: &ProvisionError) -> Missing {
    let cure = error.help().map(|help| help.to_string());
    missing(&error.to_string(), &cure.unwrap_or_default())
}

fn compiler(rust: Result<&Active, &ProvisionError>, oldest: &str) -> Check {
    let found = match rust {
        Ok(active) if active.is_new_enough(oldest).is_ok() => {
            Ok(format!("rustc {}", active.version))
        }
        Ok(active) => Err(missing(
            &format!("rustc {} is too old", active.version),
            &format!("run `rustup update`: {oldest} or newer is needed"),
        )),
        Err(error) => Err(of_error(error)),
    };
    check("rust", found)
}

fn wasm_library(
    rust: Option<&Active>,
    near: &Utf8Path,
    environment: &Environment,
    cache: &Cache,
) -> Check {
    let found = if let Some(toolchain) = remembered(near, environment, cache) {
        Ok(format!(
            "for rustc {} ({} route)",
            toolchain.rustc_version, toolchain.route
        ))
    } else if rust.is_some_and(Active::has_wasm_std) {
        Ok(format!("of the active toolchain ({} route)", Route::Native))
    } else {
        Err(missing(
            &format!("no standard library for {WASM_TARGET}"),
            "run `tiny setup`, which tries rustup first and Debian's packages then",
        ))
    };
    check("wasm32 std", found)
}

async fn workerd(near: &Utf8Path, environment: &Environment, cache: &Cache) -> Check {
    let found = match workerd::find(near, environment, cache, &Silent).await {
        Ok(Some(found)) => Ok(format!(
            "{} at {} ({})",
            found.version, found.path, found.source
        )),
        Ok(None) => Err(missing(
            "not on PATH, not in node_modules and not in the cache",
            "run `tiny setup`, or set TINY_WORKERD",
        )),
        Err(error) => Err(of_error(&error)),
    };
    check("workerd", found)
}

/// Needed only by stacks with KV, R2, D1, queues or the cache, and fetched when they are.
fn simulators(cache: &Cache) -> Check {
    let found = simulators::find(cache).map_or_else(
        || {
            Err(missing(
                "the scripts for local KV, R2, D1 and queues are not in the cache",
                "run `tiny setup`; a stack that uses them fetches them by itself",
            ))
        },
        |folder| Ok(folder.to_string()),
    );
    check("simulators", found)
}

fn npm(environment: &Environment) -> Check {
    let found = environment.which("npm").map_or_else(
        || {
            Err(missing(
                "not on PATH",
                "install npm (Debian: `apt-get install npm`); it fetches workerd, the simulators and packages that tiny.toml names, nothing else",
            ))
        },
        |path| Ok(path.to_string()),
    );
    check("npm", found)
}

fn folder(environment: &Environment) -> Check {
    let found = environment.cache_folder().and_then(|folder| {
        fs_err::create_dir_all(&folder).map_err(io_error("create", &folder))?;
        tempfile::tempfile_in(&folder).map_err(io_error("write to", &folder))?;
        Ok(folder.to_string())
    });
    check("cache", found.map_err(|error| of_error(&error)))
}
