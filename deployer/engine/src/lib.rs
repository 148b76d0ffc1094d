//! The engine. In comes what is wanted ([`Desired`]), what was recorded ([`State`]) and what is
//! there ([`Actual`]); out goes a [`plan`] of steps, and, once it is agreed to, the steps are
//! carried out through Cloudflare's API. The command line calls it.
//!
//! Planning is a pure function. What has effects is reading the account (`refresh`), keeping the
//! state (`state`) and `apply`; each kind of resource has one file in `resources`.

mod actual;
mod address;
mod apply;
mod desired;
mod error;
mod external;
mod goal;
mod lifecycle;
mod ownership;
mod plan;
mod progress;
mod properties;
mod recover;
mod refresh;
mod resources;
mod state;
mod verify;

pub use actual::{Actual, Live, Owner};
pub use address::{Address, InvalidAddress, Kind};
pub use apply::{Apply, ApplyOptions};
pub use desired::{
    AssetContent, AssetFile, AssetsSpec, BindingSpec, ClassSpec, Code, ConsumerSpec, D1Spec,
    Desired, R2Spec, SecretSpec, Spec, SqlMigration, Want, WorkerSpec, asset_hash,
};
pub use error::{DataLoss, EngineError, Failure, FailureClass, PlanError};
pub use external::{External, ExternalKind};
pub use goal::{Goal, Scope};
pub use lifecycle::{Arrivals, Claim, Move};
pub use ownership::Tags;
pub use plan::{
    Action, Drift, Kept, KeptBecause, Loss, LossKind, Note, Part, Plan, PlanOptions, Step, Summary,
    plan,
};
pub use progress::{Event, Progress, Silent};
pub use properties::{Change, Properties, changes};
pub use recover::{import, recover};
pub use refresh::{Depth, refresh};
pub use resources::{ClassError, WorkerError, WorkerReading, upload_metadata};
pub use state::{
    Guard, Holder, InputHash, Record, Recorded, SCHEMA, SecretHasher, StageSummary, State,
    StateError, StateStore, Status, Version,
};
pub use verify::verify;
