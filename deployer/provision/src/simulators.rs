//! miniflare's simulator scripts: KV, R2, D1, queues and more as workers that workerd runs.

use camino::{Utf8Path, Utf8PathBuf};

use crate::cache::Cache;
use crate::environment::Environment;
use crate::error::ProvisionError;
use crate::npm;
use crate::pins::MINIFLARE;
use crate::progress::Reporter;

const SCRIPTS: &str = "dist/src/workers";

/// The scripts' folder in the cache, if it is there.
pub(crate) fn find(cache: &Cache) -> Option<Utf8PathBuf> {
    cache.get(&entry_name()).map(|folder| folder.join(SCRIPTS))
}

/// The folder that holds `kv/namespace.worker.js` and the others.
pub(crate) async fn find_or_fetch(
    environment: &Environment,
    cache: &Cache,
    reporter: &dyn Reporter,
) -> Result<Utf8PathBuf, ProvisionError> {
    if let Some(found) = find(cache) {
        return Ok(found);
    }
    let label = format!("simulators {}", MINIFLARE.version);
    let mut task = reporter.task(&label);
    let folder = cache
        .get_or_make(&entry_name(), task.as_mut(), async |making, task| {
            npm::fetch(MINIFLARE.into(), environment, making, task, "", place).await
        })
        .await?;
    task.done(&label);
    Ok(folder.join(SCRIPTS))
}

/// Only the scripts that workerd runs: no source maps, no Node half.
fn place(inside: &Utf8Path) -> Option<Utf8PathBuf> {
    let script = inside.starts_with(SCRIPTS) && inside.as_str().ends_with(".worker.js");
    script.then(|| inside.to_owned())
}

pub(crate) fn entry_name() -> String {
    format!("{}-{}", MINIFLARE.name, MINIFLARE.version)
}
