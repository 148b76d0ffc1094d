//! The toolchain that a project asks for with a `rust-toolchain` file, installed where rustup can.

use camino::Utf8Path;

use super::active::{Active, called_rustc, toolchain_file};
use super::rustup::{self, Download};
use crate::cache::Cache;
use crate::environment::Environment;
use crate::error::ProvisionError;
use crate::progress::Reporter;

/// The active toolchain of a folder.
pub(super) async fn active(
    near: &Utf8Path,
    environment: &Environment,
    cache: &Cache,
    reporter: &dyn Reporter,
) -> Result<Active, ProvisionError> {
    let error = match Active::ask(near, environment).await {
        Err(error @ ProvisionError::Failed { .. }) => error,
        other => return other,
    };
    let rustc = called_rustc(environment)?;
    let (Some(file), Some(rustup), None) = (
        toolchain_file(near),
        rustup::find(&rustc, environment),
        environment.get("RUSTUP_TOOLCHAIN"),
    ) else {
        return Err(error);
    };
    let said = error.to_string();
    if environment.offline() || !said.contains("is not installed") {
        return Err(missing(&file, &said));
    }
    install(&rustup, near, environment, cache, reporter)
        .await
        .map_err(|error| match error {
            ProvisionError::Failed { output, .. } => missing(&file, &output),
            ProvisionError::Stalled { why, .. } => missing(&file, &why),
            other => other,
        })?;
    Active::ask(near, environment).await
}

/// rustup says the reason on one line, and what follows is its own advice.
fn missing(file: &Utf8Path, output: &str) -> ProvisionError {
    let line = output
        .lines()
        .find_map(|line| line.trim().strip_prefix("error: "))
        .or_else(|| output.lines().last())
        .unwrap_or("rustup gave no reason");
    ProvisionError::Pinned {
        file: file.to_owned(),
        why: line.to_owned(),
    }
}

async fn install(
    rustup: &Utf8Path,
    near: &Utf8Path,
    environment: &Environment,
    cache: &Cache,
    reporter: &dyn Reporter,
) -> Result<(), ProvisionError> {
    let mut task = reporter.task("rustup toolchain install");
    let lock = cache.lock("rustup", task.as_mut()).await?;
    let download = Download {
        rustup,
        // Without a name it is the one that the file asks for, with its targets and components.
        args: &["toolchain", "install"],
        near,
        into: None,
        help: "check that rustup can download",
    };
    download.run(environment, task.as_mut()).await?;
    drop(lock);
    task.done("rustup installed the toolchain");
    Ok(())
}
