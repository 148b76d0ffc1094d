//! Runs cargo and understands what it says.

use std::fmt::Write as _;
use std::process::Stdio;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;
use tiny_provision::{CargoProgress, ProcessGroup, Reporter, Task, Toolchain, WASM_TARGET};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::Command;

use crate::optimize::Optimize;
use crate::{BuildError, BuildRequest, Profile, remap, rustflags};

/// Builds with nothing to compile are not worth a progress bar.
const WORTH_A_BAR: usize = 3;

/// What is known of a crate's surroundings before it is built.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    pub(crate) root: Utf8PathBuf,
    /// cargo's folder for what tiny builds: one of its own, so that an editor's or a test's cargo
    /// never holds its lock.
    pub(crate) target: Utf8PathBuf,
    pub(crate) package: String,
    pub(crate) optimize: Optimize,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    target_directory: Utf8PathBuf,
    workspace_root: Utf8PathBuf,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: Utf8PathBuf,
    targets: Vec<Target>,
    /// The table of that name, if there is one.
    metadata: serde_json::Value,
}

#[derive(Deserialize)]
struct Target {
    crate_types: Vec<String>,
}

impl Package {
    /// Whether it could become a worker.
    fn is_module(&self) -> bool {
        self.targets
            .iter()
            .flat_map(|target| &target.crate_types)
            .any(|kind| kind == "cdylib")
    }
}

impl Workspace {
    /// Asks cargo.
    pub(crate) async fn of(
        crate_dir: &Utf8Path,
        toolchain: &Toolchain,
    ) -> Result<Self, BuildError> {
        let output = cargo(toolchain, crate_dir)
            .args(["metadata", "--no-deps", "--format-version=1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .output()
            .await
            .map_err(|source| BuildError::Start {
                program: toolchain.cargo.clone(),
                source,
            })?;
        let failed = |output: String| BuildError::Cargo {
            package: crate_dir.file_name().unwrap_or_default().to_owned(),
            folder: crate_dir.to_owned(),
            output,
        };
        if !output.status.success() {
            return Err(failed(last_lines(&output.stderr)));
        }
        let metadata: Metadata =
            serde_json::from_slice(&output.stdout).map_err(|error| failed(error.to_string()))?;
        let manifest = crate_dir.join("Cargo.toml");
        let found = |package: &&Package| package.manifest_path == manifest;
        let Some(package) = metadata.packages.iter().find(found) else {
            return Err(BuildError::NoPackage {
                folder: crate_dir.to_owned(),
                members: module_folders(&metadata.packages, crate_dir),
            });
        };
        let target = std::env::var("TINY_TARGET_DIR").map_or_else(
            |_| metadata.target_directory.join("tiny"),
            |folder| crate_dir.join(folder),
        );
        Ok(Self {
            root: metadata.workspace_root,
            target,
            package: package.name.clone(),
            optimize: Optimize::of(&package.metadata),
        })
    }
}

/// The members of a workspace that could become workers, by their folders from `near`.
fn module_folders(packages: &[Package], near: &Utf8Path) -> Vec<String> {
    packages
        .iter()
        .filter(|package| package.is_module())
        .filter_map(|package| package.manifest_path.parent())
        .map(|folder| folder.strip_prefix(near).unwrap_or(folder).to_string())
        .collect()
}

/// A module fresh from the compiler.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) package: String,
    pub(crate) wasm: Utf8PathBuf,
    /// The version of wasm-bindgen that was compiled in, if the app uses it at all.
    pub(crate) bindgen: Option<String>,
    /// The same of the worker crate.
    pub(crate) worker: Option<String>,
    /// Manifests of packages that lie in folders, not in a registry.
    pub(crate) manifests: Vec<Utf8PathBuf>,
    pub(crate) warnings: Vec<String>,
}

#[derive(Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
#[allow(clippy::enum_variant_names)] // the names are cargo's
enum Message {
    CompilerArtifact {
        package_id: String,
        manifest_path: Utf8PathBuf,
        filenames: Vec<Utf8PathBuf>,
    },
    CompilerMessage {
        message: Diagnostic,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Diagnostic {
    rendered: Option<String>,
    level: String,
}

/// Compiles the crate to wasm.
pub(crate) async fn compile(
    request: &BuildRequest,
    debug: Option<&str>,
    workspace: &Workspace,
    toolchain: &Toolchain,
    reporter: &dyn Reporter,
) -> Result<Compiled, BuildError> {
    let mut command = cargo(toolchain, &request.crate_dir);
    command
        .args(["build", "--lib", "--target", WASM_TARGET])
        .args(["--message-format", "json-diagnostic-rendered-ansi"])
        .args(["--target-dir", workspace.target.as_str()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for feature in &request.features {
        command.args(["--features", feature]);
    }
    if !request.default_features {
        command.arg("--no-default-features");
    }
    rustflags::add(&mut command, request, toolchain)?;
    if request.unwind {
        // The standard library that comes with the toolchain cannot unwind. Compiling it is not
        // stable, which says nothing of what comes out.
        command
            .arg("-Zbuild-std=std,panic_unwind")
            .env("RUSTC_BOOTSTRAP", "1");
    }
    let profile = request.release_profile.as_deref().unwrap_or("release");
    match request.profile {
        Profile::Release => command.args(["--profile", profile]).env(
            remap::VARIABLE,
            remap::wrapper(workspace, toolchain).map_err(BuildError::Io)?,
        ),
        // Function names stay; line tables would triple what the linker and wasm-bindgen move on
        // every edit. `TINY_DEBUG` trades that for lines in stack traces.
        Profile::Dev => command.env("CARGO_PROFILE_DEV_DEBUG", debug.unwrap_or("false")),
    };
    let mut child = command.spawn().map_err(|source| BuildError::Start {
        program: toolchain.cargo.clone(),
        source,
    })?;
    let mut group = ProcessGroup::of(&child);
    let mut said = Heard::new(request);
    let mut stderr = child.stderr.take();
    let mut lines = BufReader::new(child.stdout.take().ok_or_else(no_pipe)?).lines();
    let mut progress = Progress::new(&workspace.package, reporter);
    let mut chunk = Vec::with_capacity(4096);
    let mut talks = true;
    // Either may end before the other.
    while talks || stderr.is_some() {
        tokio::select! {
            line = lines.next_line(), if talks => match line.map_err(BuildError::Io)? {
                Some(line) => said.line(&line),
                None => talks = false,
            },
            read = read_some(&mut stderr, &mut chunk), if stderr.is_some() => {
                if read == 0 { stderr = None; continue }
                let text = String::from_utf8_lossy(&chunk);
                progress.hear(&text);
                said.aside(&text);
            }
        }
    }
    let status = child.wait().await.map_err(BuildError::Io)?;
    group.ended();
    progress.end(status.success());
    said.verdict(status.success(), &workspace.package, &request.crate_dir)
}

fn no_pipe() -> BuildError {
    BuildError::Io(std::io::Error::other("cargo has no output"))
}

/// Reads what there is; 0 at the end.
async fn read_some(from: &mut Option<tokio::process::ChildStderr>, into: &mut Vec<u8>) -> usize {
    into.clear();
    match from {
        Some(from) => from.read_buf(into).await.unwrap_or(0),
        None => 0,
    }
}

/// cargo in its own process group, so that a Ctrl-C at the terminal ends tiny's way and not half.
fn cargo(toolchain: &Toolchain, folder: &Utf8Path) -> Command {
    let mut command = Command::new(&toolchain.cargo);
    command
        .current_dir(folder)
        .envs(toolchain.env.iter().map(|(name, value)| (name, value)))
        .env("CARGO_TERM_PROGRESS_WHEN", "always")
        .env("CARGO_TERM_PROGRESS_WIDTH", "100")
        .env("CARGO_TERM_COLOR", "never")
        .env_remove("CARGO_TERM_VERBOSE")
        .env_remove("CARGO_TERM_QUIET")
        .env_remove("CARGO_BUILD_TARGET")
        // cargo's own failures would be told with frames.
        .env_remove("RUST_BACKTRACE")
        .stdin(Stdio::null())
        .process_group(0);
    command
}

/// What cargo said, sorted.
struct Heard<'a> {
    request: &'a BuildRequest,
    wasm: Option<Utf8PathBuf>,
    bindgen: Option<String>,
    worker: Option<String>,
    manifests: Vec<Utf8PathBuf>,
    errors: String,
    warnings: Vec<String>,
    aside: String,
}

impl<'a> Heard<'a> {
    fn new(request: &'a BuildRequest) -> Self {
        Self {
            request,
            wasm: None,
            bindgen: None,
            worker: None,
            manifests: Vec::new(),
            errors: String::new(),
            warnings: Vec::new(),
            aside: String::new(),
        }
    }

    fn line(&mut self, line: &str) {
        match serde_json::from_str(line) {
            Ok(Message::CompilerArtifact {
                package_id,
                manifest_path,
                filenames,
            }) => {
                match name_and_version(&package_id) {
                    Some(("wasm-bindgen", version)) => self.bindgen = Some(version.to_owned()),
                    Some(("worker", version)) => self.worker = Some(version.to_owned()),
                    _ => {}
                }
                if package_id.starts_with("path+") {
                    if manifest_path.parent() == Some(&self.request.crate_dir) {
                        self.wasm = filenames
                            .into_iter()
                            .find(|file| file.extension() == Some("wasm"))
                            .or(self.wasm.take());
                    }
                    if !self.manifests.contains(&manifest_path) {
                        self.manifests.push(manifest_path);
                    }
                }
            }
            Ok(Message::CompilerMessage { message }) => {
                let rendered = message.rendered.unwrap_or_default();
                match message.level.as_str() {
                    level if level.starts_with("error") => self.errors.push_str(&rendered),
                    "warning" => self.warnings.push(rendered),
                    _ => {}
                }
            }
            // Build scripts may print whatever they like.
            Ok(Message::Other) | Err(_) => {}
        }
    }

    fn aside(&mut self, text: &str) {
        self.aside.push_str(text);
    }

    fn verdict(
        self,
        success: bool,
        package: &str,
        folder: &Utf8Path,
    ) -> Result<Compiled, BuildError> {
        let package = package.to_owned();
        if !success {
            return Err(if self.errors.is_empty() {
                BuildError::Cargo {
                    package,
                    folder: folder.to_owned(),
                    output: last_lines(self.aside.as_bytes()),
                }
            } else {
                BuildError::Compile {
                    package,
                    rendered: self.errors,
                }
            });
        }
        let Some(wasm) = self.wasm else {
            return Err(BuildError::NoModule {
                package,
                manifest: folder.join("Cargo.toml"),
            });
        };
        Ok(Compiled {
            package,
            wasm,
            bindgen: self.bindgen,
            worker: self.worker,
            manifests: self.manifests,
            warnings: self.warnings,
        })
    }
}

/// `registry+https://…#worker@0.8.7`, and without the name where a folder is called the same:
/// `path+file:///src/worker#0.8.7`
fn name_and_version(package_id: &str) -> Option<(&str, &str)> {
    let (source, fragment) = package_id.rsplit_once('#')?;
    fragment.split_once('@').or_else(|| {
        let folder = source.split('?').next()?.rsplit('/').next()?;
        Some((folder.trim_end_matches(".git"), fragment))
    })
}

/// The end of what cargo said, without its progress lines.
fn last_lines(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text
        .split(['\n', '\r'])
        .map(str::trim_end)
        .filter(|line| {
            let line = line.trim_start();
            !line.is_empty()
                && !["Building [", "Compiling ", "Fresh ", "Finished "]
                    .iter()
                    .any(|noise| line.starts_with(noise))
        })
        .collect();
    let mut kept = String::new();
    for line in &lines[lines.len().saturating_sub(30)..] {
        let _ = writeln!(kept, "{line}");
    }
    kept
}

/// A bar that appears once there is something to wait for.
struct Progress<'a> {
    package: &'a str,
    reporter: &'a dyn Reporter,
    task: Option<Box<dyn Task>>,
    compiled: usize,
}

impl<'a> Progress<'a> {
    fn new(package: &'a str, reporter: &'a dyn Reporter) -> Self {
        Self {
            package,
            reporter,
            task: None,
            compiled: 0,
        }
    }

    fn hear(&mut self, said: &str) {
        self.compiled += said.matches("Compiling ").count();
        if self.task.is_none() && self.compiled >= WORTH_A_BAR {
            self.task = Some(self.reporter.task(&format!("compiling {}", self.package)));
        }
        if let Some(task) = &mut self.task {
            CargoProgress::new(task.as_mut()).hear(said);
        }
    }

    fn end(self, success: bool) {
        if let Some(task) = self.task
            && success
        {
            task.done(&format!("compiled {}", self.package));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::name_and_version;

    #[test]
    fn packages_are_named_wherever_they_come_from() {
        for (id, version) in [
            ("registry+https://example.com/index#worker@0.8.7", "0.8.7"),
            ("path+file:///src/worker#0.7.0", "0.7.0"),
            ("path+file:///src/fork#worker@0.6.1", "0.6.1"),
            (
                "git+https://example.com/me/worker.git?branch=main#0.5.0",
                "0.5.0",
            ),
        ] {
            assert_eq!(name_and_version(id), Some(("worker", version)), "{id}");
        }
        assert_eq!(name_and_version("worker 0.8.7"), None);
    }
}
