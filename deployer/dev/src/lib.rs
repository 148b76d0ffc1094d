//! The dev loop: watch, build, swap. In comes a manifest and what the user asks for while it runs,
//! out goes the app on its port and a stream of events about it. The command line calls it.

mod assemble;
mod control;
mod error;
mod event;
mod external;
pub mod front;
mod options;
mod packages;
mod project;
mod session;
mod steps;
mod watch;

pub use assemble::{Mismatch, build_request, check, check_products, modules};
pub use error::DevError;
pub use event::{Command, DevEvent, Reloaded};
pub use front::{BusyWorker, RequestLine, Work};
pub use options::DevOptions;
pub use packages::{npm_packages, packages};
pub use session::{own_program, run};
pub use steps::build_step;
