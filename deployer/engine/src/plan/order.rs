//! Steps out of what becomes of each resource: in which order, and in how many passes where workers
//! wait for each other.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use petgraph::algo::tarjan_scc;
use petgraph::graph::DiGraph;

use super::classify::Classed;
use super::reason;
use super::step::{Action, Part, Step};
use crate::desired::{BindingSpec, Spec, WorkerSpec};
use crate::error::PlanError;
use crate::properties::Properties;
use crate::resources::World;
use crate::{Address, Kind};

/// How much the order of two resources matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bond {
    /// It is nicer so: what is needed is there already.
    Nice,
    /// The first has to be there, if only with its groundwork.
    Needed,
    /// Nothing else will do.
    Strict,
}

/// `first` comes before `then`.
#[derive(Debug, Clone)]
struct Before<'a> {
    first: &'a Address,
    then: &'a Address,
    bond: Bond,
}

/// Workers that get a first pass, with what they cannot bind in it.
type Groundworks<'a> = BTreeMap<&'a Address, BTreeSet<&'a Address>>;

pub(super) fn steps(world: &World<'_>, items: &[Classed]) -> Result<Vec<Step>, PlanError> {
    let wanted: BTreeMap<&Address, &Classed> = items
        .iter()
        .filter(|item| item.action != Action::Delete)
        .map(|item| (&item.address, item))
        .collect();
    let mut bonds = bonds(world, &wanted);
    let mut grounds: Groundworks<'_> = wanted
        .iter()
        .filter(|(_, item)| item.draft.groundwork.is_some())
        .map(|(address, _)| (*address, BTreeSet::new()))
        .collect();
    let passes = loosen(&mut bonds, &mut grounds)?;
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

/// What has to come before what, among what is wanted.
fn bonds<'a>(world: &World<'a>, wanted: &BTreeMap<&'a Address, &'a Classed>) -> Vec<Before<'a>> {
    let mut bonds = Vec::new();
    for (then, item) in wanted {
        let Some(want) = world.want(then) else {
            continue;
        };
        for first in &want.depends_on {
            let Some((first, _)) = wanted.get_key_value(first) else {
                continue;
            };
            let bond = match &want.spec {
                Spec::Worker(spec)
                    if first.kind == Kind::Worker && is_offered(world, spec, first) =>
                {
                    Bond::Nice
                }
                _ => Bond::Needed,
            };
            bonds.push(Before { first, then, bond });
        }
        let handed_over = item.draft.groundwork.iter().flat_map(|ground| &ground.then);
        for first in handed_over.chain(&item.draft.after) {
            if let Some((first, _)) = wanted.get_key_value(first) {
                let bond = Bond::Strict;
                bonds.push(Before { first, then, bond });
            }
        }
    }
    bonds
}

/// Whether all that a worker binds of another one is there already.
fn is_offered(world: &World<'_>, spec: &WorkerSpec, other: &Address) -> bool {
    let Some(live) = world.live(other) else {
        return false;
    };
    let classes = live.properties.get("classes").or_else(|| {
        let record = world.record(other)?;
        record.properties.get("classes")
    });
    spec.bindings.values().all(|binding| match binding {
        BindingSpec::DurableObject {
            class,
            worker: Some(worker),
        } if *worker == other.id => classes.is_some_and(|classes| classes.get(class).is_some()),
        _ => true,
    })
}

/// Breaks circles: first by giving up what would only be nice, then by a first pass of workers that
/// others wait for. Returns the bonds that hold between such a pass and whoever waits for it.
fn loosen<'a>(
    bonds: &mut Vec<Before<'a>>,
    grounds: &mut Groundworks<'a>,
) -> Result<Vec<Before<'a>>, PlanError> {
    let circles = circles(bonds);
    bonds.retain(|bond| bond.bond != Bond::Nice || !circles.hold(bond));
    let circles = self::circles(bonds);
    for bond in bonds.iter() {
        if bond.bond == Bond::Needed && circles.hold(bond) {
            grounds.entry(bond.first).or_default();
        }
    }
    for bond in bonds.iter() {
        if bond.bond == Bond::Needed
            && circles.hold(bond)
            && let Some(without) = grounds.get_mut(bond.then)
        {
            without.insert(bond.first);
        }
    }
    let passes = bonds
        .extract_if(.., |bond| bond.bond == Bond::Needed && circles.hold(bond))
        .collect();
    match self::circles(bonds).first() {
        None => Ok(passes),
        Some(steps) => Err(PlanError::Cycle { steps }),
    }
}

/// Sets of resources that wait for each other.
struct Circles<'a> {
    by_address: HashMap<&'a Address, usize>,
    sizes: Vec<usize>,
}

fn circles<'a>(bonds: &[Before<'a>]) -> Circles<'a> {
    let mut graph = DiGraph::<&Address, ()>::new();
    let mut nodes = HashMap::new();
    for bond in bonds {
        let first = *nodes
            .entry(bond.first)
            .or_insert_with(|| graph.add_node(bond.first));
        let then = *nodes
            .entry(bond.then)
            .or_insert_with(|| graph.add_node(bond.then));
        graph.add_edge(first, then, ());
    }
    let mut circles = Circles {
        by_address: HashMap::new(),
        sizes: Vec::new(),
    };
    for (number, members) in tarjan_scc(&graph).into_iter().enumerate() {
        circles.sizes.push(members.len());
        for member in members {
            circles.by_address.insert(graph[member], number);
        }
    }
    circles
}

impl Circles<'_> {
    /// Both ends are in one circle.
    fn hold(&self, bond: &Before<'_>) -> bool {
        let first = self.by_address.get(bond.first);
        first == self.by_address.get(bond.then)
            && first.is_some_and(|number| self.sizes[*number] > 1)
    }

    fn first(&self) -> Option<Vec<Address>> {
        let number = self.sizes.iter().position(|size| *size > 1)?;
        let mut members: Vec<Address> = self
            .by_address
            .iter()
            .filter(|(_, circle)| **circle == number)
            .map(|(address, _)| (*address).clone())
            .collect();
        members.sort();
        Some(members)
    }
}

/// The steps, in the order in which people read them: what is made and changed, then what goes.
fn steps_of(items: &[Classed], grounds: &Groundworks<'_>, world: &World<'_>) -> Vec<Step> {
    let (leaving, staying): (Vec<&Classed>, Vec<&Classed>) =
        items.iter().partition(|item| item.action == Action::Delete);
    let mut steps = Vec::new();
    for item in staying {
        let depends_on = world
            .want(&item.address)
            .map(|want| want.depends_on.clone())
            .unwrap_or_default();
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
    let circle = tarjan_scc(&graph)
        .into_iter()
        .find(|members| members.len() > 1);
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
