//! What a bundle costs at the start of an isolate, measured in workerd.

use std::time::Duration;

use bytes::Bytes;
use camino::Utf8Path;
use tiny_builder::Bundle;
use tiny_manifest::Worker;
use tiny_provision::{ProvisionError, Provisioner};
use tiny_runtime::{Module, ModuleKind, ProbeError, ProbeRequest, Programs};

/// Runs of each; the fastest counts, because the machine can only add to the time.
const RUNS: u32 = 5;

/// Why the start-up is not known. The bundle is none the worse for it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotMeasured {
    #[error(transparent)]
    Workerd(#[from] ProvisionError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Start(#[from] ProbeError),
}

/// How much longer workerd takes until it listens with this bundle than with an empty worker. The
/// code starts without its bindings: what they stand on is not its own cost.
pub(crate) async fn measure(
    bundle: &Bundle,
    worker: &Worker,
    provisioner: &Provisioner,
    near: &Utf8Path,
) -> Result<Duration, NotMeasured> {
    let workerd = provisioner.workerd(near).await?;
    let programs = Programs {
        workerd: workerd.path,
        workerd_date: workerd.version,
        launcher: tiny_dev::own_program()?,
        simulators: None,
    };
    let request = |modules| ProbeRequest {
        main: bundle.main.clone(),
        modules,
        compatibility_date: worker.compatibility_date.clone(),
        compatibility_flags: worker.compatibility_flags.clone(),
    };
    let empty = vec![Module {
        name: bundle.main.clone(),
        kind: ModuleKind::Esm,
        body: Bytes::from_static(b"export default { fetch() { return new Response() } }"),
    }];
    let with = best(&programs, &request(tiny_dev::modules(bundle))).await?;
    let without = best(&programs, &request(empty)).await?;
    Ok(with.saturating_sub(without))
}

async fn best(programs: &Programs, request: &ProbeRequest) -> Result<Duration, NotMeasured> {
    let mut best = Duration::MAX;
    for _ in 0..RUNS {
        let scratch = tempfile::tempdir()?;
        let folder = Utf8Path::from_path(scratch.path())
            .ok_or_else(|| std::io::Error::other("the temporary folder is not valid UTF-8"))?;
        let probed = tiny_runtime::probe(programs, folder, request).await?;
        best = best.min(probed.startup);
    }
    Ok(best)
}
