use std::collections::BTreeMap;

use clap::Args;
use owo_colors::OwoColorize as _;
use serde_json::json;
use tiny_cloudflare::Account;
use tiny_engine::{
    Address, Code, Depth, Desired, Goal, Guard, State, StateStore, changes, recover, refresh,
};
use tiny_manifest::Stack;

use super::Context;
use crate::exit::Failure;
use crate::figures::counted;
use crate::plan_view::changed;
use crate::recorded::state_failure;

/// Record what Cloudflare has: rebuilds a lost record, and takes over what was changed by hand
#[derive(Debug, Args)]
#[command(
    after_help = "Nothing on Cloudflare is changed. What is ours is told by names and by the tags of the workers."
)]
pub(crate) struct RefreshArgs {}

impl RefreshArgs {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let stack = context.stack()?;
        let account = context.account().await?;
        let store = context.state_store_with(&stack, &account)?;
        let guard = store
            .lock("refresh")
            .await
            .map_err(|error| state_failure(&error))?;
        let outcome = locked(context, &stack, &account, &store, &guard).await;
        guard
            .release()
            .await
            .map_err(|error| state_failure(&error))?;
        let (resources, changed) = outcome?;
        let count = counted(resources, "resource");
        if changed {
            context
                .printer
                .result(&format!("  {} recorded {count}", "✔".green()));
        } else {
            context.printer.result(&format!("  {count}, as recorded"));
        }
        context.printer.event(&json!({
            "event": "done",
            "ok": true,
            "resources": resources,
            "changed": changed,
        }));
        Ok(())
    }
}

/// Gives how much is recorded now, and whether that is news.
async fn locked(
    context: &Context<'_>,
    stack: &Stack,
    account: &Account,
    store: &StateStore,
    guard: &Guard,
) -> Result<(usize, bool), Failure> {
    let fresh = || State::new(&stack.name, &stack.stage, Some(account.id()));
    let (state, broken) = match store.load().await {
        Ok(Some(state)) => (state, false),
        Ok(None) => (fresh(), false),
        Err(error) if error.is_unreadable() => {
            context.printer.warning(&error.to_string());
            (fresh(), true)
        }
        Err(error) => return Err(state_failure(&error)),
    };
    state
        .check_account(account.id())
        .map_err(|error| state_failure(&error))?;
    let wanted = wanted_unbuilt(stack)?;
    let goal = Goal::Deploy(&wanted);
    let actual = refresh(account, goal, &state, Depth::Full)
        .await
        .map_err(|error| Failure::from_engine(&error))?;
    let mut after = recover(&state, goal, &actual);
    let lines = differences(&state, &after);
    let count = after.resources.len();
    if lines.is_empty() && !broken {
        return Ok((count, false));
    }
    for line in &lines {
        context.printer.result(line);
    }
    context.confirm("Record this?").await?;
    let saved = if broken {
        guard.push(after, true).await.map(drop)
    } else {
        guard.save(&mut after).await
    };
    saved.map_err(|error| state_failure(&error))?;
    Ok((count, true))
}

/// The manifest as far as reading the account needs it: names and dependencies, without code.
pub(super) fn wanted_unbuilt(stack: &Stack) -> Result<Desired, Failure> {
    let no_code = |_: &tiny_manifest::Worker| Code {
        main: String::new(),
        modules: Vec::new(),
        hash: String::new(),
    };
    let code: BTreeMap<_, _> = stack
        .workers
        .iter()
        .map(|worker| (worker.id.clone(), no_code(worker)))
        .collect();
    // Nothing is fetched only to look at the account.
    Desired::of(stack, code, &BTreeMap::new(), &|_| None)
        .map_err(|error| Failure::from_engine(&error))
}

fn differences(before: &State, after: &State) -> Vec<String> {
    let mut addresses: Vec<&Address> = before
        .resources
        .keys()
        .chain(after.resources.keys())
        .collect();
    addresses.sort();
    addresses.dedup();
    let mut lines = Vec::new();
    for address in addresses {
        let old = before.resources.get(address);
        let new = after.resources.get(address);
        match (old, new) {
            (Some(old), None) => lines.push(format!(
                "  {} {address}  {}  is gone, and forgotten",
                "-".red(),
                old.name
            )),
            (None, Some(new)) => {
                lines.push(format!("  {} {address}  {}  found", "+".green(), new.name));
            }
            (Some(old), Some(new)) if old != new => {
                lines.push(format!("  {} {address}  {}", "~".yellow(), new.name));
                let properties = changes(&old.properties, &new.properties);
                lines.extend(properties.iter().map(|change| changed(change, "      ")));
            }
            _ => {}
        }
    }
    lines
}
