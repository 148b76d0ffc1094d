//! What a worker finds in its environment, as Cloudflare writes it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::secret::{Secret, on_the_wire};

/// One name of the environment, to be uploaded.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Binding {
    pub name: String,
    #[serde(flatten)]
    pub kind: BindingKind,
}

/// Every kind that a manifest can say.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum BindingKind {
    PlainText {
        text: String,
        /// Not on the wire: keeps the value out of traces, for a var that came from a secret place.
        #[serde(skip)]
        hidden: bool,
    },
    Json {
        json: Value,
        /// As with [`BindingKind::PlainText`], for every string in it.
        #[serde(skip)]
        hidden: bool,
    },
    SecretText {
        #[serde(serialize_with = "on_the_wire")]
        text: Secret,
    },
    /// What the live version has under this name. The upload is refused when that is nothing.
    Inherit,
    KvNamespace {
        namespace_id: String,
    },
    R2Bucket {
        bucket_name: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        jurisdiction: Option<String>,
    },
    D1 {
        /// The database's uuid.
        id: String,
    },
    Queue {
        queue_name: String,
        /// Seconds.
        #[serde(skip_serializing_if = "Option::is_none")]
        delivery_delay: Option<u32>,
    },
    DurableObjectNamespace {
        class_name: String,
        /// The worker that exports the class, where it is another one.
        #[serde(skip_serializing_if = "Option::is_none")]
        script_name: Option<String>,
    },
    Service {
        service: String,
        /// `production` if not given.
        #[serde(skip_serializing_if = "Option::is_none")]
        environment: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        entrypoint: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        props: Option<Value>,
    },
    Ratelimit {
        /// Workers of the account that name the same one share their counts.
        namespace_id: String,
        simple: RateLimit,
    },
    AnalyticsEngine {
        dataset: String,
    },
    VersionMetadata,
    Assets,
    Ai,
    Browser,
    Images,
    Vectorize {
        index_name: String,
    },
    Hyperdrive {
        id: String,
    },
    SendEmail {
        #[serde(skip_serializing_if = "Option::is_none")]
        destination_address: Option<String>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        allowed_destination_addresses: Vec<String>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        allowed_sender_addresses: Vec<String>,
    },
    SecretsStoreSecret {
        store_id: String,
        secret_name: String,
    },
    MtlsCertificate {
        certificate_id: String,
    },
    DispatchNamespace {
        namespace: String,
    },
    Pipelines {
        pipeline: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RateLimit {
    pub limit: u32,
    /// Seconds: 10 or 60.
    pub period: u32,
}

impl Binding {
    /// What of it no trace may show.
    pub(crate) fn hidden(&self) -> Vec<Secret> {
        match &self.kind {
            BindingKind::SecretText { text } => vec![text.clone()],
            BindingKind::PlainText { text, hidden: true } => vec![Secret::new(text.as_str())],
            BindingKind::Json { json, hidden: true } => {
                let mut strings = Vec::new();
                collect_strings(json, &mut strings);
                strings
            }
            _ => Vec::new(),
        }
    }
}

fn collect_strings(value: &Value, strings: &mut Vec<Secret>) {
    match value {
        Value::String(text) => strings.push(Secret::new(text.as_str())),
        Value::Array(items) => {
            for item in items {
                collect_strings(item, strings);
            }
        }
        Value::Object(fields) => {
            for field in fields.values() {
                collect_strings(field, strings);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A binding of a live worker. Kinds are open: the dashboard offers more than a manifest can say.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct LiveBinding {
    pub name: String,
    /// `kv_namespace`, `secret_text`, ….
    #[serde(rename = "type")]
    pub kind: String,
    /// What belongs to the kind; a secret has no value here.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}
