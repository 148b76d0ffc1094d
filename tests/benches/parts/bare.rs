//! What the dev loop stands on, without the loop: cargo alone, and workerd alone.

use std::io::Write as _;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use tiny_provision::{Provisioner, Silent, Toolchain, WASM_TARGET};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use super::app::{self, Page};
use crate::support::Tiny;

pub fn provisioner() -> Provisioner {
    Provisioner::from_env(Arc::new(Silent)).unwrap()
}

/// A copy of the app that cargo builds, with the toolchain and the profile that `tiny dev` uses.
pub struct Cargo {
    root: Utf8PathBuf,
    target: Utf8PathBuf,
    toolchain: Toolchain,
    pub page: Page,
}

impl Cargo {
    /// Builds it once, so that dependencies are compiled.
    pub async fn warm() -> Self {
        let root = app::copy("bench-cargo").root().to_owned();
        let toolchain = provisioner()
            .wasm_toolchain_for(&root.join("app"))
            .await
            .unwrap();
        let cargo = Self {
            page: Page::of(&root),
            target: app::target("cargo"),
            root,
            toolchain,
        };
        cargo.build().await;
        cargo
    }

    /// How long `cargo build` takes now.
    pub async fn build(&self) -> Duration {
        let mut command = Command::new(&self.toolchain.cargo);
        command
            .current_dir(self.root.join("app"))
            .args([
                "build",
                "--lib",
                "--target",
                WASM_TARGET,
                "--target-dir",
                self.target.as_str(),
            ])
            .envs(self.toolchain.env.iter().map(|(name, value)| (name, value)))
            .envs(profile())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let started = Instant::now();
        let output = command.output().await.unwrap();
        let took = started.elapsed();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        took
    }
}

/// The settings that `tiny dev` compiles with on top of the app's own.
pub fn profile() -> [(&'static str, &'static str); 1] {
    [("CARGO_PROFILE_DEV_DEBUG", "false")]
}

/// What a workerd of our own runs.
pub struct Worker<'a> {
    /// Its modules by name, the main one first.
    pub modules: Vec<(String, Vec<u8>)>,
    /// Its Durable Object: binding and class.
    pub object: (&'a str, &'a str),
    pub vars: Vec<(&'a str, String)>,
}

/// workerd, started as bare as it can be.
pub struct Workerd {
    program: Utf8PathBuf,
    folder: tempfile::TempDir,
    running: Option<(Child, Lines<BufReader<ChildStdout>>)>,
    pub port: u16,
}

impl Workerd {
    /// With the app's bundle as `tiny build OPTIONS` makes it, and no rate limit.
    pub async fn of_app(project: &Tiny, options: &[&str]) -> Self {
        let out = project.root().join(".tiny/bench");
        let output = project.run(&[&["build", "--out", out.as_str()], options].concat());
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let folder = out.join("worker");
        let mut modules: Vec<(String, Vec<u8>)> = walk(&folder)
            .into_iter()
            .map(|path| {
                let name = path.strip_prefix(&folder).unwrap().to_string();
                (name, fs_err::read(path).unwrap())
            })
            .collect();
        modules.sort_by_key(|(name, _)| name != "worker.js");
        let program = provisioner().workerd(project.root()).await.unwrap().path;
        let worker = Worker {
            modules,
            object: ("TINYBASE_STORE", "TinyBaseStore"),
            vars: Vec::new(),
        };
        Self::start(&program, &worker).await
    }

    pub async fn start(program: &Utf8Path, worker: &Worker<'_>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap();
        fs_err::create_dir(path.join("state")).unwrap();
        for (name, body) in &worker.modules {
            let file = path.join(name);
            fs_err::create_dir_all(file.parent().unwrap()).unwrap();
            fs_err::write(file, body).unwrap();
        }
        fs_err::write(
            path.join("config.capnp"),
            config(worker, &path.join("state")),
        )
        .unwrap();
        let mut workerd = Self {
            program: program.to_owned(),
            folder,
            running: None,
            port: 0,
        };
        workerd.spawn().await;
        workerd
    }

    /// Kills it and starts it again: how long nobody listens.
    pub async fn kill_to_listen(&mut self) -> Duration {
        let started = Instant::now();
        if let Some((mut child, _)) = self.running.take() {
            child.kill().await.unwrap();
        }
        self.spawn().await;
        started.elapsed()
    }

    pub fn pid(&self) -> u32 {
        self.running
            .as_ref()
            .and_then(|(child, _)| child.id())
            .expect("workerd has ended")
    }

    async fn spawn(&mut self) {
        let mut child = Command::new(&self.program)
            .args(["serve", "--experimental", "--control-fd=1", "config.capnp"])
            .current_dir(self.folder.path())
            .env("TZ", "UTC")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        self.port = loop {
            let line = lines
                .next_line()
                .await
                .unwrap()
                .expect("workerd ended before it listened");
            let event: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
            if event["event"] == "listen" {
                break event["port"]
                    .as_u64()
                    .and_then(|port| port.try_into().ok())
                    .unwrap();
            }
        };
        self.running = Some((child, lines));
    }
}

fn config(worker: &Worker<'_>, state: &Utf8Path) -> Vec<u8> {
    let mut text = Vec::new();
    let (binding, class) = worker.object;
    let modules: Vec<_> = worker
        .modules
        .iter()
        .map(|(name, _)| {
            let kind = if Utf8Path::new(name).extension() == Some("wasm") {
                "wasm"
            } else {
                "esModule"
            };
            format!("(name = {name:?}, {kind} = embed {name:?})")
        })
        .collect();
    let vars: Vec<_> = worker
        .vars
        .iter()
        .map(|(name, value)| format!("(name = {name:?}, text = {value:?})"))
        .collect();
    writeln!(
        text,
        r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "worker", worker = .worker),
    (name = "state", disk = (path = {state:?}, writable = true)),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "worker")],
);
const worker :Workerd.Worker = (
  modules = [{modules}],
  compatibilityDate = "2026-11-01",
  bindings = [(name = {binding:?}, durableObjectNamespace = {class:?}), {vars}],
  durableObjectNamespaces = [(className = {class:?}, uniqueKey = "bench", enableSql = true)],
  durableObjectStorage = (localDisk = "state"),
);"#,
        state = state.as_str(),
        modules = modules.join(", "),
        vars = vars.join(", "),
    )
    .unwrap();
    text
}

/// Every file below a folder.
fn walk(folder: &Utf8Path) -> Vec<Utf8PathBuf> {
    let entries = folder
        .read_dir_utf8()
        .unwrap()
        .map(|entry| entry.unwrap().into_path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                walk(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}
