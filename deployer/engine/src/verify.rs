//! Proving that a destroyed stage is gone.

use tiny_cloudflare::Account;

use crate::error::EngineError;
use crate::plan::is_ours;
use crate::refresh::{Depth, refresh};
use crate::state::State;
use crate::{Goal, Scope};

/// Reads the account again: nothing that was recorded in `before`, carries the stage's tags or is
/// bound by what does may be left.
pub async fn verify(cloud: &Account, scope: &Scope, before: &State) -> Result<(), EngineError> {
    let actual = refresh(cloud, Goal::Destroy(scope), before, Depth::Full).await?;
    let remaining: Vec<_> = actual
        .resources
        .into_iter()
        .filter(|(address, live)| is_ours(address, before.resources.get(address), live))
        .map(|(address, live)| (address, live.name))
        .collect();
    if remaining.is_empty() {
        Ok(())
    } else {
        Err(EngineError::Remains { remaining })
    }
}
