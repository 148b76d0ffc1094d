use clap::Args;
use owo_colors::OwoColorize as _;
use serde_json::json;
use tiny_cloudflare::{CodeUpdate, NewDeployment, TrafficShare, Version};

use super::Context;
use super::versions::History;
use crate::exit::Failure;
use crate::figures::moment;
use crate::stage_workers::{StageWorker, one_worker};

/// What a version does not hold, and so no rollback brings back.
const STAYS: &str = "code, vars, secrets and bindings go back; data (Durable Objects, KV, D1, R2, queues),\n  SQL and class migrations, crons, routes and domains stay as they are";

/// Let a worker run an earlier version again
#[derive(Debug, Args)]
#[command(after_help = "The next `tiny deploy` brings back what the manifest says.")]
pub(crate) struct RollbackArgs {
    /// Its id, the beginning of it, or its number; see `tiny versions` [default: the one deployed before]
    #[arg(value_name = "VERSION")]
    to: Option<String>,

    /// The worker of the manifest, where there are several
    #[arg(long, value_name = "ID")]
    worker: Option<String>,

    /// Why; kept with the deployment
    #[arg(long, value_name = "TEXT")]
    message: Option<String>,
}

impl RollbackArgs {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let stack = context.stack()?;
        let worker = one_worker(&stack, self.worker.as_deref())?;
        let code_update = stack
            .workers
            .iter()
            .find(|known| known.id == worker.id)
            .map(|known| known.code_update)
            .unwrap_or_default();
        let account = context.account().await?;
        let history = History::read(&account, &worker, stack.stage.as_str()).await?;
        let id = match &self.to {
            Some(wanted) => named(&history, wanted)?,
            None => before(&history, &worker)?,
        };
        if history
            .shares()
            .get(id.as_str())
            .is_some_and(|share| *share >= 100.0)
        {
            return Err(Failure::usage(format!("version {id} is the one that runs"))
                .with_help("`tiny versions` lists the others".to_owned()));
        }
        let printer = context.printer;
        printer.say(&format!(
            "  worker {} goes back to {}",
            worker.id.bold(),
            told(history.version(&id), &id).bold()
        ));
        printer.say(&format!("  {}", STAYS.dimmed()));
        let (mode, consequence) = match code_update {
            tiny_manifest::CodeUpdate::Immediate => (
                CodeUpdate::Immediate,
                "running Durable Objects are restarted at once".to_owned(),
            ),
            tiny_manifest::CodeUpdate::Deferred { max_delay } => (
                CodeUpdate::Deferred { max_delay },
                format!(
                    "running Durable Objects change over when they are idle, within {max_delay} s"
                ),
            ),
        };
        printer.say(&format!("  {}", consequence.dimmed()));
        context
            .confirm(&format!("Roll `{}` back?", worker.name))
            .await?;
        let deployment = NewDeployment {
            versions: vec![TrafficShare {
                version_id: id.clone(),
                percentage: 100.0,
            }],
            message: self.message.or_else(|| Some(format!("rollback to {id}"))),
            code_update: Some(mode),
        };
        let deployed = account
            .create_deployment(&worker.name, &deployment)
            .await
            .map_err(|error| Failure::from_diagnostic(&error))?;
        printer.result(&format!(
            "  {} {} runs {}",
            "✔".green(),
            worker.name,
            told(history.version(&id), &id)
        ));
        printer.event(&json!({
            "event": "done",
            "ok": true,
            "worker": worker.id,
            "version": id,
            "deployment": deployed.id,
        }));
        Ok(())
    }
}

/// The version that a word on the command line means.
fn named(history: &History, wanted: &str) -> Result<String, Failure> {
    let number: Option<u64> = wanted.parse().ok();
    let by_number = |version: &&Version| number.is_some() && version.number == number;
    if let Some(version) = history.versions.iter().find(by_number) {
        return Ok(version.id.clone());
    }
    let mut fitting = history
        .versions
        .iter()
        .filter(|version| version.id.starts_with(wanted));
    match (fitting.next(), fitting.next()) {
        (Some(one), None) => Ok(one.id.clone()),
        (Some(_), Some(_)) => Err(Failure::usage(format!(
            "several versions begin with `{wanted}`"
        ))
        .with_help("give more of the id; `tiny versions` lists them".to_owned())),
        // Cloudflare lists only the latest ones; an older one is named by its whole id.
        (None, _) if wanted.len() == 36 => Ok(wanted.to_owned()),
        (None, _) => Err(Failure::usage(format!("there is no version `{wanted}`"))
            .with_help("`tiny versions` lists them".to_owned())),
    }
}

/// The version that ran before the one that runs now.
fn before(history: &History, worker: &StageWorker) -> Result<String, Failure> {
    let now = history.shares();
    history
        .deployments
        .iter()
        .skip(1)
        .flat_map(|deployment| &deployment.versions)
        .find(|share| !now.contains_key(share.version_id.as_str()))
        .map(|share| share.version_id.clone())
        .ok_or_else(|| {
            Failure::failed(format!(
                "no other version of `{}` was deployed before",
                worker.name
            ))
            .with_help("`tiny versions` lists what there is".to_owned())
        })
}

/// `version 3 of 2026-11-24 18:02 (3 days ago)`
fn told(version: Option<&Version>, id: &str) -> String {
    let number = version.and_then(|version| version.number);
    let made = version.and_then(|version| version.metadata.created_on.as_deref());
    let mut text = match number {
        Some(number) => format!("version {number}"),
        None => format!("version {id}"),
    };
    if let Some(made) = made {
        text.push_str(" of ");
        text.push_str(&moment(made));
    }
    text
}
