//! A machine as a test wants it: a cache folder of its own, programs put on PATH or taken off.

// Each test file uses its part.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

mod rustup;

use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;
use tiny_provision::{Environment, Provisioner, Reporter, Task};

pub struct Machine {
    folder: TempDir,
    environment: Environment,
    pub heard: Heard,
}

impl Machine {
    /// This machine, with an empty cache folder.
    pub fn new() -> Self {
        let this = Self::with_users_cache();
        let cache = this.path("cache");
        this.with("TINY_CACHE", cache.as_str())
    }

    /// This machine with the cache folder that everybody uses: for what takes long to make.
    pub fn with_users_cache() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let environment = Environment::current()
            .unwrap()
            .without("TINY_WORKERD")
            .without("TINY_TOOLCHAIN")
            .without("TINY_OFFLINE")
            .within(Utf8Path::from_path(folder.path()).unwrap());
        Self {
            folder,
            environment,
            heard: Heard::default(),
        }
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment = self.environment.with(name, value);
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.environment = self.environment.without(name);
        self
    }

    /// Only these of this machine's programs are on PATH.
    pub fn with_only(self, programs: &[&str]) -> Self {
        let bin = self.path("bin");
        std::fs::create_dir_all(&bin).unwrap();
        for program in programs {
            std::os::unix::fs::symlink(real(program), bin.join(program)).unwrap();
        }
        self.with("PATH", bin.as_str())
    }

    /// A rustup of its own, whose one toolchain is this machine's without a standard library for
    /// wasm, behind the same start programs.
    pub fn with_bare_rustup(self) -> Self {
        let home = self.path("rustup");
        rustup::copy_without_wasm(&home);
        self.with("RUSTUP_HOME", home.as_str())
            .without("RUSTUP_TOOLCHAIN")
            .without("RUSTC")
    }

    /// rustup's start programs, of which one never comes to an end.
    pub fn with_rustup_that_hangs_at(self, command: &str) -> Self {
        let script = format!(
            "case \"${{0##*/}} $*\" in\n'rustup {command}'*) exec {sleep} 600;;\nesac\n\
             exec {bin}/${{0##*/}} \"$@\"",
            sleep = real("sleep"),
            bin = real("rustup").parent().unwrap(),
        );
        let this = self.with_script("rustup", &script);
        let scripts = this.path("scripts");
        for name in ["rustc", "cargo"] {
            std::os::unix::fs::symlink("rustup", scripts.join(name)).unwrap();
        }
        this
    }

    /// What is in everybody's cache under a name that begins so, in this machine's as well.
    pub fn with_cached(self, prefix: &str) -> Self {
        let users = Self::with_users_cache().cache().join("v1");
        let mine = self.cache().join("v1");
        std::fs::create_dir_all(&mine).unwrap();
        for entry in users.read_dir_utf8().unwrap().flatten() {
            if entry.file_name().starts_with(prefix) {
                std::os::unix::fs::symlink(entry.path(), mine.join(entry.file_name())).unwrap();
            }
        }
        self
    }

    /// The cache folder.
    pub fn cache(&self) -> Utf8PathBuf {
        self.environment.cache_folder().unwrap()
    }

    /// rustup's start programs are where they were, but whoever starts them fails.
    pub fn with_start_programs_that_fail(self) -> Self {
        self.with("RUSTUP_FORCE_ARG0", "no-such-program")
    }

    /// A shell script on PATH before everything else.
    pub fn with_script(self, name: &str, script: &str) -> Self {
        let bin = self.path("scripts");
        std::fs::create_dir_all(&bin).unwrap();
        write_program(&bin.join(name), script);
        let path = format!("{bin}:{}", self.var("PATH"));
        self.with("PATH", &path)
    }

    /// npm, but each start of it is noted in the file `npm-starts`.
    pub fn with_counted_npm(self) -> Self {
        let note = self.path("npm-starts");
        let script = format!("echo start >> {note}\nexec {} \"$@\"", real("npm"));
        self.with_script("npm", &script)
    }

    /// An npm that begins, and never comes to an end.
    pub fn with_npm_that_hangs(self) -> Self {
        let note = self.path("npm-pid");
        let script = format!(
            "echo half > half.tgz; echo $$ > {note}.new; {mv} {note}.new {note}; exec {sleep} 600",
            mv = real("mv"),
            sleep = real("sleep"),
        );
        self.with_script("npm", &script)
    }

    pub async fn npm_has_started(&self) {
        while !self.path("npm-pid").exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Comes to an end once the npm that hung does not run any more.
    pub async fn npm_is_gone(&self) {
        let alive = || {
            let status = std::fs::read_to_string(format!("/proc/{}/status", self.npm_pid()));
            status.is_ok_and(|text| !text.contains("State:\tZ"))
        };
        while alive() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub fn stop_npm(&self) {
        let done = std::process::Command::new(real("kill"))
            .arg(self.npm_pid())
            .status();
        assert!(done.unwrap().success());
    }

    fn npm_pid(&self) -> String {
        let text = std::fs::read_to_string(self.path("npm-pid")).unwrap();
        text.trim().to_owned()
    }

    /// This test program, to run one of its tests by itself on this machine.
    pub fn runs_test(&self, name: &str) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", name, "--ignored", "--nocapture"])
            .env_clear()
            .envs(self.variables())
            .stdout(std::process::Stdio::null())
            .kill_on_drop(true);
        command
    }

    pub fn npm_starts(&self) -> usize {
        std::fs::read_to_string(self.path("npm-starts")).map_or(0, |text| text.lines().count())
    }

    pub fn provisioner(&self) -> Provisioner {
        Provisioner::new(self.environment.clone(), Arc::new(self.heard.clone())).unwrap()
    }

    /// What is said where not even looking can begin.
    pub fn refusal(&self) -> String {
        let refused = Provisioner::new(self.environment.clone(), Arc::new(self.heard.clone()));
        refused.err().unwrap().to_string()
    }

    pub fn path(&self, inside: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.folder.path())
            .unwrap()
            .join(inside)
    }

    pub fn folder(&self) -> &Utf8Path {
        Utf8Path::from_path(self.folder.path()).unwrap()
    }

    fn var(&self, name: &str) -> String {
        self.variables().remove(name).unwrap_or_default()
    }

    /// For processes that the test starts itself.
    pub fn variables(&self) -> std::collections::BTreeMap<String, String> {
        self.environment
            .variables()
            .map(|(name, value)| {
                (
                    name.to_string_lossy().into_owned(),
                    value.to_string_lossy().into_owned(),
                )
            })
            .collect()
    }

    /// What is complete in the cache folder.
    pub fn entries(&self) -> Vec<String> {
        let layout = self.cache().join("v1");
        let entries = layout.read_dir_utf8().unwrap().flatten();
        entries
            .map(|found| found.file_name().to_owned())
            .filter(|name| !["locks", "making", "known"].contains(&name.as_str()))
            .collect()
    }

    /// What lies half-made in the cache folder.
    pub fn half_made(&self) -> Vec<String> {
        let nursery = self.cache().join("v1/making");
        nursery
            .read_dir_utf8()
            .into_iter()
            .flatten()
            .map(|found| found.unwrap().file_name().to_owned())
            .collect()
    }
}

/// The path of a program of this machine, links not followed.
pub fn real(program: &str) -> Utf8PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
        .map_or_else(
            || panic!("these tests need {program}"),
            |path| Utf8PathBuf::from_path_buf(path).unwrap(),
        )
}

pub fn write_program(path: &Utf8Path, script: &str) {
    std::fs::write(path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Collects what was reported.
#[derive(Clone, Default)]
pub struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub fn heard(&self, part: &str) -> bool {
        self.all().iter().any(|line| line.contains(part))
    }

    fn push(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }
}

impl Reporter for Heard {
    fn task(&self, label: &str) -> Box<dyn Task> {
        self.push(format!("task: {label}"));
        Box::new(self.clone())
    }

    fn note(&self, text: &str) {
        self.push(format!("note: {text}"));
    }
}

impl Task for Heard {
    fn total(&mut self, units: u64) {
        self.push(format!("total: {units}"));
    }

    fn at(&mut self, units: u64) {
        self.push(format!("at: {units}"));
    }

    fn say(&mut self, text: &str) {
        self.push(format!("say: {text}"));
    }

    fn done(self: Box<Self>, text: &str) {
        self.push(format!("done: {text}"));
    }
}
