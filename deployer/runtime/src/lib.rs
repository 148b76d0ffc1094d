//! Runs workers in workerd. In comes a [`Stack`]: modules and what they are bound to; out go an
//! address for each worker, and what workerd says ([`RuntimeEvent`]). The dev loop calls it, and
//! whatever else hosts workers on this machine.
//!
//! A stack becomes a configuration in workerd's own text format (`config`), with simulators for
//! the products it is bound to; `process` runs it on sockets that outlive the process; `host` is
//! what the simulators ask of this side; `control` is what this side asks of them.

mod blobs;
mod config;
mod control;
mod crons;
mod error;
mod guard;
mod host;
mod migrations;
mod probe;
mod process;
pub mod proxy;
mod runtime;
mod stack;
mod token;
mod values;

pub use config::CF_HEADER;
pub use control::Controller;
pub use crons::{Crons, Due};
pub use error::RuntimeError;
pub use guard::spawn_guarded;
pub use host::{AssetHost, D1Host};
pub use probe::{ExportKind, ProbeError, ProbeRequest, Probed, probe};
pub use process::{LogLevel, RuntimeEvent};
pub use runtime::{Prepared, Programs, Runtime};
pub use stack::{
    Binding, ClassStorage, D1Database, DurableClass, Hyperdrive, MissingKind, Module, ModuleKind,
    QueueConsumer, Reach, Stack, Worker,
};
pub use tiny_migrations::{Migrations, Pattern};
pub use values::{KvEntry, KvKey, KvPage, R2Head, R2Page};
