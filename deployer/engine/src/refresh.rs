//! Reading what a stage has in the account.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::{try_join, try_join_all};
use tiny_cloudflare::Account;

use crate::error::EngineError;
use crate::resources::{self, Found, Lists, Sought, Target};
use crate::state::{Record, State, Status};
use crate::{Actual, Address, Arrivals, Goal, Kind, Live, Owner, Properties, external, lifecycle};

/// How much is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Everything that is wanted or recorded.
    Full,
    /// Only what the record cannot tell: what was never recorded, and what an interruption left. For
    /// the rest the record is believed (`--no-refresh`).
    Unsettled,
}

/// Reads the account: all kinds at once, each with as few requests as it can, and no kind that is
/// neither wanted nor recorded.
pub async fn refresh(
    cloud: &Account,
    goal: Goal<'_>,
    recorded: &State,
    depth: Depth,
) -> Result<Actual, EngineError> {
    let lists = Lists::new(cloud);
    let mut recorded = recorded.clone();
    lifecycle::follow(&mut recorded, goal)?;
    let arrivals = lifecycle::arrivals(&lists, goal, &recorded).await?;
    arrivals.claim(&mut recorded);
    let recorded = &recorded;
    let names = names(goal, recorded, &arrivals);
    let mut actual = Actual::default();
    let mut targets: BTreeMap<Kind, Vec<Target<'_>>> = BTreeMap::new();
    for (address, name) in &names {
        let record = recorded.resources.get(*address);
        match record.filter(|record| depth == Depth::Unsettled && is_settled(record)) {
            Some(record) => {
                let live = as_recorded(record);
                actual.resources.insert((*address).clone(), live);
            }
            None => targets.entry(address.kind).or_default().push(Target {
                address,
                name,
                want: goal.want(address),
                record,
            }),
        }
    }
    if depth == Depth::Full && matches!(goal, Goal::Destroy(_)) {
        // What carries the stage's tags goes too, although nobody remembers it.
        targets.entry(Kind::Worker).or_default();
    }
    let externals = match goal {
        Goal::Deploy(desired) if depth == Depth::Full => desired.external.as_slice(),
        Goal::Deploy(_) | Goal::Destroy(_) => &[],
    };
    let missing = async { Ok(external::missing(&lists, externals).await?) };
    let reads = targets.into_iter().map(async |(kind, targets)| {
        let sought = Sought {
            stack: goal.stack(),
            stage: goal.stage(),
            goal,
            recorded,
            targets,
            strays: depth == Depth::Full,
        };
        resources::read(kind, &lists, &sought).await
    });
    let (mut found, missing) = try_join(try_join_all(reads), missing).await?;
    actual.missing = missing;
    for kind in &mut found {
        actual.workers.append(&mut kind.workers);
    }
    actual.resources.extend(proven(found));
    drop(names);
    actual.arrivals = arrivals;
    Ok(actual)
}

/// Everything that may be there, by its physical name: as recorded, else by the rules.
fn names<'a>(
    goal: Goal<'a>,
    recorded: &'a State,
    arrivals: &'a Arrivals,
) -> BTreeMap<&'a Address, &'a str> {
    let mut names: BTreeMap<&Address, &str> = goal.names().collect();
    for (address, name) in &arrivals.former_names {
        names.insert(address, name);
    }
    for (address, record) in &recorded.resources {
        names.insert(address, &record.name);
    }
    names
}

fn is_settled(record: &Record) -> bool {
    record.status == Status::Ready && !record.input_hash.is_empty()
}

fn as_recorded(record: &Record) -> Live {
    Live {
        name: record.name.clone(),
        owner: Owner::Ours,
        outputs: record.outputs.clone(),
        properties: Properties::new(),
    }
}

/// What our workers bind under our names is ours, record or none.
fn proven(found: Vec<Found>) -> BTreeMap<Address, Live> {
    let mut bound = BTreeSet::new();
    let mut resources = BTreeMap::new();
    for kind in found {
        bound.extend(kind.bound);
        resources.extend(kind.resources);
    }
    for (address, live) in &mut resources {
        if live.owner == Owner::Unmarked {
            let id = live.outputs.get("id").unwrap_or(&live.name);
            let is_bound = [id, &live.name]
                .into_iter()
                .any(|known| bound.contains(&(address.kind, known.clone())));
            if is_bound {
                live.owner = Owner::Ours;
            }
        }
    }
    resources
}
