//! What has to come before what, and how circles of that are broken.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use petgraph::algo::tarjan_scc;
use petgraph::graph::DiGraph;

use super::classify::Classed;
use crate::desired::{BindingSpec, Spec, WorkerSpec};
use crate::error::PlanError;
use crate::resources::World;
use crate::{Address, Kind};

/// How much the order of two resources matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bond {
    /// It is nicer so: what is needed is there already.
    Nice,
    /// The first has to be there, if only with its groundwork.
    Needed,
    /// Nothing else will do.
    Strict,
}

/// `first` comes before `then`.
#[derive(Debug, Clone)]
pub(super) struct Before<'a> {
    pub(super) first: &'a Address,
    pub(super) then: &'a Address,
    pub(super) bond: Bond,
}

/// Workers that get a first pass, with what they cannot bind in it.
pub(super) type Groundworks<'a> = BTreeMap<&'a Address, BTreeSet<&'a Address>>;

/// What has to come before what, among what is wanted.
pub(super) fn bonds<'a>(
    world: &World<'a>,
    wanted: &BTreeMap<&'a Address, &'a Classed>,
) -> Vec<Before<'a>> {
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
pub(super) fn loosen<'a>(
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
