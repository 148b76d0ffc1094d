//! The compiler that makes wasm: which of three routes leads to one on this machine.

mod active;

use std::fmt;
use std::str::FromStr;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::cache::{Cache, modified_ns};
use crate::environment::Environment;
use crate::error::ProvisionError;
use crate::known::Known;
use crate::progress::Reporter;

use active::Active;

/// The target that workers are compiled for.
pub const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// How the toolchain came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Route {
    /// The active toolchain has the wasm standard library.
    Native,
    /// It has it since `rustup target add`.
    Rustup,
    /// Debian's compiler and a standard library built from Debian's sources, in the cache.
    Debian,
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Native => "native",
            Self::Rustup => "rustup",
            Self::Debian => "debian",
        })
    }
}

impl FromStr for Route {
    type Err = ProvisionError;

    fn from_str(text: &str) -> Result<Self, ProvisionError> {
        match text {
            "native" => Ok(Self::Native),
            "rustup" => Ok(Self::Rustup),
            "debian" => Ok(Self::Debian),
            _ => Err(ProvisionError::UnknownRoute {
                value: text.to_owned(),
            }),
        }
    }
}

/// A toolchain that compiles for wasm32-unknown-unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Toolchain {
    pub route: Route,
    /// To be set on every cargo call. Empty where the active toolchain does it all.
    pub env: Vec<(String, String)>,
    /// `1.95.0`
    pub rustc_version: String,
    /// The compiler itself, behind rustup's start program.
    pub rustc: Utf8PathBuf,
    /// The cargo to run; of the active toolchain itself, which saves rustup's start program.
    pub cargo: Utf8PathBuf,
    /// Where the compiler's own libraries are.
    pub sysroot: Utf8PathBuf,
}

/// A toolchain and the files whose change would put it in doubt.
#[derive(Debug, Serialize, Deserialize)]
struct Verdict {
    toolchain: Toolchain,
    witnesses: Vec<(Utf8PathBuf, u128)>,
}

impl Verdict {
    fn new(toolchain: Toolchain, libraries: &Utf8Path) -> Self {
        let witnesses = [toolchain.rustc.clone(), libraries.to_owned()]
            .into_iter()
            .map(|path| (path.clone(), time_of(&path)))
            .collect();
        Self {
            toolchain,
            witnesses,
        }
    }

    fn stands(&self) -> bool {
        self.witnesses
            .iter()
            .all(|(path, time)| *time != 0 && time_of(path) == *time)
    }
}

fn time_of(path: &Utf8Path) -> u128 {
    path.metadata().map_or(0, |metadata| modified_ns(&metadata))
}

/// The toolchain for a crate in the folder `near`.
pub(crate) async fn provide(
    near: &Utf8Path,
    environment: &Environment,
    cache: &Cache,
    _reporter: &dyn Reporter,
) -> Result<Toolchain, ProvisionError> {
    let forced = environment.forced_route()?;
    let identity = active::identity(near, environment)?;
    let known = Known::of(cache, "toolchain", &(&identity, forced));
    if let Some(verdict) = known.read::<Verdict>() {
        if verdict.stands() {
            return Ok(verdict.toolchain);
        }
        known.forget();
    }
    let active = Active::ask(near, environment).await?;
    if active.has_wasm_std() {
        let toolchain = active.toolchain(Route::Native);
        known.write(&Verdict::new(toolchain.clone(), &active.wasm_libraries));
        return Ok(toolchain);
    }
    Err(ProvisionError::NoToolchain {
        tried: vec![("native".to_owned(), active.lacks_wasm_std())],
        help: format!("run `rustup target add {WASM_TARGET}`"),
    })
}
