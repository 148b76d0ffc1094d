use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use clap::Args;
use owo_colors::OwoColorize as _;
use serde_json::json;
use tiny_engine::{Actual, Address, Change, Depth, Goal, Owner, Plan, Scope, State, Status};

use super::Context;
use crate::exit::Failure;
use crate::figures::age;
use crate::plan_view::changed;
use crate::planning::{Planned, planned};
use crate::recorded::state_failure;

/// Show what a stage has: what is recorded, and what is really there
#[derive(Debug, Args)]
#[command(
    after_help = "Builds nothing and changes nothing. `tiny plan` compares with the manifest."
)]
pub(crate) struct StatusArgs {}

/// How the record and the account agree on a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    AsRecorded,
    Drifted,
    /// A run ended in the middle of it.
    Unfinished,
    Gone,
    Unrecorded,
    Foreign,
}

impl Standing {
    fn word(self) -> &'static str {
        match self {
            Self::AsRecorded => "ready",
            Self::Drifted => "changed outside of tiny",
            Self::Unfinished => "unfinished",
            Self::Gone => "gone from the account",
            Self::Unrecorded => "there, but not recorded",
            Self::Foreign => "belongs to somebody else",
        }
    }

    fn coloured(self) -> String {
        match self {
            Self::AsRecorded => self.word().green().to_string(),
            Self::Gone | Self::Foreign => self.word().red().to_string(),
            _ => self.word().yellow().to_string(),
        }
    }
}

impl StatusArgs {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let stack = context.stack()?;
        let account = context.account().await?;
        let store = context.state_store_with(&stack, &account)?;
        let mut scope = Scope::of(&stack);
        // Nothing is destroyed: the plan is only asked for what drifted.
        scope.protect = false;
        let planned = planned(&account, &store, Goal::Destroy(&scope), Depth::Full).await?;
        let history = store
            .history()
            .await
            .map_err(|error| state_failure(&error))?;
        let holder = store
            .holder()
            .await
            .map_err(|error| state_failure(&error))?;
        let printer = context.printer;
        printer.result(&format!(
            "  stage {} of {}  account {}",
            stack.stage.as_str().bold(),
            stack.name.bold(),
            account.id()
        ));
        let saved = history.first().map(|version| version.recorded.updated);
        match saved {
            Some(saved) => printer.result(&format!(
                "  recorded {} ago, serial {}",
                since(saved),
                planned.state.serial
            )),
            None => printer.result("  nothing is recorded"),
        }
        if let Some(holder) = &holder {
            printer.result(&format!("  {} by {holder}", "locked".yellow()));
        }
        resources(context, &planned);
        for external in &scope.external {
            printer.result(&format!("  external: {external}"));
            printer.event(&json!({
                "event": "external",
                "kind": external.kind,
                "id": external.id,
                "identifier": external.identifier,
            }));
        }
        let outputs = super::outputs::all(context, &planned.state);
        for (worker, version) in ending(&outputs, ".version_id") {
            printer.result(&format!("  {worker} runs version {version}"));
        }
        for (worker, url) in ending(&outputs, ".url") {
            printer.result(&format!("  {}  {worker}", url.bold()));
        }
        printer.event(&json!({
            "event": "done",
            "ok": true,
            "stack": stack.name,
            "stage": stack.stage.as_str(),
            "account": account.id(),
            "serial": planned.state.serial,
            "recorded_at": saved.map(unix),
            "holder": holder,
            "outputs": outputs,
        }));
        Ok(())
    }
}

/// The outputs with this name, by what they belong to.
fn ending<'a>(
    outputs: &'a BTreeMap<String, String>,
    name: &str,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    outputs
        .iter()
        .filter_map(move |(output, value)| Some((output.strip_suffix(name)?, value.as_str())))
}

fn resources(context: &Context<'_>, planned: &Planned) {
    let Planned {
        state,
        actual,
        plan,
    } = planned;
    let addresses: BTreeSet<&Address> = state
        .resources
        .keys()
        .chain(actual.resources.keys())
        .collect();
    let name_of = |address: &Address| {
        let recorded = state.resources.get(address).map(|record| &record.name);
        let live = actual.resources.get(address).map(|live| &live.name);
        recorded.or(live).cloned().unwrap_or_default()
    };
    let width = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or(0);
    let ids = width(&mut addresses.iter().map(|address| address.id.len()));
    let names = width(&mut addresses.iter().map(|address| name_of(address).len()));
    for address in addresses {
        let standing = standing(address, state, actual, plan);
        let name = name_of(address);
        let is_kept = plan.kept.iter().any(|kept| kept.address == *address);
        let kept = if is_kept { ", kept" } else { "" };
        context.printer.result(&format!(
            "  {:6}  {:ids$}  {name:names$}  {}{kept}",
            address.kind.as_str(),
            address.id,
            standing.coloured()
        ));
        let changes = drift(plan, address);
        for change in changes {
            context.printer.result(&changed(change, "      "));
        }
        context.printer.event(&json!({
            "event": "resource",
            "kind": address.kind,
            "id": address.id,
            "name": name,
            "standing": standing.word(),
            "kept": is_kept,
            "drift": changes,
        }));
    }
}

fn drift<'a>(plan: &'a Plan, address: &Address) -> &'a [Change] {
    let drift = plan.drift.iter().find(|drift| drift.address == *address);
    drift
        .map(|drift| drift.changes.as_slice())
        .unwrap_or_default()
}

fn standing(address: &Address, state: &State, actual: &Actual, plan: &Plan) -> Standing {
    let record = state.resources.get(address);
    match (record, actual.resources.get(address)) {
        (Some(_), None) => Standing::Gone,
        (_, Some(live)) if matches!(live.owner, Owner::Other { .. }) => Standing::Foreign,
        (None, _) => Standing::Unrecorded,
        (Some(record), Some(_))
            if record.status != Status::Ready || record.input_hash.is_empty() =>
        {
            Standing::Unfinished
        }
        (Some(_), Some(_)) if !drift(plan, address).is_empty() => Standing::Drifted,
        (Some(_), Some(_)) => Standing::AsRecorded,
    }
}

/// `3 days`
pub(super) fn since(time: SystemTime) -> String {
    let passed = time.elapsed().unwrap_or_default().as_secs();
    age(i64::try_from(passed).unwrap_or(i64::MAX))
}

pub(super) fn unix(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
