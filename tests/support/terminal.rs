use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Child;

use super::patience::{BUILD, FIRST_BUILD, PATIENCE};
use super::{Tiny, client, free_port};

/// A running `tiny dev` in a terminal of its own.
pub struct Terminal {
    project: Tiny,
    child: Child,
    keyboard: pty_process::OwnedWritePty,
    /// Everything that was written, escape sequences included.
    screen: Arc<Mutex<String>>,
    /// How much of it was waited for already.
    read: usize,
    port: u16,
    pub client: reqwest::Client,
}

impl Terminal {
    pub(super) async fn start(project: Tiny) -> Self {
        let port = free_port();
        let mut terminal = Self::open(project, &["dev", "--port", &port.to_string()], port);
        terminal.waits_for("ready in", FIRST_BUILD).await;
        // The keys are explained when they are listened to.
        terminal.shows("q quit").await;
        terminal
    }

    /// Any other command.
    pub(super) fn open(project: Tiny, args: &[&str], port: u16) -> Self {
        let (pty, pts) = pty_process::open().unwrap();
        pty.resize(pty_process::Size::new(50, 200)).unwrap();
        let plain = project.command(args);
        let mut command = pty_process::Command::new(plain.get_program())
            .args(plain.get_args())
            .current_dir(plain.get_current_dir().unwrap())
            .env("TERM", "xterm-256color")
            .env_remove("NO_COLOR")
            .env_remove("CI")
            .kill_on_drop(true);
        for (name, value) in plain.get_envs() {
            command = match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let child = command.spawn(pts).unwrap();
        let (mut output, keyboard) = pty.into_split();
        let screen = Arc::new(Mutex::new(String::new()));
        let written = Arc::clone(&screen);
        tokio::spawn(async move {
            let mut bytes = Vec::new();
            // Reading fails once the last process of the terminal has ended.
            while let Ok(1..) = output.read_buf(&mut bytes).await {
                *written.lock().unwrap() = String::from_utf8_lossy(&bytes).into_owned();
            }
        });
        Self {
            project,
            child,
            keyboard,
            screen,
            read: 0,
            port,
            client: client(),
        }
    }

    pub async fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).await.unwrap();
    }

    /// Waits for this text after the last one that was waited for.
    pub async fn shows(&mut self, text: &str) {
        self.waits_for(text, BUILD).await;
    }

    async fn waits_for(&mut self, text: &str, patience: Duration) {
        let started = Instant::now();
        loop {
            let screen = self.screen.lock().unwrap().clone();
            if let Some(at) = screen[self.read..].find(text) {
                self.read += at + text.len();
                return;
            }
            assert!(
                started.elapsed() < patience,
                "the terminal never showed `{text}`:\n{screen}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The same, with a build before it.
    pub async fn waits_long_for(&mut self, text: &str) {
        self.waits_for(text, FIRST_BUILD).await;
    }

    /// Puts the app's objects out of memory; their WebSockets stay open.
    pub async fn evict(&mut self) {
        self.press("d").await;
        self.shows("durable object").await;
    }

    pub async fn text(&self, path: &str) -> String {
        let response = self.client.get(self.url(path)).send().await.unwrap();
        response.text().await.unwrap()
    }

    /// All that was ever shown.
    pub fn screen(&self) -> String {
        self.screen.lock().unwrap().clone()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn project(&self) -> &Tiny {
        &self.project
    }

    /// The exit code, once it has ended by itself.
    pub async fn ends(self) -> Option<i32> {
        self.ends_with_project().await.0
    }

    /// The same, and gives the project back.
    pub async fn ends_with_project(mut self) -> (Option<i32>, Tiny) {
        let status = tokio::time::timeout(PATIENCE, self.child.wait())
            .await
            .unwrap_or_else(|_| panic!("tiny did not end:\n{}", self.screen()))
            .unwrap();
        (status.code(), self.project)
    }
}
