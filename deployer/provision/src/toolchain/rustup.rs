//! The second route: rustup adds the target to the active toolchain, if it can download it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use camino::{Utf8Path, Utf8PathBuf};

use super::WASM_TARGET;
use super::active::{Active, is_rustup, rustup_home};
use crate::cache::Cache;
use crate::child::Program;
use crate::environment::Environment;
use crate::error::ProvisionError;
use crate::known::Known;
use crate::npm::folder_size;
use crate::progress::{Reporter, Task};

/// Where rustup can reach nothing it sits still; so long is waited.
const PATIENCE: Duration = Duration::from_secs(15);
const LIMIT: Duration = Duration::from_mins(10);
/// After a failure the route is not tried again for a while, or every folder would wait anew.
const RESTING_S: u64 = 3600;

/// Adds the target. `insist` tries even where it failed a moment ago.
pub(super) async fn add_target(
    active: &Active,
    near: &Utf8Path,
    insist: bool,
    environment: &Environment,
    cache: &Cache,
    reporter: &dyn Reporter,
) -> Result<(), ProvisionError> {
    let Some(rustup) = find(&active.called, environment) else {
        return Err(not_taken("the active rustc is not one of rustup's"));
    };
    if environment.offline() {
        return Err(ProvisionError::Offline {
            what: format!("the standard library for {WASM_TARGET}"),
            alternative: String::new(),
        });
    }
    let failure = Known::of(cache, "rustup-failed", &active.sysroot);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    if !insist
        && let Some(at) = failure.read::<u64>()
        && now.saturating_sub(at) < RESTING_S
    {
        return Err(not_taken(&format!(
            "it failed {} min ago and rests for an hour (TINY_TOOLCHAIN=rustup tries at once)",
            now.saturating_sub(at) / 60
        )));
    }
    let mut task = reporter.task(&format!("rustup target add {WASM_TARGET}"));
    let lock = cache.lock("rustup", task.as_mut()).await?;
    // Whoever held the lock may have added it.
    let added = if active.has_wasm_std() {
        Ok(())
    } else {
        let download = Download {
            rustup: &rustup,
            args: &["target", "add", WASM_TARGET],
            near,
            into: Some(&active.wasm_libraries),
            help: "check that rustup can download, or set TINY_TOOLCHAIN=debian",
        };
        download.run(environment, task.as_mut()).await
    };
    drop(lock);
    match added {
        Ok(()) => {
            failure.forget();
            task.done("rustup added the wasm target");
            Ok(())
        }
        Err(failed) => {
            failure.write(&now);
            Err(failed)
        }
    }
}

/// A call of rustup that downloads something for the toolchain of a folder.
pub(super) struct Download<'a> {
    pub(super) rustup: &'a Utf8Path,
    pub(super) args: &'a [&'a str],
    pub(super) near: &'a Utf8Path,
    /// Where files arrive, beside rustup's own folders.
    pub(super) into: Option<&'a Utf8Path>,
    pub(super) help: &'a str,
}

impl Download<'_> {
    pub(super) async fn run(
        &self,
        environment: &Environment,
        task: &mut dyn Task,
    ) -> Result<(), ProvisionError> {
        let home = rustup_home(environment);
        let mut growing = vec![home.join("downloads"), home.join("tmp")];
        growing.extend(self.into.map(Utf8Path::to_owned));
        let sizes = || {
            growing
                .iter()
                .map(|folder| folder_size(folder))
                .sum::<u64>()
        };
        let mut last = sizes();
        task.say("asking rustup");
        Program::new(self.rustup, environment)
            .args(self.args)
            .within(self.near)
            .patience(PATIENCE)
            .limit(LIMIT)
            .help(self.help)
            .pulse(|said| {
                if let Some(line) = said.lines().rev().find(|line| !line.trim().is_empty()) {
                    task.say(line.trim_start_matches("info: ").trim());
                }
                let now = sizes();
                let moved = now != last;
                last = now;
                moved
            })
            .run()
            .await?;
        Ok(())
    }
}

/// The rustup that a `rustc` belongs to.
pub(super) fn find(rustc: &Utf8Path, environment: &Environment) -> Option<Utf8PathBuf> {
    if !is_rustup(rustc) {
        return None;
    }
    let beside = rustc.with_file_name("rustup");
    if beside.is_file() {
        return Some(beside);
    }
    environment.which("rustup")
}

fn not_taken(why: &str) -> ProvisionError {
    ProvisionError::NotTaken {
        why: why.to_owned(),
    }
}
