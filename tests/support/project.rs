use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use camino::{Utf8Path, Utf8PathBuf};

use super::{Dev, Terminal, free_port};

/// A project on disk and the `tiny` to run in it.
///
/// Copies of code are kept from run to run, so that a warm test builds only what changed; all of them
/// share one cargo target folder, so that dependencies are compiled once.
pub struct Tiny {
    /// The folder of the manifest.
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

/// The folder for what tests make, kept from run to run.
pub fn workspace_of_tests() -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_TARGET_TMPDIR")).join("e2e")
}

/// Members of our workspace that projects are made of.
struct Code {
    members: &'static [&'static str],
    manifest: &'static str,
}

const TODO_APP: Code = Code {
    members: &["app"],
    manifest: "tiny.toml",
};

const BINDINGS: Code = Code {
    members: &["tests/fixtures/bindings", "tests/fixtures/second"],
    manifest: "tests/fixtures/bindings/tiny.toml",
};

const WHOLE: Code = Code {
    members: &["tests/fixtures/whole"],
    manifest: "tests/fixtures/whole/tiny.toml",
};

impl Tiny {
    /// The todo app: a manifest and data of the test's own, and the code, built once for all.
    /// `name` is the test's own: two tests never share a project.
    pub fn todo_app(name: &str) -> Self {
        Self::sharing(name, TODO_APP.manifest, shared_todo_app())
    }

    /// The todo app as a stack of `stacks/` has it, whose manifest is changed by `change`.
    pub fn stack(self, stack: &str, change: impl FnOnce(String) -> String) -> Self {
        let manifest = format!("stacks/{stack}.toml");
        let text = pointed(&manifest, &shared_todo_app().join("stacks"));
        self.with(&manifest, |_| change(text))
            .arg("--manifest")
            .arg(&manifest)
    }

    /// The todo app with code of the test's own, to be edited.
    pub fn todo_app_to_edit(name: &str) -> Self {
        Self::at(TODO_APP.copy(name)).incremental()
    }

    /// The workers that touch every kind of binding.
    pub fn bindings(name: &str) -> Self {
        Self::sharing(name, BINDINGS.manifest, shared_bindings()).with_token(".env")
    }

    /// A folder with just these files, in whose manifest `CRATE` stands for the second one of those
    /// workers, and in whose JavaScript for its path from there.
    pub fn around_second(name: &str, files: &[(&str, &str)]) -> Self {
        let crate_dir = shared_bindings().with_file_name("second");
        let project = Self::empty(name, files);
        let inside = crate_dir.strip_prefix(workspace_of_tests()).unwrap();
        let from = format!("../../{inside}");
        files.iter().fold(project, |project, (path, _)| {
            let script = Utf8Path::new(path).extension() == Some("js");
            let stands_for = if script { &from } else { crate_dir.as_str() };
            project.with(path, |text| text.replace("CRATE", stands_for))
        })
    }

    /// The same with code of the test's own, to be edited.
    pub fn bindings_to_edit(name: &str) -> Self {
        Self::at(BINDINGS.copy(name))
            .incremental()
            .with_token(".env")
    }

    /// Compiled as people have it, even where nothing else is.
    fn incremental(self) -> Self {
        self.env("CARGO_PROFILE_DEV_INCREMENTAL", "true")
    }

    /// The workers that are deployed with everything that a deploy can make.
    pub fn whole(name: &str) -> Self {
        Self::at(WHOLE.copy(name)).with_token(".env.test")
    }

    /// Workers of older versions of the worker crate, each locked to the wasm-bindgen of its time.
    pub fn older(name: &str) -> Self {
        let folder = workspace_of_tests().join(name);
        let source = checkout().join("tests/fixtures/older");
        mirror(&source, &folder, &|path| fs_err::read(path).unwrap());
        let _ = fs_err::remove_dir_all(folder.join(".tiny"));
        Self::at(folder)
    }

    fn with_token(self, path: &str) -> Self {
        self.with(path, |_| "TOKEN=of-the-tests\n".to_owned())
    }

    /// A folder with a manifest of ours that leads to the code in `copy`.
    fn sharing(name: &str, manifest: &str, copy: &Utf8Path) -> Self {
        Self::empty(name, &[("tiny.toml", &pointed(manifest, copy))])
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

    /// Changes a file of the project before anything runs; one that is not there is empty.
    pub fn with(self, path: &str, change: impl FnOnce(String) -> String) -> Self {
        let path = self.root.join(path);
        let text = fs_err::read_to_string(&path).unwrap_or_default();
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, change(text)).unwrap();
        self
    }

    /// Without the limit that a person never meets, but a test does.
    pub fn unlimited(self) -> Self {
        self.with("tiny.toml", |text| {
            let lifted = text.replace("limit = 100", "limit = 100000000");
            assert_ne!(lifted, text, "the rate limit moved within tiny.toml");
            lifted
        })
    }

    /// The project in a folder of this one.
    pub fn within(mut self, folder: &str) -> Self {
        self.root = self.root.join(folder);
        self
    }

    pub fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// The databases of the todo app's objects, as `tiny dev` keeps them.
    pub fn databases(&self) -> Vec<Utf8PathBuf> {
        let objects = self.root.join(".tiny/dev/state/do/worker-TinyBaseStore");
        let files = objects.read_dir_utf8().unwrap();
        let files = files.map(|file| file.unwrap().into_path());
        files
            .filter(|file| {
                file.extension() == Some("sqlite") && !file.as_str().contains("metadata")
            })
            .collect()
    }

    /// The database of the only object.
    pub fn database(&self) -> Utf8PathBuf {
        let mut databases = self.databases();
        assert_eq!(databases.len(), 1, "there is one object");
        databases.remove(0)
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

    /// The same on a port that was chosen before.
    pub async fn dev_on(self, port: u16) -> Dev {
        let mut dev = Dev::start(self, port).await;
        dev.ready().await;
        dev
    }

    /// Starts `tiny dev --json` on a free port.
    pub async fn dev_unready(self) -> Dev {
        Dev::start(self, free_port()).await
    }

    /// Starts `tiny dev` in a terminal and waits until the app answers.
    pub async fn terminal(self) -> Terminal {
        Terminal::start(self).await
    }

    /// Runs `tiny ARGS` in a terminal, where it asks questions.
    #[expect(clippy::unused_async, reason = "the terminal is the async runtime's")]
    pub async fn at_terminal(self, args: &[&str]) -> Terminal {
        Terminal::open(self, args, 0)
    }

    pub fn command(&self, args: &[&str]) -> Command {
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

impl Code {
    /// Copies it into a workspace of its own with the same versions and profiles. Gives the folder of
    /// the manifest.
    fn copy(&self, name: &str) -> Utf8PathBuf {
        let (members, manifest) = (self.members, self.manifest);
        let source = checkout();
        let workspace = workspace_of_tests().join(name);
        for member in members {
            let package = source.join(member).join("Cargo.toml");
            let read = |path: &Utf8Path| {
                let bytes = fs_err::read(path).unwrap();
                if *path == package {
                    renamed(std::str::from_utf8(&bytes).unwrap(), name).into_bytes()
                } else {
                    bytes
                }
            };
            mirror(&source.join(member), &workspace.join(member), &read);
        }
        let mut cargo: toml_edit::DocumentMut = fs_err::read_to_string(source.join("Cargo.toml"))
            .unwrap()
            .parse()
            .unwrap();
        cargo["workspace"]["members"] =
            toml_edit::value(members.iter().copied().collect::<toml_edit::Array>());
        cargo["workspace"]
            .as_table_mut()
            .unwrap()
            .remove("default-members");
        write_if_changed(&workspace.join("Cargo.toml"), cargo.to_string().as_bytes());
        // cargo takes out of the copy what these members do not use: a second copy tells whether
        // the original changed.
        let lock = fs_err::read(source.join("Cargo.lock")).unwrap();
        if fs_err::read(workspace.join("Cargo.lock.source"))
            .ok()
            .as_ref()
            != Some(&lock)
        {
            fs_err::write(workspace.join("Cargo.lock"), &lock).unwrap();
            fs_err::write(workspace.join("Cargo.lock.source"), &lock).unwrap();
        }
        write_if_changed(
            &workspace.join(manifest),
            &fs_err::read(source.join(manifest)).unwrap(),
        );
        let root = workspace.join(Utf8Path::new(manifest).parent().unwrap());
        // Data and secrets of an earlier run would be a hidden input.
        for entry in root.read_dir_utf8().unwrap() {
            let path = entry.unwrap().into_path();
            match path.file_name() {
                Some(".tiny") => fs_err::remove_dir_all(path).unwrap(),
                Some(name) if name.starts_with(".env") || name == ".dev.vars" => {
                    fs_err::remove_file(path).unwrap();
                }
                _ => {}
            }
        }
        root
    }
}

/// The copy of the workers with bindings that is the same for all who do not edit it.
fn shared_bindings() -> &'static Utf8Path {
    static COPY: OnceLock<Utf8PathBuf> = OnceLock::new();
    COPY.get_or_init(|| BINDINGS.copy("code-of-bindings"))
}

/// The copy of the todo app that is the same for all who do not edit it.
fn shared_todo_app() -> &'static Utf8Path {
    static COPY: OnceLock<Utf8PathBuf> = OnceLock::new();
    COPY.get_or_init(|| TODO_APP.copy("code-of-todo-app"))
}

/// A manifest of ours, with paths that lead to where they would if it stood in this folder.
fn pointed(manifest: &str, folder: &Utf8Path) -> String {
    let manifest = fs_err::read_to_string(checkout().join(manifest)).unwrap();
    let mut manifest: toml_edit::DocumentMut = manifest.parse().unwrap();
    for path in paths(&mut manifest) {
        let given = Utf8Path::new(path.as_str().unwrap());
        let there = match given.strip_prefix("..") {
            Ok(rest) => folder.parent().unwrap().join(rest),
            Err(_) => folder.join(given),
        };
        *path = there.into_string().into();
    }
    manifest.to_string()
}

/// The paths that a manifest names: of crates, assets and migrations.
fn paths(manifest: &mut toml_edit::DocumentMut) -> Vec<&mut toml_edit::Value> {
    let mut paths = Vec::new();
    for (kind, entries) in manifest.iter_mut() {
        let Some(entries) = entries.as_table_like_mut() else {
            continue;
        };
        for (_, entry) in entries.iter_mut() {
            let Some(entry) = entry.as_table_like_mut() else {
                continue;
            };
            for (key, value) in entry.iter_mut() {
                match (kind.get(), key.get()) {
                    ("workers", "crate") | ("d1", "migrations") => {
                        paths.extend(value.as_value_mut());
                    }
                    ("workers", "assets") => {
                        let directory = value.get_mut("directory").unwrap();
                        paths.extend(directory.as_value_mut());
                    }
                    _ => {}
                }
            }
        }
    }
    paths
}

/// The manifest of a package, under a name of the project's own. In the shared target folder cargo
/// takes packages of one name, at one place in their workspaces, for the same.
fn renamed(package: &str, project: &str) -> String {
    let mut package: toml_edit::DocumentMut = package.parse().unwrap();
    let name = package["package"]["name"].as_str().unwrap();
    package["package"]["name"] = toml_edit::value(format!("{name}-{project}"));
    package.to_string()
}

/// Makes `to` what `read` gives of `from`, leaving files alone that are so already: cargo goes by
/// mtime.
fn mirror(from: &Utf8Path, to: &Utf8Path, read: &dyn Fn(&Utf8Path) -> Vec<u8>) {
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
            mirror(&from, &to, read);
        } else {
            write_if_changed(&to, &read(&from));
        }
    }
}

fn write_if_changed(path: &Utf8Path, bytes: &[u8]) {
    if fs_err::read(path).ok().as_deref() != Some(bytes) {
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, bytes).unwrap();
    }
}
