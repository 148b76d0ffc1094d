//! Starts code once, to see whether it starts and what it exports.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bytes::Bytes;
use camino::Utf8Path;
use http::Request;
use http::header::HOST;
use http_body_util::Full;
use serde::Deserialize;
use tokio::sync::mpsc;

use crate::blobs::Blobs;
use crate::config::{self, PROBE};
use crate::control;
use crate::error::RuntimeError;
use crate::process::{Launch, Socket};
use crate::runtime::Programs;
use crate::stack::Module;

/// Cloudflare gives code one second of CPU at its start. A busy machine takes longer by the clock.
const PATIENCE: Duration = Duration::from_secs(30);

const TOO_SLOW: &str = "Script startup exceeded CPU time limit.";

/// Code to look at.
#[derive(Debug, Clone)]
pub struct ProbeRequest {
    /// The name of the module whose exports are the worker.
    pub main: String,
    pub modules: Vec<Module>,
    /// `YYYY-MM-DD`; one that workerd is too old for becomes its newest.
    pub compatibility_date: String,
    pub compatibility_flags: Vec<String>,
}

/// What code exports.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Probed {
    /// Of the default export: `fetch`, `scheduled`, `queue`, ….
    pub handlers: BTreeSet<String>,
    /// The other exports that are classes, or objects with handlers.
    pub classes: BTreeMap<String, ExportKind>,
    /// From the start of the process until it listened.
    #[serde(skip)]
    pub startup: Duration,
}

/// What an export is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ExportKind {
    /// Extends `DurableObject`.
    DurableObject,
    /// Extends `WorkerEntrypoint`, or is an object with handlers.
    Entrypoint,
    /// Extends `WorkflowEntrypoint`.
    Workflow,
    /// A class that extends none of these.
    Plain,
}

/// Why there is nothing to be told.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ProbeError {
    /// The code did not start, in the words of V8 and workerd:
    /// `Uncaught Error: too early\n  at main.js:1:7`.
    #[error("{message}")]
    Code { message: String },
    /// It was not even tried.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Runtime(#[from] RuntimeError),
}

/// Starts the code in a workerd of its own, without bindings, and ends that again. Uses the
/// folder `run`, which belongs to this call alone.
pub async fn probe(
    programs: &Programs,
    run: &Utf8Path,
    request: &ProbeRequest,
) -> Result<Probed, ProbeError> {
    let io = |error: std::io::Error| RuntimeError::from(error);
    let mut blobs = Blobs::within(run).map_err(io)?;
    let text = config::probe(request, &programs.workerd_date, &mut blobs).map_err(io)?;
    let config = run.join("workerd.capnp");
    fs_err::write(&config, text).map_err(io)?;
    let socket = Socket::bind().map_err(io)?;
    // What the code logs is nobody's concern here.
    let (events, _) = mpsc::unbounded_channel();
    let started = Instant::now();
    let process = Launch {
        programs,
        config: &config,
        environment: &[],
        sockets: vec![(PROBE.to_owned(), &socket)],
        inspector: None,
        patience: PATIENCE,
        generation: 0,
        events,
    }
    .start()
    .await
    .map_err(code_error)?;
    let startup = started.elapsed();
    let answer = ask(&socket).await;
    process.stop().await;
    let mut probed: Probed = serde_json::from_slice(&answer?)
        .map_err(|error| RuntimeError::Refused(format!("the probe broke off: {error}")))?;
    probed.startup = startup;
    Ok(probed)
}

async fn ask(socket: &Socket) -> Result<Bytes, RuntimeError> {
    let request = Request::get("/")
        .header(HOST, "tiny")
        .body(Full::default())
        .map_err(|error| RuntimeError::Refused(error.to_string()))?;
    Ok(control::exchange(socket.address, request)
        .await?
        .into_body())
}

/// workerd names the service before it quotes V8.
fn code_error(error: RuntimeError) -> ProbeError {
    match error {
        RuntimeError::Start { status, output } => {
            let prefix = format!("service {PROBE}: ");
            match output.find(&prefix) {
                Some(at) => ProbeError::Code {
                    message: output[at + prefix.len()..].trim_end().to_owned(),
                },
                None => RuntimeError::Start { status, output }.into(),
            }
        }
        RuntimeError::Stuck { .. } => ProbeError::Code {
            message: TOO_SLOW.to_owned(),
        },
        other => other.into(),
    }
}
