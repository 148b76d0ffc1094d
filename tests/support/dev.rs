use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use super::Tiny;

/// How long anything may take on a machine that is busy compiling from cold.
const PATIENCE: Duration = Duration::from_secs(600);

/// A running `tiny dev --json`.
pub struct Dev {
    project: Tiny,
    child: Child,
    events: mpsc::UnboundedReceiver<Value>,
    /// Events that were read while waiting for another, for failure messages.
    past: Vec<Value>,
    port: u16,
    pub client: reqwest::Client,
}

impl Dev {
    pub(super) async fn start(project: Tiny) -> Self {
        let port = free_port();
        Self::start_on(project, port).await
    }

    async fn start_on(project: Tiny, port: u16) -> Self {
        let port_text = port.to_string();
        let command = project.command(&["dev", "--json", "--port", &port_text]);
        let mut child = Command::from(command)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (sender, events) = mpsc::unbounded_channel();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let stdout = sender.clone();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let event = serde_json::from_str(&line)
                    .unwrap_or_else(|error| panic!("not JSON ({error}): {line}"));
                let _ = stdout.send(event);
            }
        });
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let _ = sender.send(serde_json::json!({"event": "stderr", "line": line}));
            }
        });
        Self {
            project,
            child,
            events,
            past: Vec::new(),
            port,
            client: reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .unwrap(),
        }
    }

    pub async fn ready(&mut self) -> Value {
        self.event("ready").await
    }

    /// Waits for the next event of this name.
    pub async fn event(&mut self, name: &str) -> Value {
        self.event_where(name, |_| true).await
    }

    /// Waits for the next event of this name that fits.
    pub async fn event_where(&mut self, name: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let started = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(started.elapsed());
            match tokio::time::timeout(left, self.events.recv()).await {
                Ok(Some(event)) => {
                    self.past.push(event.clone());
                    if event["event"] == name && fits(&event) {
                        return event;
                    }
                }
                Ok(None) => panic!("tiny ended before `{name}`; it said:\n{}", self.story()),
                Err(_) => panic!("no `{name}` in time; tiny said:\n{}", self.story()),
            }
        }
    }

    /// All that was read so far.
    pub fn story(&self) -> String {
        let lines: Vec<_> = self.past.iter().map(Value::to_string).collect();
        lines.join("\n")
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn pid(&self) -> u32 {
        self.child.id().expect("tiny has ended")
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.port)
    }

    pub async fn get(&self, path: &str) -> reqwest::Response {
        self.client.get(self.url(path)).send().await.unwrap()
    }

    pub async fn text(&self, path: &str) -> String {
        self.get(path).await.text().await.unwrap()
    }

    pub async fn json(&self, path: &str) -> Value {
        self.get(path).await.json().await.unwrap()
    }

    /// Rewrites a file of the project while it runs.
    pub fn edit(&self, path: &str, change: impl FnOnce(String) -> String) {
        let path = self.project.root().join(path);
        let before = fs_err::read_to_string(&path).unwrap();
        let after = change(before.clone());
        assert_ne!(before, after, "the edit of {path} changes nothing");
        fs_err::write(path, after).unwrap();
    }

    /// Edits, and waits until the new code serves.
    pub async fn edit_and_reload(&mut self, path: &str, change: impl FnOnce(String) -> String) -> Value {
        self.edit(path, change);
        self.event("reload").await
    }

    pub async fn sees_build_error(&mut self, text: &str) -> Value {
        self.event_where("build_failed", |event| {
            event["message"].as_str().is_some_and(|message| message.contains(text))
        })
        .await
    }

    /// SIGKILL, with no chance to clean up.
    pub async fn kill(mut self) -> Tiny {
        self.child.kill().await.unwrap();
        self.project
    }

    /// SIGINT, as Ctrl-C sends it; gives the exit code.
    pub async fn interrupt(mut self) -> (Option<i32>, Tiny) {
        signal(self.pid(), "INT");
        let status = tokio::time::timeout(Duration::from_secs(20), self.child.wait())
            .await
            .expect("tiny did not end after Ctrl-C")
            .unwrap();
        (status.code(), self.project)
    }
}

/// Sends a signal by name.
pub fn signal(pid: u32, name: &str) {
    let status = std::process::Command::new("kill")
        .args([format!("-{name}"), pid.to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}

pub fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}
