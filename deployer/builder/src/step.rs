//! Runs the command that makes what is not Rust.

use std::collections::BTreeMap;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use camino::Utf8PathBuf;
use tiny_provision::{ProcessGroup, Reporter};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;

use crate::BuildError;

/// A process that the command left behind may hold its output open; it is not waited for longer.
const LAST_WORDS: Duration = Duration::from_millis(300);
/// How many lines of output are kept for the error.
const KEPT_LINES: usize = 200;

/// A command that makes what is not Rust: assets, generated code, an entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BuildStep {
    /// Run by `sh -c`.
    pub command: String,
    /// Where it runs, absolute.
    pub cwd: Utf8PathBuf,
    /// In addition to the environment of this process.
    pub env: BTreeMap<String, String>,
}

/// Runs it to its end, with its output told line by line. Dropping the future kills it and all
/// that it started.
pub(crate) async fn run(step: &BuildStep, reporter: &dyn Reporter) -> Result<(), BuildError> {
    let task = reporter.task(&format!("running `{}`", step.shown()));
    let mut child = Command::new("sh")
        .args(["-c", &step.command])
        .current_dir(&step.cwd)
        .envs(&step.env)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|source| BuildError::Start {
            program: "sh".into(),
            source,
        })?;
    let mut group = ProcessGroup::of(&child);
    let mut said = Said {
        reporter,
        lines: Vec::new(),
        parts: [Vec::new(), Vec::new()],
    };
    let mut stdout = child.stdout.take();
    let mut stderr = child.stderr.take();
    let (mut from_stdout, mut from_stderr) = (Vec::new(), Vec::new());
    let mut status: Option<ExitStatus> = None;
    let deadline = tokio::time::sleep(Duration::MAX);
    tokio::pin!(deadline);
    while status.is_none() || stdout.is_some() || stderr.is_some() {
        tokio::select! {
            read = read_some(&mut stdout, &mut from_stdout), if stdout.is_some() => {
                if read == 0 { stdout = None }
                said.hear(0, &mut from_stdout);
            }
            read = read_some(&mut stderr, &mut from_stderr), if stderr.is_some() => {
                if read == 0 { stderr = None }
                said.hear(1, &mut from_stderr);
            }
            ended = child.wait(), if status.is_none() => {
                status = Some(ended.map_err(BuildError::Io)?);
                deadline.as_mut().reset(tokio::time::Instant::now() + LAST_WORDS);
            }
            () = &mut deadline, if status.is_some() => break,
        }
    }
    let left_behind = stdout.is_some() || stderr.is_some();
    let lines = said.finish();
    if left_behind {
        // The group has members, so its number is still its own: dropping it ends them.
        reporter.note(&format!(
            "`{}` left a process running, which was stopped",
            step.shown()
        ));
    } else {
        group.ended();
    }
    match status {
        Some(status) if status.success() => {
            task.done(&format!("ran `{}`", step.shown()));
            Ok(())
        }
        status => Err(BuildError::Step {
            command: step.shown(),
            cwd: step.cwd.clone(),
            status: status.map_or_else(|| "no exit code".to_owned(), describe),
            output: lines.join("\n"),
        }),
    }
}

impl BuildStep {
    /// On one line.
    fn shown(&self) -> String {
        const LONGEST: usize = 60;
        let line = self
            .command
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        match line.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}…", &line[..end]),
            None => line,
        }
    }
}

fn describe(status: ExitStatus) -> String {
    match status.code() {
        Some(127) => "exit code 127: a program was not found".to_owned(),
        Some(code) => format!("exit code {code}"),
        None => status.to_string(),
    }
}

/// Reads what there is; 0 at the end.
async fn read_some(from: &mut Option<impl AsyncRead + Unpin>, into: &mut Vec<u8>) -> usize {
    match from {
        Some(from) => from.read_buf(into).await.unwrap_or(0),
        None => 0,
    }
}

/// The output of a command, of two streams, line by line.
struct Said<'a> {
    reporter: &'a dyn Reporter,
    lines: Vec<String>,
    /// Lines that have not ended yet.
    parts: [Vec<u8>; 2],
}

impl Said<'_> {
    fn hear(&mut self, stream: usize, chunk: &mut Vec<u8>) {
        self.parts[stream].append(chunk);
        while let Some(end) = self.parts[stream].iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.parts[stream].drain(..=end).collect();
            self.line(&line);
        }
    }

    fn line(&mut self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        // A progress line overwrites itself: its last state counts.
        let text = text.trim_end_matches(['\n', '\r']);
        let line = text.rsplit('\r').next().unwrap_or_default().to_owned();
        self.reporter.note(&line);
        if self.lines.len() == KEPT_LINES {
            self.lines.remove(0);
        }
        self.lines.push(line);
    }

    fn finish(mut self) -> Vec<String> {
        for part in std::mem::take(&mut self.parts) {
            if !part.is_empty() {
                self.line(&part);
            }
        }
        self.lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use std::time::Instant;
    use tiny_provision::{Silent, Task};

    #[derive(Default)]
    struct Heard(Mutex<Vec<String>>);

    impl Reporter for Heard {
        fn task(&self, label: &str) -> Box<dyn Task> {
            Silent.task(label)
        }

        fn note(&self, text: &str) {
            self.0.lock().unwrap().push(text.to_owned());
        }
    }

    fn step(command: &str, cwd: &std::path::Path) -> BuildStep {
        BuildStep {
            command: command.to_owned(),
            cwd: cwd.to_owned().try_into().unwrap(),
            env: [("GREETING".to_owned(), "hello".to_owned())].into(),
        }
    }

    #[tokio::test]
    async fn it_runs_in_its_folder_with_its_variables_and_is_heard() {
        let temp = tempfile::tempdir().unwrap();
        let heard = Heard::default();
        let command = "echo $GREETING > made.txt && cat made.txt && printf 'no newline' >&2";
        run(&step(command, temp.path()), &heard).await.unwrap();
        let made = std::fs::read_to_string(temp.path().join("made.txt")).unwrap();
        assert_eq!(made, "hello\n");
        let mut lines = heard.0.into_inner().unwrap();
        lines.sort();
        assert_eq!(lines, ["hello", "no newline"]);
    }

    #[tokio::test]
    async fn a_failure_has_its_output_and_its_code() {
        let temp = tempfile::tempdir().unwrap();
        let failing = step("echo one; echo two >&2; exit 3", temp.path());
        let error = run(&failing, &Silent).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the build step `echo one; echo two >&2; exit 3` failed (exit code 3)"
        );
        let output = error.rendered().unwrap();
        assert!(output.contains("one") && output.contains("two"), "{output}");
        let missing = run(&step("no-such-program-anywhere", temp.path()), &Silent).await;
        assert!(missing.unwrap_err().to_string().contains("was not found"));
    }

    #[tokio::test]
    async fn what_it_leaves_running_does_not_hold_it_up_and_is_stopped() {
        let temp = tempfile::tempdir().unwrap();
        let started = Instant::now();
        let command = "sleep 600 & echo $! > pid";
        run(&step(command, temp.path()), &Silent).await.unwrap();
        assert!(started.elapsed() < Duration::from_mins(1));
        let pid = std::fs::read_to_string(temp.path().join("pid")).unwrap();
        ends(pid.trim()).await;
    }

    #[tokio::test]
    async fn dropping_it_ends_all_of_it() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("pid");
        let endless = step(
            "sleep 600 & echo $! > pid.new && mv pid.new pid; wait",
            temp.path(),
        );
        let pid = tokio::select! {
            _ = run(&endless, &Silent) => panic!("it ended by itself"),
            pid = async {
                loop {
                    match std::fs::read_to_string(&file) {
                        Ok(pid) => break pid,
                        Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
                    }
                }
            } => pid,
        };
        ends(pid.trim()).await;
    }

    /// Waits until a process is gone, or waits for its parent to notice.
    async fn ends(pid: &str) {
        let stat = format!("/proc/{pid}/stat");
        while std::fs::read_to_string(&stat).is_ok_and(|stat| {
            !stat
                .rsplit(") ")
                .next()
                .unwrap_or_default()
                .starts_with('Z')
        }) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
