//! Puts a project and its builds together to what the runtime runs and the front routes to.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tiny_builder::{
    Build, BuildRequest, Bundle, Entry, Exports, ModuleKind, ModuleRule, Profile, RuleKind,
};
use tiny_manifest::{Binding, ModuleType};
use tiny_runtime as runtime;

use crate::external;
use crate::options::DevOptions;
use crate::project::Project;

/// What does not fit between a manifest and the code it names: shown like a failed build.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Mismatch {
    pub message: String,
    pub help: String,
}

/// What the builder is asked for to have a worker of a manifest.
pub fn build_request(worker: &tiny_manifest::Worker, profile: Profile) -> BuildRequest {
    BuildRequest {
        crate_dir: worker.crate_dir.clone(),
        profile,
        features: worker.features.clone(),
        default_features: worker.default_features,
        rustflags: worker.rustflags.clone(),
        release_profile: worker.profile.clone(),
        unwind: worker.panic == tiny_manifest::PanicStrategy::Unwind,
        entry: worker.entry.as_ref().map(|written| entry(worker, written)),
        durable_objects: worker
            .durable_objects
            .iter()
            .filter(|object| object.worker.is_none())
            .map(|object| object.class.clone())
            .collect(),
    }
}

/// Since this day the runtime has Node.js's modules unless told otherwise.
const NODE_SINCE: &str = "2026-08-04";

fn entry(worker: &tiny_manifest::Worker, written: &tiny_manifest::Entry) -> Entry {
    let has = |flag: &str| worker.compatibility_flags.iter().any(|found| found == flag);
    let kind = |kind| match kind {
        ModuleType::EsModule => RuleKind::Esm,
        ModuleType::CommonJs => RuleKind::CommonJs,
        ModuleType::Text => RuleKind::Text,
        ModuleType::Data => RuleKind::Data,
        ModuleType::CompiledWasm => RuleKind::Wasm,
    };
    Entry {
        path: written.path.clone(),
        root: written.root.clone(),
        rules: written
            .rules
            .iter()
            .map(|rule| ModuleRule {
                kind: kind(rule.kind),
                globs: rule.globs.clone(),
                fallthrough: rule.fallthrough,
            })
            .collect(),
        node_compat: has("nodejs_compat")
            || has("nodejs_compat_v2")
            || (worker.compatibility_date.as_str() >= NODE_SINCE && !has("no_nodejs_compat")),
    }
}

/// The modules of a bundle as the runtime takes them.
pub fn modules(bundle: &Bundle) -> Vec<runtime::Module> {
    bundle
        .modules
        .iter()
        .map(|module| runtime::Module {
            name: module.name.clone(),
            kind: match module.kind {
                ModuleKind::Esm => runtime::ModuleKind::Esm,
                ModuleKind::CommonJs => runtime::ModuleKind::CommonJs,
                ModuleKind::Wasm => runtime::ModuleKind::Wasm,
                ModuleKind::Text => runtime::ModuleKind::Text,
                ModuleKind::Data => runtime::ModuleKind::Data,
            },
            body: module.body.clone(),
        })
        .collect()
}

/// The stack that runs.
pub(crate) fn assemble(
    project: &Project,
    builds: &BTreeMap<String, Build>,
    options: &DevOptions,
) -> Result<runtime::Stack, Mismatch> {
    let mut workers = Vec::new();
    for worker in &project.stack.workers {
        let Some(build) = builds.get(&worker.id) else {
            return Err(Mismatch {
                message: format!("worker `{}` is not built yet", worker.id),
                help: "save a file to build again".to_owned(),
            });
        };
        check(worker, build)?;
        workers.push(one(project, worker, build)?);
    }
    Ok(runtime::Stack {
        workers,
        state: project.state(),
        run: project.run(),
        d1: project
            .stack
            .d1
            .iter()
            .map(|d1| runtime::D1Database {
                id: d1.id.clone(),
                migrations: d1.migrations.clone(),
            })
            .collect(),
        inspector: options.inspect,
        reach: runtime::Reach::default(),
    })
}

/// What a build step was to make must be there.
pub fn check_products(worker: &tiny_manifest::Worker) -> Result<(), Mismatch> {
    match (&worker.build, &worker.assets) {
        (Some(step), Some(assets)) if !assets.directory.is_dir() => Err(Mismatch {
            message: format!(
                "the build step of worker `{}` did not make the assets folder {}",
                worker.id, assets.directory
            ),
            help: format!(
                "let `{}` write there, or correct `directory` in the worker's `assets`",
                step.command.trim()
            ),
        }),
        _ => Ok(()),
    }
}

/// What the manifest promises of the code must be there.
pub fn check(worker: &tiny_manifest::Worker, build: &Build) -> Result<(), Mismatch> {
    let exports = &build.exports;
    for object in &worker.durable_objects {
        if object.worker.is_none() && !exports.has_durable_object(&object.class) {
            return Err(missing_class(worker, &object.class, exports));
        }
    }
    let needs = [
        ("queue", !worker.consumers.is_empty(), "consumes a queue"),
        ("scheduled", !worker.crons.is_empty(), "has crons"),
    ];
    for (handler, needed, why) in needs {
        if needed && !exports.may_handle(handler) {
            let help = match &worker.entry {
                None => format!("add a function with `#[event({handler})]`"),
                Some(entry) => format!(
                    "add a method `{handler}` to the default export of {}, or a function with `#[event({handler})]` \
                     where that is the Rust module's own",
                    entry.path.file_name().unwrap_or_default()
                ),
            };
            return Err(Mismatch {
                message: format!(
                    "worker `{}` {why}, but handles no `{handler}` event",
                    worker.id
                ),
                help,
            });
        }
    }
    Ok(())
}

fn missing_class(worker: &tiny_manifest::Worker, class: &str, exports: &Exports) -> Mismatch {
    let known: Vec<_> = exports
        .durable_objects
        .iter()
        .map(|class| class.name.as_str())
        .collect();
    let (exporter, mut help) = match &worker.entry {
        None => (
            "crate",
            format!("mark a struct with `#[durable_object]` and name it `{class}`"),
        ),
        Some(entry) => {
            let file = entry.path.file_name().unwrap_or_default();
            let rust = "where the Rust module is imported from";
            (
                "entry",
                format!(
                    "add `export {{ {class} }} from \"…/build/index.js\"` to {file}, {rust}, or a class `{class}`"
                ),
            )
        }
    };
    if !known.is_empty() {
        help = format!("it exports {}", known.join(", "));
    }
    Mismatch {
        message: format!(
            "worker `{}` binds the class `{class}`, which its {exporter} does not export",
            worker.id
        ),
        help,
    }
}

fn one(
    project: &Project,
    worker: &tiny_manifest::Worker,
    build: &Build,
) -> Result<runtime::Worker, Mismatch> {
    let exported = build
        .exports
        .durable_objects
        .iter()
        .map(|class| &class.name);
    let classes: BTreeSet<&String> = exported.collect();
    Ok(runtime::Worker {
        name: worker.id.clone(),
        main: build.bundle.main.clone(),
        modules: modules(&build.bundle),
        compatibility_date: worker.compatibility_date.clone(),
        compatibility_flags: worker.compatibility_flags.clone(),
        bindings: bindings(project, worker)?,
        classes: classes
            .into_iter()
            .map(|class| runtime::DurableClass {
                name: class.clone(),
                unique_key: format!("{}-{class}", worker.id),
                storage: runtime::ClassStorage::Sqlite,
            })
            .collect(),
        consumers: worker
            .consumers
            .iter()
            .map(|consumer| runtime::QueueConsumer {
                queue: consumer.queue.clone(),
                known_as: None,
                batch_size: consumer.batch_size,
                batch_timeout_secs: consumer.batch_timeout,
                max_retries: consumer.max_retries,
                retry_delay: consumer.retry_delay,
                dead_letter_queue: consumer.dead_letter_queue.clone(),
                max_concurrency: consumer.max_concurrency,
            })
            .collect(),
        tails: worker
            .tail_consumers
            .iter()
            .filter(|tail| !external::is_external(&project.stack, tail))
            .cloned()
            .collect(),
    })
}

fn bindings(
    project: &Project,
    worker: &tiny_manifest::Worker,
) -> Result<Vec<(String, runtime::Binding)>, Mismatch> {
    let mut all = Vec::new();
    for (name, value) in &worker.vars {
        let binding = match value {
            Value::String(text) => runtime::Binding::Text(text.clone()),
            other => runtime::Binding::Json(other.clone()),
        };
        all.push((name.clone(), binding));
    }
    for secret in &worker.secrets {
        if let Some(value) = project.secrets.get(&secret.name) {
            all.push((secret.name.clone(), runtime::Binding::Secret(value)));
        }
    }
    for object in &worker.durable_objects {
        let owner = object.worker.as_deref();
        let binding = owner
            .and_then(|owner| external::class(&project.stack, owner))
            .unwrap_or_else(|| runtime::Binding::DurableObject {
                class: object.class.clone(),
                worker: object.worker.clone(),
            });
        all.push((object.binding.clone(), binding));
    }
    for (name, binding) in &worker.bindings {
        let binding = match binding {
            Binding::Hyperdrive {
                local: Some(url), ..
            } => hyperdrive(name, url)?,
            Binding::Service { worker, .. } => {
                external::service(&project.stack, worker).unwrap_or_else(|| local(binding))
            }
            other => local(other),
        };
        all.push((name.clone(), binding));
    }
    if let Some(name) = worker
        .assets
        .as_ref()
        .and_then(|assets| assets.binding.clone())
    {
        all.push((name, runtime::Binding::Assets));
    }
    Ok(all)
}

/// The database that stands in for the one behind Hyperdrive.
fn hyperdrive(name: &str, local: &str) -> Result<runtime::Binding, Mismatch> {
    let wrong = |why: &str| Mismatch {
        // The text may hold a password.
        message: format!("the `local` database of `{name}` cannot be used: {why}"),
        help: "write it as postgres://USER:PASSWORD@HOST:PORT/DATABASE, or mysql://…".to_owned(),
    };
    let url = url::Url::parse(local).map_err(|error| wrong(&error.to_string()))?;
    let (scheme, port) = match url.scheme() {
        "postgres" | "postgresql" => ("postgres", 5432),
        "mysql" => ("mysql", 3306),
        other => return Err(wrong(&format!("`{other}` is neither postgres nor mysql"))),
    };
    let plain = |text: &str| {
        percent_encoding::percent_decode_str(text)
            .decode_utf8_lossy()
            .into_owned()
    };
    let host = url.host_str().filter(|host| !host.is_empty());
    Ok(runtime::Binding::Hyperdrive(runtime::Hyperdrive {
        scheme: scheme.to_owned(),
        host: host.ok_or_else(|| wrong("it names no host"))?.to_owned(),
        port: url.port().unwrap_or(port),
        database: plain(url.path().trim_start_matches('/')),
        user: plain(url.username()),
        password: plain(url.password().unwrap_or_default()),
    }))
}

/// The local form of a binding.
fn local(binding: &Binding) -> runtime::Binding {
    let remote_only = |product: &str| runtime::Binding::RemoteOnly {
        product: product.to_owned(),
    };
    match binding {
        Binding::Kv { id } => runtime::Binding::Kv { id: id.clone() },
        Binding::R2 { id } => runtime::Binding::R2 { bucket: id.clone() },
        Binding::D1 { id } => runtime::Binding::D1 { id: id.clone() },
        Binding::Queue { id, delivery_delay } => runtime::Binding::Queue {
            queue: id.clone(),
            delivery_delay: *delivery_delay,
        },
        Binding::RateLimit { limit, period } => runtime::Binding::RateLimit {
            limit: *limit,
            period: *period,
        },
        Binding::Service {
            worker,
            entrypoint,
            props,
        } => runtime::Binding::Service {
            worker: worker.clone(),
            entrypoint: entrypoint.clone(),
            props: props.clone(),
        },
        Binding::DeployedService { script, .. } => external::deployed(script),
        Binding::Assets => runtime::Binding::Assets,
        Binding::AnalyticsEngine { dataset } => runtime::Binding::Analytics {
            dataset: dataset.clone(),
        },
        Binding::VersionMetadata => runtime::Binding::VersionMetadata,
        Binding::SendEmail {
            destination_address,
            allowed_destination_addresses,
            allowed_sender_addresses,
        } => runtime::Binding::SendEmail {
            allowed_destinations: destination_address
                .iter()
                .chain(allowed_destination_addresses)
                .cloned()
                .collect(),
            allowed_senders: allowed_sender_addresses.clone(),
        },
        Binding::Ai => remote_only("Workers AI"),
        Binding::Browser => remote_only("Browser Rendering"),
        Binding::Images => remote_only("Images"),
        Binding::Vectorize { .. } => remote_only("Vectorize"),
        Binding::Hyperdrive { .. } => remote_only("Hyperdrive"),
        Binding::SecretsStore { .. } => remote_only("Secrets Store"),
        Binding::MtlsCertificate { .. } => remote_only("mTLS certificates"),
        Binding::DispatchNamespace { .. } => remote_only("Workers for Platforms"),
        Binding::Pipeline { .. } => remote_only("Pipelines"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_database_is_read_from_its_url_and_never_quoted() {
        let runtime::Binding::Hyperdrive(found) =
            hyperdrive("DB", "postgresql://ada:p%40ss@127.0.0.1/shop").unwrap()
        else {
            panic!("another binding")
        };
        assert_eq!(
            (found.scheme.as_str(), found.port, found.password.as_str()),
            ("postgres", 5432, "p@ss")
        );
        assert_eq!(
            (found.database.as_str(), found.user.as_str()),
            ("shop", "ada")
        );
        for wrong in [
            "not a url",
            "redis://ada:secret@127.0.0.1/0",
            "postgres:///shop",
        ] {
            let error = hyperdrive("DB", wrong).unwrap_err();
            assert!(error.message.contains("`DB`"), "{error}");
            assert!(!error.message.contains("secret"), "{error}");
        }
    }
}
