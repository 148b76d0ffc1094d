//! The state of a stage on real disks, in real processes and in a real local Cloudflare.

mod crashes;
mod disks;
mod files;
mod formats;
mod hashes;
mod locks;
mod remote;
mod surgery;

use std::process::{Command, Stdio};

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::json;
use tiny_manifest::StageName;

use super::{Record, State, StateError, StateStore, Status};
use crate::{Address, Kind};

fn stage(name: &str) -> StageName {
    StageName::new(name).unwrap()
}

/// A folder for one test, gone after it.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// `.tiny`
    fn private(&self) -> Utf8PathBuf {
        Utf8Path::from_path(self.0.path()).unwrap().join(".tiny")
    }

    fn file(&self, name: &str) -> Utf8PathBuf {
        self.private().join("state").join(name)
    }

    fn store(&self, name: &str) -> StateStore {
        store_in(&self.private(), name)
    }
}

fn store_in(private: &Utf8Path, name: &str) -> StateStore {
    StateStore::local_in(private, "tiny.toml".into(), "todo", &stage(name))
}

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

/// With a worker that uses a database.
fn sample(name: &str) -> State {
    let mut state = State::new("todo", &stage(name), Some("4f00"));
    state.resources.insert(
        Address::new(Kind::D1, "archive"),
        Record {
            name: format!("todo-{name}-archive"),
            status: Status::Ready,
            input_hash: "00ff".to_owned(),
            outputs: [("id".to_owned(), "7c1e".to_owned())].into(),
            properties: json!({"migrations": ["0001_create.sql"]})
                .as_object()
                .unwrap()
                .clone(),
            depends_on: [].into(),
            keep: false,
        },
    );
    state.resources.insert(
        Address::new(Kind::Worker, "web"),
        Record {
            name: format!("todo-{name}-web"),
            status: Status::Creating,
            input_hash: String::new(),
            outputs: [].into(),
            properties: json!({"vars": {"GREETING": "grüezi"}})
                .as_object()
                .unwrap()
                .clone(),
            depends_on: [address("d1.archive")].into(),
            keep: false,
        },
    );
    state
}

/// Saves `state` and lets go again.
async fn save(store: &StateStore, state: &mut State) -> Result<(), StateError> {
    let guard = store.lock("deploy").await?;
    guard.save(state).await?;
    guard.release().await
}

/// What a person reads: the error and what to do.
fn told(error: &StateError) -> String {
    use miette::Diagnostic as _;
    let help = error.help().map(|help| help.to_string());
    format!("{error}\n  help: {}", help.unwrap_or_default())
}

/// One of these tests as a process of its own, on the folder `private`.
fn process(test: &str, private: &Utf8Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            &format!("state::tests::{test}"),
            "--exact",
            "--ignored",
            "--nocapture",
        ])
        .env("TINY_TEST_STATE", private)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// The folder of such a process.
fn given_folder() -> Utf8PathBuf {
    std::env::var("TINY_TEST_STATE").unwrap().into()
}
