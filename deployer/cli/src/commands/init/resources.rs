//! The KV namespaces, buckets, databases and queues of a stack, and what each of them is on Cloudflare.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A table of resources in the manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    D1,
    Kv,
    Queues,
    R2,
}

impl Kind {
    pub(super) fn table(self) -> &'static str {
        match self {
            Self::D1 => "d1",
            Self::Kv => "kv",
            Self::Queues => "queues",
            Self::R2 => "r2",
        }
    }
}

/// One resource, as one environment has it.
#[derive(Debug, Clone, Default)]
pub(super) struct Resource {
    /// The keys of its table.
    pub(super) settings: Map<String, Value>,
    /// What it is on Cloudflare already, where that is known.
    pub(super) live: Option<String>,
}

/// Those of one environment, by their ids in the manifest.
#[derive(Debug, Clone, Default)]
pub(super) struct Resources {
    pub(super) all: BTreeMap<(Kind, String), Resource>,
    by_live: BTreeMap<(Kind, String), String>,
    /// By the worker and whatever names it there, so that each environment finds the same one.
    by_role: BTreeMap<(Kind, String, String), String>,
}

/// What a worker says of a resource that it uses.
pub(super) struct Use<'a> {
    pub(super) kind: Kind,
    /// The id of the worker.
    pub(super) worker: &'a str,
    /// What it is to the worker, such as the name of a binding.
    pub(super) role: &'a str,
    /// What its id is made of.
    pub(super) name: &'a str,
    pub(super) resource: Resource,
}

impl Resources {
    /// Finds the resource or adds it, and returns its id. `base` is the top level, whose ids an environment shares.
    pub(super) fn id(&mut self, used: Use<'_>, base: Option<&Self>) -> String {
        let kind = used.kind;
        let role = (kind, used.worker.to_owned(), used.role.to_owned());
        let known = used.resource.live.clone().map(|live| (kind, live));
        if let Some(id) = known
            .as_ref()
            .and_then(|known| self.by_live.get(known))
            .cloned()
        {
            self.complete(kind, &id, used.resource);
            self.by_role.insert(role, id.clone());
            return id;
        }
        let shared = base.and_then(|base| base.by_role.get(&role)).cloned();
        let is_free = |id: &String| !self.all.contains_key(&(kind, id.clone()));
        let id = match shared.filter(is_free) {
            Some(id) => id,
            None => self.fresh(&used, base),
        };
        if let Some(known) = known {
            self.by_live.insert(known, id.clone());
        }
        self.by_role.insert(role, id.clone());
        self.all.insert((kind, id.clone()), used.resource);
        id
    }

    fn fresh(&self, used: &Use<'_>, base: Option<&Self>) -> String {
        let name = tiny_manifest::as_id(used.name).unwrap_or_else(|| "main".to_owned());
        let own = format!("{}-{name}", used.worker);
        let numbered = (2..).map(|number| format!("{own}-{number}"));
        let is_free = |id: &String| {
            let key = (used.kind, id.clone());
            !self.all.contains_key(&key) && base.is_none_or(|base| !base.all.contains_key(&key))
        };
        [name, own.clone()]
            .into_iter()
            .chain(numbered)
            .find(is_free)
            .unwrap_or(own)
    }

    fn complete(&mut self, kind: Kind, id: &str, other: Resource) {
        if let Some(known) = self.all.get_mut(&(kind, id.to_owned())) {
            for (key, value) in other.settings {
                known.settings.entry(key).or_insert(value);
            }
        }
    }
}
