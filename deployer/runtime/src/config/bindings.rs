//! What each binding is to workerd.

use serde_json::json;

use super::capnp::{Value, fields, text};
use super::extensions::Wrapper;
use super::simulators::Product;
use super::{HOST, Writer, service, user};
use crate::error::RuntimeError;
use crate::stack::{Binding, Hyperdrive, MissingKind, ModuleKind, Worker};

/// The service of the queue broker.
pub(super) const QUEUES: &str = "queues";

/// One of workerd's kinds of binding, with its value.
type Bound = (&'static str, Value);

impl Writer<'_> {
    pub(super) fn binding(
        &mut self,
        worker: &Worker,
        binding: &Binding,
    ) -> Result<Bound, RuntimeError> {
        Ok(match binding {
            Binding::Text(value) => ("text", text(value)),
            Binding::Json(value) => ("json", text(value.to_string())),
            Binding::Secret(value) => {
                let variable = format!("TINY_SECRET_{}", self.environment.len());
                self.environment.push((variable.clone(), value.clone()));
                ("fromEnvironment", text(variable))
            }
            Binding::DurableObject {
                class,
                worker: other,
            } => self.object(worker, class, other.as_deref()),
            Binding::Kv { id } => {
                self.product(Product::Kv)?;
                ("kvNamespace", named(Product::Kv, id))
            }
            Binding::R2 { bucket } => {
                self.product(Product::R2)?;
                ("r2Bucket", named(Product::R2, bucket))
            }
            Binding::D1 { id } => self.d1(id)?,
            Binding::D1AtHost { id } => self.d1_at_host(id),
            Binding::Queue {
                queue: name,
                delivery_delay,
            } => ("queue", queue(name, *delivery_delay)),
            Binding::RateLimit { limit, period } => self.wrapped(
                Wrapper::RateLimit,
                vec![
                    service::json("limit", &json!(limit)),
                    service::json("period", &json!(period)),
                ],
            ),
            Binding::Service { worker, .. } if self.stack.worker(worker).is_none() => {
                let message = format!("there is no worker `{worker}` right now");
                self.missing(MissingKind::Service, &message)
            }
            Binding::Service {
                worker,
                entrypoint,
                props,
            } => (
                "service",
                service_of(worker, entrypoint.as_deref(), props.as_ref()),
            ),
            Binding::Assets => {
                let name = format!("assets:{}", worker.name);
                let headers = [("x-tiny-call", "assets"), ("x-tiny-worker", &*worker.name)];
                let host = self.to_host(&name, &headers);
                self.services.push(host);
                ("service", fields! { "name": text(name) })
            }
            Binding::Analytics { dataset } => self.wrapped(
                Wrapper::Analytics,
                vec![
                    service::json("dataset", &json!(dataset)),
                    service::bound("host", HOST),
                ],
            ),
            Binding::VersionMetadata => ("json", text(version_metadata().to_string())),
            Binding::SendEmail {
                allowed_destinations,
                allowed_senders,
            } => self.wrapped(
                Wrapper::SendEmail,
                vec![
                    service::json("destinations", &json!(allowed_destinations)),
                    service::json("senders", &json!(allowed_senders)),
                    service::bound("host", HOST),
                ],
            ),
            Binding::Hyperdrive(database) => self.hyperdrive(database),
            Binding::Part { kind, body } => {
                let kind = match kind {
                    ModuleKind::Wasm => "wasmModule",
                    ModuleKind::Text => "text",
                    _ => "data",
                };
                (kind, Value::Embed(self.blobs.put(body)?))
            }
            Binding::RemoteOnly { product } => self.wrapped(
                Wrapper::RemoteOnly,
                vec![service::json("product", &json!(product))],
            ),
            Binding::Missing { like, message } => self.missing(*like, message),
        })
    }

    fn object(&mut self, worker: &Worker, class: &str, other: Option<&str>) -> Bound {
        let owner = match other {
            Some(other) => self.stack.worker(other),
            None => Some(worker),
        };
        if !owner.is_some_and(|owner| owner.classes.iter().any(|one| one.name == class)) {
            let owner = other.unwrap_or(&worker.name);
            let message =
                format!("there is no Durable Object class `{class}` in worker `{owner}` right now");
            return self.missing(MissingKind::DurableObject, &message);
        }
        let mut namespace = fields! { "className": text(class) };
        if let Some(other) = other {
            namespace = namespace.with("serviceName", text(user(other)));
        }
        ("durableObjectNamespace", namespace)
    }

    fn missing(&mut self, like: MissingKind, message: &str) -> Bound {
        // The name that the binding's class has.
        let kind = match like {
            MissingKind::Service => "Fetcher",
            MissingKind::DurableObject => "DurableObjectNamespace",
        };
        self.wrapped(
            Wrapper::Missing,
            vec![
                service::json("kind", &json!(kind)),
                service::json("message", &json!(message)),
            ],
        )
    }

    /// A database that this process keeps.
    fn d1_at_host(&mut self, id: &str) -> Bound {
        let name = format!("d1:host:{id}");
        if self.databases.insert(id.to_owned()) {
            let headers = [("x-tiny-call", "d1"), ("x-tiny-database", id)];
            let host = self.to_host(&name, &headers);
            self.services.push(host);
        }
        let inner = service::bound("fetcher", &name);
        (
            "wrapped",
            fields! {
                "moduleName": text("cloudflare-internal:d1-api"),
                "innerBindings": Value::List(vec![inner]),
            },
        )
    }

    pub(super) fn d1(&mut self, id: &str) -> Result<Bound, RuntimeError> {
        self.product(Product::D1)?;
        let inner = fields! { "name": text("fetcher"), "service": named(Product::D1, id) };
        Ok((
            "wrapped",
            fields! {
                "moduleName": text("cloudflare-internal:d1-api"),
                "innerBindings": Value::List(vec![inner]),
            },
        ))
    }

    fn wrapped(&mut self, wrapper: Wrapper, inner: Vec<Value>) -> Bound {
        self.extensions.wrapper(wrapper);
        (
            "wrapped",
            fields! {
                "moduleName": text(wrapper.module()),
                "innerBindings": Value::List(inner),
            },
        )
    }

    fn hyperdrive(&mut self, database: &Hyperdrive) -> Bound {
        let name = format!("hyperdrive:{}", self.services.len());
        let address = format!("{}:{}", database.host, database.port);
        self.services.push(fields! {
            "name": text(&name),
            "external": fields! {
                "address": text(address),
                "tcp": Value::Struct(Vec::new()),
            },
        });
        (
            "hyperdrive",
            fields! {
                "designator": fields! { "name": text(name) },
                "database": text(&database.database),
                "user": text(&database.user),
                "password": text(&database.password),
                "scheme": text(&database.scheme),
            },
        )
    }
}

/// A namespace of a simulated product.
fn named(product: Product, id: &str) -> Value {
    service::with_props(&product.entry(), &json!({ "MINIFLARE_NAMESPACE": id }))
}

/// A queue of the broker.
pub(super) fn queue(name: &str, delivery_delay: Option<u32>) -> Value {
    let props = json!({ "queue": name, "deliveryDelay": delivery_delay.unwrap_or(0) });
    service::with_props(QUEUES, &props)
}

fn service_of(worker: &str, entrypoint: Option<&str>, props: Option<&serde_json::Value>) -> Value {
    let mut designator = fields! { "name": text(user(worker)) };
    if let Some(entrypoint) = entrypoint {
        designator = designator.with("entrypoint", text(entrypoint));
    }
    if let Some(props) = props {
        designator = designator.with("props", fields! { "json": text(props.to_string()) });
    }
    designator
}

/// A new version at each start, as a deploy would make one.
fn version_metadata() -> serde_json::Value {
    let now = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    json!({ "id": uuid::Uuid::new_v4(), "tag": "", "timestamp": now })
}
