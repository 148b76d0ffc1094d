//! Planning one worker. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::attachments::{self, Attaching};
use super::classes::{Management, Phase};
use super::facts::Facts;
use super::properties::{self, Before};
use super::references::References;
use super::report;
use super::sides::{Outlook, Stage, impossible};
use crate::error::PlanError;
use crate::ownership::Tags;
use crate::plan::{Loss, LossKind};
use crate::resources::{Draft, Groundwork, Item, Leaving};
use crate::{Address, Goal, Kind, SecretHasher, SecretSpec, State, WorkerSpec};

pub(super) fn draft(item: &Item<'_>, spec: &WorkerSpec) -> Result<Draft, PlanError> {
    let world = item.world;
    let stage = Stage {
        goal: world.goal,
        recorded: world.recorded,
        actual: world.actual,
        fresh: None,
    };
    let outlook = stage
        .outlook(item.address)
        .map_err(|error| impossible(item.address, &error))?;
    check_secrets(item, spec)?;
    check_attachments(item, spec)?;

    let has = |name: &str| item.has(name);
    let before = Before {
        has: &has,
        classes: &outlook.live,
        tag: tag(spec, &outlook),
        arriving: outlook
            .transfers
            .iter()
            .filter(|transfer| transfer.target == item.address.id)
            .map(|transfer| (transfer.to.as_str(), transfer.storage))
            .collect::<BTreeMap<_, _>>(),
    };
    let hasher = SecretHasher::new(world.recorded);
    Ok(Draft {
        properties: properties::wanted(spec, &hasher, &before),
        losses: class_losses(item.address, outlook.plan.changes.deleted.iter()),
        notes: notes(item, spec, &outlook),
        migrates: outlook.plan.changes.leaves_tag.as_ref().map(|tag| {
            format!("its classes leave tagged migrations (`{tag}`) and are declared from now on")
        }),
        unfinished: unfinished(&outlook, &item.address.id).or_else(|| renamed(item)),
        groundwork: groundwork(&outlook, &item.address.id),
        after: after(item, &outlook),
        ..Draft::default()
    })
}

/// The data that goes with a worker: the objects of its classes.
pub(super) fn losses(item: &Leaving<'_>) -> Vec<Loss> {
    let live = item.live.and_then(|live| live.properties.get("classes"));
    let recorded = || {
        item.record
            .and_then(|record| record.properties.get("classes"))
    };
    let classes = live.or_else(recorded).and_then(Value::as_object);
    class_losses(
        item.address,
        classes.into_iter().flat_map(serde_json::Map::keys),
    )
}

fn class_losses<'a>(address: &Address, classes: impl Iterator<Item = &'a String>) -> Vec<Loss> {
    classes
        .map(|class| Loss {
            what: LossKind::Class,
            address: address.clone(),
            name: class.clone(),
        })
        .collect()
}

/// The tag that it has or gets; none where classes are declared.
fn tag(spec: &WorkerSpec, outlook: &Outlook) -> Option<String> {
    if !spec.tagged_migrations {
        return None;
    }
    let live = match &outlook.live.management {
        Management::Tags(tag) => Some(tag),
        Management::Untold | Management::Exports => None,
    };
    outlook.plan.changes.new_tag.as_ref().or(live).cloned()
}

/// A secret without a value here needs one on Cloudflare.
fn check_secrets(item: &Item<'_>, spec: &WorkerSpec) -> Result<(), PlanError> {
    let have = item.has("secrets");
    for (name, secret) in &spec.secrets {
        let is_there = have.is_some_and(|have| have.get(name).is_some());
        if matches!(secret, SecretSpec::Keep) && !is_there {
            return Err(PlanError::SecretMissing {
                worker: item.address.id.clone(),
                name: name.clone(),
                stage: item.world.goal.stage().to_string(),
            });
        }
    }
    Ok(())
}

/// What belongs to somebody else is refused while nothing is changed yet.
fn check_attachments(item: &Item<'_>, spec: &WorkerSpec) -> Result<(), PlanError> {
    let world = item.world;
    let Some(reading) = world.actual.workers.get(item.address) else {
        // The record is believed, and so nothing was asked.
        return Ok(());
    };
    let scripts = scripts(world.goal, world.recorded);
    let at = Attaching {
        id: &item.address.id,
        script: item.name,
        spec: Some(spec),
        reading,
        references: world.references(),
        goal: world.goal,
        scripts: &scripts,
    };
    attachments::changes(at)
        .map(drop)
        .map_err(|error| impossible(item.address, &error))
}

/// What the resources of the stage are called, as far as that is known.
pub(crate) fn references(goal: Goal<'_>, recorded: &State) -> References {
    let mut references = References::default();
    references.insert_external(goal.external());
    for (address, name) in goal.names() {
        references.insert(address.clone(), name, None);
    }
    for (address, record) in &recorded.resources {
        let id = record.outputs.get("id").map(String::as_str);
        references.insert(address.clone(), &record.name, id);
    }
    references
}

/// The physical names of all workers that the stage has or had.
pub(super) fn scripts<'a>(goal: Goal<'a>, recorded: &'a State) -> BTreeSet<&'a str> {
    let wanted = goal
        .names()
        .filter(|(address, _)| address.kind == Kind::Worker)
        .map(|(_, name)| name);
    let known = recorded
        .resources
        .iter()
        .filter(|(address, _)| address.kind == Kind::Worker)
        .map(|(_, record)| record.name.as_str());
    wanted.chain(known).collect()
}

fn notes(item: &Item<'_>, spec: &WorkerSpec, outlook: &Outlook) -> Vec<String> {
    let mut notes = report::planned(&outlook.plan.changes);
    for (kind, what, is_wanted) in [
        (
            "vars",
            "var",
            &(|name: &str| spec.vars.contains_key(name)) as &dyn Fn(&str) -> bool,
        ),
        ("bindings", "binding", &|name: &str| {
            spec.bindings.contains_key(name)
        }),
    ] {
        for name in outside(item, kind) {
            if !is_wanted(name) {
                notes.push(format!(
                    "{what} `{name}` was set outside of tiny, and goes: put it into the manifest to keep it"
                ));
            }
        }
    }
    for name in outside(item, "secrets") {
        if !spec.secrets.contains_key(name) {
            notes.push(format!(
                "secret `{name}` was set outside of tiny, and stays: delete it with `tiny secret delete {name}` if nobody needs it"
            ));
        }
    }
    notes
}

/// What is there and was not recorded.
fn outside<'a>(item: &'a Item<'_>, property: &'a str) -> impl Iterator<Item = &'a str> {
    let live = item.live.and_then(|live| live.properties.get(property));
    let recorded = item
        .record
        .and_then(|record| record.properties.get(property));
    live.and_then(Value::as_object)
        .into_iter()
        .flat_map(serde_json::Map::keys)
        .map(String::as_str)
        .filter(move |name| {
            recorded
                .and_then(|recorded| recorded.get(name))
                .is_none_or(|value| value == properties::OUTSIDE)
        })
}

/// A class has come, and the worker still says that it expects it.
fn unfinished(outlook: &Outlook, id: &str) -> Option<String> {
    let settling: Vec<&str> = outlook
        .transfers
        .iter()
        .filter(|transfer| transfer.target == id && transfer.phase == Phase::Settle)
        .map(|transfer| transfer.to.as_str())
        .collect();
    (!settling.is_empty()).then(|| format!("{} has come from elsewhere", settling.join(", ")))
}

/// The tags of the worker still say the id that it had before.
fn renamed(item: &Item<'_>) -> Option<String> {
    let reading = item.world.actual.workers.get(item.address)?;
    let tags = Tags::read(&reading.facts.as_ref()?.tags);
    let id = tags.id.filter(|id| *id != item.address.id)?;
    Some(format!("it was called `{id}` in the manifest"))
}

/// The pass that announces what is to come.
fn groundwork(outlook: &Outlook, id: &str) -> Option<Groundwork> {
    if !outlook.plan.announces {
        return None;
    }
    let arriving = outlook
        .transfers
        .iter()
        .filter(|transfer| transfer.target == id && transfer.phase == Phase::Announce);
    let classes: Vec<&str> = arriving
        .clone()
        .map(|transfer| transfer.to.as_str())
        .collect();
    Some(Groundwork {
        reason: format!("it announces that it takes over {}", classes.join(", ")),
        then: arriving
            .map(|transfer| Address::new(Kind::Worker, transfer.source.as_str()))
            .collect(),
    })
}

/// Who comes first.
fn after(item: &Item<'_>, outlook: &Outlook) -> BTreeSet<Address> {
    let id = &item.address.id;
    let mut after = BTreeSet::new();
    for transfer in &outlook.transfers {
        let first = match transfer.phase {
            // The source hands over what the target, announced in an earlier run, then settles.
            Phase::HandOver if transfer.target == *id => &transfer.source,
            // The target's migration takes the class; only then the source may come without it.
            Phase::Migrate if transfer.source == *id => &transfer.target,
            _ => continue,
        };
        after.insert(Address::new(Kind::Worker, first.as_str()));
    }
    let deleted = &outlook.plan.changes.deleted;
    if deleted.is_empty() {
        return after;
    }
    // Cloudflare keeps a class that somebody still binds.
    for (other, reading) in &item.world.actual.workers {
        let binds = |facts: &Facts| {
            facts
                .binds_classes_of(item.name)
                .any(|class| deleted.iter().any(|deleted| deleted == class))
        };
        if other != item.address && reading.facts.as_ref().is_some_and(binds) {
            after.insert(other.clone());
        }
    }
    after
}
