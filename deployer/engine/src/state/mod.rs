//! What is recorded of a stage.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{Address, Properties};

/// The record of one stage. No secret is ever in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Of this format.
    pub schema: u32,
    pub stack: String,
    pub stage: String,
    /// Made up when the stage was first deployed: two histories never mix.
    pub lineage: String,
    /// Counts the writes.
    pub serial: u64,
    /// The account that it is about.
    pub account_id: Option<String>,
    /// Keys the hashes that stand for secrets.
    pub salt: String,
    pub resources: BTreeMap<Address, Record>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The physical name.
    pub name: String,
    pub status: Status,
    /// Over everything that went in, code and all; empty while it is being made.
    #[serde(default)]
    pub input_hash: String,
    /// What Cloudflare answered: `id`, `etag`, `url`, ….
    #[serde(default)]
    pub outputs: BTreeMap<String, String>,
    /// As last deployed.
    #[serde(default)]
    pub properties: Properties,
    /// What has to be there as long as it is.
    #[serde(default)]
    pub depends_on: BTreeSet<Address>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// A call that makes it is about to be made, or was, and nobody knows what came of it.
    Creating,
    Ready,
    /// The same for the call that deletes it.
    Deleting,
}
