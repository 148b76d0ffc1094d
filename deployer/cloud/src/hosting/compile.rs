//! The account's workers as one stack for the runtime.

use std::collections::BTreeMap;
use std::sync::Arc;

use camino::Utf8Path;
use rusqlite::Transaction;
use serde_json::json;
use tiny_assets::Assets;
use tiny_runtime::{
    Binding, ClassStorage, DurableClass, MissingKind, Module, ModuleKind, QueueConsumer, Reach,
    Stack, Worker,
};

use super::probe::{date, modules};
use super::{HostingError, assets};
use crate::queues::{Consumer, ConsumerKind, Queue};
use crate::r2::Bucket;
use crate::store::Files;
use crate::workers::{self, BindingKind, LiveVersion, LiveWorker, Storage};

/// What is to run, as the account has it at one point in time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wanted {
    pub(super) workers: Vec<LiveWorker>,
    pub(super) subdomain: Option<String>,
    /// With the id of its queue, and that of the queue for what failed.
    consumers: Vec<(Consumer, String, Option<String>)>,
    /// The ids of queues by their names, and the seconds that their messages wait.
    queues: BTreeMap<String, (String, u32)>,
    reach: Reach,
}

/// It, as the runtime takes it.
pub(super) struct Compiled {
    pub(super) stack: Stack,
    /// By the names of workers in the stack.
    pub(super) assets: BTreeMap<String, Arc<Assets>>,
}

impl Wanted {
    pub(super) fn read(tx: &Transaction<'_>, reach: Reach) -> rusqlite::Result<Self> {
        let mut queues = BTreeMap::new();
        let mut id_of = |name: &str| -> rusqlite::Result<Option<String>> {
            let queue = Queue::named(tx, name)?;
            Ok(queue.map(|queue| {
                let delay = queue.delivery_delay();
                queues.insert(queue.name, (queue.id.clone(), delay));
                queue.id
            }))
        };
        let mut workers = workers::live(tx)?;
        for worker in &mut workers {
            // The one with the largest share comes first, see `name_of`.
            worker
                .versions
                .sort_by(|one, other| other.percentage.total_cmp(&one.percentage));
        }
        for binding in workers
            .iter()
            .flat_map(|worker| &worker.versions)
            .flat_map(|version| &version.bindings)
        {
            if let BindingKind::Queue { queue_name, .. } = &binding.kind {
                id_of(queue_name)?;
            }
        }
        let mut consumers = Vec::new();
        for consumer in Consumer::all_workers(tx)? {
            let dead = match &consumer.dead_letter_queue {
                Some(name) => id_of(name)?,
                None => None,
            };
            if let Some(id) = id_of(&consumer.queue)? {
                consumers.push((consumer, id, dead));
            }
        }
        Ok(Self {
            workers,
            subdomain: workers::subdomain(tx)?,
            consumers,
            queues,
            reach,
        })
    }

    /// Whether the same code runs with the same bindings, whatever leads to it.
    pub(super) fn runs_like(&self, other: &Self) -> bool {
        self.without_triggers() == other.without_triggers()
    }

    fn without_triggers(&self) -> Self {
        let mut all = self.clone();
        all.subdomain = None;
        for worker in &mut all.workers {
            worker.crons.clear();
            worker.routes.clear();
            worker.domains.clear();
            worker.workers_dev = false;
            worker.previews = false;
            if let [only] = &mut worker.versions[..] {
                only.percentage = 100.0;
            }
        }
        all
    }

    pub(super) fn has_consumers(&self) -> bool {
        !self.consumers.is_empty()
    }

    pub(super) fn crons(&self) -> Vec<(String, String)> {
        self.workers
            .iter()
            .flat_map(|worker| {
                worker
                    .crons
                    .iter()
                    .map(|cron| (worker.script.clone(), cron.clone()))
            })
            .collect()
    }

    /// `broken`: workers whose code did not start, which are left out.
    pub(super) fn compile(
        &self,
        files: &Files,
        dir: &Utf8Path,
        broken: &BTreeMap<String, String>,
    ) -> Result<Compiled, HostingError> {
        let mut all = Vec::new();
        let mut all_assets = BTreeMap::new();
        for worker in &self.workers {
            for (at, version) in worker.versions.iter().enumerate() {
                let name = name_of(&worker.script, at);
                let assets = version
                    .assets
                    .as_ref()
                    .map(|assets| assets::load(files, &dir.join("assets"), version, assets))
                    .transpose()?;
                if let Some(assets) = assets {
                    all_assets.insert(name.clone(), assets);
                }
                if !broken.contains_key(&name) {
                    all.push(self.worker(files, worker, at, name)?);
                }
            }
        }
        Ok(Compiled {
            stack: Stack {
                workers: all,
                state: dir.join("state"),
                run: dir.join("run"),
                d1: Vec::new(),
                inspector: None,
                reach: self.reach,
            },
            assets: all_assets,
        })
    }

    fn worker(
        &self,
        files: &Files,
        live: &LiveWorker,
        at: usize,
        name: String,
    ) -> Result<Worker, HostingError> {
        let version = &live.versions[at];
        let is_main = at == 0;
        let (main, modules) = match &version.code {
            Some(code) => (code.main.clone(), modules(files, code)?),
            None => assets_alone(),
        };
        let mut bindings = Vec::with_capacity(version.bindings.len());
        for binding in &version.bindings {
            bindings.push((
                binding.name.clone(),
                self.binding(version, &binding.kind, &modules),
            ));
        }
        if version.code.is_none() {
            bindings.push(("ASSETS".to_owned(), Binding::Assets));
        }
        let objects = version.probed.possible_objects();
        Ok(Worker {
            main,
            compatibility_date: date(&version.compatibility),
            compatibility_flags: version.compatibility.flags.clone(),
            bindings,
            // Objects live in one place, whichever version calls them.
            classes: live
                .classes
                .iter()
                .filter(|class| is_main && objects.contains(&class.class))
                .map(|class| DurableClass {
                    name: class.class.clone(),
                    unique_key: class.namespace.clone(),
                    storage: match class.storage {
                        Storage::Sqlite => ClassStorage::Sqlite,
                        Storage::LegacyKv => ClassStorage::KeyValue,
                    },
                })
                .collect(),
            consumers: if is_main {
                self.consumers_of(&live.script)
            } else {
                Vec::new()
            },
            tails: live.tail_consumers.clone(),
            modules: with_default(modules, version),
            name,
        })
    }

    fn consumers_of(&self, script: &str) -> Vec<QueueConsumer> {
        self.consumers
            .iter()
            .filter(|(consumer, _, _)| {
                matches!(&consumer.kind, ConsumerKind::Worker { script: of } if of == script)
            })
            .map(|(consumer, queue, dead)| QueueConsumer {
                queue: queue.clone(),
                known_as: Some(consumer.queue.clone()),
                batch_size: consumer.settings.batch_size.unwrap_or(10),
                batch_timeout_secs: consumer
                    .settings
                    .max_wait_time_ms
                    .unwrap_or(5000)
                    .div_ceil(1000),
                max_retries: consumer.settings.max_retries.unwrap_or(3),
                retry_delay: consumer.settings.retry_delay,
                dead_letter_queue: dead.clone(),
                max_concurrency: consumer.settings.max_concurrency,
            })
            .collect()
    }

    fn binding(&self, version: &LiveVersion, kind: &BindingKind, modules: &[Module]) -> Binding {
        let remote_only = |product: &str| Binding::RemoteOnly {
            product: product.to_owned(),
        };
        let missing = |message: String| Binding::Missing {
            like: MissingKind::Service,
            message,
        };
        match kind {
            BindingKind::PlainText { text } => Binding::Text(text.clone()),
            BindingKind::Json { json } => Binding::Json(json.clone()),
            BindingKind::SecretText { text } => Binding::Secret(text.0.clone()),
            BindingKind::KvNamespace { namespace_id } => Binding::Kv {
                id: namespace_id.clone(),
            },
            BindingKind::R2Bucket {
                bucket_name,
                jurisdiction,
            } => {
                let jurisdiction = serde_json::to_value(jurisdiction).unwrap_or_default();
                Binding::R2 {
                    bucket: Bucket::storage_name(
                        bucket_name,
                        jurisdiction.as_str().unwrap_or("default"),
                    ),
                }
            }
            BindingKind::D1 { .. } => match kind.database() {
                Some(id) => Binding::D1AtHost { id: id.to_owned() },
                None => missing("this D1 binding names no database".to_owned()),
            },
            BindingKind::Queue {
                queue_name,
                delivery_delay,
            } => match self.queues.get(queue_name) {
                Some((id, delay)) => Binding::Queue {
                    queue: id.clone(),
                    delivery_delay: Some(delivery_delay.unwrap_or(*delay)),
                },
                None => missing(format!("there is no queue `{queue_name}` any more")),
            },
            BindingKind::DurableObjectNamespace {
                namespace_id,
                class_name,
                ..
            } => self.object(namespace_id.as_deref(), class_name.as_deref()),
            BindingKind::Service {
                service,
                entrypoint,
                props,
                ..
            } => self.service(service, entrypoint.as_deref(), props.as_ref()),
            BindingKind::Ratelimit { simple, .. } => Binding::RateLimit {
                limit: simple.limit,
                period: simple.period,
            },
            BindingKind::AnalyticsEngine { dataset } => Binding::Analytics {
                dataset: dataset.clone(),
            },
            BindingKind::VersionMetadata {} => Binding::Json(json!({
                "id": version.id,
                "tag": version.tag.as_deref().unwrap_or_default(),
                "timestamp": version.created_on,
            })),
            BindingKind::Assets {} => Binding::Assets,
            BindingKind::SendEmail {
                destination_address,
                allowed_destination_addresses,
                allowed_sender_addresses,
            } => Binding::SendEmail {
                allowed_destinations: destination_address
                    .iter()
                    .chain(allowed_destination_addresses.iter().flatten())
                    .cloned()
                    .collect(),
                allowed_senders: allowed_sender_addresses.clone().unwrap_or_default(),
            },
            BindingKind::WasmModule { part } => part_of(modules, part, ModuleKind::Wasm),
            BindingKind::TextBlob { part } => part_of(modules, part, ModuleKind::Text),
            BindingKind::DataBlob { part } => part_of(modules, part, ModuleKind::Data),
            // Resolved when the version was made.
            BindingKind::Inherit { .. } => missing("nothing was inherited here".to_owned()),
            BindingKind::SecretKey(_) => remote_only("Secret keys"),
            BindingKind::Workflow { .. } => remote_only("Workflows"),
            BindingKind::Ai {} => remote_only("Workers AI"),
            BindingKind::Browser {} => remote_only("Browser Rendering"),
            BindingKind::Images {} => remote_only("Images"),
            BindingKind::WorkerLoader {} => remote_only("Dynamic workers"),
            BindingKind::Vectorize { .. } => remote_only("Vectorize"),
            BindingKind::Hyperdrive { .. } => remote_only("Hyperdrive"),
            BindingKind::SecretsStoreSecret { .. } => remote_only("Secrets Store"),
            BindingKind::MtlsCertificate { .. } => remote_only("mTLS certificates"),
            BindingKind::DispatchNamespace { .. } => remote_only("Workers for Platforms"),
            BindingKind::Pipelines { .. } => remote_only("Pipelines"),
            BindingKind::VpcService { .. } | BindingKind::VpcNetwork { .. } => {
                remote_only("Workers VPC")
            }
            BindingKind::Logfwdr { .. } => remote_only("Log forwarding"),
        }
    }

    /// Whoever implements the namespace by now.
    fn object(&self, namespace: Option<&str>, class: Option<&str>) -> Binding {
        let found = self.workers.iter().find_map(|worker| {
            let class = worker
                .classes
                .iter()
                .find(|class| Some(class.namespace.as_str()) == namespace)?;
            Some(Binding::DurableObject {
                class: class.class.clone(),
                worker: Some(worker.script.clone()),
            })
        });
        found.unwrap_or_else(|| Binding::Missing {
            like: MissingKind::DurableObject,
            message: format!(
                "the Durable Object namespace of class `{}` that this binding leads to is gone",
                class.unwrap_or_default()
            ),
        })
    }

    fn service(
        &self,
        service: &str,
        entrypoint: Option<&str>,
        props: Option<&serde_json::Value>,
    ) -> Binding {
        let target = self.workers.iter().find(|worker| worker.script == service);
        let entrypoint = entrypoint.filter(|name| *name != "default");
        if let Some(name) = entrypoint
            && let Some(target) = target
            && !target
                .versions
                .first()
                .is_some_and(|version| version.probed.has_entrypoint(name))
        {
            return Binding::Missing {
                like: MissingKind::Service,
                message: format!("worker `{service}` exports no entrypoint `{name}`"),
            };
        }
        // The runtime knows what to do where there is no such worker.
        Binding::Service {
            worker: service.to_owned(),
            entrypoint: entrypoint.map(str::to_owned),
            props: props.cloned(),
        }
    }
}

/// The name of a version in the stack. The first has the largest share, and the worker's name:
/// bindings of others lead to it.
pub(super) fn name_of(script: &str, at: usize) -> String {
    if at == 0 {
        script.to_owned()
    } else {
        // No name of a script has a tilde.
        format!("{script}~{at}")
    }
}

/// The script, and which of its versions, that a name in the stack stands for.
pub(super) fn script_of(name: &str) -> (&str, usize) {
    match name.split_once('~') {
        Some((script, at)) => (script, at.parse().unwrap_or(0)),
        None => (name, 0),
    }
}

/// Code for a worker of assets alone, so that others can be bound to it.
fn assets_alone() -> (String, Vec<Module>) {
    let main = "assets.js";
    let code = "export default { fetch: (request, env) => env.ASSETS.fetch(request) };";
    let module = Module {
        name: main.to_owned(),
        kind: ModuleKind::Esm,
        body: code.into(),
    };
    (main.to_owned(), vec![module])
}

/// A worker whose code only has classes gets a default export: without one nothing can be bound to
/// it, and no socket can lead there.
fn with_default(mut modules: Vec<Module>, version: &LiveVersion) -> Vec<Module> {
    let Some(code) = &version.code else {
        return modules;
    };
    if version.probed.handlers.is_empty() && code.format == workers::Format::Modules {
        // The main module keeps its name, for whoever imports it; the runtime's main is this one.
        if let Some(main) = modules.iter_mut().find(|module| module.name == code.main) {
            let inner = format!("{}.classes.js", code.main);
            let import = serde_json::Value::from(format!("./{}", file_name(&inner)));
            let outer = Module {
                name: code.main.clone(),
                kind: ModuleKind::Esm,
                body: format!("export * from {import};\nexport default {{}};\n").into(),
            };
            let inner = Module {
                name: inner,
                ..std::mem::replace(main, outer)
            };
            modules.push(inner);
        }
    }
    modules
}

fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

fn part_of(modules: &[Module], part: &str, kind: ModuleKind) -> Binding {
    match modules.iter().find(|module| module.name == part) {
        Some(module) => Binding::Part {
            kind,
            body: module.body.clone(),
        },
        None => Binding::Missing {
            like: MissingKind::Service,
            message: format!("there is no part `{part}` in the upload"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_the_stack_leads_back_to_its_script() {
        for (script, at) in [("todo", 0), ("todo-2", 1), ("a", 12)] {
            assert_eq!(script_of(&name_of(script, at)), (script, at));
        }
    }
}
