//! What a run is after: a stage as the manifest wants it, or no stage at all.

use std::collections::BTreeMap;

use tiny_manifest::{Lifecycle, Stack, StageName, physical_name};

use crate::{Address, Desired, External, Kind, Record, Want};

/// Which stage, and which names in the account are its own by the rules.
#[derive(Debug, Clone)]
pub struct Scope {
    /// The stack's name.
    pub stack: String,
    pub stage: StageName,
    /// Refuse to destroy it.
    pub protect: bool,
    /// The physical names of everything that the manifest names.
    pub names: BTreeMap<Address, String>,
    pub lifecycles: BTreeMap<Address, Lifecycle>,
    /// What it uses and does not own.
    pub external: Vec<External>,
}

impl Scope {
    /// Needs nothing to be built.
    pub fn of(stack: &Stack) -> Self {
        let workers = stack
            .workers
            .iter()
            .map(|worker| (Kind::Worker, &worker.id, &worker.lifecycle));
        let d1 = stack.d1.iter();
        let d1 = d1.map(|d1| (Kind::D1, &d1.id, &d1.lifecycle));
        let kv = stack.kv.iter();
        let kv = kv.map(|kv| (Kind::Kv, &kv.id, &kv.lifecycle));
        let r2 = stack.r2.iter();
        let r2 = r2.map(|r2| (Kind::R2, &r2.id, &r2.lifecycle));
        let queues = stack.queues.iter();
        let queues = queues.map(|queue| (Kind::Queue, &queue.id, &queue.lifecycle));
        let all = workers.chain(d1).chain(kv).chain(r2).chain(queues);
        let mut names = BTreeMap::new();
        let mut lifecycles = BTreeMap::new();
        for (kind, id, lifecycle) in all {
            let address = Address::new(kind, id);
            let name = physical_name(&stack.name, &stack.stage, id);
            names.insert(address.clone(), name);
            lifecycles.insert(address, lifecycle.clone());
        }
        Self {
            stack: stack.name.clone(),
            stage: stack.stage.clone(),
            protect: stack.protect,
            names,
            lifecycles,
            external: External::all_of(stack),
        }
    }
}

impl From<&Desired> for Scope {
    fn from(desired: &Desired) -> Self {
        Self {
            stack: desired.stack.clone(),
            stage: desired.stage.clone(),
            protect: desired.protect,
            names: desired
                .resources
                .iter()
                .map(|(address, want)| (address.clone(), want.name.clone()))
                .collect(),
            lifecycles: desired
                .resources
                .iter()
                .map(|(address, want)| (address.clone(), want.lifecycle.clone()))
                .collect(),
            external: desired.external.clone(),
        }
    }
}

/// What is to become of a stage.
#[derive(Debug, Clone, Copy)]
pub enum Goal<'a> {
    Deploy(&'a Desired),
    Destroy(&'a Scope),
}

impl<'a> Goal<'a> {
    pub fn stack(self) -> &'a str {
        match self {
            Self::Deploy(desired) => &desired.stack,
            Self::Destroy(scope) => &scope.stack,
        }
    }

    pub fn stage(self) -> &'a StageName {
        match self {
            Self::Deploy(desired) => &desired.stage,
            Self::Destroy(scope) => &scope.stage,
        }
    }

    /// What is wanted at this address.
    pub fn want(self, address: &Address) -> Option<&'a Want> {
        match self {
            Self::Deploy(desired) => desired.resources.get(address),
            Self::Destroy(_) => None,
        }
    }

    /// All that is wanted.
    pub fn wants(self) -> impl Iterator<Item = (&'a Address, &'a Want)> {
        let resources = match self {
            Self::Deploy(desired) => Some(&desired.resources),
            Self::Destroy(_) => None,
        };
        resources.into_iter().flatten()
    }

    /// What the stage uses and does not own.
    pub fn external(self) -> &'a [External] {
        match self {
            Self::Deploy(desired) => &desired.external,
            Self::Destroy(scope) => &scope.external,
        }
    }

    /// Where the resources of the manifest come from, and whether they outlive the stage.
    pub fn lifecycles(self) -> impl Iterator<Item = (&'a Address, &'a Lifecycle)> {
        let (wants, lifecycles) = match self {
            Self::Deploy(desired) => (Some(&desired.resources), None),
            Self::Destroy(scope) => (None, Some(&scope.lifecycles)),
        };
        let wants = wants.into_iter().flatten();
        wants
            .map(|(address, want)| (address, &want.lifecycle))
            .chain(lifecycles.into_iter().flatten())
    }

    /// Whether a resource stays in the account whatever becomes of the stage: as the manifest
    /// says, else as was recorded when the manifest still had it.
    pub(crate) fn keeps(self, address: &Address, record: Option<&Record>) -> bool {
        let lifecycle = match self {
            Self::Deploy(desired) => desired.resources.get(address).map(|want| &want.lifecycle),
            Self::Destroy(scope) => scope.lifecycles.get(address),
        };
        lifecycle.map_or_else(
            || record.is_some_and(|record| record.keep),
            |lifecycle| lifecycle.keep,
        )
    }

    /// The names that are this stage's by the rules, wanted or to be destroyed.
    pub fn names(self) -> impl Iterator<Item = (&'a Address, &'a str)> {
        let (wants, names) = match self {
            Self::Deploy(desired) => (Some(&desired.resources), None),
            Self::Destroy(scope) => (None, Some(&scope.names)),
        };
        let wants = wants.into_iter().flatten();
        let names = names.into_iter().flatten();
        wants
            .map(|(address, want)| (address, want.name.as_str()))
            .chain(names.map(|(address, name)| (address, name.as_str())))
    }
}
