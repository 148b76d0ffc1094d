//! Proving that a destroyed stage is gone.

use tiny_cloudflare::Account;

use crate::error::EngineError;
use crate::plan::{PlanOptions, is_ours, plan};
use crate::refresh::{Depth, refresh};
use crate::state::State;
use crate::{Address, Goal, Scope, lifecycle};

/// Reads the account again: nothing that was recorded in `before`, carries the stage's tags or is
/// bound by what does may be left, but for what is kept.
pub async fn verify(cloud: &Account, scope: &Scope, before: &State) -> Result<(), EngineError> {
    let goal = Goal::Destroy(scope);
    let mut before = before.clone();
    lifecycle::follow(&mut before, goal)?;
    let before = &before;
    let actual = refresh(cloud, goal, before, Depth::Full).await?;
    let unprotected = Scope {
        protect: false,
        ..scope.clone()
    };
    let goal = Goal::Destroy(&unprotected);
    let left = plan(goal, before, &actual, &PlanOptions::default())?;
    let is_kept = |address: &Address| left.kept.iter().any(|kept| kept.address == *address);
    let remaining: Vec<_> = actual
        .resources
        .into_iter()
        .filter(|(address, live)| is_ours(address, before.resources.get(address), live))
        .filter(|(address, _)| !is_kept(address))
        .map(|(address, live)| (address, live.name))
        .collect();
    if remaining.is_empty() {
        Ok(())
    } else {
        Err(EngineError::Remains { remaining })
    }
}
