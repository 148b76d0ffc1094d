//! From the ids of a manifest to Cloudflare's, and back.

use std::collections::BTreeMap;

use crate::{Address, External, Kind};

/// What the resources of a stage are called on Cloudflare.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct References {
    of: BTreeMap<Address, Reference>,
    /// By kind and Cloudflare's name or id.
    back: BTreeMap<(Kind, String), String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Reference {
    name: String,
    id: Option<String>,
}

impl References {
    /// Says what a resource is called. `id` is none as long as nobody knows it.
    pub(crate) fn insert(&mut self, address: Address, name: &str, id: Option<&str>) {
        for known in [Some(name), id].into_iter().flatten() {
            self.back
                .insert((address.kind, known.to_owned()), address.id.clone());
        }
        let reference = Reference {
            name: name.to_owned(),
            id: id.map(str::to_owned),
        };
        self.of.insert(address, reference);
    }

    /// Says what Cloudflare calls the resources that the stage does not own.
    pub(crate) fn insert_external(&mut self, externals: &[External]) {
        for external in externals {
            if let Some(address) = external.address() {
                self.insert(address, &external.identifier, external.cloudflare_id());
            }
        }
    }

    /// The physical name.
    pub(crate) fn name(&self, kind: Kind, id: &str) -> Option<&str> {
        self.of
            .get(&Address::new(kind, id))
            .map(|reference| reference.name.as_str())
    }

    /// Cloudflare's id: of KV namespaces, D1 databases, queues.
    pub(crate) fn id(&self, kind: Kind, id: &str) -> Option<&str> {
        self.of
            .get(&Address::new(kind, id))
            .and_then(|reference| reference.id.as_deref())
    }

    /// The id in the manifest of what Cloudflare calls so, where it is one of the stage's.
    pub(crate) fn manifest_id(&self, kind: Kind, name_or_id: &str) -> Option<&str> {
        self.back
            .get(&(kind, name_or_id.to_owned()))
            .map(String::as_str)
    }

    /// For people: the id in the manifest, else what Cloudflare calls it.
    pub(super) fn shown(&self, kind: Kind, name_or_id: &str) -> String {
        self.manifest_id(kind, name_or_id)
            .unwrap_or(name_or_id)
            .to_owned()
    }
}
