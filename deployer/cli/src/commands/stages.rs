use std::collections::BTreeMap;

use clap::Args;
use owo_colors::OwoColorize as _;
use serde_json::json;
use tiny_cloudflare::Account;
use tiny_engine::{StageSummary, Tags};
use tiny_manifest::StateBackend;

use super::Context;
use super::status::{since, unix};
use crate::exit::Failure;
use crate::figures::{counted, moment};
use crate::recorded::state_failure;

/// List the stages of this stack, as recorded and as the account has them
#[derive(Debug, Args)]
#[command(
    after_help = "Stages that were deployed from elsewhere are found by the tags of their workers."
)]
pub(crate) struct StagesArgs {}

/// What the account shows of a stage.
#[derive(Debug, Default)]
struct Seen {
    workers: usize,
    /// The oldest creation, as Cloudflare writes it.
    created: Option<String>,
}

impl StagesArgs {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let stack = context.stack()?;
        // The record on this machine can be looked at without an account.
        let account = match context.account().await {
            Ok(account) => Some(account),
            Err(failure) if stack.state == StateBackend::Cloudflare => return Err(failure),
            Err(failure) => {
                context.printer.warning(&format!(
                    "only what is recorded here: {}",
                    failure.message()
                ));
                None
            }
        };
        let store = match &account {
            Some(account) => context.state_store_with(&stack, account)?,
            None => context.state_store(&stack).await?,
        };
        let recorded = store.list().await.map_err(|error| state_failure(&error))?;
        let mut seen = match &account {
            Some(account) => seen(account, &stack.name).await?,
            None => BTreeMap::new(),
        };
        let mut stages: BTreeMap<String, (Option<&StageSummary>, Seen)> = BTreeMap::new();
        for summary in &recorded {
            let seen = seen.remove(&summary.stage).unwrap_or_default();
            stages.insert(summary.stage.clone(), (Some(summary), seen));
        }
        for (stage, seen) in seen {
            stages.insert(stage, (None, seen));
        }
        let width = stages.keys().map(String::len).max().unwrap_or(0);
        if stages.is_empty() {
            context.printer.result("  no stage is deployed");
        }
        for (stage, (summary, seen)) in &stages {
            show(context, stage, width, *summary, seen);
        }
        context.printer.event(&json!({"event": "done", "ok": true}));
        Ok(())
    }
}

/// The stages whose workers carry this stack's tags.
async fn seen(account: &Account, stack: &str) -> Result<BTreeMap<String, Seen>, Failure> {
    let scripts = account
        .scripts()
        .await
        .map_err(|error| Failure::from_diagnostic(&error))?;
    let mut stages: BTreeMap<String, Seen> = BTreeMap::new();
    for script in scripts {
        let tags = Tags::read(&script.tags);
        let (Some(owner), Some(stage)) = (tags.stack, tags.stage) else {
            continue;
        };
        if owner == stack {
            let seen = stages.entry(stage.to_owned()).or_default();
            seen.workers += 1;
            let older =
                |created: &String| script.created_on.as_ref().is_some_and(|new| new < created);
            if seen.created.is_none() || seen.created.as_ref().is_some_and(older) {
                seen.created.clone_from(&script.created_on);
            }
        }
    }
    Ok(stages)
}

fn show(
    context: &Context<'_>,
    stage: &str,
    width: usize,
    summary: Option<&StageSummary>,
    seen: &Seen,
) {
    let recorded = summary.map(|summary| &summary.recorded);
    let mut parts = vec![match recorded {
        Some(Ok(Some(recorded))) => format!(
            "{}, recorded {} ago",
            counted(recorded.resources, "resource"),
            since(recorded.updated)
        ),
        Some(Ok(None)) | None => "not recorded here".yellow().to_string(),
        Some(Err(error)) => format!("{}: {error}", "its record cannot be read".red()),
    }];
    if seen.workers > 0 {
        let made = seen
            .created
            .as_deref()
            .map_or_else(String::new, |created| format!(", made {}", moment(created)));
        parts.push(format!("{}{made}", counted(seen.workers, "worker")));
    }
    if let Some(holder) = summary.and_then(|summary| summary.holder.as_ref()) {
        parts.push(format!("{} by {holder}", "locked".yellow()));
    }
    context.printer.result(&format!(
        "  {}  {}",
        format!("{stage:width$}").bold(),
        parts.join(" · ")
    ));
    let record = recorded
        .and_then(|recorded| recorded.as_ref().ok())
        .and_then(Option::as_ref);
    context.printer.event(&json!({
        "event": "stage",
        "stage": stage,
        "resources": record.map(|record| record.resources),
        "recorded_at": record.map(|record| unix(record.updated)),
        "workers": seen.workers,
        "created": seen.created,
        "holder": summary.and_then(|summary| summary.holder.as_ref()),
    }));
}
