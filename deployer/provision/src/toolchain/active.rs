//! The toolchain that cargo would use in a folder: rustup's choice or the rustc on PATH.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use super::{Route, Toolchain, WASM_TARGET};
use crate::cache::modified_ns;
use crate::child::Program;
use crate::environment::Environment;
use crate::error::ProvisionError;

/// What the compiler says about itself.
#[derive(Debug)]
pub(crate) struct Active {
    /// As it is called: the one that cargo would run.
    pub(crate) called: Utf8PathBuf,
    pub(crate) version: String,
    pub(crate) sysroot: Utf8PathBuf,
    /// Where the standard library for wasm is, or would be.
    pub(crate) wasm_libraries: Utf8PathBuf,
    pub(crate) cargo: Utf8PathBuf,
    /// What rustup's proxies set for what they start.
    rustup: Vec<(String, String)>,
}

/// Whether a version such as `1.95.0` or `1.97.0-nightly` comes before `1.91`.
pub(crate) fn older(version: &str, than: &str) -> bool {
    let numbers = |text: &str| -> Vec<u32> {
        text.split(['.', '-'])
            .map_while(|part| part.parse().ok())
            .collect()
    };
    numbers(version) < numbers(than)
}

/// Everything that decides which toolchain is active in a folder, found without starting a
/// program: rustup's start program costs more than all of this.
#[derive(Debug, Hash)]
pub(crate) struct Identity {
    rustc: FileState,
    /// Only where rustup chooses.
    rustup: Option<RustupChoice>,
}

#[derive(Debug, Hash)]
struct RustupChoice {
    variable: Option<String>,
    settings: FileState,
    toolchain_file: Option<FileState>,
    /// Overrides in the settings go by folder.
    folder: Utf8PathBuf,
}

#[derive(Debug, Hash)]
struct FileState {
    path: Utf8PathBuf,
    size: u64,
    modified_ns: u128,
}

impl FileState {
    fn of(path: Utf8PathBuf) -> Self {
        let (size, modified_ns) = path
            .metadata()
            .map_or((0, 0), |found| (found.len(), modified_ns(&found)));
        Self {
            path,
            size,
            modified_ns,
        }
    }
}

/// The rustc that cargo would call: `RUSTC`, else the one on PATH.
pub(crate) fn called_rustc(environment: &Environment) -> Result<Utf8PathBuf, ProvisionError> {
    let named = environment
        .get("RUSTC")
        .and_then(|value| value.to_str())
        .unwrap_or("rustc");
    environment.which(named).ok_or(ProvisionError::NoRustc)
}

pub(crate) fn identity(
    near: &Utf8Path,
    environment: &Environment,
) -> Result<Identity, ProvisionError> {
    let called = called_rustc(environment)?;
    let rustc = FileState::of(called.clone());
    let rustup = is_rustup(&called).then(|| {
        let settings = rustup_home(environment).join("settings.toml");
        RustupChoice {
            variable: environment
                .get("RUSTUP_TOOLCHAIN")
                .map(|value| value.to_string_lossy().into_owned()),
            settings: FileState::of(settings),
            toolchain_file: toolchain_file(near).map(FileState::of),
            folder: near.to_owned(),
        }
    });
    Ok(Identity { rustc, rustup })
}

/// The file that pins the toolchain of a folder, where rustup would look for it.
pub(crate) fn toolchain_file(near: &Utf8Path) -> Option<Utf8PathBuf> {
    near.ancestors()
        .flat_map(|folder| ["rust-toolchain", "rust-toolchain.toml"].map(|name| folder.join(name)))
        .find(|path| path.is_file())
}

/// Whether a `rustc` is rustup's start program: a link to it, or the same file.
pub(crate) fn is_rustup(rustc: &Utf8Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let beside = rustc.with_file_name("rustup");
    match (rustc.metadata(), beside.metadata()) {
        (Ok(one), Ok(other)) => (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => rustc
            .canonicalize_utf8()
            .is_ok_and(|real| real.file_name() == Some("rustup")),
    }
}

pub(crate) fn rustup_home(environment: &Environment) -> Utf8PathBuf {
    let text = |name| environment.get(name).and_then(|value| value.to_str());
    match (text("RUSTUP_HOME"), text("HOME")) {
        (Some(folder), _) => environment.cwd().join(folder),
        (None, Some(home)) => Utf8Path::new(home).join(".rustup"),
        (None, None) => Utf8PathBuf::from("/.rustup"),
    }
}

/// The toolchain by the name that rustup knows it under, else by its folder.
fn rustup_variables(
    called: &Utf8Path,
    sysroot: &Utf8Path,
    environment: &Environment,
) -> Vec<(String, String)> {
    if !is_rustup(called) {
        return Vec::new();
    }
    let home = rustup_home(environment);
    let name = sysroot
        .parent()
        .filter(|folder| *folder == home.join("toolchains"))
        .and_then(|_| sysroot.file_name())
        .unwrap_or(sysroot.as_str());
    vec![
        ("RUSTUP_HOME".to_owned(), home.to_string()),
        ("RUSTUP_TOOLCHAIN".to_owned(), name.to_owned()),
    ]
}

impl Active {
    pub(crate) async fn ask(
        near: &Utf8Path,
        environment: &Environment,
    ) -> Result<Self, ProvisionError> {
        let called = called_rustc(environment)?;
        Self::ask_compiler(called, near, environment).await
    }

    pub(crate) async fn ask_compiler(
        called: Utf8PathBuf,
        near: &Utf8Path,
        environment: &Environment,
    ) -> Result<Self, ProvisionError> {
        let ask = |args: &[&str]| {
            Program::new(&called, environment)
                .args(args)
                .within(near)
                // rustup may be installing the toolchain that a rust-toolchain file names.
                .patience(Duration::from_mins(1))
                .help("check that `rustc --version` works in that folder")
                .run()
        };
        let about = ask(&["-vV"]).await?.stdout;
        let folders = ask(&[
            "--print",
            "sysroot",
            "--print",
            "target-libdir",
            "--target",
            WASM_TARGET,
        ])
        .await?
        .stdout;
        let version = about
            .lines()
            .find_map(|line| line.strip_prefix("release: "))
            .unwrap_or_default()
            .to_owned();
        let mut folders = folders.lines().map(Utf8PathBuf::from);
        let sysroot = folders.next().unwrap_or_default();
        let wasm_libraries = folders.next().unwrap_or_default();
        let own_cargo = sysroot.join("bin/cargo");
        let cargo = if own_cargo.is_file() {
            own_cargo
        } else {
            environment
                .which("cargo")
                .unwrap_or_else(|| Utf8PathBuf::from("cargo"))
        };
        let rustup = rustup_variables(&called, &sysroot, environment);
        Ok(Self {
            called,
            version,
            sysroot,
            wasm_libraries,
            cargo,
            rustup,
        })
    }

    /// To be set on every cargo call. Without it the proxies choose a toolchain anew for each
    /// compiler that cargo starts, by the `rust-toolchain` file of whichever dependency it compiles.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        self.rustup.clone()
    }

    pub(crate) fn has_wasm_std(&self) -> bool {
        self.wasm_libraries
            .read_dir_utf8()
            .into_iter()
            .flatten()
            .flatten()
            .any(|found| {
                found.file_name().starts_with("libstd-") && found.path().extension() == Some("rlib")
            })
    }

    pub(crate) fn wants_wasm_std(&self) -> Result<(), ProvisionError> {
        if self.has_wasm_std() {
            return Ok(());
        }
        Err(ProvisionError::NotTaken {
            why: format!(
                "rustc {} has no standard library for {WASM_TARGET} in {}",
                self.version, self.sysroot
            ),
        })
    }

    /// `oldest` is the first version that compiles the app.
    pub(crate) fn is_new_enough(&self, oldest: &str) -> Result<(), ProvisionError> {
        if older(&self.version, oldest) {
            return Err(ProvisionError::NotTaken {
                why: format!("rustc is {}, and {oldest} or newer is needed", self.version),
            });
        }
        Ok(())
    }

    pub(crate) fn toolchain(&self, route: Route) -> Toolchain {
        let own = self.sysroot.join("bin/rustc");
        Toolchain {
            route,
            env: self.variables(),
            rustc_version: self.version.clone(),
            rustc: if own.is_file() {
                own
            } else {
                self.called.clone()
            },
            cargo: self.cargo.clone(),
            sysroot: self.sysroot.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::older;

    #[test]
    fn versions_are_compared_by_number() {
        assert!(older("1.63.0", "1.91"));
        assert!(older("1.90.1", "1.91"));
        assert!(!older("1.91.0", "1.91"));
        assert!(!older("1.100.0-nightly", "1.91"));
    }
}
