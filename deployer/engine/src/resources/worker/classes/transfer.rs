//! Classes that go from one worker of the stage to another. Where such a transfer stands is read
//! off the two workers as they are, so that it can be taken up at any point.

use std::collections::{BTreeMap, BTreeSet};

use tiny_cloudflare::StorageKind;

use super::error::ClassError;
use super::{Side, WantedClasses};

/// A class under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Transfer {
    /// Ids of the workers.
    pub(crate) source: String,
    pub(crate) target: String,
    /// The physical names.
    pub(crate) source_script: String,
    pub(crate) target_script: String,
    /// What it is called at the source, and at the target.
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) storage: StorageKind,
    pub(crate) phase: Phase,
}

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The target says that it expects the class; then as below.
    Announce,
    /// The source hands it over; then as below.
    HandOver,
    /// The class is there, and the target takes its announcement back.
    Settle,
    /// A migration of the target does it all, before the source is uploaded without the class.
    Migrate,
}

pub(super) fn find(sides: &[Side<'_>]) -> Result<Vec<Transfer>, ClassError> {
    let mut found: Vec<Transfer> = Vec::new();
    let mut taken: BTreeMap<(String, String), String> = BTreeMap::new();
    for target in sides {
        let Some(want) = target.want else { continue };
        for (to, spec) in want.classes {
            let Some((source_id, from)) = &spec.transferred_from else {
                continue;
            };
            let source = sides.iter().find(|side| side.id == source_id);
            let Some(transfer) = one(target, &want, to, source, from)? else {
                continue;
            };
            let key = (source_id.clone(), from.clone());
            if let Some(also) = taken.insert(key, format!("{}.{to}", target.id)) {
                return Err(ClassError::TakenTwice {
                    worker: source_id.clone(),
                    from: from.clone(),
                    to: also,
                    also: format!("{}.{to}", target.id),
                });
            }
            found.push(transfer);
        }
    }
    match found.iter().find(|transfer| is_stuck(transfer, &found)) {
        Some(transfer) => Err(ClassError::TransferChain {
            worker: transfer.source.clone(),
            class: transfer.from.clone(),
        }),
        None => Ok(found),
    }
}

/// Whether a class has to wait for something that waits for it.
fn is_stuck(transfer: &Transfer, all: &[Transfer]) -> bool {
    match transfer.phase {
        // Its source announces another class first, with new code that lacks this one already.
        Phase::Announce => all
            .iter()
            .any(|other| other.target == transfer.source && other.phase == Phase::Announce),
        // The worker that takes it must come before the one that has it, and so on in a circle.
        Phase::Migrate => {
            let mut seen = BTreeSet::new();
            let mut ahead = vec![transfer.source.as_str()];
            while let Some(worker) = ahead.pop() {
                if worker == transfer.target {
                    return true;
                }
                if seen.insert(worker) {
                    let onwards = all
                        .iter()
                        .filter(|other| other.target == worker && other.phase == Phase::Migrate);
                    ahead.extend(onwards.map(|other| other.source.as_str()));
                }
            }
            false
        }
        Phase::HandOver | Phase::Settle => false,
    }
}

/// None where nothing is left to be done, or never was: a new stage makes the class afresh.
fn one(
    target: &Side<'_>,
    want: &WantedClasses<'_>,
    to: &str,
    source: Option<&Side<'_>>,
    from: &str,
) -> Result<Option<Transfer>, ClassError> {
    let Some(source) = source else {
        return Ok(None);
    };
    let at_source = source.live.classes.get(from);
    let at_target = target.live.classes.get(to);
    let announced = target
        .live
        .expecting
        .get(to)
        .is_some_and(|script| script == source.script);
    let source_wants = source
        .want
        .is_some_and(|theirs| theirs.classes.contains_key(from));
    let names = (target.id.to_owned(), source.id.to_owned(), from.to_owned());
    if source_wants && at_target.is_none() {
        // Also in a new stage, where the source may get the class before the target does.
        let (target, source_worker, class) = names;
        return Err(ClassError::TransferStillWanted {
            target,
            source_worker,
            class,
        });
    }
    let (phase, storage) = match (at_source, at_target) {
        (_, Some(storage)) if announced => (Phase::Settle, *storage),
        // The source made a class of that name again: two classes, and no transfer any more.
        (Some(_), Some(_)) if !source_wants => {
            let (target, source_worker, class) = names;
            return Err(ClassError::TransferOccupied {
                target,
                source_worker,
                class,
            });
        }
        (None, _) | (_, Some(_)) => return Ok(None),
        (Some(storage), None) if want.tagged_migrations => (Phase::Migrate, *storage),
        (Some(storage), None) if announced => (Phase::HandOver, *storage),
        (Some(storage), None) => (Phase::Announce, *storage),
    };
    if phase != Phase::Settle {
        check(target, want, to, source, from)?;
    }
    Ok(Some(Transfer {
        source: source.id.to_owned(),
        target: target.id.to_owned(),
        source_script: source.script.to_owned(),
        target_script: target.script.to_owned(),
        from: from.to_owned(),
        to: to.to_owned(),
        storage,
        phase,
    }))
}

/// Whether the source can and will let it go.
fn check(
    target: &Side<'_>,
    want: &WantedClasses<'_>,
    to: &str,
    source: &Side<'_>,
    from: &str,
) -> Result<(), ClassError> {
    let (target, source_worker) = (target.id.to_owned(), source.id.to_owned());
    let class = from.to_owned();
    let Some(theirs) = source.want else {
        return Err(ClassError::TransferSourceGone {
            target,
            source_worker,
            class,
        });
    };
    if theirs.tagged_migrations != want.tagged_migrations {
        return Err(ClassError::TransferMixed {
            target,
            source_worker,
            class,
        });
    }
    let renamed = theirs
        .classes
        .iter()
        .find(|(_, spec)| spec.renamed_from.as_deref() == Some(from));
    if let Some((also, _)) = renamed {
        return Err(ClassError::TakenTwice {
            worker: source_worker,
            from: class,
            to: format!("{target}.{to}"),
            also: also.clone(),
        });
    }
    if !want.tagged_migrations && from != to {
        return Err(ClassError::TransferRenames {
            target,
            source_worker,
            from: class,
            to: to.to_owned(),
        });
    }
    Ok(())
}
