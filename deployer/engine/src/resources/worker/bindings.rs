//! Bindings in three forms: as the manifest wants them, as they are uploaded, and as Cloudflare
//! tells them. The first and the last become the same properties.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tiny_cloudflare::{BindingKind, LiveBinding, RateLimit};

use super::error::WorkerError;
use super::facts::text;
use super::references::References;
use crate::{BindingSpec, Kind};

/// What of a kind's fields a manifest can say. Of kinds that are not here, everything that
/// Cloudflare tells is a property.
const PLAIN_FIELDS: [(&str, &[&str]); 12] = [
    ("ai", &[]),
    ("browser", &[]),
    ("images", &[]),
    ("version_metadata", &[]),
    ("analytics_engine", &["dataset"]),
    ("vectorize", &["index_name"]),
    ("hyperdrive", &["id"]),
    (
        "send_email",
        &[
            "destination_address",
            "allowed_destination_addresses",
            "allowed_sender_addresses",
        ],
    ),
    ("secrets_store_secret", &["store_id", "secret_name"]),
    ("mtls_certificate", &["certificate_id"]),
    ("dispatch_namespace", &["namespace"]),
    ("pipelines", &["pipeline"]),
];

/// What Cloudflare may keep to itself: as recorded where the rest is.
const UNTOLD: [&str; 3] = ["props", "delivery_delay", "jurisdiction"];

/// The environment of every worker that was not given another one.
const USUAL_ENVIRONMENT: &str = "production";

/// As the manifest wants it.
pub(super) fn wanted(binding: &BindingSpec) -> Value {
    let mut shown = Map::new();
    let mut set = |name: &str, value: Value| shown.insert(name.to_owned(), value);
    match binding {
        BindingSpec::Kv { id } => set("kv", json!(id)),
        BindingSpec::R2 { id, jurisdiction } => {
            if let Some(jurisdiction) = jurisdiction {
                set("jurisdiction", json!(jurisdiction));
            }
            set("r2", json!(id))
        }
        BindingSpec::D1 { id } => set("d1", json!(id)),
        BindingSpec::Queue { id, delivery_delay } => {
            if let Some(delay) = delivery_delay {
                set("delivery_delay", json!(delay));
            }
            set("queue", json!(id))
        }
        BindingSpec::DurableObject { class, worker } => {
            if let Some(worker) = worker {
                set("worker", json!(worker));
            }
            set("durable_object", json!(class))
        }
        BindingSpec::Service {
            worker,
            entrypoint,
            props,
        } => {
            if let Some(entrypoint) = entrypoint {
                set("entrypoint", json!(entrypoint));
            }
            if let Some(props) = props {
                set("props", props.clone());
            }
            set("service", json!(worker))
        }
        BindingSpec::DeployedService {
            script,
            environment,
            entrypoint,
            props,
        } => {
            if let Some(entrypoint) = entrypoint {
                set("entrypoint", json!(entrypoint));
            }
            if let Some(props) = props {
                set("props", props.clone());
            }
            set("service", deployed(script, environment.as_deref()))
        }
        BindingSpec::RateLimit { limit, period } => {
            set("ratelimit", json!({ "limit": limit, "period": period }))
        }
        BindingSpec::Assets => set("assets", json!(true)),
        BindingSpec::Plain(kind) => {
            let (name, value) = plain(kind);
            set(&name, value)
        }
    };
    Value::Object(shown)
}

/// As it is on the worker `script`. `recorded` is what this binding was when it was last uploaded.
pub(super) fn live(
    binding: &LiveBinding,
    script: &str,
    references: &References,
    recorded: Option<&Value>,
) -> Value {
    let field = |name: &str| text(binding, name);
    let mut shown = Map::new();
    let mut set = |name: &str, value: Value| shown.insert(name.to_owned(), value);
    match binding.kind.as_str() {
        "kv_namespace" => {
            let id = field("namespace_id").unwrap_or_default();
            set("kv", json!(references.shown(Kind::Kv, id)));
        }
        "r2_bucket" => {
            let name = field("bucket_name").unwrap_or_default();
            set("r2", json!(references.shown(Kind::R2, name)));
            if let Some(jurisdiction) = field("jurisdiction").filter(|place| *place != "default") {
                set("jurisdiction", json!(jurisdiction));
            }
        }
        "d1" => {
            let id = field("id").or_else(|| field("database_id"));
            set(
                "d1",
                json!(references.shown(Kind::D1, id.unwrap_or_default())),
            );
        }
        "queue" => {
            let name = field("queue_name").unwrap_or_default();
            set("queue", json!(references.shown(Kind::Queue, name)));
            if let Some(delay) = binding.fields.get("delivery_delay")
                && delay.as_u64() != Some(0)
                && !delay.is_null()
            {
                set("delivery_delay", delay.clone());
            }
        }
        "durable_object_namespace" => {
            let class = field("class_name").or_else(|| field("namespace_id"));
            set("durable_object", json!(class.unwrap_or_default()));
            if let Some(owner) = field("script_name").filter(|owner| *owner != script) {
                set("worker", json!(references.shown(Kind::Worker, owner)));
            }
        }
        "service" => {
            let name = field("service").unwrap_or_default();
            let environment = field("environment");
            let is_usual = environment.is_none_or(|environment| environment == USUAL_ENVIRONMENT);
            let id = references.manifest_id(Kind::Worker, name);
            let service = match id.filter(|_| is_usual) {
                Some(id) => json!(id),
                None => deployed(name, environment),
            };
            set("service", service);
            for name in ["entrypoint", "props"] {
                if let Some(value) = binding.fields.get(name).filter(|value| !is_nothing(value)) {
                    set(name, value.clone());
                }
            }
        }
        "ratelimit" => {
            let simple = binding.fields.get("simple");
            let of = |name: &str| simple.and_then(|simple| simple.get(name)).cloned();
            set(
                "ratelimit",
                json!({ "limit": of("limit"), "period": of("period") }),
            );
        }
        "assets" => {
            set("assets", json!(true));
        }
        kind => {
            let known = PLAIN_FIELDS.iter().find(|(name, _)| *name == kind);
            let fields = binding
                .fields
                .iter()
                .filter(|(name, _)| known.is_none_or(|(_, fields)| fields.contains(&name.as_str())))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect();
            set(kind, bare(fields));
        }
    }
    with_untold(shown, recorded)
}

/// A worker that the stack has no id for. Nothing told of its environment means the usual one.
fn deployed(script: &str, environment: Option<&str>) -> Value {
    match environment.filter(|environment| *environment != USUAL_ENVIRONMENT) {
        Some(environment) => json!({ "worker": script, "environment": environment }),
        None => json!({ "worker": script }),
    }
}

/// Adds what was recorded and is never told, if the rest is as it was recorded.
fn with_untold(mut shown: Map<String, Value>, recorded: Option<&Value>) -> Value {
    let Some(Value::Object(recorded)) = recorded else {
        return Value::Object(shown);
    };
    let is_untold = |name: &str| UNTOLD.contains(&name) && !shown.contains_key(name);
    let told_as_recorded = recorded
        .iter()
        .filter(|(name, _)| !is_untold(name))
        .all(|(name, value)| shown.get(name) == Some(value))
        && shown.keys().all(|name| recorded.contains_key(name));
    if told_as_recorded {
        shown.extend(recorded.clone());
    }
    Value::Object(shown)
}

/// A kind that needs no id of ours, by its name on the wire.
fn plain(kind: &BindingKind) -> (String, Value) {
    // It serializes into an object with its type; nothing in it can fail to.
    let Ok(Value::Object(mut fields)) = serde_json::to_value(kind) else {
        return (String::new(), Value::Null);
    };
    let name = fields.remove("type");
    let name = name.as_ref().and_then(Value::as_str).unwrap_or_default();
    (name.to_owned(), bare(fields))
}

/// `true` where there is nothing to say.
fn bare(mut fields: Map<String, Value>) -> Value {
    fields.retain(|_, value| !is_nothing(value));
    if fields.is_empty() {
        Value::Bool(true)
    } else {
        Value::Object(fields)
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// As it is uploaded. `worker` is its id in the manifest, `script` its physical name.
pub(super) fn uploaded(
    name: &str,
    binding: &BindingSpec,
    worker: &str,
    script: &str,
    references: &References,
) -> Result<BindingKind, WorkerError> {
    let unresolved = |kind: Kind, id: &str| WorkerError::Unresolved {
        worker: worker.to_owned(),
        what: format!("{kind}.{id}"),
    };
    let name_of = |kind: Kind, id: &str| {
        references
            .name(kind, id)
            .map(str::to_owned)
            .ok_or_else(|| unresolved(kind, id))
    };
    let id_of = |kind: Kind, id: &str| {
        references
            .id(kind, id)
            .map(str::to_owned)
            .ok_or_else(|| unresolved(kind, id))
    };
    Ok(match binding {
        BindingSpec::Kv { id } => BindingKind::KvNamespace {
            namespace_id: id_of(Kind::Kv, id)?,
        },
        BindingSpec::R2 { id, jurisdiction } => BindingKind::R2Bucket {
            bucket_name: name_of(Kind::R2, id)?,
            jurisdiction: jurisdiction.clone(),
        },
        BindingSpec::D1 { id } => BindingKind::D1 {
            id: id_of(Kind::D1, id)?,
        },
        BindingSpec::Queue { id, delivery_delay } => BindingKind::Queue {
            queue_name: name_of(Kind::Queue, id)?,
            delivery_delay: *delivery_delay,
        },
        BindingSpec::DurableObject {
            class,
            worker: owner,
        } => BindingKind::DurableObjectNamespace {
            class_name: class.clone(),
            script_name: match owner {
                Some(owner) if owner != worker => Some(name_of(Kind::Worker, owner)?),
                _ => None,
            },
        },
        BindingSpec::Service {
            worker: other,
            entrypoint,
            props,
        } => BindingKind::Service {
            service: if other == worker {
                script.to_owned()
            } else {
                name_of(Kind::Worker, other)?
            },
            environment: None,
            entrypoint: entrypoint.clone(),
            props: props.clone(),
        },
        BindingSpec::DeployedService {
            script,
            environment,
            entrypoint,
            props,
        } => BindingKind::Service {
            service: script.clone(),
            environment: environment.clone(),
            entrypoint: entrypoint.clone(),
            props: props.clone(),
        },
        BindingSpec::RateLimit { limit, period } => BindingKind::Ratelimit {
            namespace_id: counter(script, name),
            simple: RateLimit {
                limit: *limit,
                period: *period,
            },
        },
        BindingSpec::Assets => BindingKind::Assets,
        BindingSpec::Plain(kind) => kind.clone(),
    })
}

/// The account's counter that a rate limit counts with: a positive number in digits, one's own for
/// each binding of each worker, and the same at each upload.
fn counter(script: &str, name: &str) -> String {
    let digest = Sha256::digest(format!("{script}/{name}").as_bytes());
    let bits = digest
        .iter()
        .take(4)
        .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
    // Within 31 bits, whoever reads it; and never 0.
    ((bits & 0x7fff_ffff) | 1).to_string()
}

/// The worker that a binding leads to, where it is another one.
pub(super) fn leads_to(binding: &BindingSpec) -> Option<&str> {
    match binding {
        BindingSpec::DurableObject { worker, .. } => worker.as_deref(),
        BindingSpec::Service { worker, .. } => Some(worker),
        _ => None,
    }
}

/// What of the account's data a binding leads to: kind, and Cloudflare's name or id.
pub(super) fn data_behind(binding: &LiveBinding) -> Option<(Kind, &str)> {
    let (kind, name) = match binding.kind.as_str() {
        "kv_namespace" => (Kind::Kv, text(binding, "namespace_id")),
        "r2_bucket" => (Kind::R2, text(binding, "bucket_name")),
        "d1" => (
            Kind::D1,
            text(binding, "id").or_else(|| text(binding, "database_id")),
        ),
        "queue" => (Kind::Queue, text(binding, "queue_name")),
        _ => return None,
    };
    Some((kind, name?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Address;

    fn references() -> References {
        let mut references = References::default();
        references.insert(
            Address::new(Kind::Kv, "cache"),
            "shop-prod-cache",
            Some("0f2ac74b498b48028cb68387c421e279"),
        );
        references.insert(Address::new(Kind::R2, "files"), "shop-prod-files", None);
        references.insert(
            Address::new(Kind::D1, "db"),
            "shop-prod-db",
            Some("5d1bd1b2-0000-4000-8000-000000000000"),
        );
        references.insert(
            Address::new(Kind::Queue, "jobs"),
            "shop-prod-jobs",
            Some("q1"),
        );
        references.insert(Address::new(Kind::Worker, "web"), "shop-prod-web", None);
        references.insert(Address::new(Kind::Worker, "api"), "shop-prod-api", None);
        references
    }

    /// As Cloudflare would tell what was uploaded.
    fn told(name: &str, kind: &BindingKind) -> LiveBinding {
        let mut value = serde_json::to_value(kind).unwrap();
        value["name"] = json!(name);
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_is_uploaded_is_told_as_it_was_wanted() {
        let references = references();
        for binding in [
            BindingSpec::Kv { id: "cache".into() },
            BindingSpec::R2 {
                id: "files".into(),
                jurisdiction: None,
            },
            BindingSpec::R2 {
                id: "files".into(),
                jurisdiction: Some("eu".into()),
            },
            BindingSpec::D1 { id: "db".into() },
            BindingSpec::Queue {
                id: "jobs".into(),
                delivery_delay: Some(5),
            },
            BindingSpec::DurableObject {
                class: "Room".into(),
                worker: None,
            },
            BindingSpec::DurableObject {
                class: "Room".into(),
                worker: Some("api".into()),
            },
            BindingSpec::Service {
                worker: "api".into(),
                entrypoint: Some("Admin".into()),
                props: Some(json!({ "a": 1 })),
            },
            BindingSpec::Service {
                worker: "web".into(),
                entrypoint: None,
                props: None,
            },
            BindingSpec::DeployedService {
                script: "auth".into(),
                environment: Some("staging".into()),
                entrypoint: Some("Admin".into()),
                props: None,
            },
            BindingSpec::DeployedService {
                script: "mail".into(),
                environment: Some("production".into()),
                entrypoint: None,
                props: None,
            },
            BindingSpec::RateLimit {
                limit: 100,
                period: 60,
            },
            BindingSpec::Assets,
            BindingSpec::Plain(BindingKind::Ai),
            BindingSpec::Plain(BindingKind::SendEmail {
                destination_address: None,
                allowed_destination_addresses: vec!["a@example.com".into()],
                allowed_sender_addresses: vec![],
            }),
            BindingSpec::Plain(BindingKind::Vectorize {
                index_name: "words".into(),
            }),
        ] {
            let kind = uploaded("B", &binding, "web", "shop-prod-web", &references).unwrap();
            let told = told("B", &kind);
            assert_eq!(
                live(&told, "shop-prod-web", &references, None),
                wanted(&binding),
                "{binding:?}"
            );
        }
    }

    #[test]
    fn what_cloudflare_keeps_to_itself_is_as_recorded() {
        let references = references();
        let binding = BindingSpec::Service {
            worker: "api".into(),
            entrypoint: None,
            props: Some(json!({ "a": 1 })),
        };
        let recorded = wanted(&binding);
        let told: LiveBinding = serde_json::from_value(json!({
            "name": "API", "type": "service", "service": "shop-prod-api",
            "environment": "production",
        }))
        .unwrap();
        let shown = live(&told, "shop-prod-web", &references, Some(&recorded));
        assert_eq!(shown, recorded);
        // Something else of it changed: what was recorded is no witness any more.
        let other: LiveBinding = serde_json::from_value(json!({
            "name": "API", "type": "service", "service": "somebody-elses",
        }))
        .unwrap();
        let shown = live(&other, "shop-prod-web", &references, Some(&recorded));
        assert_eq!(shown, json!({ "service": { "worker": "somebody-elses" } }));
    }

    #[test]
    fn what_nobody_made_yet_cannot_be_bound() {
        let binding = BindingSpec::Kv { id: "new".into() };
        let error = uploaded("B", &binding, "web", "shop-prod-web", &references()).unwrap_err();
        assert!(error.to_string().contains("kv.new"), "{error}");
    }

    #[test]
    fn rate_limits_count_apart() {
        let counters = [
            counter("shop-prod-web", "A"),
            counter("shop-prod-web", "B"),
            counter("shop-dev-web", "A"),
        ];
        assert!(
            counters
                .iter()
                .all(|counter| counter.parse::<i32>().unwrap() > 0)
        );
        assert_ne!(counters[0], counters[1]);
        assert_ne!(counters[0], counters[2]);
        assert_eq!(counters[0], counter("shop-prod-web", "A"));
    }
}
