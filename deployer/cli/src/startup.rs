//! What a bundle costs at the start of an isolate, measured in workerd.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use camino::Utf8Path;
use tiny_builder::Bundle;
use tiny_manifest::Worker;
use tiny_provision::Provisioner;
use tiny_runtime::{AssetHost, DurableClass, Module, ModuleKind, Programs, Runtime, Stack};

/// Runs of each; the fastest counts, because the machine can only add to the time.
const RUNS: u32 = 5;

/// How much longer workerd takes until it listens with this bundle than with an empty worker.
pub(crate) async fn measure(
    bundle: &Bundle,
    worker: &Worker,
    provisioner: &Provisioner,
    near: &Utf8Path,
) -> Result<Duration, Box<dyn miette::Diagnostic + Send + Sync>> {
    let workerd = provisioner.workerd(near).await.map_err(boxed)?;
    let scratch = tempfile::tempdir().map_err(|error| boxed(Io(error)))?;
    let folder = Utf8Path::from_path(scratch.path()).unwrap_or(near);
    let modules = tiny_dev::modules(bundle);
    let empty = vec![Module {
        name: bundle.main.clone(),
        kind: ModuleKind::Esm,
        body: Bytes::from_static(b"export default { fetch() { return new Response() } }"),
    }];
    let (sender, _events) = tokio::sync::mpsc::unbounded_channel();
    let programs = Programs {
        workerd: workerd.path,
        workerd_date: workerd.version,
        launcher: tiny_dev::own_program().map_err(|error| boxed(Io(error)))?,
        simulators: None,
    };
    let mut runtime = Runtime::new(programs, sender, Arc::new(NoAssets))
        .await
        .map_err(boxed)?;
    let stack = |modules, classes| Stack {
        workers: vec![tiny_runtime::Worker {
            name: worker.id.clone(),
            main: bundle.main.clone(),
            modules,
            compatibility_date: worker.compatibility_date.clone(),
            compatibility_flags: worker.compatibility_flags.clone(),
            bindings: Vec::new(),
            classes,
            consumers: Vec::new(),
            tails: Vec::new(),
        }],
        state: folder.join("state"),
        run: folder.join("run"),
        d1: Vec::new(),
        inspector: None,
        reach: tiny_runtime::Reach::default(),
    };
    let classes = worker
        .durable_objects
        .iter()
        .filter(|object| object.worker.is_none())
        .map(|object| DurableClass {
            name: object.class.clone(),
            unique_key: object.class.clone(),
            storage: tiny_runtime::ClassStorage::Sqlite,
        })
        .collect();
    let with = best(&mut runtime, &stack(modules, classes)).await?;
    let without = best(&mut runtime, &stack(empty, Vec::new())).await?;
    runtime.stop().await;
    Ok(with.saturating_sub(without))
}

async fn best(
    runtime: &mut Runtime,
    stack: &Stack,
) -> Result<Duration, Box<dyn miette::Diagnostic + Send + Sync>> {
    let prepared = runtime.prepare(stack).await.map_err(boxed)?;
    let mut best = Duration::MAX;
    for _ in 0..RUNS {
        best = best.min(runtime.swap(prepared.clone()).await.map_err(boxed)?);
    }
    Ok(best)
}

fn boxed(
    error: impl miette::Diagnostic + Send + Sync + 'static,
) -> Box<dyn miette::Diagnostic + Send + Sync> {
    Box::new(error)
}

#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("cannot measure the start-up: {0}")]
struct Io(std::io::Error);

/// Nothing runs long enough to ask.
struct NoAssets;

impl AssetHost for NoAssets {
    fn fetch(
        &self,
        _worker: &str,
        _request: http::Request<Bytes>,
    ) -> std::pin::Pin<Box<dyn Future<Output = http::Response<Bytes>> + Send>> {
        Box::pin(async { http::Response::new(Bytes::new()) })
    }
}
