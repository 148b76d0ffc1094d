//! A stack as workerd's configuration.

mod bindings;
pub(crate) mod capnp;
mod extensions;
mod probe;
mod service;
mod simulators;

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::json;

use crate::blobs::Blobs;
use crate::error::RuntimeError;
use crate::host::HostAddress;
use crate::stack::{Binding, ClassStorage, Module, ModuleKind, Stack, Worker};
use capnp::{Value, fields, text};
use extensions::Extensions;
pub(crate) use probe::{PROBE, probe};
use service::Script;
use simulators::Product;

/// The request header that carries `request.cf` as JSON, for those who forward requests.
pub const CF_HEADER: &str = "x-tiny-cf";

/// The socket of the control worker.
pub(crate) const CONTROL: &str = "control";

/// The service that the workers' requests to elsewhere go through.
const INTERNET: &str = "internet";
/// The service in which this process answers.
const HOST: &str = "tiny:host";
/// The service that hears of every invocation.
const TRACE: &str = "tiny:trace";
/// The folder of all workers' Durable Objects.
const OBJECTS: &str = "do:storage";

/// The name of a worker's service; it shows in error messages.
fn user(worker: &str) -> String {
    format!("user:{worker}")
}

/// The socket of a worker.
pub(crate) fn socket(worker: &str) -> String {
    format!("worker:{worker}")
}

/// What workerd is started with.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) text: String,
    /// Variables of its environment: where secrets are.
    pub(crate) environment: Vec<(String, String)>,
    /// The files that the text embeds.
    pub(crate) blobs: BTreeSet<String>,
    /// Folders that must be there when workerd starts; it makes none itself.
    pub(crate) folders: Vec<Utf8PathBuf>,
}

/// What a configuration is made with.
pub(crate) struct Surroundings<'a> {
    pub(crate) simulators: Option<&'a Utf8Path>,
    pub(crate) host: &'a HostAddress,
    /// The newest compatibility date that workerd takes.
    pub(crate) newest_date: &'a str,
}

/// Writes the configuration of `stack`, and the files that it embeds.
pub(crate) fn write(
    stack: &Stack,
    around: &Surroundings<'_>,
    blobs: &mut Blobs,
) -> Result<Config, RuntimeError> {
    let mut writer = Writer {
        stack,
        around,
        blobs,
        services: Vec::new(),
        extensions: Extensions::default(),
        environment: Vec::new(),
        products: BTreeSet::new(),
        databases: BTreeSet::new(),
        folders: Vec::new(),
    };
    writer.plumbing()?;
    for worker in &stack.workers {
        writer.worker(worker)?;
    }
    writer.queues()?;
    writer.control()?;
    writer.finish()
}

struct Writer<'a> {
    stack: &'a Stack,
    around: &'a Surroundings<'a>,
    blobs: &'a mut Blobs,
    services: Vec<Value>,
    extensions: Extensions,
    environment: Vec<(String, String)>,
    /// The products whose simulators are there already.
    products: BTreeSet<Product>,
    /// The databases of this process that are there already.
    databases: BTreeSet<String>,
    folders: Vec<Utf8PathBuf>,
}

impl Writer<'_> {
    /// What every configuration has.
    fn plumbing(&mut self) -> Result<(), RuntimeError> {
        self.services.push(fields! {
            "name": text(INTERNET),
            "network": fields! {
                // Without `private` a worker could not call a server on this machine.
                "allow": capnp::texts(["public", "private", "240.0.0.0/4"]),
                "tlsOptions": fields! { "trustBrowserCas": Value::Flag(true) },
            },
        });
        self.services.push(self.to_host(HOST, &[]));
        if self
            .stack
            .workers
            .iter()
            .any(|worker| !worker.classes.is_empty())
        {
            self.disk(OBJECTS, "do");
        }
        for product in self.in_reach() {
            self.product(product)?;
        }
        if self.stack.reach.traces {
            let script = Script {
                name: "trace.js",
                text: include_str!("../scripts/trace.js"),
                date: self.around.newest_date,
                flags: &[],
            };
            let worker = script.worker(self.blobs, vec![service::bound("HOST", HOST)])?;
            self.services
                .push(fields! { "name": text(TRACE), "worker": worker });
        }
        Ok(())
    }

    /// The products whose values this process works on.
    fn in_reach(&self) -> impl Iterator<Item = Product> + use<> {
        let reach = self.stack.reach;
        [(Product::Kv, reach.kv), (Product::R2, reach.r2)]
            .into_iter()
            .filter_map(|(product, is_in_reach)| is_in_reach.then_some(product))
    }

    /// A service that this process answers, with headers that say what for.
    fn to_host(&self, name: &str, headers: &[(&str, &str)]) -> Value {
        let token = (crate::token::TOKEN_HEADER, self.around.host.token.as_str());
        let inject = std::iter::once(&token)
            .chain(headers)
            .map(|(name, value)| fields! { "name": text(*name), "value": text(*value) })
            .collect();
        fields! {
            "name": text(name),
            "external": fields! {
                "address": text(self.around.host.address.to_string()),
                "http": fields! { "injectRequestHeaders": Value::List(inject) },
            },
        }
    }

    /// A folder of the local data as a service.
    fn disk(&mut self, name: &str, folder: &str) {
        let path = self.stack.state.join(folder);
        self.services.push(fields! {
            "name": text(name),
            "disk": fields! { "path": text(path.as_str()), "writable": Value::Flag(true) },
        });
        self.folders.push(path);
    }

    fn worker(&mut self, worker: &Worker) -> Result<(), RuntimeError> {
        let code = self.code(worker)?;
        let mut bindings = Vec::with_capacity(worker.bindings.len());
        for (name, binding) in &worker.bindings {
            let bound = self.binding(worker, binding)?;
            bindings.push(Value::Struct(vec![("name", text(name)), bound]));
        }
        let date = worker
            .compatibility_date
            .as_str()
            .min(self.around.newest_date);
        let mut it = Value::Struct(vec![code])
            .with("compatibilityDate", text(date))
            .with(
                "compatibilityFlags",
                capnp::texts(worker.compatibility_flags.iter().map(String::as_str)),
            )
            .with("bindings", Value::List(bindings))
            .with("globalOutbound", text(INTERNET));
        if worker.names("cloudflare:email") {
            self.extensions.email_message();
        }
        if worker.uses_cache() {
            self.product(Product::Cache)?;
            it = it.with("cacheApiOutbound", text(Product::Cache.entry()));
        }
        if !worker.classes.is_empty() {
            let classes = worker
                .classes
                .iter()
                .map(|class| service::namespace(&class.name, &class.unique_key, class.storage))
                .collect();
            it = it
                .with("durableObjectNamespaces", Value::List(classes))
                .with(
                    "durableObjectStorage",
                    fields! { "localDisk": text(OBJECTS) },
                );
        }
        let mut tails: Vec<_> = worker
            .tails
            .iter()
            .filter(|tail| self.stack.worker(tail).is_some())
            .map(|tail| fields! { "name": text(user(tail)) })
            .collect();
        if self.stack.reach.traces {
            tails.push(service::with_props(
                TRACE,
                &json!({ "worker": worker.name }),
            ));
        }
        if !tails.is_empty() {
            it = it.with("tails", Value::List(tails));
        }
        self.services
            .push(fields! { "name": text(user(&worker.name)), "worker": it });
        Ok(())
    }

    fn code(&mut self, worker: &Worker) -> std::io::Result<(&'static str, Value)> {
        // The main module is the first.
        let (main, others): (Vec<_>, Vec<_>) = worker
            .modules
            .iter()
            .partition(|module| module.name == worker.main);
        if let [script] = main[..]
            && script.kind == ModuleKind::Script
        {
            return Ok((
                "serviceWorkerScript",
                Value::Embed(self.blobs.put(&script.body)?),
            ));
        }
        let mut modules = Vec::with_capacity(worker.modules.len());
        for module in main.into_iter().chain(others) {
            modules.push(module_of(module, self.blobs)?);
        }
        Ok(("modules", Value::List(modules)))
    }

    /// The broker, where a queue is used: our own, so that messages outlive a reload.
    fn queues(&mut self) -> Result<(), RuntimeError> {
        let used = self
            .stack
            .bindings()
            .any(|binding| matches!(binding, Binding::Queue { .. }));
        let consumed = self
            .stack
            .workers
            .iter()
            .any(|worker| !worker.consumers.is_empty());
        if !used && !consumed {
            return Ok(());
        }
        self.disk("queues:storage", "queues");
        let mut consumers = serde_json::Map::new();
        let mut bindings = vec![service::own_namespace("BROKER", "Broker")];
        for worker in &self.stack.workers {
            for consumer in &worker.consumers {
                consumers.insert(
                    consumer.queue.clone(),
                    json!({
                        "worker": worker.name,
                        "knownAs": consumer.known_as.as_ref().unwrap_or(&consumer.queue),
                        "batchSize": consumer.batch_size,
                        "batchTimeout": consumer.batch_timeout_secs,
                        "maxRetries": consumer.max_retries,
                        "retryDelay": consumer.retry_delay.unwrap_or(0),
                        "deadLetterQueue": consumer.dead_letter_queue,
                        "concurrency": consumer.max_concurrency.unwrap_or(1),
                    }),
                );
            }
            if !worker.consumers.is_empty() {
                bindings.push(service::bound(&socket(&worker.name), &user(&worker.name)));
            }
        }
        bindings.push(service::json("CONSUMERS", &consumers.into()));
        let script = Script {
            name: "broker.js",
            text: include_str!("../scripts/broker.js"),
            date: self.around.newest_date,
            flags: &["service_binding_extra_handlers", "experimental"],
        };
        let worker = script
            .worker(self.blobs, bindings)?
            .with(
                "durableObjectNamespaces",
                Value::List(vec![service::namespace(
                    "Broker",
                    "tiny-queue-broker",
                    ClassStorage::Sqlite,
                )]),
            )
            .with(
                "durableObjectStorage",
                fields! { "localDisk": text("queues:storage") },
            );
        self.services
            .push(fields! { "name": text(bindings::QUEUES), "worker": worker });
        Ok(())
    }

    /// The worker through which this process reaches into the others.
    fn control(&mut self) -> Result<(), RuntimeError> {
        let mut bindings = vec![Value::Struct(vec![
            ("name", text("TOKEN")),
            ("text", text(self.around.host.token.as_str())),
        ])];
        for worker in &self.stack.workers {
            bindings.push(service::bound(&socket(&worker.name), &user(&worker.name)));
            for class in &worker.classes {
                bindings.push(fields! {
                    "name": text(format!("object:{}", class.unique_key)),
                    "durableObjectNamespace": fields! {
                        "className": text(&class.name),
                        "serviceName": text(user(&worker.name)),
                    },
                });
            }
            for consumer in &worker.consumers {
                let queue = bindings::queue(&consumer.queue, None);
                bindings.push(Value::Struct(vec![
                    ("name", text(format!("queue:{}", consumer.queue))),
                    ("service", queue),
                ]));
            }
        }
        bindings.extend(self.in_reach().map(Product::objects));
        if self.stack.reach.traces {
            bindings.push(fields! {
                "name": text("TRACE"),
                "service": fields! { "name": text(TRACE), "entrypoint": text("Desk") },
            });
        }
        for database in &self.stack.d1 {
            if database.migrations.is_some() {
                let bound = self.d1(&database.id)?;
                bindings.push(Value::Struct(vec![
                    ("name", text(format!("d1:{}", database.id))),
                    bound,
                ]));
            }
        }
        let script = Script {
            name: "control.js",
            text: include_str!("../scripts/control.js"),
            date: self.around.newest_date,
            flags: &[
                "service_binding_extra_handlers",
                "unsafe_module",
                "experimental",
            ],
        };
        let worker = script.worker(self.blobs, bindings)?;
        self.services
            .push(fields! { "name": text("tiny:control"), "worker": worker });
        Ok(())
    }

    fn finish(self) -> Result<Config, RuntimeError> {
        let mut sockets: Vec<_> = self
            .stack
            .workers
            .iter()
            .map(|worker| {
                fields! {
                    "name": text(socket(&worker.name)),
                    "http": fields! { "cfBlobHeader": text(CF_HEADER) },
                    "service": text(user(&worker.name)),
                }
            })
            .collect();
        sockets.push(fields! {
            "name": text(CONTROL),
            "http": Value::Struct(Vec::new()),
            "service": text("tiny:control"),
        });
        let config = fields! {
            "services": Value::List(self.services),
            "sockets": Value::List(sockets),
            "extensions": self.extensions.finish(self.blobs)?,
            "structuredLogging": Value::Flag(true),
        };
        Ok(Config {
            text: file(&config),
            environment: self.environment,
            blobs: self.blobs.names().clone(),
            folders: self.folders,
        })
    }

    /// A script of miniflare's.
    fn simulator(&mut self, path: &str) -> Result<Utf8PathBuf, RuntimeError> {
        let folder = self.around.simulators.ok_or(RuntimeError::NoSimulators)?;
        let script = fs_err::read(folder.join(format!("{path}.worker.js")))?;
        Ok(self.blobs.put(&script)?)
    }
}

fn module_of(module: &Module, blobs: &mut Blobs) -> std::io::Result<Value> {
    let path = blobs.put(&module.body)?;
    let kind = match module.kind {
        // A script is no module: where one is uploaded as such, it is one of the older kind.
        ModuleKind::CommonJs | ModuleKind::Script => "commonJsModule",
        ModuleKind::Esm => "esModule",
        ModuleKind::Wasm => "wasm",
        ModuleKind::Text => "text",
        ModuleKind::Data => "data",
        ModuleKind::Json => "json",
    };
    Ok(Value::Struct(vec![
        ("name", text(&module.name)),
        (kind, Value::Embed(path)),
    ]))
}

/// The whole file.
fn file(config: &Value) -> String {
    format!(
        "using Workerd = import \"/workerd/workerd.capnp\";\nconst config :Workerd.Config = {config};\n"
    )
}
