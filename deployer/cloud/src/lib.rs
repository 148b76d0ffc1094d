//! A local Cloudflare. In come requests to Cloudflare's REST API, from `tiny` itself or from
//! anybody's client; out go the answers that Cloudflare would give, strict about what it takes.
//! What was uploaded runs in workerd, at `http://<script>.<subdomain>.localhost:<port>`. The
//! command `tiny cloud` serves it, and `tiny deploy --cloud local` starts one when none runs.
//!
//! `server` takes a request through its layers to the handlers of a product (`kv`, `d1`,
//! `workers`, …). A handler reads what came through `strict`, changes the account in one
//! transaction of `store`, and answers through `envelope`. `hosting` runs the workers.

mod accounts;
mod app;
mod cloud;
mod d1;
mod envelope;
mod error;
mod event;
mod faults;
mod home;
mod hosting;
mod id;
mod kv;
mod names;
mod options;
mod queues;
mod r2;
mod server;
mod store;
mod strict;
mod time;
mod values;
mod workers;
mod zones;

pub use cloud::{Cloud, start};
pub use error::CloudError;
pub use event::CloudEvent;
pub use faults::{Action, Fault, FaultControl, FaultReport, InvalidFault, Struck};
pub use home::{Announced, running};
pub use options::{NoPrograms, Options, ProgramsProvider, RateLimit};
pub use workers::Rehearsal;
