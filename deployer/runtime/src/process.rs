//! One workerd, from its start to its end.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use camino::Utf8Path;
use command_fds::{CommandFdExt as _, FdMapping};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::error::RuntimeError;
use crate::guard;
use crate::runtime::Programs;

/// How long workerd may take until it listens. A large app is compiled in well under a second.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// How many of its last lines go into an error.
const LAST_WORDS: usize = 40;

/// The descriptor on which workerd reports.
const CONTROL_FD: i32 = 3;

/// What happens in a runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuntimeEvent {
    /// A worker, or workerd on its behalf, said something.
    Log { level: LogLevel, message: String },
    /// An invocation that was watched ended.
    Trace {
        /// The name of the worker in the stack.
        worker: String,
        /// As `wrangler tail` prints it, but for `scriptName`, which workerd does not know.
        item: serde_json::Value,
    },
    /// workerd ended without being told to.
    Exited {
        /// Which one: compare with [`crate::Runtime::generation`].
        generation: u64,
        /// How it ended, in words.
        status: String,
        /// Its last words.
        stderr: String,
    },
}

/// The severity of a log line, as `console` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    Debug,
    Info,
    Log,
    Warn,
    Error,
}

/// A socket for workerd, open on this side for as long as the session lasts.
#[derive(Debug)]
pub(crate) struct Socket {
    listener: std::net::TcpListener,
    pub(crate) address: SocketAddr,
}

impl Socket {
    pub(crate) fn bind() -> std::io::Result<Self> {
        let listener = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Closes the connections that wait for a workerd which is gone. Whoever made them has given up,
    /// and the next one would read their requests all the same.
    pub(crate) fn discard_waiting(&self) {
        // Ends when none is left: the socket does not block.
        while self.listener.accept().is_ok() {}
    }

    fn for_child(&self) -> std::io::Result<OwnedFd> {
        Ok(self.listener.try_clone()?.into())
    }
}

/// What a process is started with.
pub(crate) struct Launch<'a> {
    pub(crate) programs: &'a Programs,
    pub(crate) config: &'a Utf8Path,
    pub(crate) environment: &'a [(String, String)],
    pub(crate) sockets: Vec<(String, &'a Socket)>,
    pub(crate) inspector: Option<SocketAddr>,
    /// How long it may take until it listens.
    pub(crate) patience: Duration,
    pub(crate) generation: u64,
    pub(crate) events: mpsc::UnboundedSender<RuntimeEvent>,
}

/// A running workerd. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Process {
    kill: Option<oneshot::Sender<()>>,
    ended: JoinHandle<()>,
}

#[derive(Deserialize)]
struct Report {
    event: String,
    socket: Option<String>,
}

#[derive(Deserialize)]
struct Line {
    level: LogLevel,
    message: String,
}

impl Launch<'_> {
    /// Starts workerd and waits until every socket is served.
    pub(crate) async fn start(self) -> Result<Process, RuntimeError> {
        if let Some(address) = self.inspector
            && std::net::TcpListener::bind(address).is_err()
        {
            // workerd would wait for it for ever, without a word.
            return Err(RuntimeError::InspectorTaken(address));
        }
        let mut command = self.command();
        let (reports, writer) = std::io::pipe()?;
        let mut mappings = vec![FdMapping {
            parent_fd: writer.into(),
            child_fd: CONTROL_FD,
        }];
        let mut expected = Vec::with_capacity(self.sockets.len());
        for (child_fd, (name, socket)) in (CONTROL_FD + 1..).zip(&self.sockets) {
            command.arg(format!("--socket-fd={name}={child_fd}"));
            mappings.push(FdMapping {
                parent_fd: socket.for_child()?,
                child_fd,
            });
            expected.push(name.clone());
        }
        command.arg(self.config);
        command
            .fd_mappings(mappings)
            .map_err(|error| std::io::Error::other(error.to_string()))?;
        let spawned = command.spawn();
        // Holds this side's copies of the descriptors: without it the pipe would never end.
        drop(command);
        let mut child = spawned.map_err(|source| RuntimeError::Program {
            program: self.programs.workerd.clone(),
            source,
        })?;
        let words = LastWords::default();
        let out = hear(child.stdout.take(), words.clone(), self.events.clone());
        let err = hear(child.stderr.take(), words.clone(), self.events.clone());
        let listening = listen(reports, expected);
        let outcome = tokio::select! {
            // An end is seen here first: the pipe of reports ends with the process as well.
            biased;
            status = child.wait() => Err(Some(status?)),
            served = tokio::time::timeout(self.patience, listening) => match served {
                Ok(true) => Ok(()),
                // The pipe is closed, so the process is about to end.
                Ok(false) => Err(Some(child.wait().await?)),
                Err(_) => Err(None),
            },
        };
        match outcome {
            Ok(()) => Ok(Process::watch(child, [out, err], words, &self)),
            Err(status) => {
                if status.is_none() {
                    child.kill().await?;
                }
                // What was written before the end is still in the pipes.
                let _ = tokio::join!(out, err);
                let output = words.text();
                Err(match status {
                    Some(status) => RuntimeError::Start {
                        status: status.to_string(),
                        output,
                    },
                    None => RuntimeError::Stuck {
                        seconds: self.patience.as_secs(),
                        output,
                    },
                })
            }
        }
    }

    fn command(&self) -> Command {
        let programs = self.programs;
        let mut command = Command::new(&programs.launcher);
        command
            .args([
                "__spawn",
                programs.workerd.as_str(),
                "serve",
                "--experimental",
            ])
            .arg(format!("--control-fd={CONTROL_FD}"))
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env(guard::PARENT, std::process::id().to_string())
            // As on Cloudflare.
            .env("TZ", "UTC")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A Ctrl-C at the terminal is for us to deal with.
            .process_group(0)
            .kill_on_drop(true);
        if let Some(address) = self.inspector {
            command.arg(format!("--inspector-addr={address}"));
        }
        command
    }
}

impl Process {
    fn watch(
        mut child: Child,
        hearing: [JoinHandle<()>; 2],
        words: LastWords,
        launch: &Launch<'_>,
    ) -> Self {
        let (kill, killed) = oneshot::channel();
        let (generation, events) = (launch.generation, launch.events.clone());
        let ended = tokio::spawn(async move {
            tokio::select! {
                status = child.wait() => {
                    for one in hearing {
                        let _ = one.await;
                    }
                    // Nobody listens any more when the session ends.
                    let _ = events.send(RuntimeEvent::Exited {
                        generation,
                        status: status.map_or_else(|error| error.to_string(), |status| status.to_string()),
                        stderr: words.text(),
                    });
                }
                // Also when the sender is dropped.
                _ = killed => {
                    // It may have ended this very moment.
                    let _ = child.kill().await;
                }
            }
        });
        Self {
            kill: Some(kill),
            ended,
        }
    }

    /// Kills it and waits until it is gone. What it acknowledged is in the files; asking nicely
    /// would wait for every open connection.
    pub(crate) async fn stop(mut self) {
        self.kill.take();
        let _ = (&mut self.ended).await;
    }
}

/// Reads reports until all sockets are served; false when the pipe ends before that. Later reports
/// are read as well, because workerd dies of a pipe that nobody reads.
async fn listen(reports: std::io::PipeReader, mut expected: Vec<String>) -> bool {
    let (done, served) = oneshot::channel();
    let reading = move || {
        use std::io::BufRead as _;
        let mut done = Some(done);
        for line in std::io::BufReader::new(reports).lines() {
            let Ok(line) = line else { break };
            if let Ok(report) = serde_json::from_str::<Report>(&line)
                && report.event == "listen"
                && let Some(socket) = report.socket
            {
                expected.retain(|name| *name != socket);
            }
            if expected.is_empty()
                && let Some(done) = done.take()
            {
                // Nobody waits any more after a timeout.
                let _ = done.send(());
            }
        }
    };
    // A thread of its own: it lasts as long as the process.
    if std::thread::Builder::new()
        .name("workerd reports".to_owned())
        .spawn(reading)
        .is_err()
    {
        return false;
    }
    served.await.is_ok()
}

/// The last lines that a process wrote.
#[derive(Debug, Clone, Default)]
struct LastWords(Arc<Mutex<VecDeque<String>>>);

impl LastWords {
    fn push(&self, line: &str) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LAST_WORDS {
            lines.pop_front();
        }
        lines.push_back(line.to_owned());
    }

    fn text(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join("\n")
    }
}

/// Turns one output of the process into events.
fn hear(
    from: Option<impl AsyncRead + Unpin + Send + 'static>,
    words: LastWords,
    events: mpsc::UnboundedSender<RuntimeEvent>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let Some(from) = from else { return };
        let mut lines = BufReader::new(from).split(b'\n');
        while let Ok(Some(line)) = lines.next_segment().await {
            let line = String::from_utf8_lossy(&line);
            let Some((level, message)) = understand(&line) else {
                continue;
            };
            words.push(&message);
            // Nobody listens any more when the session ends.
            let _ = events.send(RuntimeEvent::Log { level, message });
        }
    })
}

/// A line of workerd's log; plain text is what V8 or the C++ library says at a crash.
fn understand(line: &str) -> Option<(LogLevel, String)> {
    if let Ok(Line { level, message }) = serde_json::from_str(line) {
        return Some((level, message));
    }
    let line = line.trim_end();
    (!line.is_empty()).then(|| (LogLevel::Error, line.to_owned()))
}
