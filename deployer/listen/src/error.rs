//! Why nobody can listen there.

use std::fmt;
use std::io;
use std::net::SocketAddr;

/// Why a port could not be had.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum ListenError {
    /// Something listens there already.
    #[error("port {port} is already in use{}", ByHolder(.holder.as_ref()))]
    #[diagnostic(help("stop it, or run `{command} --port {suggestion}`"))]
    PortTaken {
        /// The port that was asked for.
        port: u16,
        /// Who listens; unknown when it belongs to another user.
        holder: Option<Holder>,
        /// A port that was free a moment ago.
        suggestion: u16,
        /// What is run with `--port`.
        command: &'static str,
    },
    /// The operating system keeps this port for the privileged.
    #[error("may not listen on {address}: the operating system denies it")]
    #[diagnostic(help("ports below 1024 need privileges: run `{command} --port {suggestion}`"))]
    Denied {
        /// Where it was to listen.
        address: SocketAddr,
        /// A port that was free a moment ago.
        suggestion: u16,
        /// What is run with `--port`.
        command: &'static str,
    },
    /// The address is none of this machine's, or the like.
    #[error("cannot listen on {address}: {source}")]
    #[diagnostic(help("it must be an address of this machine, such as 127.0.0.1 or 0.0.0.0"))]
    Bind {
        /// Where it was to listen.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
}

/// The process that listens on a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its process id.
    pub pid: u32,
    /// How it was started, shortened.
    pub command: String,
}

struct ByHolder<'a>(Option<&'a Holder>);

impl fmt::Display for ByHolder<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(Holder { pid, command }) => write!(out, " by `{command}` (pid {pid})"),
            None => Ok(()),
        }
    }
}
