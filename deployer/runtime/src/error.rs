//! What can go wrong between a stack and a running workerd.

use camino::Utf8PathBuf;

/// A stack could not be run, or what runs could not be asked.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum RuntimeError {
    /// workerd ended before it listened: the code or its settings are at fault.
    #[error("workerd did not start ({status})\n{output}")]
    #[diagnostic(help(
        "an exception at the top level of a module, or in #[event(start)], ends the start"
    ))]
    Start {
        /// How it ended.
        status: String,
        /// Its last words.
        output: String,
    },

    /// workerd runs but does not listen.
    #[error("workerd was not ready after {seconds} s\n{output}")]
    #[diagnostic(help("code at the top level of a module must not wait or loop"))]
    Stuck {
        seconds: u64,
        /// What it said so far.
        output: String,
    },

    /// The program itself cannot be run.
    #[error("cannot run {program}: {source}")]
    #[diagnostic(help("run `tiny doctor` to see what is missing"))]
    Program {
        program: Utf8PathBuf,
        source: std::io::Error,
    },

    /// DevTools' port belongs to somebody else.
    #[error("the inspector's address {0} is already in use")]
    #[diagnostic(help("stop what uses it, or name another one with `--inspect=PORT`"))]
    InspectorTaken(std::net::SocketAddr),

    /// A migration's SQL is wrong; those before it are applied.
    #[error("migration {file} of database `{database}` failed: {message}")]
    #[diagnostic(help("nothing of that file was applied; mend it and save"))]
    Migration {
        database: String,
        file: Utf8PathBuf,
        message: String,
    },

    /// Nothing runs that could be asked.
    #[error("nothing runs yet")]
    #[diagnostic(help("wait for the first build, or mend it"))]
    NotRunning,

    /// The running workers did not do what they were asked.
    #[error("{0}")]
    Refused(String),

    /// The stack needs simulators that the caller did not provide.
    #[error("the simulators of Cloudflare's products are not there")]
    #[diagnostic(help("run `tiny setup`"))]
    NoSimulators,

    /// The file system, or a local connection.
    #[error(transparent)]
    #[diagnostic(help("check that path and that its disk is not full"))]
    Io(#[from] std::io::Error),
}
