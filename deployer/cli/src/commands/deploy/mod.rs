//! `tiny deploy`: makes a stage what the manifest says.

mod agree;
mod smoke;

use std::collections::BTreeMap;

use clap::Args;
use owo_colors::OwoColorize as _;
use serde_json::{Value, json};
use tiny_cloudflare::Account;
use tiny_engine::{Address, EngineError, Goal, Guard, Kind, Plan, Spec, State, StateStore};
use tiny_manifest::Stack;

use super::plan::depth;
use super::{Context, until_interrupted};
use crate::exit::Failure;
use crate::figures::{size, time};
use crate::local_cloud::{self, Running};
use crate::plan_view::is_new;
use crate::planning::{Planned, planned};
use crate::recorded::state_failure;
use crate::release::{ProfileChoice, Release};
use crate::symbol_store::SymbolStore;
use smoke::smoke;

/// Build the workers and make the stage what the manifest says
#[derive(Debug, Args)]
#[command(
    after_help = "Asks before it changes anything, on a terminal. Without one it goes ahead, and stops (exit code 4) before data would be destroyed."
)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct DeployArgs {
    /// Go on even where data is destroyed
    #[arg(long)]
    allow_data_loss: bool,

    /// Believe the record, and do not read what Cloudflare has
    #[arg(long)]
    no_refresh: bool,

    /// Do not ask the deployed workers whether they answer
    #[arg(long)]
    no_smoke: bool,

    /// Steps at once, at most
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = at_least_one)]
    parallel: usize,

    /// How to compile
    #[arg(long, value_name = "PROFILE", default_value = "release")]
    profile: ProfileChoice,

    /// With `--cloud local`: do not start a local Cloudflare where none runs
    #[arg(long)]
    detach: bool,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..) => Ok(number),
        _ => Err("expected a number from 1 on".to_owned()),
    }
}

/// What runs now.
struct Deployed {
    /// By the id of the worker, in the order of the manifest.
    urls: Vec<(String, String)>,
    versions: BTreeMap<String, String>,
    /// Bytes on the way.
    sizes: BTreeMap<String, usize>,
    changed: bool,
}

impl DeployArgs {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let stack = context.stack()?;
        let Some(cloud) = until_interrupted(self.local_cloud(context)).await? else {
            return self.deploy(context, &stack).await;
        };
        let outcome = self.deploy(context, &stack).await;
        if outcome.is_err() {
            cloud.stop().await;
            return outcome;
        }
        context.printer.say(&format!(
            "  {}",
            "a local Cloudflare serves it until Ctrl-C; its data stays".dimmed()
        ));
        match cloud.serve().await {
            // All that was asked for is done by then.
            Err(failure) if failure.is_interruption() => Ok(()),
            ended => ended,
        }
    }

    /// With `--cloud local`, one inside this command where none runs and somebody watches.
    async fn local_cloud(&self, context: &Context<'_>) -> Result<Option<Running>, Failure> {
        if !context.wants_local_cloud()? {
            return Ok(None);
        }
        if self.detach || !context.can_ask() {
            return Err(context.no_local_cloud()?);
        }
        let mut options = local_cloud::options(context)?;
        if std::net::TcpListener::bind(options.listen).is_err() {
            // Nobody named a port here, so that any other will do.
            options.listen.set_port(0);
        }
        local_cloud::start(options, context.printer).await.map(Some)
    }

    async fn deploy(&self, context: &Context<'_>, stack: &Stack) -> Result<(), Failure> {
        let account = &until_interrupted(context.account()).await?;
        let store = context.state_store_with(stack, account)?;
        let release = until_interrupted(context.release(stack, self.profile)).await?;
        let guard = until_interrupted(async {
            store
                .lock("deploy")
                .await
                .map_err(|error| state_failure(&error))
        })
        .await?;
        let outcome = self
            .locked(context, stack, account, &store, &release, &guard)
            .await;
        let released = guard.release().await;
        let deployed = outcome?;
        released.map_err(|error| state_failure(&error))?;
        let smoked = until_interrupted(self.smoked(context, &deployed)).await;
        if smoked.is_ok() {
            show(context, &deployed);
        }
        smoked
    }

    /// What is done while nobody else may change the stage.
    async fn locked(
        &self,
        context: &Context<'_>,
        stack: &Stack,
        account: &Account,
        store: &StateStore,
        release: &Release,
        guard: &Guard,
    ) -> Result<Deployed, Failure> {
        let goal = Goal::Deploy(&release.desired);
        let planning = planned(account, store, goal, depth(self.no_refresh));
        let mut planned = until_interrupted(planning).await?;
        context.show_plan(&planned.plan);
        for line in code_updates(&planned.plan, release) {
            context.printer.say(&line);
        }
        until_interrupted(self.agree(context, &planned.plan)).await?;
        let symbols = SymbolStore::of(&stack.root);
        if !planned.plan.is_empty() {
            release.keep_symbols(context, &symbols);
        }
        // Also where there is nothing to do: what was found may have to be recorded.
        context
            .carry_out(account, goal, &mut planned, guard, self.parallel)
            .await
            .map_err(|error| self.failure(&error, release))?;
        let deployed = Deployed::of(context, stack, &planned);
        for (worker, version) in &deployed.versions {
            if let Some(build) = release.builds.get(worker) {
                // For nothing but readable panics.
                let _ = symbols.note(version, &build.bundle.hash);
            }
        }
        Ok(deployed)
    }

    /// An error of the engine, with Rust names where a worker's own words are in it.
    #[expect(clippy::unused_self, reason = "reads as part of the deploy")]
    fn failure(&self, error: &EngineError, release: &Release) -> Failure {
        let failure = Failure::from_engine(error);
        let EngineError::Step(step) = error else {
            return failure;
        };
        match release.builds.get(&step.step.address.id) {
            Some(build) if step.step.address.kind == Kind::Worker => {
                failure.map_message(|message| build.symbols.symbolise(message))
            }
            _ => failure,
        }
    }

    /// Asks what was just changed whether it answers.
    async fn smoked(&self, context: &Context<'_>, deployed: &Deployed) -> Result<(), Failure> {
        if self.no_smoke || !deployed.changed {
            return Ok(());
        }
        for (worker, url) in &deployed.urls {
            let answer = smoke(url).await?;
            context.printer.say(&format!(
                "  {} {worker} answers {} in {}",
                "✔".green(),
                answer.status,
                time(answer.took)
            ));
            context.printer.event(&json!({
                "event": "smoke",
                "worker": worker,
                "url": url,
                "status": answer.status,
            }));
        }
        Ok(())
    }
}

impl Deployed {
    fn of(context: &Context<'_>, stack: &Stack, planned: &Planned) -> Self {
        let output = |worker: &str, name: &str| output(&planned.state, worker, name);
        let workers = || stack.workers.iter().map(|worker| worker.id.clone());
        Self {
            urls: workers()
                .filter_map(|id| {
                    let url = output(&id, "url")?;
                    Some((id, context.reachable(&url)))
                })
                .collect(),
            versions: workers()
                .filter_map(|id| {
                    let version = output(&id, "version_id")?;
                    Some((id, version))
                })
                .collect(),
            sizes: workers()
                .filter_map(|id| {
                    let bytes = output(&id, "size_gzipped")?.parse().ok()?;
                    Some((id, bytes))
                })
                .collect(),
            changed: planned
                .plan
                .changes()
                .any(|step| step.address.kind == Kind::Worker),
        }
    }
}

fn output(state: &State, worker: &str, name: &str) -> Option<String> {
    let record = state.resources.get(&Address::new(Kind::Worker, worker))?;
    record.outputs.get(name).cloned()
}

/// The last line is what the user wanted.
fn show(context: &Context<'_>, deployed: &Deployed) {
    let printer = context.printer;
    for (worker, version) in &deployed.versions {
        let weight = deployed
            .sizes
            .get(worker)
            .map_or_else(String::new, |bytes| format!(", {} gzipped", size(*bytes)));
        printer.say(&format!("  {worker}  version {version}{weight}"));
    }
    // The first worker of the manifest is the one that people mean.
    for (worker, url) in deployed.urls.iter().rev() {
        if deployed.urls.len() > 1 {
            printer.result(&format!("  {}  {worker}", url.bold()));
        } else {
            printer.result(&format!("  {}", url.bold()));
        }
    }
    let urls: serde_json::Map<_, _> = deployed
        .urls
        .iter()
        .map(|(worker, url)| (worker.clone(), Value::from(url.as_str())))
        .collect();
    printer.event(&json!({
        "event": "done",
        "ok": true,
        "changed": deployed.changed,
        "urls": urls,
        "versions": deployed.versions,
        "gzip_bytes": deployed.sizes,
    }));
}

/// When running objects get the new code is no detail: with Cloudflare's own default, old code goes
/// on for minutes.
fn code_updates(plan: &Plan, release: &Release) -> Vec<String> {
    plan.changes()
        .filter(|step| !is_new(plan, &step.address))
        .filter(|step| step.changes.iter().any(|change| change.path == "code"))
        .filter_map(|step| {
            let want = release.desired.resources.get(&step.address)?;
            let Spec::Worker(worker) = &want.spec else {
                return None;
            };
            if worker.classes.is_empty() {
                return None;
            }
            let id = &step.address.id;
            Some(match worker.code_update {
                tiny_cloudflare::CodeUpdate::Immediate => {
                    format!("  {id}: running Durable Objects are restarted with the new code at once")
                }
                tiny_cloudflare::CodeUpdate::Deferred { max_delay } => format!(
                    "  {id}: running Durable Objects keep the old code until they are idle, at most {max_delay} s"
                ),
            })
        })
        .collect()
}
