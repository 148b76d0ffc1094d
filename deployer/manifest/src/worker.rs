//! One worker of a stack.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use serde_json::Value;

use crate::reader::choices;
use crate::{Binding, DurableObject, Lifecycle};

/// A worker: a crate, and what Cloudflare runs it with.
#[derive(Debug, Clone, PartialEq)]
pub struct Worker {
    pub id: String,
    /// The folder of its cargo package, absolute.
    pub crate_dir: Utf8PathBuf,
    pub features: Vec<String>,
    /// Built with the package's default features.
    pub default_features: bool,
    /// Compiler flags in addition to those of cargo's own configuration.
    pub rustflags: Vec<String>,
    /// cargo's profile for releases, if another than `release`.
    pub profile: Option<String>,
    pub panic: PanicStrategy,
    /// JavaScript around the Rust module.
    pub entry: Option<Entry>,
    /// What runs before cargo.
    pub build: Option<BuildStep>,
    /// `YYYY-MM-DD`.
    pub compatibility_date: String,
    pub compatibility_flags: Vec<String>,
    /// Published on workers.dev.
    pub url: bool,
    /// Cloudflare's five fields, UTC.
    pub crons: Vec<String>,
    pub vars: BTreeMap<String, Value>,
    pub secrets: Vec<Secret>,
    pub assets: Option<Assets>,
    pub durable_objects: Vec<DurableObject>,
    pub class_management: ClassManagement,
    pub code_update: CodeUpdate,
    /// By name, in the order of the file.
    pub bindings: Vec<(String, Binding)>,
    pub consumers: Vec<Consumer>,
    pub routes: Vec<Route>,
    pub domains: Vec<String>,
    pub observability: Option<Observability>,
    pub limits: Limits,
    pub placement: Option<Placement>,
    pub logpush: bool,
    /// Ids of the workers that get this one's logs.
    pub tail_consumers: Vec<String>,
    pub lifecycle: Lifecycle,
}

/// The ES module that is the worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The file, absolute.
    pub path: Utf8PathBuf,
    /// The folder that holds all it can import, absolute; modules are named by their paths from there.
    pub root: Utf8PathBuf,
    /// In the order of the file, without those that are built in.
    pub rules: Vec<ModuleRule>,
}

/// What files are to the modules that import them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleRule {
    pub kind: ModuleType,
    /// As wrangler matches them: against what is written in the import.
    pub globs: Vec<String>,
    /// Later rules of the same type match as well.
    pub fallthrough: bool,
}

choices! {
    /// What a panic ends.
    pub enum PanicStrategy {
        /// The WebAssembly instance, with all calls that are under way in it.
        #[default]
        Abort = "abort",
        /// Its own call alone. The standard library is compiled with the app.
        Unwind = "unwind",
    }
}

choices! {
    /// What a module is.
    pub enum ModuleType {
        /// JavaScript with `import` and `export`.
        #[default]
        EsModule = "ESModule",
        /// JavaScript with `require` and `module.exports`.
        CommonJs = "CommonJS",
        /// A string.
        Text = "Text",
        /// An `ArrayBuffer`.
        Data = "Data",
        /// A `WebAssembly.Module`.
        CompiledWasm = "CompiledWasm",
    }
}

/// A command that makes what is not Rust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildStep {
    /// Run by `sh -c`.
    pub command: String,
    /// Where it runs, absolute.
    pub cwd: Utf8PathBuf,
    /// Files and folders whose changes run it again, absolute. They need not exist.
    pub watch: Vec<Utf8PathBuf>,
    pub env: BTreeMap<String, String>,
}

/// A secret the worker wants; its value is never in the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    pub name: String,
    /// Made up at random on the first deploy.
    pub generate: bool,
}

choices! {
    /// How Cloudflare learns of Durable Object classes.
    pub enum ClassManagement {
        /// Every upload says which classes there are; nothing has to be remembered.
        #[default]
        Exports = "exports",
        /// In steps with a tag, for a worker that is deployed with wrangler's migrations as well.
        Tags = "tags",
    }
}

choices! {
    /// Whether running Durable Objects are restarted for new code.
    pub enum CodeUpdateMode {
        /// They are, at once.
        #[default]
        Immediate = "immediate",
        /// They get it when they are idle.
        Deferred = "deferred",
    }
}

/// When Durable Objects that run get new code.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CodeUpdate {
    #[default]
    Immediate,
    /// When they are idle, and after `max_delay` seconds in any case.
    Deferred { max_delay: u32 },
}

/// Static assets that Cloudflare serves beside the worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assets {
    /// The folder, absolute.
    pub directory: Utf8PathBuf,
    /// Its name in `env`, where the worker fetches assets itself.
    pub binding: Option<String>,
    pub html_handling: HtmlHandling,
    pub not_found_handling: NotFoundHandling,
    pub run_worker_first: RunWorkerFirst,
    /// In the order of the file.
    pub packages: Vec<Package>,
}

/// An npm package of which some files are served beside those of the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    pub name: String,
    /// One version, never a range.
    pub version: String,
    /// `sha512-` and the hash of its tarball in base64. Without it the package is refused where it is fetched, and the
    /// hash told.
    pub integrity: Option<String>,
    pub files: Vec<PackageFile>,
}

/// A file of a package, or a folder: then both paths end with `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageFile {
    /// Its path in the package.
    pub from: String,
    /// Its path in the site.
    pub to: String,
}

choices! {
    /// How paths and HTML files belong together.
    pub enum HtmlHandling {
        /// `/about` serves `about.html`, `/about/` serves `about/index.html`; the other form redirects.
        #[default]
        AutoTrailingSlash = "auto-trailing-slash",
        /// Pages always end with a slash.
        ForceTrailingSlash = "force-trailing-slash",
        /// Pages never end with a slash.
        DropTrailingSlash = "drop-trailing-slash",
        /// A path is the name of a file, nothing more.
        None = "none",
    }
}

choices! {
    /// What answers when no asset matches and no worker takes the request.
    pub enum NotFoundHandling {
        /// An empty 404, or the worker.
        #[default]
        None = "none",
        /// `/index.html` with status 200.
        SinglePageApplication = "single-page-application",
        /// The nearest `404.html` with status 404.
        NotFoundPage = "404-page",
    }
}

/// Which requests reach the worker before the assets are looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum RunWorkerFirst {
    #[default]
    Never,
    Always,
    /// Path patterns such as `/api/*`; those with a leading `!` go to the assets all the same.
    Paths(Vec<String>),
}

/// A queue whose messages the worker takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumer {
    /// The id of the queue.
    pub queue: String,
    /// Most messages in a batch.
    pub batch_size: u32,
    /// Seconds to wait for a batch to fill up.
    pub batch_timeout: u32,
    pub max_retries: u32,
    /// Seconds before a message is tried again.
    pub retry_delay: Option<u32>,
    /// The id of the queue that gets what failed too often.
    pub dead_letter_queue: Option<String>,
    /// Most invocations at once; Cloudflare decides when it is not given.
    pub max_concurrency: Option<u32>,
}

/// A route on a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// `example.com/api/*`.
    pub pattern: String,
    /// The zone's name, where it cannot be told from the pattern.
    pub zone: Option<String>,
}

/// What Cloudflare keeps of the worker's logs and traces.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observability {
    pub enabled: bool,
    /// Between 0 and 1.
    pub head_sampling_rate: Option<f64>,
    pub logs: Option<ObservedLogs>,
    pub traces: Option<ObservedTraces>,
}

/// Settings of [`Observability`] for logs alone.
#[derive(Debug, Clone, PartialEq)]
pub struct ObservedLogs {
    pub enabled: bool,
    pub head_sampling_rate: Option<f64>,
    pub invocation_logs: bool,
}

/// Settings of [`Observability`] for traces alone.
#[derive(Debug, Clone, PartialEq)]
pub struct ObservedTraces {
    pub enabled: bool,
    pub head_sampling_rate: Option<f64>,
}

/// What one invocation may use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    pub cpu_ms: Option<u32>,
    pub subrequests: Option<u32>,
}

/// Where Cloudflare runs the worker, when not next to the visitor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placement {
    /// Where Cloudflare thinks best.
    Mode(PlacementMode),
    /// Near a cloud region, such as `aws:eu-west-1`.
    Region(String),
    /// Near a host, such as `db.example.com:5432`.
    Host(String),
}

choices! {
    /// How Cloudflare picks the place itself.
    pub enum PlacementMode {
        /// Wherever the worker is fastest for the backends it calls.
        #[default]
        Smart = "smart",
    }
}
