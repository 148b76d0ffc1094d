//! The account's Durable Object namespaces.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// How objects of a class are stored, for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Storage {
    Sqlite,
    LegacyKv,
}

impl Storage {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::LegacyKv => "legacy-kv",
        }
    }
}

/// What the account pays for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plan {
    Free,
    Paid,
}

/// A class of a worker, with its objects.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Namespace {
    /// Stays over renames and transfers: the objects hang on it.
    pub(crate) id: String,
    pub(crate) script: String,
    pub(crate) class: String,
    pub(crate) storage: Storage,
    /// The worker that handed it over, until the receiver declares it plainly live.
    pub(crate) received_from: Option<String>,
}

/// A class that one worker expects from another, under the same name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pending {
    pub(crate) target: String,
    pub(crate) class: String,
    pub(crate) source: String,
}

/// A binding to a class, of any worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClassBinding {
    /// The worker that has it.
    pub(crate) owner: String,
    /// The worker whose class it names, and the class, as written.
    pub(crate) script: String,
    pub(crate) class: String,
    /// What they were when the binding was made.
    pub(crate) namespace: String,
}

/// All that an upload may meet.
#[derive(Debug, Clone)]
pub(crate) struct Namespaces {
    pub(crate) all: Vec<Namespace>,
    pub(crate) pending: Vec<Pending>,
    pub(crate) bindings: Vec<ClassBinding>,
    pub(crate) scripts: BTreeSet<String>,
    pub(crate) plan: Plan,
}

impl Namespaces {
    pub(crate) fn of(&self, script: &str, class: &str) -> Option<&Namespace> {
        self.all
            .iter()
            .find(|namespace| namespace.script == script && namespace.class == class)
    }

    pub(crate) fn of_mut(&mut self, script: &str, class: &str) -> Option<&mut Namespace> {
        self.all
            .iter_mut()
            .find(|namespace| namespace.script == script && namespace.class == class)
    }

    /// What a binding to this class leads to: a class on its way is still where it was.
    pub(crate) fn bindable(&self, script: &str, class: &str) -> Option<&Namespace> {
        self.of(script, class).or_else(|| {
            let pending = self
                .pending
                .iter()
                .find(|pending| pending.target == script && pending.class == class)?;
            self.of(&pending.source, class)
        })
    }

    /// Workers, other than its own, that reach a namespace.
    pub(crate) fn bound_by_others(&self, namespace: &Namespace) -> Vec<String> {
        self.referring(&namespace.script, |binding| {
            binding.namespace == namespace.id
        })
    }

    /// Workers, other than the one named, that name a class of its.
    pub(crate) fn named_by_others(&self, script: &str, class: &str) -> Vec<String> {
        self.referring(script, |binding| {
            binding.script == script && binding.class == class
        })
    }

    fn referring(&self, except: &str, does: impl Fn(&ClassBinding) -> bool) -> Vec<String> {
        let owners: BTreeSet<&str> = self
            .bindings
            .iter()
            .filter(|binding| binding.owner != except && does(binding))
            .map(|binding| binding.owner.as_str())
            .collect();
        owners.into_iter().map(str::to_owned).collect()
    }
}
