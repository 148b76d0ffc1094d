//! The stack: what the rest of the tool works with.

use std::net::IpAddr;

use camino::Utf8PathBuf;
use tiny_migrations::Migrations;

use crate::reader::choices;
use crate::{AllowedHosts, StageName, Worker};

/// Everything one manifest describes, for one stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Stack {
    pub name: String,
    pub stage: StageName,
    /// The folder of the manifest, absolute.
    pub root: Utf8PathBuf,
    /// Every manifest file that was read, absolute; the one that was asked for first.
    pub sources: Vec<Utf8PathBuf>,
    /// Refuse to destroy this stage.
    pub protect: bool,
    /// In the order of the file; never empty.
    pub workers: Vec<Worker>,
    pub kv: Vec<Kv>,
    pub r2: Vec<R2>,
    pub d1: Vec<D1>,
    pub queues: Vec<Queue>,
    pub external: External,
    pub state: StateBackend,
    pub dev: Dev,
}

choices! {
    /// Where it is recorded what was deployed.
    pub enum StateBackend {
        /// In `.tiny/state` beside the manifest.
        #[default]
        Local = "local",
        /// In a D1 database of the account, for everybody who deploys.
        Cloudflare = "cloudflare",
    }
}

/// A Workers KV namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kv {
    pub id: String,
    pub lifecycle: Lifecycle,
}

/// An R2 bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct R2 {
    pub id: String,
    pub lifecycle: Lifecycle,
    /// None: no jurisdiction in particular.
    pub jurisdiction: Option<R2Jurisdiction>,
}

/// A D1 database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct D1 {
    pub id: String,
    pub migrations: Option<Migrations>,
    /// None: no jurisdiction in particular.
    pub jurisdiction: Option<D1Jurisdiction>,
    pub lifecycle: Lifecycle,
}

choices! {
    /// Where the objects of a bucket stay. It cannot be changed later.
    pub enum R2Jurisdiction {
        /// The European Union.
        #[default]
        Eu = "eu",
        /// FedRAMP Moderate.
        Fedramp = "fedramp",
        /// FedRAMP High.
        FedrampHigh = "fedramp-high",
        /// The United States.
        Us = "us",
    }
}

choices! {
    /// Where the data of a database stays. It cannot be changed later.
    pub enum D1Jurisdiction {
        /// The European Union.
        #[default]
        Eu = "eu",
        /// FedRAMP.
        Fedramp = "fedramp",
        /// The United States.
        Us = "us",
    }
}

/// A queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    pub id: String,
    pub lifecycle: Lifecycle,
}

/// Where a resource of the stack came from, and whether it outlives its stage.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lifecycle {
    /// What is taken over, by Cloudflare's id or name.
    pub import: Option<String>,
    /// The id that it had in the manifest before.
    pub was: Option<String>,
    /// Never deleted: neither with its stage, nor when the manifest drops it.
    pub keep: bool,
}

/// What the stack uses and does not own. Bindings name these by the same ids as the stack's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct External {
    pub kv: Vec<ExternalResource>,
    pub r2: Vec<ExternalResource>,
    pub d1: Vec<ExternalResource>,
    pub queues: Vec<ExternalResource>,
    pub workers: Vec<ExternalResource>,
    /// Bindings to these hold Cloudflare's id already.
    pub hyperdrive: Vec<ExternalResource>,
    /// Bindings to these hold the name of the index already.
    pub vectorize: Vec<ExternalResource>,
}

/// Something on Cloudflare that belongs to somebody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalResource {
    /// In the manifest.
    pub id: String,
    /// Its id on Cloudflare, or its name: whichever tells its kind apart.
    pub identifier: String,
    /// Of a bucket only.
    pub jurisdiction: Option<R2Jurisdiction>,
}

/// How `tiny dev` serves the stack, where the command line does not say otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dev {
    pub host: Option<IpAddr>,
    pub port: Option<u16>,
    /// The folder of the local data, absolute.
    pub persist: Option<Utf8PathBuf>,
    /// As it was written; [`Stack::dev_hosts`] adds what the workers need.
    pub allowed_hosts: AllowedHosts,
}
