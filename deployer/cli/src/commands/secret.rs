//! `tiny secret`: secrets of the workers that run, set and deleted beside a deploy.

use clap::{Args, Subcommand};
use owo_colors::OwoColorize as _;
use serde_json::json;
use tiny_cloudflare::{Account, CloudflareError, Secret};
use tiny_engine::{Address, Kind, StateError};
use tiny_manifest::Stack;

use super::Context;
use crate::exit::Failure;
use crate::recorded::state_failure;
use crate::stage_workers::{StageWorker, not_deployed, one_worker, stage_workers};
use crate::symbol_store::SymbolStore;

/// Set, list and delete secrets of the deployed workers
#[derive(Debug, Args)]
pub(crate) struct SecretArgs {
    #[command(subcommand)]
    command: SecretCommand,
}

#[derive(Debug, Subcommand)]
enum SecretCommand {
    /// Set a secret; its value is typed, or comes through standard input
    Put {
        name: String,
        /// The worker of the manifest, where that is not clear from the name
        #[arg(long, value_name = "ID")]
        worker: Option<String>,
    },
    /// List the names of the secrets; nobody is told their values
    List {
        /// Only of this worker of the manifest [default: all of them]
        #[arg(long, value_name = "ID")]
        worker: Option<String>,
    },
    /// Delete a secret
    Delete {
        name: String,
        /// The worker of the manifest, where that is not clear from the name
        #[arg(long, value_name = "ID")]
        worker: Option<String>,
    },
}

impl SecretArgs {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let stack = context.stack()?;
        match self.command {
            SecretCommand::Put { name, worker } => {
                check_name(&name)?;
                let worker = owner(&stack, &name, worker.as_deref())?;
                put(context, &stack, &worker, &name).await
            }
            SecretCommand::List { worker } => {
                let workers = stage_workers(&stack, worker.as_deref())?;
                list(context, &stack, &workers).await
            }
            SecretCommand::Delete { name, worker } => {
                check_name(&name)?;
                let worker = owner(&stack, &name, worker.as_deref())?;
                delete(context, &stack, &worker, &name).await
            }
        }
    }
}

fn check_name(name: &str) -> Result<(), Failure> {
    let fits = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty();
    if fits {
        return Ok(());
    }
    // What is no name may be a value by mistake: it is not repeated.
    Err(Failure::usage("that is no name of a secret: letters, digits and `_`")
        .with_help("the value is never an argument: `tiny secret put NAME` asks for it, or reads it from standard input".to_owned()))
}

/// The worker that a secret belongs to: the one asked for, the only one, or the only one whose
/// manifest names the secret.
fn owner(stack: &Stack, name: &str, asked: Option<&str>) -> Result<StageWorker, Failure> {
    let mut naming = stack
        .workers
        .iter()
        .filter(|worker| worker.secrets.iter().any(|secret| secret.name == name));
    let named = match (asked, naming.next(), naming.next()) {
        (None, Some(one), None) => Some(one.id.as_str()),
        (asked, ..) => asked,
    };
    one_worker(stack, named)
}

async fn put(
    context: &Context<'_>,
    stack: &Stack,
    worker: &StageWorker,
    name: &str,
) -> Result<(), Failure> {
    let account = context.account().await?;
    let value = context.secret(&format!("Value of {name}")).await?;
    change(context, stack, &account, worker, name, Some(&value)).await?;
    context.printer.result(&format!(
        "  {} {name} of worker {} is set; a new version of it runs",
        "✔".green(),
        worker.id
    ));
    let is_named = stack.workers.iter().any(|known| {
        known.id == worker.id && known.secrets.iter().any(|secret| secret.name == name)
    });
    if !is_named {
        context.printer.say(&format!(
            "  the manifest does not name it: add it to `secrets` of [workers.{}]",
            worker.id
        ));
    }
    done(context, worker, name);
    Ok(())
}

async fn delete(
    context: &Context<'_>,
    stack: &Stack,
    worker: &StageWorker,
    name: &str,
) -> Result<(), Failure> {
    let account = context.account().await?;
    let there = account
        .secrets(&worker.name)
        .await
        .map_err(|error| failure(&error, worker, stack))?;
    if !there.iter().any(|secret| secret.name == name) {
        return Err(
            Failure::failed(format!("worker `{}` has no secret `{name}`", worker.id))
                .with_help("`tiny secret list` shows those that it has".to_owned()),
        );
    }
    context
        .confirm(&format!(
            "Delete {name} of worker {}? Its value cannot be read back.",
            worker.name
        ))
        .await?;
    change(context, stack, &account, worker, name, None).await?;
    context.printer.result(&format!(
        "  {} {name} of worker {} is deleted; a new version of it runs",
        "✔".green(),
        worker.id
    ));
    done(context, worker, name);
    Ok(())
}

/// Changes the secret of the worker that runs, and records it, under the stage's lock.
async fn change(
    context: &Context<'_>,
    stack: &Stack,
    account: &Account,
    worker: &StageWorker,
    name: &str,
    value: Option<&Secret>,
) -> Result<(), Failure> {
    let store = context.state_store_with(stack, account)?;
    let purpose = if value.is_some() {
        "secret put"
    } else {
        "secret delete"
    };
    let guard = store
        .lock(purpose)
        .await
        .map_err(|error| state_failure(&error))?;
    let outcome = async {
        let state = store.load().await.map_err(|error| state_failure(&error))?;
        if let Some(state) = &state {
            state
                .check_account(account.id())
                .map_err(|error| state_failure(&error))?;
        }
        let before = live_version(account, worker).await;
        match value {
            Some(value) => account
                .put_secret(&worker.name, name, value)
                .await
                .map(drop),
            None => account.delete_secret(&worker.name, name).await.map(drop),
        }
        .map_err(|error| failure(&error, worker, stack))?;
        if let (Some(before), Some(after)) = (before, live_version(account, worker).await) {
            // For nothing but readable panics.
            let _ = SymbolStore::of(&stack.root).note_same(&after, &before);
        }
        let Some(mut state) = state else {
            return Ok(());
        };
        match state.note_secret(&Address::new(Kind::Worker, &worker.id), name, value) {
            Ok(()) => guard
                .save(&mut state)
                .await
                .map_err(|error| state_failure(&error)),
            // Deployed from elsewhere: the next plan finds it.
            Err(StateError::NotRecorded { .. }) => Ok(()),
            Err(error) => Err(state_failure(&error)),
        }
    }
    .await;
    guard
        .release()
        .await
        .map_err(|error| state_failure(&error))?;
    outcome
}

/// The version that has all the traffic, as far as it can be told.
async fn live_version(account: &Account, worker: &StageWorker) -> Option<String> {
    let deployments = account.latest_deployments(&worker.name).await.ok()?;
    match deployments.first()?.versions.as_slice() {
        [only] => Some(only.version_id.clone()),
        _ => None,
    }
}

async fn list(
    context: &Context<'_>,
    stack: &Stack,
    workers: &[StageWorker],
) -> Result<(), Failure> {
    let account = context.account().await?;
    for worker in workers {
        let there = account
            .secrets(&worker.name)
            .await
            .map_err(|error| failure(&error, worker, stack))?;
        let wanted = stack
            .workers
            .iter()
            .find(|known| known.id == worker.id)
            .map(|known| known.secrets.as_slice())
            .unwrap_or_default();
        context
            .printer
            .result(&format!("  worker {}  {}", worker.id.bold(), worker.name));
        for secret in &there {
            let named = wanted.iter().any(|wanted| wanted.name == secret.name);
            let remark = if named { "" } else { "  not in the manifest" };
            context
                .printer
                .result(&format!("    {}{}", secret.name, remark.yellow()));
            context.printer.event(&json!({
                "event": "secret",
                "worker": worker.id,
                "name": secret.name,
                "set": true,
                "in_manifest": named,
            }));
        }
        for missing in wanted
            .iter()
            .filter(|wanted| there.iter().all(|secret| secret.name != wanted.name))
        {
            context
                .printer
                .result(&format!("    {}  {}", missing.name, "not set".red()));
            context.printer.event(&json!({
                "event": "secret",
                "worker": worker.id,
                "name": missing.name,
                "set": false,
                "in_manifest": true,
            }));
        }
        if there.is_empty() && wanted.is_empty() {
            context.printer.result(&format!("    {}", "none".dimmed()));
        }
    }
    context.printer.event(&json!({"event": "done", "ok": true}));
    Ok(())
}

/// After a rollback, or beside a deployment that is split.
const LATEST_NOT_DEPLOYED: u32 = 10215;

fn failure(error: &CloudflareError, worker: &StageWorker, stack: &Stack) -> Failure {
    if error.has_code(LATEST_NOT_DEPLOYED) {
        return Failure::from_diagnostic(error).with_help(format!(
            "Cloudflare changes secrets of the latest version only, and another one runs, perhaps after a rollback: put the value into the environment or into .env.{stage}, and run `tiny deploy --stage {stage}`",
            stage = stack.stage
        ));
    }
    if error.is_not_found() {
        not_deployed(worker, stack.stage.as_str()).with_help(format!(
            "run `tiny deploy --stage {stage}` first; for a first deploy put secrets into the environment or into .env.{stage}",
            stage = stack.stage
        ))
    } else {
        Failure::from_diagnostic(error)
    }
}

fn done(context: &Context<'_>, worker: &StageWorker, name: &str) {
    context.printer.event(&json!({
        "event": "done",
        "ok": true,
        "worker": worker.id,
        "name": name,
    }));
}
