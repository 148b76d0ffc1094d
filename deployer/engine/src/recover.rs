//! Records out of what is there: for a state that was lost, that is behind, or that never was.

use std::collections::BTreeMap;

use tiny_cloudflare::Account;

use crate::apply::input_hash;
use crate::error::{EngineError, PlanError};
use crate::plan::is_ours;
use crate::resources::{self, Lists, Sought, Target};
use crate::state::{Record, State, Status};
use crate::{Actual, Address, Goal, Live, Owner, Properties, lifecycle};

/// The state as the account shows it (`tiny refresh`): what is gone is forgotten, what changed is
/// taken over, what is ours and was not recorded is recorded.
pub fn recover(recorded: &State, goal: Goal<'_>, actual: &Actual) -> State {
    let mut followed = recorded.clone();
    // Where both ids are recorded, the next plan says what to do.
    let _ = lifecycle::follow(&mut followed, goal);
    let recorded = &followed;
    let mut state = recorded.clone();
    state
        .resources
        .retain(|address, _| actual.resources.contains_key(address));
    for (address, live) in &actual.resources {
        let known = recorded.resources.get(address);
        // An import is shown and agreed to in a plan.
        if actual.arrivals.claims.contains_key(address) {
            continue;
        }
        if !is_ours(address, known, live) {
            state.resources.remove(address);
            continue;
        }
        let mut record = record_of(live);
        if let Some(known) = known {
            let mut properties = known.properties.clone();
            properties.extend(record.properties);
            record.properties = properties;
            let mut outputs = known.outputs.clone();
            outputs.extend(record.outputs);
            record.outputs = outputs;
            record.depends_on.clone_from(&known.depends_on);
        }
        if let Some(want) = goal.want(address) {
            record.depends_on.extend(want.depends_on.iter().cloned());
        }
        record.keep = goal.keeps(address, known);
        record.status = match known {
            // What was to be deleted still is.
            Some(known) if known.status == Status::Deleting => Status::Deleting,
            _ => Status::Ready,
        };
        record.input_hash = input_hash(&record.name, &record.properties);
        state.resources.insert(address.clone(), record);
    }
    state
}

/// Finds a resource by its name or by what Cloudflare calls it, to be recorded at `address`
/// (`tiny import`). None: there is no such thing. What carries another stack's tags is refused.
pub async fn import(
    cloud: &Account,
    goal: Goal<'_>,
    recorded: &State,
    address: &Address,
    name_or_id: &str,
) -> Result<Option<Record>, EngineError> {
    let claim = Record {
        name: name_or_id.to_owned(),
        status: Status::Ready,
        input_hash: String::new(),
        outputs: BTreeMap::from([("id".to_owned(), name_or_id.to_owned())]),
        properties: Properties::new(),
        depends_on: std::collections::BTreeSet::new(),
        keep: false,
    };
    let sought = Sought {
        stack: goal.stack(),
        stage: goal.stage(),
        goal,
        recorded,
        targets: vec![Target {
            address,
            name: name_or_id,
            want: goal.want(address),
            record: Some(&claim),
        }],
        strays: false,
    };
    let mut found = resources::read(address.kind, &Lists::new(cloud), &sought).await?;
    let Some(live) = found.resources.remove(address) else {
        return Ok(None);
    };
    if let Owner::Other { stack, stage } = live.owner {
        return Err(EngineError::Plan(PlanError::NotOurs {
            kind: address.kind,
            name: live.name,
            stack,
            stage,
        }));
    }
    let mut record = record_of(&live);
    if let Some(want) = goal.want(address) {
        record.depends_on.clone_from(&want.depends_on);
        record.keep = want.lifecycle.keep;
    }
    Ok(Some(record))
}

fn record_of(live: &Live) -> Record {
    Record {
        name: live.name.clone(),
        status: Status::Ready,
        input_hash: input_hash(&live.name, &live.properties),
        outputs: live.outputs.clone(),
        properties: live.properties.clone(),
        depends_on: std::collections::BTreeSet::new(),
        keep: false,
    }
}
