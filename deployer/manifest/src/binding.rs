//! What a worker reaches through its environment.

use serde_json::Value;

/// What one name in a worker's `env` stands for. Ids are those of the manifest, not physical names, and may lead to
/// what is external.
#[derive(Debug, Clone, PartialEq)]
pub enum Binding {
    Kv {
        id: String,
    },
    R2 {
        id: String,
    },
    D1 {
        id: String,
    },
    Queue {
        id: String,
        /// Seconds that each message waits before it is delivered.
        delivery_delay: Option<u32>,
    },
    RateLimit {
        limit: u32,
        /// Seconds: 10 or 60.
        period: u32,
    },
    /// Another worker of the stack, or an external one.
    Service {
        worker: String,
        entrypoint: Option<String>,
        props: Option<Value>,
    },
    /// A worker that is deployed elsewhere, by the name of its script.
    DeployedService {
        script: String,
        /// `production` if not given.
        environment: Option<String>,
        entrypoint: Option<String>,
        props: Option<Value>,
    },
    /// The worker's own static assets. Their name is written as `assets.binding`, so whoever runs the worker binds
    /// them from there; they are not among [`crate::Worker::bindings`].
    Assets,
    AnalyticsEngine {
        dataset: String,
    },
    VersionMetadata,
    Ai,
    Browser,
    Images,
    Vectorize {
        index: String,
    },
    Hyperdrive {
        /// The id of the configuration on Cloudflare.
        id: String,
        /// The connection string that `tiny dev` uses in its place.
        local: Option<String>,
    },
    SendEmail {
        destination_address: Option<String>,
        allowed_destination_addresses: Vec<String>,
        allowed_sender_addresses: Vec<String>,
    },
    SecretsStore {
        store: String,
        secret: String,
    },
    MtlsCertificate {
        id: String,
    },
    DispatchNamespace {
        namespace: String,
    },
    Pipeline {
        name: String,
    },
}

/// A Durable Object namespace bound to a worker. Its storage is SQLite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DurableObject {
    pub binding: String,
    pub class: String,
    /// The worker that exports the class, where it is another one: of the stack, or external.
    pub worker: Option<String>,
    /// The name the class had before; its objects are kept.
    pub renamed_from: Option<String>,
    /// The worker and class whose objects this class takes over.
    pub transferred_from: Option<Transfer>,
}

/// Where a Durable Object class came from: written `worker-id.Class`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    pub worker: String,
    pub class: String,
}
