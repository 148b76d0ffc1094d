//! What runs together in one workerd.

use std::net::SocketAddr;

use bytes::Bytes;
use camino::Utf8PathBuf;
use serde_json::Value;
use tiny_migrations::Migrations;

/// Workers with their local data.
#[derive(Debug, Clone)]
pub struct Stack {
    pub workers: Vec<Worker>,
    /// The folder of the local data, in miniflare's layout. Made when it is missing.
    pub state: Utf8PathBuf,
    /// A folder for what workerd is started from; worth nothing afterwards.
    pub run: Utf8PathBuf,
    /// Databases whose migrations are applied before the first request.
    pub d1: Vec<D1Database>,
    /// Where DevTools can attach.
    pub inspector: Option<SocketAddr>,
    /// What this side can do with the stack besides running it.
    pub reach: Reach,
}

/// What a host wants of a stack that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reach {
    /// [`crate::Controller`] reads and writes the values of every KV namespace.
    pub kv: bool,
    /// The same for the objects of every R2 bucket.
    pub r2: bool,
    /// Invocations of the workers that [`crate::Controller::watch`] names are told as
    /// [`crate::RuntimeEvent::Trace`].
    pub traces: bool,
}

/// One worker.
#[derive(Debug, Clone)]
pub struct Worker {
    /// Unique in the stack.
    pub name: String,
    /// The name of the module whose exports are the worker.
    pub main: String,
    pub modules: Vec<Module>,
    /// `YYYY-MM-DD`; one that workerd is too old for becomes its newest.
    pub compatibility_date: String,
    pub compatibility_flags: Vec<String>,
    /// By name, in any order.
    pub bindings: Vec<(String, Binding)>,
    /// The Durable Object classes that the code exports, bound or not.
    pub classes: Vec<DurableClass>,
    pub consumers: Vec<QueueConsumer>,
    /// Names of the workers of the stack that get this one's logs.
    pub tails: Vec<String>,
}

/// One module of a worker.
#[derive(Debug, Clone)]
pub struct Module {
    pub name: String,
    pub kind: ModuleKind,
    pub body: Bytes,
}

/// What a module is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModuleKind {
    /// An ECMAScript module.
    Esm,
    /// A CommonJS module.
    CommonJs,
    /// A script of the older kind, with `addEventListener`; only as the main one, and the only.
    Script,
    /// A WebAssembly module.
    Wasm,
    /// Its default export is the text.
    Text,
    /// Its default export is the bytes.
    Data,
    /// Its default export is the value.
    Json,
}

/// A Durable Object class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DurableClass {
    pub name: String,
    /// What ids and the folder of the data are derived from: a change loses the data from sight.
    pub unique_key: String,
    pub storage: ClassStorage,
}

/// What the objects of a class keep their data in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClassStorage {
    #[default]
    Sqlite,
    /// The older kind: keys and values, without SQL.
    KeyValue,
}

/// A queue that a worker takes messages from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueConsumer {
    /// As bindings name it.
    pub queue: String,
    /// What the worker is told the queue is called, where that is something else.
    pub known_as: Option<String>,
    pub batch_size: u32,
    pub batch_timeout_secs: u32,
    pub max_retries: u32,
    /// Seconds.
    pub retry_delay: Option<u32>,
    pub dead_letter_queue: Option<String>,
    /// Batches under way at once; one after the other where it is not given.
    pub max_concurrency: Option<u32>,
}

/// A D1 database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct D1Database {
    pub id: String,
    pub migrations: Option<Migrations>,
}

/// A database that a Hyperdrive binding leads to.
#[derive(Clone, PartialEq, Eq)]
pub struct Hyperdrive {
    /// `postgres` or `mysql`.
    pub scheme: String,
    pub host: String,
    pub port: u16,
    pub database: String,
    pub user: String,
    pub password: String,
}

impl std::fmt::Debug for Hyperdrive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Hyperdrive({}://{}:{}, hidden)",
            self.scheme, self.host, self.port
        )
    }
}

/// What a name in a worker's `env` stands for.
#[derive(Clone)]
pub enum Binding {
    Text(String),
    Json(Value),
    /// Text that is written to no file.
    Secret(String),
    DurableObject {
        class: String,
        /// The worker that exports it, where it is another one.
        worker: Option<String>,
    },
    Kv {
        id: String,
    },
    R2 {
        bucket: String,
    },
    D1 {
        id: String,
    },
    /// A D1 database that the [`crate::D1Host`] keeps.
    D1AtHost {
        id: String,
    },
    Queue {
        queue: String,
        /// Seconds.
        delivery_delay: Option<u32>,
    },
    RateLimit {
        limit: u32,
        /// Seconds.
        period: u32,
    },
    Service {
        worker: String,
        entrypoint: Option<String>,
        props: Option<Value>,
    },
    /// The worker's own static files, answered by the [`crate::AssetHost`].
    Assets,
    Analytics {
        dataset: String,
    },
    VersionMetadata,
    SendEmail {
        /// The only addresses it may send to; any when empty.
        allowed_destinations: Vec<String>,
        /// The only addresses it may send from; any when empty.
        allowed_senders: Vec<String>,
    },
    Hyperdrive(Hyperdrive),
    /// Content that comes with the code, for scripts, which import nothing: a WebAssembly module,
    /// text or bytes.
    Part {
        kind: ModuleKind,
        body: Bytes,
    },
    /// A product with no local form: every use fails, naming it.
    RemoteOnly {
        product: String,
    },
    /// Leads to what is not there: every use fails with this message. What a service or a Durable
    /// Object binding names outside of the stack becomes this by itself.
    Missing {
        like: MissingKind,
        message: String,
    },
}

/// What something that is not there would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingKind {
    /// Each call answers a promise, which fails.
    Service,
    /// A namespace of Durable Objects: it fails when it is asked for an object.
    DurableObject,
}

impl std::fmt::Debug for Binding {
    /// Names the kind only: values may be secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Text(_) => "Text",
            Self::Json(_) => "Json",
            Self::Secret(_) => "Secret",
            Self::DurableObject { .. } => "DurableObject",
            Self::Kv { .. } => "Kv",
            Self::R2 { .. } => "R2",
            Self::D1 { .. } => "D1",
            Self::D1AtHost { .. } => "D1AtHost",
            Self::Queue { .. } => "Queue",
            Self::RateLimit { .. } => "RateLimit",
            Self::Service { .. } => "Service",
            Self::Assets => "Assets",
            Self::Analytics { .. } => "Analytics",
            Self::VersionMetadata => "VersionMetadata",
            Self::SendEmail { .. } => "SendEmail",
            Self::Hyperdrive(_) => "Hyperdrive",
            Self::Part { .. } => "Part",
            Self::RemoteOnly { .. } => "RemoteOnly",
            Self::Missing { .. } => "Missing",
        })
    }
}

impl Stack {
    /// Whether it needs miniflare's simulator scripts, which are fetched only for those who do.
    pub fn needs_simulators(&self) -> bool {
        self.uses_cache()
            || self.reach.kv
            || self.reach.r2
            || self.bindings().any(|binding| {
                matches!(
                    binding,
                    Binding::Kv { .. } | Binding::R2 { .. } | Binding::D1 { .. }
                )
            })
            || self.d1.iter().any(|database| database.migrations.is_some())
    }

    pub(crate) fn uses_cache(&self) -> bool {
        self.workers.iter().any(Worker::uses_cache)
    }

    pub(crate) fn worker(&self, name: &str) -> Option<&Worker> {
        self.workers.iter().find(|worker| worker.name == name)
    }

    pub(crate) fn bindings(&self) -> impl Iterator<Item = &Binding> {
        self.workers
            .iter()
            .flat_map(|worker| worker.bindings.iter().map(|(_, binding)| binding))
    }
}

impl Worker {
    /// Whether its code names the Cache API at all. It is no binding, so the code has to tell.
    pub(crate) fn uses_cache(&self) -> bool {
        self.names("caches")
    }

    /// Whether this text is anywhere in its JavaScript.
    pub(crate) fn names(&self, text: &str) -> bool {
        self.modules.iter().any(|module| {
            matches!(
                module.kind,
                ModuleKind::Esm | ModuleKind::CommonJs | ModuleKind::Script
            ) && memchr::memmem::find(&module.body, text.as_bytes()).is_some()
        })
    }
}
