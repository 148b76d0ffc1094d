//! Makes the module bundle that workerd and Cloudflare run out of a workers-rs crate. In comes a
//! crate's folder, out go JavaScript and WebAssembly modules with a hash over all of them, the
//! files that went in, and what turns a wasm stack frame back into a Rust one. `tiny dev`,
//! `tiny build` and `tiny deploy` call it.

mod bindgen;
mod bundle;
mod cargo;
mod dwarf;
mod entry;
mod error;
mod exports;
mod imports;
mod inputs;
mod optimize;
mod profile;
mod remap;
mod rustflags;
mod shim;
mod step;
mod symbols;
mod versions;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use tiny_provision::{Provisioner, Reporter};
use tokio::sync::Mutex;

pub use bindgen::bindgen_main;
pub use bundle::{Bundle, Module, ModuleKind};
pub use entry::{Entry, EntryError, EntryFault, ModuleRule, RuleKind};
pub use error::BuildError;
pub use exports::Exports;
pub use imports::UnsatisfiedImport;
pub use inputs::Inputs;
pub use profile::Profile;
pub use step::BuildStep;
pub use symbols::Symbols;

use bindgen::Keep;
use cargo::Workspace;

/// What to build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildRequest {
    /// The folder of the package, absolute.
    pub crate_dir: Utf8PathBuf,
    pub profile: Profile,
    /// cargo features to enable.
    pub features: Vec<String>,
    /// Enable the package's default features.
    pub default_features: bool,
    /// Compiler flags in addition to those that cargo finds itself.
    pub rustflags: Vec<String>,
    /// cargo's profile for [`Profile::Release`], if another than `release`.
    pub release_profile: Option<String>,
    /// A panic unwinds: it ends its own call, and the instance goes on.
    pub unwind: bool,
    /// JavaScript around the crate's module.
    pub entry: Option<Entry>,
    /// Classes that are Durable Objects although `#[durable_object]` did not make them.
    pub durable_objects: Vec<String>,
}

/// What came of a build.
#[derive(Debug, Clone)]
pub struct Build {
    pub bundle: Bundle,
    pub exports: Exports,
    pub timings: Timings,
    pub symbols: Symbols,
    pub inputs: Inputs,
    /// rustc's warnings as it would print them, with colours.
    pub warnings: Vec<String>,
}

/// Where the time went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timings {
    /// cargo, from start to end.
    pub cargo: Duration,
    /// wasm-bindgen and everything after it.
    pub bindgen: Duration,
}

/// Builds crates; keeps what stays the same from one build to the next.
pub struct Builder {
    provisioner: Provisioner,
    reporter: Arc<dyn Reporter>,
    /// cargo's `debug` setting for the dev profile, if another than none.
    debug: Option<String>,
    /// The program to run the built-in wasm-bindgen in.
    own_process: Option<Utf8PathBuf>,
    /// By crate folder.
    workspaces: Mutex<BTreeMap<Utf8PathBuf, Workspace>>,
    /// The last wasm that wasm-bindgen read, by crate folder, with what came of it: an edit that
    /// compiles to the same code costs nothing.
    last: Mutex<BTreeMap<Utf8PathBuf, bindgen::Glue>>,
}

impl Builder {
    /// With `TINY_DEBUG` as the debug information of dev builds: none, `line-tables-only`, `full`.
    pub fn new(provisioner: Provisioner, reporter: Arc<dyn Reporter>) -> Self {
        let debug = std::env::var("TINY_DEBUG").ok();
        Self {
            provisioner,
            reporter,
            debug: debug.filter(|level| !matches!(level.as_str(), "" | "0" | "false" | "none")),
            own_process: None,
            workspaces: Mutex::default(),
            last: Mutex::default(),
        }
    }

    /// With stack traces down to the line, at the price of slower builds.
    #[must_use]
    pub fn with_lines(mut self) -> Self {
        self.debug = Some("line-tables-only".to_owned());
        self
    }

    /// Runs wasm-bindgen in a process of its own, whose hundred megabytes are given back with its
    /// end: `program` passes the arguments after `__wasm-bindgen` to [`bindgen_main`].
    #[must_use]
    pub fn with_own_process(mut self, program: Utf8PathBuf) -> Self {
        self.own_process = Some(program);
        self
    }

    /// Builds; dropping the future stops every program that it started.
    pub async fn build(&self, request: &BuildRequest) -> Result<Build, BuildError> {
        // cargo calls packages by their real folders, whatever links lead there.
        let mut request = request.clone();
        if let Ok(real) = request.crate_dir.canonicalize_utf8() {
            request.crate_dir = real;
        }
        let request = &request;
        let toolchain = self
            .provisioner
            .wasm_toolchain_for(&request.crate_dir)
            .await?;
        if request.unwind {
            self.provisioner.rust_sources(&toolchain).await?;
        }
        let started = Instant::now();
        // Quicker than cargo, so its mistakes are told first.
        let graph = match &request.entry {
            Some(entry) => {
                Some(entry::collect(entry, &request.crate_dir).map_err(BuildError::Entry)?)
            }
            None => None,
        };
        let workspace = self.workspace(&request.crate_dir, &toolchain).await?;
        versions::check_lock(&workspace, &request.crate_dir)?;
        let compiled = cargo::compile(
            request,
            self.debug.as_deref(),
            &workspace,
            &toolchain,
            self.reporter.as_ref(),
        )
        .await?;
        versions::check_compiled(&compiled, &workspace, &request.crate_dir)?;
        let cargo = started.elapsed();
        let glue = self
            .glue(request, &compiled, &workspace, &toolchain)
            .await?;
        let rust = glue.declared.exports(&request.durable_objects);
        let mut inputs = inputs::read(&compiled, &workspace, &request.crate_dir);
        let mut warnings = compiled.warnings;
        let symbols = Symbols::of(glue.unstripped.clone());
        let (bundle, exports, symbols) = match graph {
            None => {
                let bundle = bundle::assemble(&glue, &rust, request.profile);
                (bundle, rust, symbols)
            }
            Some(mut graph) => {
                inputs.paths.append(&mut graph.read);
                warnings.append(&mut graph.warnings);
                let symbols = symbols.with_glue(graph.made());
                let declared = &request.durable_objects;
                let (bundle, exports) = graph.link(&glue, &rust, declared, request.profile);
                (bundle, exports, symbols)
            }
        };
        Ok(Build {
            symbols,
            bundle,
            exports,
            inputs,
            warnings,
            timings: Timings {
                cargo,
                bindgen: started.elapsed().saturating_sub(cargo),
            },
        })
    }

    /// Runs a command that a build needs before; dropping the future stops all of it.
    pub async fn run_step(&self, step: &BuildStep) -> Result<(), BuildError> {
        step::run(step, self.reporter.as_ref()).await
    }

    async fn workspace(
        &self,
        crate_dir: &Utf8Path,
        toolchain: &tiny_provision::Toolchain,
    ) -> Result<Workspace, BuildError> {
        let mut known = self.workspaces.lock().await;
        if let Some(workspace) = known.get(crate_dir) {
            return Ok(workspace.clone());
        }
        let workspace = Workspace::of(crate_dir, toolchain).await?;
        known.insert(crate_dir.to_owned(), workspace.clone());
        Ok(workspace)
    }

    async fn glue(
        &self,
        request: &BuildRequest,
        compiled: &cargo::Compiled,
        workspace: &Workspace,
        toolchain: &tiny_provision::Toolchain,
    ) -> Result<bindgen::Glue, BuildError> {
        let wasm = fs_err::tokio::read(&compiled.wasm)
            .await
            .map_err(BuildError::Io)?;
        let source = bindgen::hash(&wasm, request.profile);
        if let Some(glue) = self.last.lock().await.get(&request.crate_dir)
            && glue.source == source
        {
            return Ok(glue.clone());
        }
        let keep = Keep {
            profile: request.profile,
            lines: self.debug.is_some() && request.profile == Profile::Dev,
        };
        let mut glue = bindgen::run(
            wasm,
            source,
            compiled,
            keep,
            self.own_process.as_deref(),
            toolchain,
            &self.provisioner,
        )
        .await?;
        entry::check_snippets(&glue.snippets, &compiled.package)?;
        if request.unwind {
            // A function, which is there before the module's first line runs.
            glue.js += "\nexport function $unwinds() {}\n";
        }
        if request.profile == Profile::Release
            && let Some(wasm) = optimize::release(
                &glue.unstripped,
                workspace,
                &self.provisioner,
                self.reporter.as_ref(),
            )
            .await
        {
            glue = glue.with_wasm(wasm, keep);
        }
        self.last
            .lock()
            .await
            .insert(request.crate_dir.clone(), glue.clone());
        Ok(glue)
    }
}
