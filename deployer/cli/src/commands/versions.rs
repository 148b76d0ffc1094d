use std::collections::BTreeMap;

use clap::Args;
use owo_colors::OwoColorize as _;
use serde_json::json;
use tiny_cloudflare::{Account, Deployment, Version};

use super::Context;
use crate::exit::Failure;
use crate::figures::moment;
use crate::stage_workers::{StageWorker, not_deployed, stage_workers};

/// Show the versions of the deployed workers, and which of them serve now
#[derive(Debug, Args)]
pub(crate) struct VersionsArgs {
    /// Only this worker of the manifest [default: all of them]
    #[arg(long, value_name = "ID")]
    worker: Option<String>,
}

/// What Cloudflare knows of a worker's code, the newest first.
pub(crate) struct History {
    pub(crate) versions: Vec<Version>,
    /// The live one first.
    pub(crate) deployments: Vec<Deployment>,
}

impl History {
    pub(crate) async fn read(
        account: &Account,
        worker: &StageWorker,
        stage: &str,
    ) -> Result<Self, Failure> {
        let read = tokio::try_join!(
            account.latest_versions(&worker.name),
            account.latest_deployments(&worker.name),
        );
        let (versions, deployments) = read.map_err(|error| {
            if error.is_not_found() {
                not_deployed(worker, stage)
            } else {
                Failure::from_diagnostic(&error)
            }
        })?;
        Ok(Self {
            versions,
            deployments,
        })
    }

    /// Percent of the traffic, by version.
    pub(crate) fn shares(&self) -> BTreeMap<&str, f64> {
        let live = self.deployments.first();
        live.into_iter()
            .flat_map(|deployment| &deployment.versions)
            .map(|share| (share.version_id.as_str(), share.percentage))
            .collect()
    }

    pub(crate) fn version(&self, id: &str) -> Option<&Version> {
        self.versions.iter().find(|version| version.id == id)
    }
}

impl VersionsArgs {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let stack = context.stack()?;
        let account = context.account().await?;
        let workers = stage_workers(&stack, self.worker.as_deref())?;
        for worker in &workers {
            let history = History::read(&account, worker, stack.stage.as_str()).await?;
            show(context, worker, &history);
        }
        context.printer.event(&json!({"event": "done", "ok": true}));
        Ok(())
    }
}

fn show(context: &Context<'_>, worker: &StageWorker, history: &History) {
    let printer = context.printer;
    let shares = history.shares();
    printer.result(&format!("  worker {}  {}", worker.id.bold(), worker.name));
    for version in &history.versions {
        let share = shares.get(version.id.as_str());
        let mark = if share.is_some() { "●" } else { " " };
        let number = version.number.map_or_else(String::new, |n| n.to_string());
        let serves = share.map_or_else(String::new, |share| format!("  {share} %"));
        printer.result(&format!(
            "  {} {number:>4}  {}{}",
            mark.green(),
            version.id,
            serves.green()
        ));
        let about = [
            version.metadata.created_on.as_deref().map(moment),
            version.metadata.source.clone(),
            version.metadata.author_email.clone(),
            version.annotations.message.clone(),
        ];
        let about: Vec<_> = about
            .into_iter()
            .flatten()
            .filter(|text| !text.is_empty())
            .collect();
        printer.result(&format!("          {}", about.join(" · ").dimmed()));
        printer.event(&json!({
            "event": "version",
            "worker": worker.id,
            "id": version.id,
            "number": version.number,
            "created": version.metadata.created_on,
            "author": version.metadata.author_email,
            "source": version.metadata.source,
            "message": version.annotations.message,
            "percentage": share.copied().unwrap_or_default(),
        }));
    }
}
