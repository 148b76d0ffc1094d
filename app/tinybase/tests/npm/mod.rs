//! npm's tinybase, installed once into cargo's folder for tests, and a process that runs it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "test support: a panic is how a test fails"
)]

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value as Json, json};

const PACKAGE: &str = "tinybase@10.0.1";

/// The folder whose `node_modules` has tinybase.
static HOME: LazyLock<PathBuf> = LazyLock::new(installed);
static COPIES: AtomicUsize = AtomicUsize::new(0);

fn installed() -> PathBuf {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(PACKAGE);
    if !home.exists() {
        // Made aside and renamed, so that an interrupted or a second run never sees half of it.
        let making = home.with_extension(format!("{}", std::process::id()));
        std::fs::create_dir_all(&making).expect("target/tmp can be written");
        std::fs::write(making.join("package.json"), "{}").unwrap();
        let npm = Command::new("npm")
            .args(["install", PACKAGE, "--ignore-scripts", "--legacy-peer-deps"])
            .args(["--no-audit", "--no-fund", "--loglevel=error"])
            .current_dir(&making)
            .output();
        let npm = npm.unwrap_or_else(|error| {
            panic!("this test needs npm and Node 20 or newer on PATH to run {PACKAGE}: {error}")
        });
        assert!(
            npm.status.success(),
            "`npm install {PACKAGE}` failed; check that npm reaches its registry (`npm ping`):\n{}",
            String::from_utf8_lossy(&npm.stderr)
        );
        if std::fs::rename(&making, &home).is_err() {
            std::fs::remove_dir_all(&making).unwrap();
        }
    }
    home
}

/// A script beside this file, run by node where it finds tinybase.
pub(crate) fn node(script: &str) -> Command {
    let home = &*HOME;
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/npm")
        .join(script);
    // By a rename, so that a script in use by another run or test is never half written.
    let copy = COPIES.fetch_add(1, Ordering::Relaxed);
    let making = home.join(format!("{}-{copy}-{script}", std::process::id()));
    std::fs::copy(source, &making).unwrap();
    let copy = home.join(script);
    std::fs::rename(making, &copy).unwrap();
    let mut node = Command::new("node");
    node.arg(copy).current_dir(home);
    node
}

/// A process with stock clients.
pub(crate) struct Peers {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Peers {
    pub(crate) fn start() -> Self {
        let mut child = node("peers.mjs")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this test needs Node 20 or newer on PATH");
        Self {
            input: child.stdin.take().unwrap(),
            output: BufReader::new(child.stdout.take().unwrap()).lines(),
            child,
        }
    }

    pub(crate) fn tell(&mut self, command: &Json) {
        writeln!(self.input, "{command}").unwrap();
    }

    /// `op` is JSON of its own: serde_json could not hold half a surrogate pair.
    pub(crate) fn edit(&mut self, client: &str, op: &str) {
        writeln!(self.input, r#"{{"do":"edit","id":"{client}","op":{op}}}"#).unwrap();
    }

    pub(crate) fn hear(&mut self) -> Json {
        let line = self.output.next().expect("the clients still run").unwrap();
        let heard: Json = serde_json::from_str(&line).unwrap();
        assert!(heard["error"].is_null(), "{heard}");
        heard
    }

    pub(crate) fn content(&mut self, client: &str) -> (String, String) {
        self.tell(&json!({"do": "content", "id": client}));
        let heard = self.hear();
        let text = |what: &str| heard[what].as_str().expect("settled before").to_owned();
        (text("content"), text("plain"))
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
