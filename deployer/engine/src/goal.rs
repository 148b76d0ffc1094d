//! What a run is after: a stage as the manifest wants it, or no stage at all.

use std::collections::BTreeMap;

use tiny_manifest::{Stack, StageName, physical_name};

use crate::{Address, Desired, Kind, Want};

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
}

impl Scope {
    /// Needs nothing to be built.
    pub fn of(stack: &Stack) -> Self {
        let workers = stack
            .workers
            .iter()
            .map(|worker| (Kind::Worker, &worker.id));
        let d1 = stack.d1.iter().map(|d1| (Kind::D1, &d1.id));
        let kv = stack.kv.iter().map(|kv| (Kind::Kv, &kv.id));
        let r2 = stack.r2.iter().map(|r2| (Kind::R2, &r2.id));
        let queues = stack.queues.iter().map(|queue| (Kind::Queue, &queue.id));
        let all = workers.chain(d1).chain(kv).chain(r2).chain(queues);
        let names = all
            .map(|(kind, id)| {
                let name = physical_name(&stack.name, &stack.stage, id);
                (Address::new(kind, id), name)
            })
            .collect();
        Self {
            stack: stack.name.clone(),
            stage: stack.stage.clone(),
            protect: stack.protect,
            names,
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
