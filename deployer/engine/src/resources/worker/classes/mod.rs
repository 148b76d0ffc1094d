//! What becomes of Durable Object classes: a pure function from what is wanted and what is there to
//! what each upload says about classes. Nothing is said that Cloudflare has no use for, no class
//! goes away by being forgotten, and after an interruption the same function goes on from wherever
//! the classes are.

mod error;
mod exports;
mod live;
mod tag;
mod tagged;
mod transfer;

use std::collections::BTreeMap;

use tiny_cloudflare::{Classes, RenamedClass};

use crate::ClassSpec;

pub use error::ClassError;
pub(crate) use live::{LiveClasses, Management};
pub(crate) use transfer::{Phase, Transfer};

pub(super) use live::storage_name;

/// One worker of the stage.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Side<'a> {
    /// Its id in the manifest.
    pub(crate) id: &'a str,
    /// Its physical name.
    pub(crate) script: &'a str,
    /// None where the manifest no longer has it.
    pub(crate) want: Option<WantedClasses<'a>>,
    pub(crate) live: &'a LiveClasses,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct WantedClasses<'a> {
    pub(crate) classes: &'a BTreeMap<String, ClassSpec>,
    pub(crate) tagged_migrations: bool,
    /// It was deployed with declared classes before, whatever tag it still carries.
    pub(crate) was_declared: bool,
}

/// For all workers of the stage.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ClassPlans {
    /// By the worker's id; of the wanted ones only.
    pub(crate) workers: BTreeMap<String, ClassPlan>,
    /// Classes under way from one worker to another.
    pub(crate) transfers: Vec<Transfer>,
}

/// For one worker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ClassPlan {
    /// What the first upload says, which in most cases is the only one.
    pub(crate) first: Option<Classes>,
    /// What an upload after that says.
    pub(crate) settled: Option<Classes>,
    /// The first upload announces classes that are to come from elsewhere, so there has to be
    /// another one after they came.
    pub(crate) announces: bool,
    pub(crate) changes: ClassChanges,
}

/// What happens to the classes of one worker, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ClassChanges {
    pub(crate) created: Vec<String>,
    pub(crate) renamed: Vec<RenamedClass>,
    /// With all their objects: needs consent.
    pub(crate) deleted: Vec<String>,
    /// Class, and the id of the worker that it comes from.
    pub(crate) received: Vec<(String, String)>,
    /// Class, and the id of the worker that it goes to.
    pub(crate) handed_over: Vec<(String, String)>,
    /// The tag that is left behind, where a worker's classes are declared from now on.
    pub(crate) leaves_tag: Option<String>,
    /// The tag that is set, where the worker stays on tagged migrations.
    pub(crate) new_tag: Option<String>,
}

/// Plans the classes of all workers of a stage; those that the stage no longer wants are given
/// too, since what they hold may be wanted elsewhere.
pub(crate) fn plan(sides: &[Side<'_>]) -> Result<ClassPlans, ClassError> {
    let transfers = transfer::find(sides)?;
    let mut workers = BTreeMap::new();
    for side in sides {
        let Some(want) = side.want else { continue };
        let plan = if want.tagged_migrations {
            tagged::plan(side, &want, &transfers)?
        } else {
            exports::plan(side, &want, &transfers)?
        };
        workers.insert(side.id.to_owned(), plan);
    }
    Ok(ClassPlans { workers, transfers })
}

/// Where each live class of a worker goes that is renamed: from the old name to the new one.
fn renames<'a>(
    side: &Side<'a>,
    want: &WantedClasses<'a>,
) -> Result<BTreeMap<&'a str, &'a str>, ClassError> {
    let mut renames = BTreeMap::new();
    for (to, spec) in want.classes {
        let Some(from) = spec.renamed_from.as_deref() else {
            continue;
        };
        let worker = side.id.to_owned();
        if want.classes.contains_key(from) {
            return Err(ClassError::RenameStillWanted {
                worker,
                from: from.to_owned(),
                to: to.clone(),
            });
        }
        if !side.live.classes.contains_key(from) {
            // Done long ago, or never needed: a tombstone with nothing to do is not sent.
            continue;
        }
        if side.live.classes.contains_key(to) {
            return Err(ClassError::RenameOccupied {
                worker,
                from: from.to_owned(),
                to: to.clone(),
            });
        }
        if let Some(also) = renames.insert(from, to.as_str()) {
            return Err(ClassError::TakenTwice {
                worker,
                from: from.to_owned(),
                to: also.to_owned(),
                also: to.clone(),
            });
        }
    }
    Ok(renames)
}

#[cfg(test)]
mod tests;
