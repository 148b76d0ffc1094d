//! Runs other programs so that none outlives the future that waits for it.

use std::ffi::OsStr;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;
use tokio::time::Instant;

use crate::environment::Environment;
use crate::error::ProvisionError;

/// How many bytes of a program's messages are kept for the error.
const KEPT_OUTPUT: usize = 4096;

/// A program to run: its own process group, no stdin, the environment that was given.
pub(crate) struct Program<'a> {
    command: Command,
    shown: String,
    watch: Watch<'a>,
    /// Nothing heard for so long: stopped.
    patience: Duration,
    /// Stopped after so long whatever it does.
    limit: Duration,
    help: String,
}

/// What counts as a sign of life, beside output.
enum Watch<'a> {
    Output,
    /// Called several times a second with what was said since; true when something moved.
    Pulse(Box<dyn FnMut(&str) -> bool + Send + 'a>),
}

/// What a program that ended well said.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) stdout: String,
}

impl<'a> Program<'a> {
    pub(crate) fn new(program: impl AsRef<OsStr>, environment: &Environment) -> Self {
        let shown = Utf8PathBuf::from(program.as_ref().to_string_lossy().into_owned());
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(environment.variables())
            // Meant for the user's own programs; others' messages would drown in frames.
            .env_remove("RUST_BACKTRACE")
            .env_remove("RUST_LIB_BACKTRACE")
            .current_dir(environment.cwd())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        Self {
            command,
            shown: shown.file_name().unwrap_or(shown.as_str()).to_owned(),
            watch: Watch::Output,
            patience: Duration::from_mins(2),
            limit: Duration::from_hours(1),
            help: "run `tiny doctor` to see what is missing".to_owned(),
        }
    }

    pub(crate) fn args<S: AsRef<str>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        for arg in args {
            self.shown.push(' ');
            self.shown.push_str(arg.as_ref());
            self.command.arg(arg.as_ref());
        }
        self
    }

    pub(crate) fn within(mut self, folder: &Utf8Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn without_env(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub(crate) fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    pub(crate) fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    /// `pulse` is called a few times a second with what the program printed on stderr since, and
    /// says whether anything moved that output does not show, such as a growing file.
    pub(crate) fn pulse(mut self, pulse: impl FnMut(&str) -> bool + Send + 'a) -> Self {
        self.watch = Watch::Pulse(Box::new(pulse));
        self
    }

    /// Runs it to its end. Dropping the future kills it and all that it started.
    pub(crate) async fn run(mut self) -> Result<Output, ProvisionError> {
        let mut child = self
            .command
            .spawn()
            .map_err(|source| ProvisionError::Failed {
                command: self.shown.clone(),
                status: source.to_string(),
                output: String::new(),
                help: self.help.clone(),
            })?;
        let mut group = ProcessGroup::of(&child);
        let mut stdout = Pipe::new(child.stdout.take());
        let mut stderr = Pipe::new(child.stderr.take());
        let started = Instant::now();
        let mut heard = started;
        let mut seen = 0;
        let mut tick = tokio::time::interval(Duration::from_millis(100));
        let status = loop {
            tokio::select! {
                moved = stdout.read(), if stdout.open() => if moved { heard = Instant::now() },
                moved = stderr.read(), if stderr.open() => if moved { heard = Instant::now() },
                status = child.wait(), if !stdout.open() && !stderr.open() => break status,
                _ = tick.tick() => {
                    if let Watch::Pulse(pulse) = &mut self.watch {
                        let said = String::from_utf8_lossy(&stderr.text[seen..]);
                        let moved = pulse(&said);
                        seen = stderr.text.len();
                        if moved { heard = Instant::now(); }
                    }
                    let why = if heard.elapsed() >= self.patience {
                        format!("no progress for {} s", self.patience.as_secs())
                    } else if started.elapsed() >= self.limit {
                        format!("not done after {} s", self.limit.as_secs())
                    } else {
                        continue;
                    };
                    return Err(ProvisionError::Stalled {
                        command: self.shown,
                        why,
                        output: stderr.end(),
                        help: self.help,
                    });
                }
            }
        };
        group.ended();
        let status = status.map_err(|source| ProvisionError::Failed {
            command: self.shown.clone(),
            status: source.to_string(),
            output: String::new(),
            help: self.help.clone(),
        })?;
        if !status.success() {
            let output = stderr.end();
            return Err(ProvisionError::Failed {
                command: self.shown,
                status: describe(status),
                help: full_disk(&output).map_or(self.help, str::to_owned),
                output,
            });
        }
        Ok(Output {
            stdout: stdout.into_string(),
        })
    }
}

/// The cure where a program ran out of room, whatever else it may be advised.
fn full_disk(output: &str) -> Option<&'static str> {
    let full = output.contains("ENOSPC")
        || output.contains("No space left on device")
        || output.contains("Disk quota exceeded");
    full.then_some("make room on that disk, or set TINY_CACHE to a folder on another one")
}

/// What cargo prints while all is well.
fn is_progress(line: &str) -> bool {
    [
        "Building [",
        "Compiling ",
        "Downloaded ",
        "Adding ",
        "Locking ",
    ]
    .iter()
    .any(|progress| line.starts_with(progress))
}

fn describe(status: ExitStatus) -> String {
    status
        .code()
        .map_or_else(|| status.to_string(), |code| format!("exit code {code}"))
}

/// Kills a process group when dropped, unless its leader is known to have ended.
#[derive(Debug)]
pub struct ProcessGroup(Option<Pid>);

impl ProcessGroup {
    /// The group that `child` leads: it was started with `process_group(0)`.
    pub fn of(child: &tokio::process::Child) -> Self {
        Self(
            child
                .id()
                .and_then(|id| i32::try_from(id).ok())
                .and_then(Pid::from_raw),
        )
    }

    /// The leader has ended by itself.
    pub fn ended(&mut self) {
        self.0 = None;
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

/// One output stream, collected.
struct Pipe<R> {
    from: Option<R>,
    text: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Pipe<R> {
    fn new(from: Option<R>) -> Self {
        Self {
            from,
            text: Vec::new(),
        }
    }

    fn open(&self) -> bool {
        self.from.is_some()
    }

    /// True when something came; at its end the pipe closes.
    async fn read(&mut self) -> bool {
        let Some(from) = &mut self.from else {
            return false;
        };
        let came = from.read_buf(&mut self.text).await.unwrap_or(0);
        if came == 0 {
            self.from = None;
        }
        came > 0
    }

    fn into_string(self) -> String {
        String::from_utf8_lossy(&self.text).into_owned()
    }

    /// The last lines, for an error message.
    fn end(&self) -> String {
        let text = String::from_utf8_lossy(&self.text);
        let lines: Vec<&str> = text
            .split(['\n', '\r'])
            .map(str::trim_end)
            .filter(|line| !is_progress(line.trim_start()))
            .collect();
        let lines = lines.join("\n");
        let lines = lines.trim();
        let from = lines.len().saturating_sub(KEPT_OUTPUT);
        let from = (from..lines.len()).find(|at| lines.is_char_boundary(*at));
        lines[from.unwrap_or_default()..].to_owned()
    }
}
