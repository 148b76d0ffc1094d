//! What is recorded of a stage, and where: [`StateStore`] keeps it, [`Guard`] is the right to
//! change it.

mod error;
mod format;
mod hash;
mod holder;
mod local;
mod noted_secret;
mod remote;
mod store;
mod surgery;
#[cfg(test)]
mod tests;
mod upgrade;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tiny_manifest::StageName;
use uuid::Uuid;

use crate::{Address, Properties};

pub use error::StateError;
pub use hash::{InputHash, SecretHasher};
pub use holder::Holder;
pub use store::{Guard, Recorded, StageSummary, StateStore, Version};
pub use upgrade::SCHEMA;

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
    /// Counts the writes. A stage that was never saved has 0.
    pub serial: u64,
    /// The account that it is about.
    pub account_id: Option<String>,
    /// Keys the hashes that stand for secrets.
    pub salt: String,
    pub resources: BTreeMap<Address, Record>,
}

impl State {
    /// Of a stage of which nothing is recorded yet, with a lineage and a salt of its own.
    pub fn new(stack: &str, stage: &StageName, account_id: Option<&str>) -> Self {
        // Two times 122 random bits; a hash is keyed as well by those as by 256.
        let salt = [Uuid::new_v4(), Uuid::new_v4()].map(|half| half.simple().to_string());
        Self {
            schema: SCHEMA,
            stack: stack.to_owned(),
            stage: stage.to_string(),
            lineage: Uuid::new_v4().to_string(),
            serial: 0,
            account_id: account_id.map(str::to_owned),
            salt: salt.concat(),
            resources: BTreeMap::new(),
        }
    }

    /// Refuses to go on with the state of one account in another.
    pub fn check_account(&self, account_id: &str) -> Result<(), StateError> {
        match &self.account_id {
            Some(recorded) if recorded != account_id => Err(StateError::OtherAccount {
                stage: self.stage.clone(),
                recorded: recorded.clone(),
                given: account_id.to_owned(),
            }),
            _ => Ok(()),
        }
    }
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
    /// It stays in the account, also when the manifest no longer has it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keep: bool,
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
