//! What the account has.

use std::collections::BTreeMap;

use crate::resources::WorkerReading;
use crate::{Address, Arrivals, External, Properties};

/// The resources of a stage that were found in the account.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Actual {
    pub resources: BTreeMap<Address, Live>,
    /// What else was read of workers, and of the account around them; also of those that are not
    /// there. A worker that is not in it was not read.
    pub workers: BTreeMap<Address, WorkerReading>,
    /// Resources that the manifest takes over, or that have a new id and no record.
    pub arrivals: Arrivals,
    /// What the manifest calls external and the account does not have.
    pub missing: Vec<External>,
}

/// One resource as Cloudflare has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Live {
    /// Its physical name.
    pub name: String,
    pub owner: Owner,
    /// What Cloudflare calls it, and whatever else a later step needs: `id`, `etag`, ….
    pub outputs: BTreeMap<String, String>,
    /// Only what Cloudflare tells. Where a name is missing at the top, what was recorded counts.
    pub properties: Properties,
}

/// Whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// Recorded in the state, or marked with the tags of this stack and stage.
    Ours,
    /// Nothing tells.
    Unmarked,
    /// Marked as another stack's or stage's.
    Other { stack: String, stage: String },
}
