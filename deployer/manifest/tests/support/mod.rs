//! A folder with manifests in it, read as a person would have them read.

#![allow(clippy::unwrap_used, dead_code)]

use std::collections::HashMap;

use camino::{Utf8Path, Utf8PathBuf};
use tiny_manifest::{Errors, LoadOptions, Stack, StageName, load};

/// A worker that is complete, to be built on.
pub(crate) const WORKER: &str =
    "[workers.web]\ncrate = \"app\"\ncompatibility_date = \"2026-11-01\"\n";

pub(crate) struct Project {
    folder: tempfile::TempDir,
    stage: StageName,
    env: HashMap<String, String>,
}

impl Project {
    /// A folder with a cargo package `app` in it, and nothing else.
    pub(crate) fn new() -> Self {
        let project = Self {
            folder: tempfile::tempdir().unwrap(),
            stage: StageName::new("test").unwrap(),
            env: HashMap::new(),
        };
        project.with("app/Cargo.toml", "[package]\nname = \"app\"\n")
    }

    pub(crate) fn with(self, path: &str, text: &str) -> Self {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    /// A `tiny.toml` that starts with a name and [`WORKER`].
    pub(crate) fn with_worker(self, rest: &str) -> Self {
        self.with("tiny.toml", &format!("name = \"shop\"\n{WORKER}{rest}"))
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn stage(mut self, stage: &str) -> Self {
        self.stage = StageName::new(stage).unwrap();
        self
    }

    pub(crate) fn path(&self, path: &str) -> Utf8PathBuf {
        let folder = Utf8Path::from_path(self.folder.path())
            .unwrap()
            .canonicalize_utf8()
            .unwrap();
        folder.join(path)
    }

    pub(crate) fn try_load(&self, manifest: &str) -> Result<Stack, Errors> {
        let options = LoadOptions {
            stage: self.stage.clone(),
            env: &|name| self.env.get(name).cloned(),
        };
        load(&self.path(manifest), &options)
    }

    #[track_caller]
    pub(crate) fn load(&self, manifest: &str) -> Stack {
        match self.try_load(manifest) {
            Ok(stack) => stack,
            Err(errors) => panic!("{}", errors.render(false)),
        }
    }

    /// What is said about the manifest, without the folder's own path.
    #[track_caller]
    pub(crate) fn complaint(&self, manifest: &str) -> String {
        let errors = self.try_load(manifest).unwrap_err();
        errors.to_string().replace(self.path("").as_str(), "")
    }
}
