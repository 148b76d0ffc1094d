use std::collections::VecDeque;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use super::patience::{BUILD, FIRST_BUILD, PATIENCE};
use super::{Socket, Tiny, client, signal};

/// A running `tiny dev --json`.
pub struct Dev {
    project: Tiny,
    child: Child,
    events: mpsc::UnboundedReceiver<Value>,
    /// What was waited for, and what came before it.
    past: Vec<Value>,
    /// What nobody waited for yet.
    unread: VecDeque<Value>,
    port: u16,
    pub client: reqwest::Client,
}

impl Dev {
    #[expect(clippy::unused_async, reason = "the pipes are the async runtime's")]
    pub(super) async fn start(project: Tiny, port: u16) -> Self {
        let command = project.command(&["dev", "--json", "--port", &port.to_string()]);
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
            unread: VecDeque::new(),
            port,
            client: client(),
        }
    }

    pub async fn ready(&mut self) -> Value {
        self.awaits("ready", FIRST_BUILD, |_| true).await
    }

    /// Waits for the next event of this name.
    pub async fn event(&mut self, name: &str) -> Value {
        self.event_where(name, |_| true).await
    }

    /// Waits for the next event of this name that fits.
    pub async fn event_where(&mut self, name: &str, fits: impl Fn(&Value) -> bool) -> Value {
        self.awaits(name, BUILD, fits).await
    }

    async fn awaits(
        &mut self,
        name: &str,
        patience: Duration,
        fits: impl Fn(&Value) -> bool,
    ) -> Value {
        let started = Instant::now();
        loop {
            let left = patience.saturating_sub(started.elapsed());
            let event = match self.next(left).await {
                Ok(event) => event,
                Err(why) => panic!("no `{name}`, {why}; tiny said:\n{}", self.story()),
            };
            self.past.push(event.clone());
            if event["event"] == name && fits(&event) {
                return event;
            }
        }
    }

    /// The next thing that is said, or why there is none.
    async fn next(&mut self, patience: Duration) -> Result<Value, &'static str> {
        if let Some(event) = self.unread.pop_front() {
            return Ok(event);
        }
        match tokio::time::timeout(patience, self.events.recv()).await {
            Ok(Some(event)) => Ok(event),
            Ok(None) => Err("it ended before"),
            Err(_) => Err("time is up"),
        }
    }

    /// Everything that was said so far, whether or not somebody waited for it.
    pub fn story(&mut self) -> String {
        while let Ok(event) = self.events.try_recv() {
            self.unread.push_back(event);
        }
        let all = self.past.iter().chain(&self.unread);
        all.map(Value::to_string).collect::<Vec<_>>().join("\n")
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

    /// From the worker of that name, as a browser asks that finds `*.localhost` by itself.
    pub async fn get_of(&self, worker: &str, path: &str) -> reqwest::Response {
        let host = format!("{worker}.localhost:{}", self.port);
        let request = self.client.get(self.url(path)).header("host", host);
        request.send().await.unwrap()
    }

    pub async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> reqwest::Response {
        let request = self.client.post(self.url(path)).body(body);
        request.send().await.unwrap()
    }

    pub async fn socket(&self, path: &str) -> Socket {
        Socket::open(&format!("ws://localhost:{}{path}", self.port)).await
    }

    pub async fn text(&self, path: &str) -> String {
        self.get(path).await.text().await.unwrap()
    }

    pub async fn json(&self, path: &str) -> Value {
        let text = self.text(path).await;
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{path} answered: {text}"))
    }

    /// Asks until the answer fits.
    pub async fn json_until(&self, path: &str, fits: impl Fn(&Value) -> bool) -> Value {
        self.json_within(PATIENCE, path, fits).await
    }

    pub async fn json_within(
        &self,
        patience: Duration,
        path: &str,
        fits: impl Fn(&Value) -> bool,
    ) -> Value {
        let started = Instant::now();
        loop {
            let answer = self.json(path).await;
            if fits(&answer) {
                return answer;
            }
            assert!(
                started.elapsed() < patience,
                "{path} still answers {answer}"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub fn project(&self) -> &Tiny {
        &self.project
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
    pub async fn edit_and_reload(
        &mut self,
        path: &str,
        change: impl FnOnce(String) -> String,
    ) -> Value {
        self.edit(path, change);
        self.event("reload").await
    }

    pub async fn sees_build_error(&mut self, text: &str) -> Value {
        self.event_where("build_failed", |event| {
            event["message"]
                .as_str()
                .is_some_and(|message| message.contains(text))
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
        let status = tokio::time::timeout(PATIENCE, self.child.wait())
            .await
            .expect("tiny did not end after Ctrl-C")
            .unwrap();
        (status.code(), self.project)
    }
}
