//! What is written down of a step: before it begins, when it is done, when it failed.

use crate::error::EngineError;
use crate::plan::{Action, KeptBecause, Part, Plan, Step};
use crate::properties::Properties;
use crate::resources::Made;
use crate::state::{InputHash, Record, State, Status};
use crate::{Actual, Address, Kind, Live};

/// The hash that says: all of this was deployed.
pub(crate) fn input_hash(name: &str, properties: &Properties) -> String {
    InputHash::new()
        .text("name", name)
        .properties(properties)
        .finish()
}

/// Whether what is there may be deleted: it was found, and is ours.
pub(super) fn is_ours(actual: &Actual, before: &State, address: &Address) -> bool {
    let Some(live) = actual.resources.get(address) else {
        return false;
    };
    crate::plan::is_ours(address, before.resources.get(address), live)
}

/// Records what the plan found to be so already. Says whether anything of that is new.
pub(crate) fn settle(state: &mut State, plan: &Plan, actual: &Actual, account_id: &str) -> bool {
    let mut is_new = false;
    if state.account_id.is_none() && !plan.is_empty() {
        state.account_id = Some(account_id.to_owned());
        is_new = true;
    }
    for kept in &plan.kept {
        if kept.because == KeptBecause::External {
            is_new |= state.forget(&kept.address).is_ok();
        }
    }
    for step in plan.steps.iter().filter(|step| step.action == Action::None) {
        let Some(record) = state.resources.get_mut(&step.address) else {
            continue;
        };
        let mut now = record.clone();
        if let Some(Live { outputs, .. }) = actual.resources.get(&step.address) {
            now.outputs.extend(outputs.clone());
        }
        complete(&mut now, step, step.properties.clone());
        if now != *record {
            *record = now;
            is_new = true;
        }
    }
    is_new
}

/// The intent, before the first call. `live` is what the plan found.
pub(crate) fn begin(state: &mut State, step: &Step, live: Option<&Live>) {
    let fresh = || Record {
        name: step.name.clone(),
        status: Status::Creating,
        input_hash: String::new(),
        outputs: std::collections::BTreeMap::new(),
        properties: Properties::new(),
        depends_on: std::collections::BTreeSet::new(),
        keep: step.keep,
    };
    let record = state
        .resources
        .entry(step.address.clone())
        .or_insert_with(fresh);
    record.input_hash.clear();
    match step.action {
        Action::Create => {
            // Of one that is gone, nothing holds any more.
            *record = fresh();
        }
        Action::Adopt => {
            record.status = Status::Creating;
            // By its id the next run knows whose it is, however this one ends.
            if let Some(id) = live.and_then(|live| live.outputs.get("id")) {
                record.outputs.insert("id".to_owned(), id.clone());
            }
        }
        Action::Delete => record.status = Status::Deleting,
        Action::Update | Action::Replace | Action::Migrate | Action::None => {}
    }
    // Old ties hold until the step is done, new ones from now on.
    record.depends_on.extend(step.depends_on.iter().cloned());
}

/// The step did what it was to do.
pub(crate) fn done(state: &mut State, step: &Step, made: Made) {
    if step.action == Action::Delete {
        state.resources.remove(&step.address);
        for other in state.resources.values_mut() {
            other.depends_on.remove(&step.address);
        }
        return;
    }
    let Some(record) = state.resources.get_mut(&step.address) else {
        return;
    };
    record.outputs.extend(made.outputs);
    // An empty one takes back what was there: a URL that is no more.
    record.outputs.retain(|_, value| !value.is_empty());
    // A first pass is half a step: only the whole one closes the record.
    if step.part != Part::Groundwork {
        let properties = made.properties.unwrap_or_else(|| step.properties.clone());
        complete(record, step, properties);
    }
}

fn complete(record: &mut Record, step: &Step, properties: Properties) {
    record.status = Status::Ready;
    record.input_hash = input_hash(&record.name, &properties);
    record.properties = properties;
    record.depends_on.clone_from(&step.depends_on);
    record.keep = step.keep;
}

/// The step failed. Its record stays open, for the next run to look at; but where Cloudflare
/// refused to make a thing, there is none, and a record would claim what somebody else has under
/// that name.
pub(super) fn failed(
    state: &mut State,
    step: &Step,
    earlier: Option<&Record>,
    error: &EngineError,
) {
    if step.action != Action::Create || step.address.kind == Kind::Worker || !error.is_refusal() {
        return;
    }
    match earlier {
        Some(earlier) => {
            state
                .resources
                .insert(step.address.clone(), earlier.clone());
        }
        None => {
            state.resources.remove(&step.address);
        }
    }
}
