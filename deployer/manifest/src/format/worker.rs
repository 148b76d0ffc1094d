//! `[workers.*]` and the tables in it.

use serde_json::Value;

use super::{BindingTable, DurableObjectTable};
use crate::reader::Either;
use crate::reader::{At, Map, table};
use crate::worker::{
    ClassManagement, CodeUpdateMode, HtmlHandling, ModuleType, NotFoundHandling, PanicStrategy,
    PlacementMode,
};

table! {
    /// A worker: a crate, and what Cloudflare runs it with.
    WorkerTable {
        /// The folder of its cargo package, relative to this file.
        required crate_dir "crate": At<String>,
        /// Cargo features to build it with.
        optional features "features": Vec<String>,
        /// Build it with the package's default features; on unless switched off.
        optional default_features "default_features": bool,
        /// Compiler flags added to those of cargo's own configuration: a list, or words separated by spaces.
        optional rustflags "rustflags": Either<String, Vec<String>>,
        /// The cargo profile of releases; `release` if not given.
        optional profile "profile": At<String>,
        /// What a panic ends: the WebAssembly instance (`abort`), or its own call alone (`unwind`).
        optional panic "panic": PanicStrategy,
        /// The ES module that is the worker, relative to this file; it imports the Rust module from `build/index.js`.
        optional entry "entry": At<String>,
        /// Which files the modules of `entry` can import, and as what; the first rule that matches decides.
        optional rules "rules": At<Vec<ModuleRuleTable>>,
        /// A command that makes what is not Rust, run before cargo.
        optional build "build": At<BuildTable>,
        /// The day whose runtime behaviour it was written for: `YYYY-MM-DD`.
        required compatibility_date "compatibility_date": At<String>,
        /// Runtime behaviour switched on or off by name.
        optional compatibility_flags "compatibility_flags": Vec<At<String>>,
        /// Publish it on workers.dev; on unless it has routes or domains.
        optional url "url": bool,
        /// When to call its `scheduled` handler: Cloudflare's five fields, in UTC.
        optional crons "crons": Vec<At<String>>,
        /// Plain settings by name: strings are text, everything else is JSON.
        optional vars "vars": Map<Value>,
        /// Secrets it wants; their values come from the environment or `.env.<stage>`.
        optional secrets "secrets": Vec<Either<At<String>, SecretTable>>,
        /// Static files served beside it.
        optional assets "assets": AssetsTable,
        /// Durable Objects by the name of their binding: a class, or a table that says more.
        optional durable_objects "durable_objects": Map<Either<At<String>, DurableObjectTable>>,
        /// How Cloudflare learns of its Durable Object classes.
        optional durable_object_migrations "durable_object_migrations": ClassManagement,
        /// When Durable Objects that run get new code: a mode, or a table that says how long they may wait.
        optional code_update "code_update": Either<CodeUpdateMode, CodeUpdateTable>,
        /// Everything else that it reaches, by name.
        optional bindings "bindings": Map<At<BindingTable>>,
        /// Queues whose messages it takes, by id.
        optional consumers "consumers": Map<ConsumerTable>,
        /// Routes on zones: a pattern, or a table that names the zone as well.
        optional routes "routes": Vec<Either<At<String>, RouteTable>>,
        /// Domains that are all its own.
        optional domains "domains": Vec<At<String>>,
        /// Keep its logs and traces.
        optional observability "observability": Either<bool, ObservabilityTable>,
        /// What one invocation may use.
        optional limits "limits": LimitsTable,
        /// Where Cloudflare runs it.
        optional placement "placement": At<PlacementTable>,
        /// Send its logs to Logpush.
        optional logpush "logpush": bool,
        /// Workers that get its logs, by id: of the stack, or external ones.
        optional tail_consumers "tail_consumers": Vec<At<String>>,
        /// The worker that is deployed already and is taken over, by the name of its script.
        optional import "import": At<String>,
        /// The id that it had in this manifest before; it keeps its script and its Durable Objects.
        optional was "was": At<String>,
        /// Leave it in the account when the stage is destroyed, or when this table is taken out.
        optional keep "keep": bool,
    }
}

table! {
    /// What files are to the modules that import them.
    ModuleRuleTable {
        /// The type of module.
        required kind "type": At<ModuleType>,
        /// Patterns for what is written in the import, such as `**/*.html`.
        required globs "globs": At<Vec<At<String>>>,
        /// Let later rules of the same type match as well, those that are built in too.
        optional fallthrough "fallthrough": bool,
    }
}

table! {
    /// A command that makes what is not Rust.
    BuildTable {
        /// The command, run by `sh`.
        required command "command": At<String>,
        /// The folder in which it runs, relative to this file; the folder of this file if not given.
        optional cwd "cwd": At<String>,
        /// Files and folders whose changes run it again, relative to this file; `src` in `cwd` if not given.
        optional watch "watch": Either<At<String>, Vec<At<String>>>,
        /// Environment variables for it, by name.
        optional env "env": Map<String>,
    }
}

table! {
    /// A secret.
    SecretTable {
        /// Its name in `env`.
        required name "name": At<String>,
        /// Make one up at random on the first deploy.
        optional generate "generate": bool,
    }
}

table! {
    /// When Durable Objects that run get new code.
    CodeUpdateTable {
        /// At once, or when they are idle.
        required mode "mode": CodeUpdateMode,
        /// Seconds until those that are not idle get it all the same, 0 to 300; 300 if not given.
        optional max_delay "max_delay": At<u32>,
    }
}

table! {
    /// Static files that Cloudflare serves.
    AssetsTable {
        /// The folder, relative to this file.
        required directory "directory": At<String>,
        /// The name by which the worker fetches them itself.
        optional binding "binding": At<String>,
        /// How paths and HTML files belong together.
        optional html_handling "html_handling": HtmlHandling,
        /// What answers when no file matches.
        optional not_found_handling "not_found_handling": NotFoundHandling,
        /// Requests that reach the worker first: all, none, or those that match path patterns.
        optional run_worker_first "run_worker_first": Either<bool, Vec<At<String>>>,
        /// npm packages of which some files are served too, by their names.
        optional packages "packages": Map<PackageTable>,
    }
}

table! {
    /// An npm package of which some files are served.
    PackageTable {
        /// The one version that is fetched, such as `10.0.1`.
        required version "version": At<String>,
        /// The hash of its tarball, as npm and lock files write it: `sha512-…`.
        optional integrity "integrity": At<String>,
        /// By its path in the package, the path that a file has in the site; a folder where both end with `/`.
        required files "files": Map<At<String>>,
    }
}

table! {
    /// How a worker takes messages from a queue.
    ConsumerTable {
        /// Most messages in a batch, 1 to 100.
        optional batch_size "batch_size": At<u32>,
        /// Seconds to wait for a batch to fill up, 0 to 60.
        optional batch_timeout "batch_timeout": At<u32>,
        /// How often a message is tried again, 0 to 100.
        optional max_retries "max_retries": At<u32>,
        /// Seconds before a message is tried again.
        optional retry_delay "retry_delay": At<u32>,
        /// The queue that gets what failed too often, by id.
        optional dead_letter_queue "dead_letter_queue": At<String>,
        /// Most invocations at once, 1 to 250.
        optional max_concurrency "max_concurrency": At<u32>,
    }
}

table! {
    /// A route on a zone.
    RouteTable {
        /// Host and path, such as `example.com/api/*`.
        required pattern "pattern": At<String>,
        /// The name of the zone.
        optional zone "zone": String,
    }
}

table! {
    /// What is kept of logs and traces.
    ObservabilityTable {
        /// On unless switched off.
        optional enabled "enabled": bool,
        /// The share of requests that is kept, 0 to 1.
        optional head_sampling_rate "head_sampling_rate": At<f64>,
        /// Settings for logs alone.
        optional logs "logs": ObservedLogsTable,
        /// Settings for traces alone.
        optional traces "traces": ObservedTracesTable,
    }
}

table! {
    /// What is kept of logs.
    ObservedLogsTable {
        /// On unless switched off.
        optional enabled "enabled": bool,
        /// The share of requests that is kept, 0 to 1.
        optional head_sampling_rate "head_sampling_rate": At<f64>,
        /// A line of its own for every invocation; on unless switched off.
        optional invocation_logs "invocation_logs": bool,
    }
}

table! {
    /// What is kept of traces.
    ObservedTracesTable {
        /// On unless switched off.
        optional enabled "enabled": bool,
        /// The share of requests that is kept, 0 to 1.
        optional head_sampling_rate "head_sampling_rate": At<f64>,
    }
}

table! {
    /// What one invocation may use.
    LimitsTable {
        /// Milliseconds of CPU time, 1 to 300000.
        optional cpu_ms "cpu_ms": At<u32>,
        /// Requests it may make.
        optional subrequests "subrequests": u32,
    }
}

table! {
    /// Where Cloudflare runs the worker: one of these.
    PlacementTable {
        /// `smart`: wherever it is fastest for the backends it calls.
        optional mode "mode": PlacementMode,
        /// Near a cloud region, such as `aws:eu-west-1`.
        optional region "region": At<String>,
        /// Near a host, such as `db.example.com:5432`.
        optional host "host": At<String>,
    }
}
