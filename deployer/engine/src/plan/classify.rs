//! What becomes of each resource, seen by itself.

use std::collections::BTreeSet;

use super::reason;
use super::step::{Action, Drift, Kept, KeptBecause, Loss, Note};
use crate::error::PlanError;
use crate::properties::{Change, Properties, changes};
use crate::resources::{self, Draft, Item, Leaving, World};
use crate::state::{Record, Status};
use crate::{Address, External, Goal, Kind, Live, Owner, Want};

/// Everything that is wanted, recorded or there.
pub(super) struct Classified {
    pub(super) items: Vec<Classed>,
    pub(super) drift: Vec<Drift>,
    pub(super) notes: Vec<Note>,
    pub(super) kept: Vec<Kept>,
}

/// One resource with what becomes of it.
pub(super) struct Classed {
    pub(super) address: Address,
    pub(super) name: String,
    pub(super) action: Action,
    pub(super) reason: String,
    pub(super) changes: Vec<Change>,
    pub(super) losses: Vec<Loss>,
    /// What a wanted one shall be.
    pub(super) draft: Draft,
}

pub(super) fn all(world: &World<'_>) -> Result<Classified, PlanError> {
    let mut found = Classified {
        items: Vec::new(),
        drift: Vec::new(),
        notes: Vec::new(),
        kept: Vec::new(),
    };
    let wanted = world.goal.wants().map(|(address, _)| address);
    let recorded = world.recorded.resources.keys();
    let actual = world.actual.resources.keys();
    let addresses: BTreeSet<&Address> = wanted.chain(recorded).chain(actual).collect();
    for address in addresses {
        let record = world.record(address);
        let live = world.live(address);
        if let Some(drift) = drift(address, record, live) {
            found.drift.push(drift);
        }
        match world.want(address) {
            Some(want) => found.wanted(world, address, want)?,
            None => found.unwanted(world, address, record, live),
        }
    }
    found.check_kept(world)?;
    Ok(found)
}

impl Classified {
    fn wanted(
        &mut self,
        world: &World<'_>,
        address: &Address,
        want: &Want,
    ) -> Result<(), PlanError> {
        let record = world.record(address);
        let live = world.live(address);
        let name = world.name_of(address).unwrap_or(&want.name);
        if let Some(live) = live {
            check_owner(world, address, record, live)?;
        }
        if let Some(external) = external(world, address, record, live, name) {
            return Err(PlanError::ExternalOwned {
                address: address.clone(),
                external: Box::new(external.clone()),
            });
        }
        let item = Item {
            address,
            name,
            want,
            record,
            live,
            world,
        };
        let draft = resources::draft(&item)?;
        let have = have(record, live);
        let changes = changes(&have, &draft.properties);
        let is_imported = world.actual.arrivals.claims.contains_key(address);
        let (action, reason) = if is_imported && live.is_some() {
            (Action::Adopt, reason::IMPORTED.to_owned())
        } else {
            fate(record, live, &changes, &draft)
        };
        self.notes.extend(draft.notes.iter().map(|text| Note {
            address: address.clone(),
            text: text.clone(),
        }));
        self.items.push(Classed {
            address: address.clone(),
            name: name.to_owned(),
            action,
            reason,
            changes,
            losses: if action == Action::Create {
                Vec::new()
            } else {
                draft.losses.clone()
            },
            draft,
        });
        Ok(())
    }

    fn unwanted(
        &mut self,
        world: &World<'_>,
        address: &Address,
        record: Option<&Record>,
        live: Option<&Live>,
    ) {
        let name = match (record, live) {
            (Some(record), _) => &record.name,
            (None, Some(live)) => &live.name,
            (None, None) => return,
        };
        let ours = live.filter(|live| is_ours(address, record, live));
        if let (Some(live), None) = (live, ours) {
            self.notes.push(Note {
                address: address.clone(),
                text: not_touched(address, live),
            });
            if record.is_none() {
                return;
            }
        }
        let because = if external(world, address, record, live, name).is_some() {
            Some(KeptBecause::External)
        } else if ours.is_some() && world.goal.keeps(address, record) {
            Some(KeptBecause::Keep)
        } else {
            None
        };
        if let Some(because) = because {
            self.kept.push(Kept {
                address: address.clone(),
                name: name.clone(),
                because,
            });
            return;
        }
        let losses = ours.map_or_else(Vec::new, |live| {
            resources::losses(&Leaving {
                address,
                name,
                record,
                live: Some(live),
            })
        });
        self.items.push(Classed {
            address: address.clone(),
            name: name.clone(),
            action: Action::Delete,
            reason: reason::deleted(record, ours, matches!(world.goal, Goal::Destroy(_))),
            changes: Vec::new(),
            losses,
            draft: Draft::default(),
        });
    }

    /// What is kept keeps working: nothing that it needs is deleted.
    fn check_kept(&self, world: &World<'_>) -> Result<(), PlanError> {
        for kept in &self.kept {
            let Some(record) = world.record(&kept.address) else {
                continue;
            };
            let needed: Vec<Address> = self
                .items
                .iter()
                .filter(|item| item.action == Action::Delete)
                .filter(|item| record.depends_on.contains(&item.address))
                .map(|item| item.address.clone())
                .collect();
            if kept.because == KeptBecause::Keep && !needed.is_empty() {
                return Err(PlanError::KeptNeeds {
                    kept: kept.address.clone(),
                    needed,
                });
            }
        }
        Ok(())
    }
}

/// What the manifest calls external of the very resource that is here.
fn external<'a>(
    world: &World<'a>,
    address: &Address,
    record: Option<&Record>,
    live: Option<&Live>,
    name: &str,
) -> Option<&'a External> {
    let outputs = live.map(|live| &live.outputs);
    let outputs = outputs.or_else(|| record.map(|record| &record.outputs));
    let id = outputs.and_then(|outputs| outputs.get("id"));
    let externals = world.goal.external();
    externals
        .iter()
        .find(|external| external.is(address.kind, name, id.map(String::as_str)))
}

/// What is there as far as anybody knows: as Cloudflare tells, else as recorded. Nothing of
/// something that is not there.
fn have(record: Option<&Record>, live: Option<&Live>) -> Properties {
    let Some(live) = live else {
        return Properties::new();
    };
    let mut have = record.map_or_else(Properties::new, |record| record.properties.clone());
    for (name, value) in &live.properties {
        have.insert(name.clone(), value.clone());
    }
    have
}

/// What is done about a wanted resource, and why.
fn fate(
    record: Option<&Record>,
    live: Option<&Live>,
    changes: &[Change],
    draft: &Draft,
) -> (Action, String) {
    let said = |action, reason: &str| (action, reason.to_owned());
    match (record, live) {
        (None, None) => said(Action::Create, ""),
        (Some(record), None) => match record.status {
            Status::Ready => said(Action::Create, "it is gone from the account"),
            Status::Creating => said(Action::Create, "an earlier run did not get that far"),
            Status::Deleting => said(Action::Create, "an earlier run deleted it"),
        },
        (None, Some(_)) => said(
            Action::Adopt,
            "it is there and belongs to this stage, but was not recorded",
        ),
        (Some(record), Some(live)) => match record.status {
            Status::Creating => said(Action::Adopt, "an earlier run was interrupted making it"),
            Status::Deleting => said(
                Action::Adopt,
                "an earlier run was interrupted before deleting it",
            ),
            Status::Ready if record.input_hash.is_empty() => {
                said(Action::Update, "an earlier run was interrupted changing it")
            }
            Status::Ready if !changes.is_empty() => match &draft.migrates {
                Some(reason) => (Action::Migrate, reason.clone()),
                None => (Action::Update, reason::updated(record, live, changes)),
            },
            Status::Ready => match &draft.unfinished {
                Some(reason) => (Action::Update, reason.clone()),
                None => said(Action::None, ""),
            },
        },
    }
}

/// A record proves that a resource is ours, if it is still the one that was recorded. A worker that
/// was only about to be made has yet to prove it by its tags.
pub(crate) fn is_ours(address: &Address, record: Option<&Record>, live: &Live) -> bool {
    match (&live.owner, record) {
        (Owner::Ours, _) => true,
        (Owner::Other { .. }, _) | (Owner::Unmarked, None) => false,
        (Owner::Unmarked, Some(record)) => match address.kind {
            Kind::Worker => record.status != Status::Creating,
            Kind::D1 | Kind::Kv | Kind::R2 | Kind::Queue => false,
        },
    }
}

fn check_owner(
    world: &World<'_>,
    address: &Address,
    record: Option<&Record>,
    live: &Live,
) -> Result<(), PlanError> {
    let is_imported = world.actual.arrivals.claims.contains_key(address);
    match &live.owner {
        Owner::Other { stack, stage } if is_imported => Err(PlanError::ImportOwned {
            kind: address.kind,
            name: live.name.clone(),
            owner: format!("stack `{stack}`, stage `{stage}`"),
        }),
        Owner::Other { stack, stage } => Err(PlanError::NotOurs {
            kind: address.kind,
            name: live.name.clone(),
            stack: stack.clone(),
            stage: stage.clone(),
        }),
        _ if is_ours(address, record, live) => Ok(()),
        _ => Err(PlanError::Unproven {
            kind: address.kind,
            address: address.clone(),
            name: live.name.clone(),
        }),
    }
}

fn not_touched(address: &Address, live: &Live) -> String {
    let kind = address.kind;
    let name = &live.name;
    match &live.owner {
        Owner::Other { stack, stage } => format!(
            "{kind} `{name}` belongs to stack `{stack}`, stage `{stage}`, and is not touched"
        ),
        _ => format!(
            "{kind} `{name}` has a name of this stage, but nothing tells that it belongs to it; it is not touched"
        ),
    }
}

/// What somebody else did to what was recorded.
fn drift(address: &Address, record: Option<&Record>, live: Option<&Live>) -> Option<Drift> {
    let record =
        record.filter(|record| record.status == Status::Ready && !record.input_hash.is_empty())?;
    let changes = match live {
        None => Vec::new(),
        Some(live) => {
            let told = record
                .properties
                .iter()
                .filter(|(name, _)| live.properties.contains_key(*name))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect();
            changes(&told, &live.properties)
        }
    };
    (live.is_none() || !changes.is_empty()).then(|| Drift {
        address: address.clone(),
        name: record.name.clone(),
        gone: live.is_none(),
        changes,
    })
}
