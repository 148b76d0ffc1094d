//! The workers of a stage by their names on Cloudflare, for commands that act on what runs there.

use tiny_manifest::{Stack, physical_name};

use crate::exit::Failure;

/// A worker of the manifest, as it is called on Cloudflare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StageWorker {
    pub(crate) id: String,
    pub(crate) name: String,
}

/// The workers of a stack, or the one that was asked for.
pub(crate) fn stage_workers(
    stack: &Stack,
    only: Option<&str>,
) -> Result<Vec<StageWorker>, Failure> {
    let all = stack.workers.iter().map(|worker| StageWorker {
        id: worker.id.clone(),
        name: physical_name(&stack.name, &stack.stage, &worker.id),
    });
    let Some(only) = only else {
        return Ok(all.collect());
    };
    let found: Vec<_> = all.filter(|worker| worker.id == only).collect();
    if found.is_empty() {
        return Err(Failure::usage(format!("there is no worker `{only}`"))
            .with_help(format!("the manifest has {}", ids(stack))));
    }
    Ok(found)
}

/// The one worker that a command is about: the one asked for, or the only one.
pub(crate) fn one_worker(stack: &Stack, only: Option<&str>) -> Result<StageWorker, Failure> {
    let mut workers = stage_workers(stack, only)?;
    if workers.len() > 1 {
        return Err(
            Failure::usage("the stack has several workers").with_help(format!(
                "say which one: `--worker ID`, one of {}",
                ids(stack)
            )),
        );
    }
    // A stack has at least one.
    workers
        .pop()
        .ok_or_else(|| Failure::usage("the stack has no worker"))
}

fn ids(stack: &Stack) -> String {
    let ids: Vec<_> = stack
        .workers
        .iter()
        .map(|worker| worker.id.as_str())
        .collect();
    ids.join(", ")
}

/// No worker of that name on Cloudflare.
pub(crate) fn not_deployed(worker: &StageWorker, stage: &str) -> Failure {
    Failure::failed(format!(
        "worker `{}` is not deployed: there is no `{}` on Cloudflare",
        worker.id, worker.name
    ))
    .with_help(format!("run `tiny deploy --stage {stage}` first"))
}
