//! `import`, `was` and `keep` of the manifest: who a resource is, before anything is planned.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tiny_cloudflare::CloudflareError;
use tiny_manifest::physical_name;

use crate::error::PlanError;
use crate::properties::Properties;
use crate::resources::{Lists, find};
use crate::state::{Record, State, Status};
use crate::{Actual, Address, Goal, Kind, Spec};

/// A record that goes on under another id. The resource and its name on Cloudflare stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Move {
    pub from: Address,
    pub to: Address,
    /// The physical name.
    pub name: String,
}

/// A resource that the manifest takes over and that is in no record yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub name: String,
    /// Cloudflare's id of it.
    pub id: String,
}

/// What was found of the resources whose ids or owners change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arrivals {
    /// Imports that are there.
    pub claims: BTreeMap<Address, Claim>,
    /// Imports that are not, as the manifest calls them.
    pub missing: BTreeMap<Address, String>,
    /// Resources in no record that still have the name of their former id.
    pub(crate) former_names: BTreeMap<Address, String>,
}

/// Lets records follow their resources to new ids.
pub(crate) fn follow(state: &mut State, goal: Goal<'_>) -> Result<Vec<Move>, PlanError> {
    let mut moves = Vec::new();
    for (to, lifecycle) in goal.lifecycles() {
        let Some(was) = &lifecycle.was else { continue };
        let from = Address::new(to.kind, was);
        let Some(record) = state.resources.get(&from) else {
            continue;
        };
        let name = record.name.clone();
        if state.resources.contains_key(to) {
            match goal {
                // Both go.
                Goal::Destroy(_) => continue,
                Goal::Deploy(_) => {
                    return Err(PlanError::MovedOnto {
                        from,
                        to: to.clone(),
                    });
                }
            }
        }
        state.rename(&from, to)?;
        moves.push(Move {
            from,
            to: to.clone(),
            name,
        });
    }
    Ok(moves)
}

/// Looks for what is imported, and for what has a new id and no record.
pub(crate) async fn arrivals(
    lists: &Lists<'_>,
    goal: Goal<'_>,
    recorded: &State,
) -> Result<Arrivals, CloudflareError> {
    let mut arrivals = Arrivals::default();
    for (address, lifecycle) in goal.lifecycles() {
        if recorded.resources.contains_key(address) {
            continue;
        }
        let place = match goal.want(address).map(|want| &want.spec) {
            Some(Spec::R2(bucket)) => bucket.jurisdiction.as_deref(),
            _ => None,
        };
        let is_deploy = matches!(goal, Goal::Deploy(_));
        if let Some(import) = lifecycle.import.as_ref().filter(|_| is_deploy) {
            match find(address.kind, lists, import, place).await? {
                Some(there) => {
                    let claim = Claim {
                        name: there.name,
                        id: there.id,
                    };
                    arrivals.claims.insert(address.clone(), claim);
                }
                None => {
                    arrivals.missing.insert(address.clone(), import.clone());
                }
            }
        } else if let Some(was) = &lifecycle.was {
            let name = |id| physical_name(goal.stack(), goal.stage(), id);
            let former = name(was);
            let look = async |name: &str| find(address.kind, lists, name, place).await;
            if look(&name(&address.id)).await?.is_none() && look(&former).await?.is_some() {
                arrivals.former_names.insert(address.clone(), former);
            }
        }
    }
    Ok(arrivals)
}

impl Arrivals {
    /// Adds the claims to a record, so that what is claimed is known by its id.
    pub(crate) fn claim(&self, state: &mut State) {
        for (address, claim) in &self.claims {
            let record = || Record {
                name: claim.name.clone(),
                status: Status::Creating,
                input_hash: String::new(),
                outputs: BTreeMap::from([("id".to_owned(), claim.id.clone())]),
                properties: Properties::new(),
                depends_on: BTreeSet::new(),
                keep: false,
            };
            let records = &mut state.resources;
            records.entry(address.clone()).or_insert_with(record);
        }
    }
}

/// Refuses imports of what is not there, or of what is somebody's already.
pub(crate) fn check(
    goal: Goal<'_>,
    recorded: &State,
    actual: &Actual,
    others: &[State],
) -> Result<(), PlanError> {
    if let Some((address, import)) = actual.arrivals.missing.iter().next() {
        return Err(PlanError::ImportMissing {
            address: address.clone(),
            import: import.clone(),
        });
    }
    for (address, claim) in &actual.arrivals.claims {
        for state in std::iter::once(recorded).chain(others) {
            if let Some(owner) = owner_in(state, address, claim) {
                let owner = if state.stage == recorded.stage {
                    format!("this stage, as {owner}")
                } else {
                    format!("stage `{}`, as {owner}", state.stage)
                };
                return Err(PlanError::ImportOwned {
                    kind: address.kind,
                    name: claim.name.clone(),
                    owner,
                });
            }
        }
    }
    for (address, lifecycle) in goal.lifecycles() {
        let (Some(import), Some(record)) = (&lifecycle.import, recorded.resources.get(address))
        else {
            continue;
        };
        if record.name != *import && record.outputs.get("id") != Some(import) {
            return Err(PlanError::ImportDiffers {
                address: address.clone(),
                recorded: record.name.clone(),
                import: import.clone(),
            });
        }
    }
    Ok(())
}

/// Where a state records the resource that is claimed.
fn owner_in<'a>(state: &'a State, address: &Address, claim: &Claim) -> Option<&'a Address> {
    let is_it = |record: &Record| match record.outputs.get("id") {
        Some(id) => *id == claim.id,
        None => record.name == claim.name,
    };
    state
        .resources
        .iter()
        .find(|(owner, record)| owner.kind == address.kind && is_it(record))
        .map(|(owner, _)| owner)
}

/// Rewrites the ids that the properties of a worker name, where a resource has a new one.
pub(crate) fn rename_in(properties: &mut Properties, kind: Kind, from: &str, to: &str) {
    use serde_json::Value;
    let rename = |value: &mut Value| {
        if value == from {
            *value = Value::from(to);
        }
    };
    let names: &[&str] = match kind {
        Kind::Worker => &["service", "worker"],
        Kind::D1 => &["d1"],
        Kind::Kv => &["kv"],
        Kind::R2 => &["r2"],
        Kind::Queue => &["queue"],
    };
    if let Some(Value::Object(bindings)) = properties.get_mut("bindings") {
        for binding in bindings.values_mut() {
            for name in names {
                if let Some(value) = binding.get_mut(name) {
                    rename(value);
                }
            }
        }
    }
    match kind {
        Kind::Queue => {
            if let Some(Value::Object(consumers)) = properties.get_mut("consumers") {
                for consumer in consumers.values_mut() {
                    if let Some(value) = consumer.get_mut("dead_letter_queue") {
                        rename(value);
                    }
                }
                if let Some(consumer) = consumers.remove(from) {
                    consumers.insert(to.to_owned(), consumer);
                }
            }
        }
        Kind::Worker => {
            if let Some(Value::Array(tails)) = properties.get_mut("tail_consumers") {
                tails.iter_mut().for_each(rename);
                tails.sort_by(|one, other| one.as_str().cmp(&other.as_str()));
            }
        }
        Kind::D1 | Kind::Kv | Kind::R2 => {}
    }
}
