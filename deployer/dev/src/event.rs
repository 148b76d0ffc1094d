//! What the loop tells its user, and what the user can tell it.

use std::time::Duration;

use camino::Utf8PathBuf;

use crate::front::{BusyWorker, RequestLine};

/// What happened, in the order in which it did.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum DevEvent {
    /// A build began: the first one, or one after a change.
    Building,
    /// The app answers for the first time.
    Ready {
        /// Where the default worker is.
        url: String,
        /// The other workers of the stack, by name.
        others: Vec<(String, String)>,
        /// Since the command was started.
        elapsed: Duration,
    },
    /// Files changed that the app is made of.
    Change {
        /// Absolute paths.
        paths: Vec<Utf8PathBuf>,
    },
    /// The change does not build (or does not start); the last successful build keeps serving.
    BuildFailed {
        /// One line: what failed.
        title: String,
        /// The text of the compiler or of the build step, with ANSI colours.
        message: String,
        /// The reporter was given that text already, line by line.
        told: bool,
    },
    /// New code serves.
    Reload(Reloaded),
    /// Static files changed and reached the browsers; the runtime was left alone.
    AssetsReloaded {
        /// Absolute paths.
        paths: Vec<Utf8PathBuf>,
    },
    /// The compiler warns; the code runs all the same.
    Warning {
        /// As the compiler prints it, with ANSI colours.
        message: String,
    },
    /// The change made no difference to what runs.
    Unchanged,
    /// `tiny.toml` (or a layer of it) is wrong; the last good one stays in force.
    ManifestBroken {
        /// Every mistake, with its place.
        errors: tiny_manifest::Errors,
    },
    /// One request was answered.
    Request(RequestLine),
    /// A worker has kept the runtime from everything else for some seconds.
    Busy(BusyWorker),
    /// The app, or the runtime on its behalf, said something.
    Log {
        /// `error`, `warn`, `info`, `log` or `debug`.
        level: String,
        /// With Rust names in place of wasm frames.
        message: String,
    },
    /// Something the user should know.
    Note {
        /// A sentence.
        message: String,
    },
    /// A cron fired.
    Cron {
        /// The worker it belongs to.
        worker: String,
        /// The expression.
        cron: String,
        /// `ok`, or what went wrong.
        outcome: String,
    },
    /// `d`: this many Durable Objects were put to sleep.
    Hibernated {
        /// How many.
        objects: usize,
    },
    /// `c`: the local data is gone.
    Cleared,
    /// The runtime ended by itself and is started again.
    RuntimeDied {
        /// Its exit status and last words.
        reason: String,
    },
}

/// How long a change took to reach the first new answer.
#[derive(Debug, Clone, Copy)]
pub struct Reloaded {
    /// cargo, from start to end.
    pub cargo: Duration,
    /// wasm-bindgen and the shim.
    pub bindgen: Duration,
    /// The pause that requests could feel.
    pub swap: Duration,
    /// From the first write that was seen.
    pub total: Duration,
}

/// What the user can ask for while the loop runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Build and swap even though nothing changed.
    Rebuild,
    /// Put all Durable Objects to sleep now, as idle time would.
    Hibernate,
    /// Delete the local data and start empty.
    ClearData,
    /// End.
    Quit,
}
