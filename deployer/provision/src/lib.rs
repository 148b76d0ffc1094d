//! Finds or fetches the programs that tiny stands on: a compiler for wasm, workerd, the simulator
//! scripts, wasm-bindgen; and the npm packages that a manifest names. In comes the process environment, out go paths that work. The builder
//! and the runtime ask for what they need; `tiny setup` asks for everything ahead, `tiny doctor`
//! for what is missing. What is fetched lies in one cache folder, shared by all processes of the
//! user under file locks, checked by hash and put in place by a rename, so that no interruption
//! leaves half of anything.

mod cache;
mod cargo_lock;
mod cargo_progress;
mod child;
mod doctor;
mod environment;
mod error;
mod known;
mod lock;
mod npm;
mod packages;
mod pins;
mod progress;
mod simulators;
mod toolchain;
mod wasm_bindgen;
mod wasm_opt;
mod workerd;

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

pub use cargo_lock::locked_versions;
pub use cargo_progress::CargoProgress;
pub use child::ProcessGroup;
pub use doctor::{Check, Missing};
pub use environment::Environment;
pub use error::ProvisionError;
pub use packages::NpmPackage;
pub use progress::{Reporter, Silent, Task};
pub use toolchain::{Route, Toolchain, WASM_TARGET};
pub use wasm_opt::WasmOpt;
pub use workerd::{Workerd, WorkerdSource};

use cache::Cache;

/// Answers where programs are, fetching them first where needed. Cheap to clone; every future it
/// returns can be dropped at any time and leaves no process, lock or half-made entry.
#[derive(Clone)]
pub struct Provisioner {
    environment: Arc<Environment>,
    cache: Cache,
    reporter: Arc<dyn Reporter>,
}

impl Provisioner {
    /// With the environment of this process: `TINY_CACHE`, `TINY_WORKERD`, `TINY_TOOLCHAIN`,
    /// `TINY_OFFLINE`, PATH and what rustup and cargo look at.
    pub fn from_env(reporter: Arc<dyn Reporter>) -> Result<Self, ProvisionError> {
        Self::new(Environment::current()?, reporter)
    }

    /// With an environment of the caller's making.
    pub fn new(
        environment: Environment,
        reporter: Arc<dyn Reporter>,
    ) -> Result<Self, ProvisionError> {
        environment.forced_route()?;
        let cache = Cache::at(&environment.cache_folder()?);
        Ok(Self {
            environment: Arc::new(environment),
            cache,
            reporter,
        })
    }

    /// The toolchain for a crate in the current folder.
    pub async fn wasm_toolchain(&self) -> Result<Toolchain, ProvisionError> {
        self.wasm_toolchain_for(self.environment.cwd()).await
    }

    /// The toolchain for the crate in `folder`, whose `rust-toolchain` file counts. Takes well
    /// under 10 ms and starts no program when it is known from last time.
    pub async fn wasm_toolchain_for(&self, folder: &Utf8Path) -> Result<Toolchain, ProvisionError> {
        toolchain::provide(folder, &self.environment, &self.cache, &*self.reporter).await
    }

    /// Makes sure that the sources of the standard library are there, for apps that compile it:
    /// rustup adds them where they are missing.
    pub async fn rust_sources(&self, toolchain: &Toolchain) -> Result<(), ProvisionError> {
        toolchain::sources::provide(toolchain, &self.environment, &self.cache, &*self.reporter)
            .await
    }

    /// workerd for a project in the folder `near`: `TINY_WORKERD`, else on PATH, else in a
    /// node_modules folder of `near` or above, else from the cache or fetched into it.
    pub async fn workerd(&self, near: &Utf8Path) -> Result<Workerd, ProvisionError> {
        workerd::find_or_fetch(near, &self.environment, &self.cache, &*self.reporter).await
    }

    /// The folder of miniflare's simulator scripts: `kv/namespace.worker.js` and the others.
    pub async fn simulators(&self) -> Result<Utf8PathBuf, ProvisionError> {
        simulators::find_or_fetch(&self.environment, &self.cache, &*self.reporter).await
    }

    /// The wasm-bindgen program of exactly this version: on PATH, in the cache, else compiled
    /// once with `toolchain`.
    pub async fn wasm_bindgen(
        &self,
        version: &str,
        toolchain: &Toolchain,
    ) -> Result<Utf8PathBuf, ProvisionError> {
        wasm_bindgen::find_or_build(
            version,
            toolchain,
            &self.environment,
            &self.cache,
            &*self.reporter,
        )
        .await
    }

    /// The folder with the files of a package: from the cache, else fetched into it.
    pub async fn package(&self, package: &NpmPackage) -> Result<Utf8PathBuf, ProvisionError> {
        packages::find_or_fetch(package, &self.environment, &self.cache, &*self.reporter).await
    }

    /// Looks whether a package is in the cache.
    pub fn diagnose_package(&self, package: &NpmPackage) -> Check {
        packages::examine(package, &self.cache)
    }

    /// Looks at everything that tiny needs for a project in the folder `near`, fetches nothing.
    pub async fn diagnose(&self, near: &Utf8Path) -> Vec<Check> {
        doctor::examine(near, &self.environment, &self.cache).await
    }

    /// wasm-opt: on PATH, else binaryen's of the npm registry, run by node. Nothing depends on it but the
    /// size of releases.
    pub async fn wasm_opt(&self) -> Result<WasmOpt, ProvisionError> {
        wasm_opt::find_or_fetch(&self.environment, &self.cache, &*self.reporter).await
    }
}
