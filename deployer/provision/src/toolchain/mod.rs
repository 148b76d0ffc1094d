//! The compiler that makes wasm: which of three routes leads to one on this machine.

pub(crate) mod active;
pub(crate) mod debian;
mod pin;
mod proof;
pub(crate) mod requirement;
mod rustup;
pub(crate) mod sources;

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
    fn new(toolchain: Toolchain) -> Self {
        let libraries = wasm_libraries(&toolchain.sysroot);
        let witnesses = [toolchain.rustc.clone(), toolchain.cargo.clone(), libraries]
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

/// Where a compiler looks for the standard library for wasm.
fn wasm_libraries(sysroot: &Utf8Path) -> Utf8PathBuf {
    sysroot.join("lib/rustlib").join(WASM_TARGET).join("lib")
}

fn time_of(path: &Utf8Path) -> u128 {
    path.metadata().map_or(0, |metadata| modified_ns(&metadata))
}

/// The toolchain for a crate in the folder `near`.
pub(crate) async fn provide(
    near: &Utf8Path,
    environment: &Environment,
    cache: &Cache,
    reporter: &dyn Reporter,
) -> Result<Toolchain, ProvisionError> {
    let known = memory(near, environment, cache)?;
    if let Some(verdict) = known.read::<Verdict>() {
        if verdict.stands() {
            return Ok(verdict.toolchain);
        }
        known.forget();
    }
    let toolchain = Search {
        near,
        environment,
        cache,
        reporter,
    }
    .take_a_route()
    .await?;
    known.write(&Verdict::new(toolchain.clone()));
    Ok(toolchain)
}

/// The toolchain of last time, without a look at whether there is a new one to be had.
pub(crate) fn remembered(
    near: &Utf8Path,
    environment: &Environment,
    cache: &Cache,
) -> Option<Toolchain> {
    let verdict: Verdict = memory(near, environment, cache).ok()?.read()?;
    verdict.stands().then_some(verdict.toolchain)
}

/// To be raised when [`Toolchain`] means something else.
const MEMORY: &str = "toolchain-2";

fn memory(
    near: &Utf8Path,
    environment: &Environment,
    cache: &Cache,
) -> Result<Known, ProvisionError> {
    let identity = active::identity(near, environment)?;
    let forced = environment.forced_route()?;
    let oldest = requirement::oldest_rustc(near);
    Ok(Known::of(cache, MEMORY, &(&identity, forced, oldest)))
}

/// The routes in their order, with what each of them needs.
struct Search<'a> {
    near: &'a Utf8Path,
    environment: &'a Environment,
    cache: &'a Cache,
    reporter: &'a dyn Reporter,
}

impl Search<'_> {
    async fn take_a_route(&self) -> Result<Toolchain, ProvisionError> {
        let forced = self.environment.forced_route()?;
        let oldest = requirement::oldest_rustc(self.near);
        let active = pin::active(self.near, self.environment, self.cache, self.reporter).await?;
        let routes: &[Route] = match &forced {
            Some(route) => std::slice::from_ref(route),
            None => &[Route::Native, Route::Rustup, Route::Debian],
        };
        let mut tried = Vec::new();
        for &route in routes {
            match self.take(route, &active, oldest, forced.is_some()).await {
                Ok(toolchain) => {
                    if let Some((before, why)) = tried.last()
                        && route == Route::Debian
                    {
                        let why: &String = why;
                        let first = why.lines().next().unwrap_or_default();
                        self.reporter.note(&format!(
                            "using Debian's rustc {} ({before}: {first})",
                            toolchain.rustc_version
                        ));
                    }
                    return Ok(toolchain);
                }
                Err(failed) => tried.push((route.to_string(), failed.to_string())),
            }
        }
        Err(ProvisionError::NoToolchain {
            tried,
            help: match forced {
                Some(route) => format!("TINY_TOOLCHAIN allows only {route}; unset it to try all"),
                None => self.help(&active, oldest),
            },
        })
    }

    fn help(&self, active: &Active, oldest: &str) -> String {
        match active::toolchain_file(self.near) {
            Some(file) if active.is_new_enough(oldest).is_err() => {
                format!("change the channel in {file} to {oldest} or newer")
            }
            _ => format!(
                "run `rustup target add {WASM_TARGET}` where rustup can download, or install Rust {oldest} or newer with that target"
            ),
        }
    }

    async fn take(
        &self,
        route: Route,
        active: &Active,
        oldest: &str,
        insist: bool,
    ) -> Result<Toolchain, ProvisionError> {
        if route != Route::Debian {
            active.is_new_enough(oldest)?;
        }
        match route {
            Route::Native => {
                active.wants_wasm_std()?;
                let toolchain = active.toolchain(route);
                proof::prove(&toolchain, false, self.environment).await?;
                Ok(toolchain)
            }
            Route::Rustup => {
                rustup::add_target(
                    active,
                    self.near,
                    insist,
                    self.environment,
                    self.cache,
                    self.reporter,
                )
                .await?;
                active.wants_wasm_std()?;
                let toolchain = active.toolchain(route);
                proof::prove(&toolchain, false, self.environment).await?;
                Ok(toolchain)
            }
            Route::Debian => {
                debian::provide(active, self.environment, self.cache, self.reporter).await
            }
        }
    }
}
