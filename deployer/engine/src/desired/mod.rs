//! What is wanted: a stack for one stage with its built code, before any id of Cloudflare is known.

mod files;
mod from_stack;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use camino::Utf8PathBuf;
use serde_json::Value;
use tiny_cloudflare::{CodeUpdate, Limits, Module, Observability, Placement, Secret};
use tiny_manifest::{Lifecycle, StageName};

use crate::{Address, External, Kind};

pub use files::asset_hash;

/// Everything that a stage shall have, and nothing else.
#[derive(Debug, Clone)]
pub struct Desired {
    /// The stack's name.
    pub stack: String,
    pub stage: StageName,
    /// Refuse to destroy it.
    pub protect: bool,
    pub resources: BTreeMap<Address, Want>,
    /// What it uses and does not own.
    pub external: Vec<External>,
    /// What is wrong with files beside the manifest, without being in the way.
    pub complaints: Vec<String>,
}

/// One resource.
#[derive(Debug, Clone)]
pub struct Want {
    /// Its physical name.
    pub name: String,
    pub spec: Spec,
    /// What must be there before it.
    pub depends_on: BTreeSet<Address>,
    pub lifecycle: Lifecycle,
}

#[derive(Debug, Clone)]
pub enum Spec {
    Worker(Box<WorkerSpec>),
    D1(D1Spec),
    Kv,
    R2(R2Spec),
    Queue,
}

/// An R2 bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct R2Spec {
    /// Where its objects stay, such as `eu`; none for no place in particular.
    pub jurisdiction: Option<String>,
}

/// A D1 database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct D1Spec {
    /// In the order in which they are applied.
    pub migrations: Vec<SqlMigration>,
    /// The table that records which were applied, as SQL takes its name: quoted.
    pub table: String,
    /// Where its data stays, such as `eu`; none for no place in particular.
    pub jurisdiction: Option<String>,
}

impl Default for D1Spec {
    fn default() -> Self {
        Self {
            migrations: Vec::new(),
            table: tiny_manifest::DEFAULT_TABLE.to_owned(),
            jurisdiction: None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlMigration {
    /// The path of its file in the folder: `0001_create.sql`.
    pub name: String,
    pub sql: String,
}

/// A worker. Other resources are named by their ids in the manifest.
#[derive(Debug, Clone)]
pub struct WorkerSpec {
    pub code: Code,
    pub compatibility_date: String,
    pub compatibility_flags: Vec<String>,
    pub vars: BTreeMap<String, Value>,
    pub secrets: BTreeMap<String, SecretSpec>,
    pub bindings: BTreeMap<String, BindingSpec>,
    /// The Durable Object classes that its code exports, by name.
    pub classes: BTreeMap<String, ClassSpec>,
    /// Durable Object classes are managed by tagged migrations, as the worker's owner wishes.
    pub tagged_migrations: bool,
    pub code_update: CodeUpdate,
    pub assets: Option<AssetsSpec>,
    pub url: bool,
    pub crons: Vec<String>,
    /// By pattern, with the zone's name where it was given.
    pub routes: BTreeMap<String, Option<String>>,
    pub domains: BTreeSet<String>,
    /// By the id of the queue.
    pub consumers: BTreeMap<String, ConsumerSpec>,
    pub observability: Option<Observability>,
    pub limits: Option<Limits>,
    pub placement: Option<Placement>,
    pub logpush: bool,
    /// Ids of workers.
    pub tail_consumers: Vec<String>,
}

impl WorkerSpec {
    /// What has to be there before it: what it binds, what it consumes, who gets its logs. `own` is
    /// its id in the manifest.
    pub fn depends_on(&self, own: &str) -> BTreeSet<Address> {
        let mut found = BTreeSet::new();
        for binding in self.bindings.values() {
            let (kind, id) = match binding {
                BindingSpec::Kv { id } => (Kind::Kv, id),
                BindingSpec::R2 { id, .. } => (Kind::R2, id),
                BindingSpec::D1 { id } => (Kind::D1, id),
                BindingSpec::Queue { id, .. } => (Kind::Queue, id),
                BindingSpec::DurableObject {
                    worker: Some(worker),
                    ..
                }
                | BindingSpec::Service { worker, .. } => (Kind::Worker, worker),
                BindingSpec::DurableObject { worker: None, .. }
                | BindingSpec::RateLimit { .. }
                | BindingSpec::DeployedService { .. }
                | BindingSpec::Assets
                | BindingSpec::Plain(_) => continue,
            };
            found.insert(Address::new(kind, id));
        }
        for (queue, consumer) in &self.consumers {
            let queues = std::iter::once(queue).chain(&consumer.dead_letter_queue);
            found.extend(queues.map(|id| Address::new(Kind::Queue, id)));
        }
        let tails = self.tail_consumers.iter();
        found.extend(tails.map(|id| Address::new(Kind::Worker, id)));
        // A worker may bind itself.
        found.remove(&Address::new(Kind::Worker, own));
        found
    }
}

/// The modules that run.
#[derive(Debug, Clone)]
pub struct Code {
    pub main: String,
    pub modules: Vec<Module>,
    /// Over all of them.
    pub hash: String,
}

/// A secret that the manifest names.
#[derive(Debug, Clone)]
pub enum SecretSpec {
    /// Its value is at hand.
    Value(Secret),
    /// Made up at random where the worker has none of this name; kept where it has one.
    Generate,
    /// Not at hand: the one that the worker has is kept. None there is an error of planning.
    Keep,
}

/// Where a Durable Object class comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClassSpec {
    pub renamed_from: Option<String>,
    /// Id of the worker, and the class.
    pub transferred_from: Option<(String, String)>,
}

/// What a name in `env` leads to, by ids of the manifest.
#[derive(Debug, Clone, PartialEq)]
pub enum BindingSpec {
    Kv {
        id: String,
    },
    R2 {
        id: String,
        /// The bucket's, where it has one.
        jurisdiction: Option<String>,
    },
    D1 {
        id: String,
    },
    Queue {
        id: String,
        /// Seconds.
        delivery_delay: Option<u32>,
    },
    DurableObject {
        class: String,
        /// Id of the worker that exports it, where it is another one.
        worker: Option<String>,
    },
    Service {
        worker: String,
        entrypoint: Option<String>,
        props: Option<Value>,
    },
    /// A worker that is deployed elsewhere, by the name of its script.
    DeployedService {
        script: String,
        environment: Option<String>,
        entrypoint: Option<String>,
        props: Option<Value>,
    },
    RateLimit {
        limit: u32,
        /// Seconds.
        period: u32,
    },
    Assets,
    /// What needs no id of ours: it goes up as it is.
    Plain(tiny_cloudflare::BindingKind),
}

/// Static assets.
#[derive(Debug, Clone)]
pub struct AssetsSpec {
    /// By URL path, with a leading slash.
    pub files: BTreeMap<String, AssetFile>,
    pub config: tiny_cloudflare::AssetsConfig,
}

#[derive(Debug, Clone)]
pub struct AssetFile {
    /// 32 hex digits, wrangler's own: BLAKE3 of the content in base64 and the extension.
    pub hash: String,
    /// Bytes.
    pub size: u64,
    pub content_type: Option<String>,
    pub content: AssetContent,
}

/// Where the bytes are: read when they are uploaded, and only if they are.
#[derive(Debug, Clone)]
pub enum AssetContent {
    File(Utf8PathBuf),
    Memory(Bytes),
}

/// How a worker takes messages from a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerSpec {
    pub settings: tiny_cloudflare::ConsumerSettings,
    /// Id of the queue that gets what failed too often.
    pub dead_letter_queue: Option<String>,
}
