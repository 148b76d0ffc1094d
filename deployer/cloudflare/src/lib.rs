//! Cloudflare's REST API as far as a deployer needs it. In comes a typed call, out goes a typed
//! result or an error that says what to do. The engine makes the calls; how many at once is its
//! affair. One layer below them all retries what may be retried ([`Patience`]), reports each
//! request with its secrets taken out ([`Trace`]), and never repeats a change of which nobody knows
//! whether it was made: that ends in [`CloudflareError::Unclear`], to be resolved by reading.
//!
//! Requests are typed exactly, since a strict server refuses what it does not know. Results name
//! only what the engine reads, and ignore the rest.

mod account;
pub mod code;
mod error;
mod help;
mod products;
mod secret;
mod settings;
mod tailing;
mod transport;

pub use account::{Account, Cloudflare};
pub use error::{ClassProblem, CloudflareError, Problem, ProblemMeta, Refusal};
pub use products::*;
pub use secret::Secret;
pub use settings::Settings;
pub use tailing::{Follow, Followed, LogLine, TailEvent, TailException, Trigger, WebSocketPart};
pub use transport::patience::Patience;
pub use transport::trace::{Exchange, Outcome, Trace, Waiting};
