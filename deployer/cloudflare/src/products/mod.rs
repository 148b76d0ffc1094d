//! The calls, one file per product.

pub(crate) mod accounts;
mod assets;
mod bindings;
mod d1;
mod deployments;
mod domains;
mod durable_objects;
mod elsewhere;
mod kv;
mod metadata;
mod queues;
mod r2;
mod routes;
mod schedules;
mod scripts;
mod secrets;
mod settings;
mod subdomain;
mod tails;
mod versions;
mod zones;

pub use accounts::AccountInfo;
pub use assets::{AssetEntry, AssetFile, AssetManifest, AssetSession};
pub use bindings::{Binding, BindingKind, LiveBinding, RateLimit};
pub use d1::{D1Database, D1Meta, D1Result, D1Statement, NewD1Database};
pub use deployments::{CodeUpdate, Deployment, NewDeployment, TrafficShare};
pub use domains::Domain;
pub use durable_objects::{
    DurableObjectNamespace, ExportEntry, ExportsReconciliation, LiveExport, LiveExports,
    MigrationStep, Migrations, PendingTransfer, ReconciliationNote, RenamedClass, StorageKind,
    TransferredClass, TransferredOut,
};
pub use kv::KvNamespace;
pub use metadata::{
    Annotations, AssetsConfig, Classes, HtmlHandling, KeptKind, Limits, LogSettings,
    NotFoundHandling, Observability, Placement, RunWorkerFirst, TailConsumer, TraceSettings,
    UploadAssets, UploadMetadata,
};
pub use queues::{ConsumerSettings, NewConsumer, Queue, QueueConsumer};
pub use r2::{NewR2Bucket, R2Bucket, R2Object};
pub use routes::ZoneRoute;
pub use schedules::Schedule;
pub use scripts::{Module, ModuleKind, ScriptInfo, ServiceScript, Upload, Uploaded};
pub use secrets::SecretInfo;
pub use settings::{ScriptSettings, WorkerSettings};
pub use subdomain::ScriptSubdomain;
pub use tails::{Tail, TailFilter, TailHeader};
pub use versions::{Version, VersionMetadata, VersionResources};
pub use zones::Zone;
