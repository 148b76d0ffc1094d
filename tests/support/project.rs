use std::process::{Command, Output, Stdio};

use camino::{Utf8Path, Utf8PathBuf};

use super::Dev;

/// A project on disk and the `tiny` to run in it.
///
/// Projects live under `target/e2e/<name>` and are kept from run to run, so that a warm test
/// builds only what changed; all of them share one cargo target folder, so dependencies are
/// compiled once.
pub struct Tiny {
    root: Utf8PathBuf,
    args: Vec<String>,
    env: Vec<(String, String)>,
}

/// The checkout that is being tested.
pub fn checkout() -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize_utf8()
        .unwrap()
}

fn workspace_of_tests() -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_TARGET_TMPDIR")).join("e2e")
}

impl Tiny {
    /// A copy of the todo app. `name` is the test's own: two tests never share a project.
    pub fn todo_app(name: &str) -> Self {
        Self::member(name, "app", "tiny.toml")
    }

    /// A copy of the fixture worker `tests/fixtures/<fixture>`.
    pub fn fixture(name: &str, fixture: &str) -> Self {
        let folder = format!("tests/fixtures/{fixture}");
        Self::member(name, &folder, &format!("{folder}/tiny.toml"))
    }

    /// A folder with just these files.
    pub fn empty(name: &str, files: &[(&str, &str)]) -> Self {
        let root = workspace_of_tests().join(name);
        let _ = fs_err::remove_dir_all(&root);
        fs_err::create_dir_all(&root).unwrap();
        for (path, text) in files {
            let path = root.join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        }
        Self::at(root)
    }

    /// One member of our workspace, in a workspace of its own with the same versions and profiles.
    fn member(name: &str, folder: &str, manifest: &str) -> Self {
        let source = checkout();
        let root = workspace_of_tests().join(name);
        // Data of an earlier run would be a hidden input.
        let _ = fs_err::remove_dir_all(root.join(".tiny"));
        mirror(&source.join(folder), &root.join(folder));
        let mut workspace: toml_edit::DocumentMut = fs_err::read_to_string(source.join("Cargo.toml"))
            .unwrap()
            .parse()
            .unwrap();
        workspace["workspace"]["members"] = toml_edit::value(toml_edit::Array::from_iter([folder]));
        workspace["workspace"]
            .as_table_mut()
            .unwrap()
            .remove("default-members");
        write_if_changed(&root.join("Cargo.toml"), workspace.to_string().as_bytes());
        if !root.join("Cargo.lock").exists() {
            fs_err::copy(source.join("Cargo.lock"), root.join("Cargo.lock")).unwrap();
        }
        write_if_changed(
            &root.join(manifest),
            &fs_err::read(source.join(manifest)).unwrap(),
        );
        let mut tiny = Self::at(root);
        if manifest != "tiny.toml" {
            tiny = tiny.arg("--manifest").arg(manifest);
        }
        tiny
    }

    fn at(root: Utf8PathBuf) -> Self {
        let target = workspace_of_tests().join("target");
        Self {
            root,
            args: Vec::new(),
            env: vec![("TINY_TARGET_DIR".to_owned(), target.to_string())],
        }
    }

    pub fn arg(mut self, arg: &str) -> Self {
        self.args.push(arg.to_owned());
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Changes a file of the project before anything runs.
    pub fn with(self, path: &str, change: impl FnOnce(String) -> String) -> Self {
        let path = self.root.join(path);
        let text = fs_err::read_to_string(&path).unwrap_or_default();
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, change(text)).unwrap();
        self
    }

    pub fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// Runs `tiny ARGS` to its end.
    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).stdin(Stdio::null()).output().unwrap()
    }

    /// Starts `tiny dev --json` on a free port and waits until the app answers.
    pub async fn dev(self) -> Dev {
        let mut dev = self.dev_unready().await;
        dev.ready().await;
        dev
    }

    /// Starts `tiny dev --json` on a free port.
    pub async fn dev_unready(self) -> Dev {
        Dev::start(self).await
    }

    pub(super) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tiny"));
        command
            .args(args)
            .args(&self.args)
            .current_dir(&self.root)
            .env_remove("TINY_STAGE")
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// Makes `to` equal to `from`, leaving files alone that are equal already: cargo goes by mtime.
fn mirror(from: &Utf8Path, to: &Utf8Path) {
    fs_err::create_dir_all(to).unwrap();
    let names = |folder: &Utf8Path| -> Vec<String> {
        folder
            .read_dir_utf8()
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_owned())
            .filter(|name| !name.starts_with('.') || name == ".cargo")
            .collect()
    };
    let wanted = names(from);
    for stale in names(to).iter().filter(|name| !wanted.contains(name)) {
        let stale = to.join(stale);
        if stale.is_dir() {
            fs_err::remove_dir_all(stale).unwrap();
        } else {
            fs_err::remove_file(stale).unwrap();
        }
    }
    for name in wanted {
        let (from, to) = (from.join(&name), to.join(&name));
        if from.is_dir() {
            mirror(&from, &to);
        } else {
            write_if_changed(&to, &fs_err::read(&from).unwrap());
        }
    }
}

fn write_if_changed(path: &Utf8Path, bytes: &[u8]) {
    if fs_err::read(path).ok().as_deref() != Some(bytes) {
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, bytes).unwrap();
    }
}
