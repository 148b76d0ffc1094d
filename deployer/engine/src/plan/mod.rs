//! Planning: what is wanted, what is recorded and what is there become steps. Nothing here has an
//! effect, or waits for anything.

mod bonds;
mod classify;
mod order;
mod reason;
mod step;
#[cfg(test)]
mod tests;

pub(crate) use classify::is_ours;
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

pub use step::{Action, Drift, Kept, KeptBecause, Loss, LossKind, Note, Part, Step, Summary};

use crate::error::{DataLoss, PlanError};
use crate::resources::World;
use crate::state::State;
use crate::{Actual, Goal, Move, lifecycle};

/// What a plan depends on beside the three pictures of the stage.
#[derive(Debug, Clone, Default)]
pub struct PlanOptions {
    /// The account that the plan is for; a stage that is recorded in another one is refused.
    pub account_id: Option<String>,
    /// What is recorded of the stack's other stages: what they own cannot be imported.
    pub others: Vec<State>,
}

/// What is to be done, in an order that people read; [`Step::after`] says what waits for what.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub stack: String,
    pub stage: String,
    /// The stage goes.
    pub destroys: bool,
    pub steps: Vec<Step>,
    /// Resources whose id in the manifest changed.
    pub moves: Vec<Move>,
    /// Resources that would be deleted if they were not kept.
    pub kept: Vec<Kept>,
    /// What somebody else changed.
    pub drift: Vec<Drift>,
    pub notes: Vec<Note>,
}

/// Works out what to do.
pub fn plan(
    goal: Goal<'_>,
    recorded: &State,
    actual: &Actual,
    options: &PlanOptions,
) -> Result<Plan, PlanError> {
    if let Some(account_id) = &options.account_id {
        recorded.check_account(account_id)?;
    }
    if let Goal::Destroy(scope) = goal
        && scope.protect
    {
        return Err(PlanError::Protected {
            stage: scope.stage.to_string(),
        });
    }
    let mut followed = recorded.clone();
    let moves = lifecycle::follow(&mut followed, goal)?;
    if matches!(goal, Goal::Deploy(_)) {
        lifecycle::check(goal, &followed, actual, &options.others)?;
        if !actual.missing.is_empty() {
            return Err(PlanError::ExternalMissing {
                missing: actual.missing.clone(),
            });
        }
    }
    actual.arrivals.claim(&mut followed);
    let world = World::new(goal, &followed, actual);
    let classified = classify::all(&world)?;
    let steps = order::steps(&world, &classified.items)?;
    Ok(Plan {
        stack: goal.stack().to_owned(),
        stage: goal.stage().to_string(),
        destroys: matches!(goal, Goal::Destroy(_)),
        steps,
        moves,
        kept: classified.kept,
        drift: classified.drift,
        notes: classified.notes,
    })
}

impl Plan {
    /// The steps that change something.
    pub fn changes(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| step.is_change())
    }

    /// There is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.changes().next().is_none() && self.moves.is_empty()
    }

    pub fn summary(&self) -> Summary {
        let mut summary = Summary::default();
        for step in &self.steps {
            summary.count(step.action);
        }
        summary
    }

    /// All data that would go. Ask before applying a plan that has any.
    pub fn data_loss(&self) -> Vec<&Loss> {
        self.steps.iter().flat_map(|step| &step.losses).collect()
    }

    /// The refusal to go on without consent, where data would go.
    pub fn check_data_loss(&self, is_allowed: bool) -> Result<(), DataLoss> {
        let losses: Vec<Loss> = self.data_loss().into_iter().cloned().collect();
        if is_allowed || losses.is_empty() {
            Ok(())
        } else {
            Err(DataLoss { losses })
        }
    }
}

impl Serialize for Plan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Plan", 8)?;
        out.serialize_field("stack", &self.stack)?;
        out.serialize_field("stage", &self.stage)?;
        out.serialize_field("steps", &self.steps)?;
        out.serialize_field("summary", &self.summary())?;
        out.serialize_field("moves", &self.moves)?;
        out.serialize_field("kept", &self.kept)?;
        out.serialize_field("drift", &self.drift)?;
        out.serialize_field("notes", &self.notes)?;
        out.end()
    }
}
