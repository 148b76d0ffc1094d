//! All kinds of bindings, as Cloudflare writes them.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// All that can be bound.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum BindingKind {
    PlainText {
        text: String,
    },
    Json {
        json: Value,
    },
    SecretText {
        text: Hidden,
    },
    SecretKey(SecretKey),
    /// What the newest version has under this name, or under its old one.
    Inherit {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        old_name: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version_id: Option<String>,
    },
    KvNamespace {
        namespace_id: String,
    },
    R2Bucket {
        bucket_name: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        jurisdiction: Option<Jurisdiction>,
    },
    /// The database's uuid, which both fields may hold.
    D1 {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        database_id: Option<String>,
    },
    Queue {
        queue_name: String,
        /// Seconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        delivery_delay: Option<u32>,
    },
    DurableObjectNamespace {
        /// None only where the namespace is named by its id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        class_name: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        script_name: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        environment: Option<String>,
        /// Which namespace the class was when the version was made; answers always tell it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        namespace_id: Option<String>,
    },
    Service {
        service: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        environment: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        entrypoint: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        props: Option<Value>,
    },
    Workflow {
        workflow_name: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        class_name: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        script_name: Option<String>,
    },
    Ratelimit {
        namespace_id: String,
        simple: SimpleLimit,
    },
    AnalyticsEngine {
        dataset: String,
    },
    VersionMetadata {},
    Assets {},
    Ai {},
    Browser {},
    Images {},
    WorkerLoader {},
    Vectorize {
        index_name: String,
    },
    Hyperdrive {
        id: String,
    },
    SendEmail {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        destination_address: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        allowed_destination_addresses: Option<Vec<String>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        allowed_sender_addresses: Option<Vec<String>>,
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
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outbound: Option<Outbound>,
    },
    Pipelines {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pipeline: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stream: Option<String>,
    },
    VpcService {
        service_id: String,
    },
    VpcNetwork {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tunnel_id: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        network_id: Option<String>,
    },
    /// Here and below: of the service-worker format, by the name of an uploaded part.
    WasmModule {
        part: String,
    },
    TextBlob {
        part: String,
    },
    DataBlob {
        part: String,
    },
    Logfwdr {
        destination: String,
    },
}

/// A key of the Web Crypto API that the worker may use and never see.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecretKey {
    pub(crate) algorithm: Value,
    pub(crate) format: KeyFormat,
    pub(crate) usages: Vec<KeyUsage>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key_base64: Option<Hidden>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key_jwk: Option<HiddenJson>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum KeyFormat {
    Raw,
    Pkcs8,
    Spki,
    Jwk,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum KeyUsage {
    Encrypt,
    Decrypt,
    Sign,
    Verify,
    DeriveKey,
    DeriveBits,
    WrapKey,
    UnwrapKey,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Jurisdiction {
    Eu,
    Fedramp,
    FedrampHigh,
    Us,
}

impl Jurisdiction {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Eu => "eu",
            Self::Fedramp => "fedramp",
            Self::FedrampHigh => "fedramp-high",
            Self::Us => "us",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SimpleLimit {
    pub(crate) limit: u32,
    /// Seconds: 10 or 60.
    pub(crate) period: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mitigation_timeout: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Outbound {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) params: Option<Vec<OutboundParam>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) worker: Option<OutboundWorker>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OutboundParam {
    pub(crate) name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OutboundWorker {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) service: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) environment: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) entrypoint: Option<String>,
}

/// Text that no log and no answer shows.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Hidden(pub(crate) String);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// The same for JSON.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct HiddenJson(pub(crate) Value);

impl fmt::Debug for HiddenJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

impl BindingKind {
    /// The uuid of a D1 database.
    pub(crate) fn database(&self) -> Option<&str> {
        match self {
            Self::D1 { id, database_id } => id.as_deref().or(database_id.as_deref()),
            _ => None,
        }
    }

    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::PlainText { .. } => "plain_text",
            Self::Json { .. } => "json",
            Self::SecretText { .. } => "secret_text",
            Self::SecretKey(_) => "secret_key",
            Self::Inherit { .. } => "inherit",
            Self::KvNamespace { .. } => "kv_namespace",
            Self::R2Bucket { .. } => "r2_bucket",
            Self::D1 { .. } => "d1",
            Self::Queue { .. } => "queue",
            Self::DurableObjectNamespace { .. } => "durable_object_namespace",
            Self::Service { .. } => "service",
            Self::Workflow { .. } => "workflow",
            Self::Ratelimit { .. } => "ratelimit",
            Self::AnalyticsEngine { .. } => "analytics_engine",
            Self::VersionMetadata {} => "version_metadata",
            Self::Assets {} => "assets",
            Self::Ai {} => "ai",
            Self::Browser {} => "browser",
            Self::Images {} => "images",
            Self::WorkerLoader {} => "worker_loader",
            Self::Vectorize { .. } => "vectorize",
            Self::Hyperdrive { .. } => "hyperdrive",
            Self::SendEmail { .. } => "send_email",
            Self::SecretsStoreSecret { .. } => "secrets_store_secret",
            Self::MtlsCertificate { .. } => "mtls_certificate",
            Self::DispatchNamespace { .. } => "dispatch_namespace",
            Self::Pipelines { .. } => "pipelines",
            Self::VpcService { .. } => "vpc_service",
            Self::VpcNetwork { .. } => "vpc_network",
            Self::WasmModule { .. } => "wasm_module",
            Self::TextBlob { .. } => "text_blob",
            Self::DataBlob { .. } => "data_blob",
            Self::Logfwdr { .. } => "logfwdr",
        }
    }
}

/// What `keep_bindings` may name.
pub(crate) const TYPE_NAMES: [&str; 33] = [
    "ai",
    "analytics_engine",
    "assets",
    "browser",
    "d1",
    "data_blob",
    "dispatch_namespace",
    "durable_object_namespace",
    "hyperdrive",
    "images",
    "inherit",
    "json",
    "kv_namespace",
    "logfwdr",
    "mtls_certificate",
    "pipelines",
    "plain_text",
    "queue",
    "r2_bucket",
    "ratelimit",
    "secret_key",
    "secret_text",
    "secrets_store_secret",
    "send_email",
    "service",
    "text_blob",
    "vectorize",
    "version_metadata",
    "vpc_network",
    "vpc_service",
    "wasm_module",
    "worker_loader",
    "workflow",
];
