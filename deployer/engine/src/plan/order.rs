//! Steps out of what becomes of each resource: in which order, and in how many passes where workers
//! wait for each other.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use super::bonds::{self, Before, Bond, Groundworks};
use super::classify::Classed;
use super::reason;
use super::step::{Action, Part, Step};
use crate::error::PlanError;
use crate::properties::Properties;
use crate::resources::World;
use crate::{Address, Kind};

pub(super) fn steps(world: &World<'_>, items: &[Classed]) -> Result<Vec<Step>, PlanError> {
    let wanted: BTreeMap<&Address, &Classed> = items
        .iter()
        .filter(|item| item.action != Action::Delete)
        .map(|item| (&item.address, item))
        .collect();
    let mut bonds = bonds::bonds(world, &wanted);
    let mut grounds: Groundworks<'_> = wanted
        .iter()
        .filter(|(_, item)| item.draft.groundwork.is_some())
        .map(|(address, _)| (*address, BTreeSet::new()))
        .collect();
    let passes = bonds::loosen(&mut bonds, &mut grounds)?;
    let drafts = steps_of(items, &grounds, world);
    let after = places(world, items, &drafts, &bonds, &passes);
    let steps: Vec<Step> = drafts
        .into_iter()
        .zip(after)
        .map(|(step, after)| Step { after, ..step })
        .collect();
    check(&steps)?;
    Ok(steps)
}

/// The steps, in the order in which people read them: what is made and changed, then what goes.
fn steps_of(items: &[Classed], grounds: &Groundworks<'_>, world: &World<'_>) -> Vec<Step> {
    let (leaving, staying): (Vec<&Classed>, Vec<&Classed>) =
        items.iter().partition(|item| item.action == Action::Delete);
    let mut steps = Vec::new();
    for item in staying {
        let want = world.want(&item.address);
        let depends_on = want.map(|want| want.depends_on.clone()).unwrap_or_default();
        let keep = want.is_some_and(|want| want.lifecycle.keep);
        let step = |action, part, reason: &str| Step {
            action,
            address: item.address.clone(),
            name: item.name.clone(),
            part,
            reason: reason.to_owned(),
            changes: Vec::new(),
            losses: Vec::new(),
            after: BTreeSet::new(),
            without: BTreeSet::new(),
            properties: item.draft.properties.clone(),
            depends_on: depends_on.clone(),
            keep,
        };
        let mut action = item.action;
        if let Some(without) = grounds.get(&item.address)
            && (action != Action::None || item.draft.groundwork.is_some())
        {
            let first = match (&item.draft.groundwork, action) {
                (_, Action::Create) => Action::Create,
                (Some(_), _) => Action::Migrate,
                (None, _) => Action::Update,
            };
            let said = match &item.draft.groundwork {
                Some(groundwork) => groundwork.reason.clone(),
                None => waited_for(without),
            };
            steps.push(Step {
                without: without.iter().map(|address| (*address).clone()).collect(),
                ..step(first, Part::Groundwork, &said)
            });
            if matches!(action, Action::Create | Action::None) {
                action = Action::Update;
            }
        }
        let reason = if item.reason.is_empty() && action == Action::Update {
            "the rest of it"
        } else {
            &item.reason
        };
        steps.push(Step {
            changes: item.changes.clone(),
            losses: item.losses.clone(),
            ..step(action, Part::Whole, reason)
        });
        if let Some(migrated) = &item.draft.migrated {
            let (changes, reason) = reason::files(&item.draft.properties, migrated);
            steps.push(Step {
                changes,
                properties: migrated.clone(),
                ..step(Action::Migrate, Part::Migrations, &reason)
            });
        }
    }
    steps.extend(leaving.into_iter().map(|item| Step {
        action: Action::Delete,
        address: item.address.clone(),
        name: item.name.clone(),
        part: Part::Whole,
        reason: item.reason.clone(),
        changes: Vec::new(),
        losses: item.losses.clone(),
        after: BTreeSet::new(),
        without: BTreeSet::new(),
        properties: Properties::new(),
        depends_on: BTreeSet::new(),
        keep: false,
    }));
    steps
}

fn waited_for(without: &BTreeSet<&Address>) -> String {
    let names: Vec<&str> = without.iter().map(|address| address.id.as_str()).collect();
    if names.is_empty() {
        return "others wait for it".to_owned();
    }
    format!("it and {} bind each other", reason::enumerated(&names))
}

/// For each step those that come before it, by their places.
fn places(
    world: &World<'_>,
    items: &[Classed],
    steps: &[Step],
    bonds: &[Before<'_>],
    passes: &[Before<'_>],
) -> Vec<BTreeSet<usize>> {
    let mut places: HashMap<(&Address, Part), usize> = HashMap::new();
    for (place, step) in steps.iter().enumerate() {
        places.insert((&step.address, step.part), place);
    }
    let at = |address, part| places.get(&(address, part)).copied();
    // The step after which a resource is as it is wanted.
    let complete = |address| at(address, Part::Migrations).or_else(|| at(address, Part::Whole));
    let mut after = vec![BTreeSet::new(); steps.len()];
    for (place, step) in steps.iter().enumerate() {
        let before = match step.part {
            Part::Groundwork => None,
            Part::Whole => at(&step.address, Part::Groundwork),
            Part::Migrations => at(&step.address, Part::Whole),
        };
        after[place].extend(before);
    }
    for Before { first, then, bond } in bonds {
        let (Some(first_place), Some(then_place)) = (complete(first), at(then, Part::Whole)) else {
            continue;
        };
        after[then_place].insert(first_place);
        let Some(ground) = at(then, Part::Groundwork) else {
            continue;
        };
        // What is left out of a first pass, and what waits for it, cannot come before it.
        if *bond != Bond::Strict && !steps[ground].without.contains(*first) {
            after[ground].insert(first_place);
        }
    }
    for Before { first, then, .. } in passes {
        if let (Some(first), Some(then)) = (at(first, Part::Groundwork), at(then, Part::Whole)) {
            after[then].insert(first);
        }
    }
    for item in items {
        // Whoever hands a class over has to know that it is expected.
        if let (Some(groundwork), Some(ground)) =
            (&item.draft.groundwork, at(&item.address, Part::Groundwork))
        {
            for source in &groundwork.then {
                if let Some(source) = at(source, Part::Whole) {
                    after[source].insert(ground);
                    after[ground].remove(&source);
                }
            }
        }
    }
    deletions(world, items, steps, &complete, &mut after);
    after
}

/// A resource goes after those that depended on it have let go, or have gone.
fn deletions<'a>(
    world: &World<'_>,
    items: &[Classed],
    steps: &'a [Step],
    complete: &impl Fn(&'a Address) -> Option<usize>,
    after: &mut [BTreeSet<usize>],
) {
    let leaving: Vec<(usize, &Step)> = steps
        .iter()
        .enumerate()
        .filter(|(_, step)| step.action == Action::Delete)
        .collect();
    for (place, gone) in &leaving {
        for holder in steps {
            let Some(holder_place) = complete(&holder.address) else {
                continue;
            };
            let held = match world.record(&holder.address) {
                Some(record) => record.depends_on.contains(&gone.address),
                // Nobody knows what it holds.
                None => holder.action == Action::Delete && holder.address.kind == Kind::Worker,
            };
            let holds = held && holder.address != gone.address;
            let is_circle = gone.address.kind == Kind::Worker
                && holder.action == Action::Delete
                && (world.record(&holder.address).is_none()
                    || reaches(world, &gone.address, &holder.address));
            if holds && !is_circle {
                after[*place].insert(holder_place);
            }
        }
    }
    for item in items {
        for gone in &item.draft.after {
            let gone = leaving.iter().find(|(_, step)| step.address == *gone);
            let then = steps
                .iter()
                .position(|step| step.address == item.address && step.part == Part::Whole);
            if let (Some((gone, _)), Some(then)) = (gone, then) {
                after[*gone].remove(&then);
                after[then].insert(*gone);
            }
        }
    }
}

/// Whether the recorded dependencies lead from one resource to another.
fn reaches(world: &World<'_>, from: &Address, to: &Address) -> bool {
    let mut seen = BTreeSet::new();
    let mut ahead = vec![from];
    while let Some(address) = ahead.pop() {
        if address == to {
            return true;
        }
        if seen.insert(address)
            && let Some(record) = world.record(address)
        {
            ahead.extend(&record.depends_on);
        }
    }
    false
}

/// Everything can be done in some order.
fn check(steps: &[Step]) -> Result<(), PlanError> {
    let mut graph = DiGraph::<usize, ()>::new();
    let nodes: Vec<_> = (0..steps.len())
        .map(|place| graph.add_node(place))
        .collect();
    for (place, step) in steps.iter().enumerate() {
        for before in &step.after {
            graph.add_edge(nodes[*before], nodes[place], ());
        }
    }
    let waits_for_itself = |members: &[NodeIndex]| {
        let [member] = members else { return true };
        let place = graph[*member];
        steps[place].after.contains(&place)
    };
    let circle = tarjan_scc(&graph)
        .into_iter()
        .find(|members| waits_for_itself(members));
    match circle {
        None => Ok(()),
        Some(members) => {
            let mut waiting: Vec<Address> = members
                .into_iter()
                .map(|member| steps[graph[member]].address.clone())
                .collect();
            waiting.sort();
            waiting.dedup();
            Err(PlanError::Cycle { steps: waiting })
        }
    }
}
