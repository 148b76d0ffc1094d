//! wrangler's configuration, as far as a manifest can say the same.

use std::collections::BTreeMap;

use camino::Utf8Path;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::exit::Failure;

/// The files that wrangler looks for, in its order.
pub(super) const FILES: [&str; 3] = ["wrangler.json", "wrangler.jsonc", "wrangler.toml"];

/// One worker, and what is different in its environments.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Config {
    pub(super) name: Option<String>,
    #[serde(flatten)]
    pub(super) worker: Worker,
    pub(super) env: BTreeMap<String, Worker>,
}

/// What can be said at the top and for an environment.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Worker {
    pub(super) compatibility_date: Option<String>,
    pub(super) compatibility_flags: Vec<String>,
    pub(super) workers_dev: Option<bool>,
    pub(super) route: Option<Route>,
    pub(super) routes: Vec<Route>,
    pub(super) triggers: Triggers,
    pub(super) vars: BTreeMap<String, Value>,
    pub(super) kv_namespaces: Vec<Named>,
    pub(super) r2_buckets: Vec<Named>,
    pub(super) d1_databases: Vec<Named>,
    pub(super) durable_objects: DurableObjects,
    pub(super) migrations: Vec<Value>,
    pub(super) queues: Queues,
    pub(super) services: Vec<Named>,
    pub(super) assets: Option<Assets>,
    pub(super) ratelimits: Vec<RateLimit>,
    pub(super) analytics_engine_datasets: Vec<Named>,
    pub(super) hyperdrive: Vec<Named>,
    pub(super) vectorize: Vec<Named>,
    pub(super) mtls_certificates: Vec<Named>,
    pub(super) dispatch_namespaces: Vec<Named>,
    pub(super) secrets_store_secrets: Vec<Named>,
    pub(super) send_email: Vec<SendEmail>,
    pub(super) ai: Option<Named>,
    pub(super) browser: Option<Named>,
    pub(super) images: Option<Named>,
    pub(super) version_metadata: Option<Named>,
    pub(super) observability: Option<Value>,
    pub(super) limits: Option<Value>,
    pub(super) placement: Option<Value>,
    pub(super) logpush: Option<bool>,
    pub(super) tail_consumers: Vec<Named>,
    /// Cargo builds the worker now.
    main: Option<String>,
    build: Option<Value>,
    /// Whom it talks to comes from the environment.
    account_id: Option<Value>,
    #[serde(rename = "$schema")]
    schema: Option<Value>,
    dev: Option<Value>,
    send_metrics: Option<Value>,
    #[serde(flatten)]
    pub(super) rest: BTreeMap<String, Value>,
}

/// A binding, by whichever of these keys its kind has.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Named {
    #[serde(alias = "name")]
    pub(super) binding: String,
    pub(super) id: Option<String>,
    pub(super) bucket_name: Option<String>,
    pub(super) database_name: Option<String>,
    pub(super) migrations_dir: Option<String>,
    pub(super) service: Option<String>,
    pub(super) entrypoint: Option<String>,
    pub(super) dataset: Option<String>,
    pub(super) index_name: Option<String>,
    pub(super) certificate_id: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) store_id: Option<String>,
    pub(super) secret_name: Option<String>,
    #[serde(rename = "localConnectionString")]
    pub(super) local: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Route {
    Pattern(String),
    Table {
        pattern: String,
        zone_name: Option<String>,
        #[serde(default)]
        custom_domain: bool,
    },
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Triggers {
    pub(super) crons: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct DurableObjects {
    pub(super) bindings: Vec<DurableObject>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct DurableObject {
    pub(super) name: String,
    pub(super) class_name: String,
    pub(super) script_name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Queues {
    pub(super) producers: Vec<Producer>,
    pub(super) consumers: Vec<Consumer>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Producer {
    pub(super) binding: String,
    pub(super) queue: String,
    pub(super) delivery_delay: Option<u32>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Consumer {
    pub(super) queue: String,
    pub(super) max_batch_size: Option<u32>,
    pub(super) max_batch_timeout: Option<u32>,
    pub(super) max_retries: Option<u32>,
    pub(super) retry_delay: Option<u32>,
    pub(super) dead_letter_queue: Option<String>,
    pub(super) max_concurrency: Option<u32>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Assets {
    pub(super) directory: Option<String>,
    pub(super) binding: Option<String>,
    pub(super) html_handling: Option<String>,
    pub(super) not_found_handling: Option<String>,
    pub(super) run_worker_first: Option<Value>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct RateLimit {
    pub(super) name: String,
    pub(super) simple: Rate,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Rate {
    pub(super) limit: u32,
    pub(super) period: u32,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct SendEmail {
    pub(super) name: String,
    pub(super) destination_address: Option<String>,
    pub(super) allowed_destination_addresses: Vec<String>,
    pub(super) allowed_sender_addresses: Vec<String>,
}

impl Config {
    pub(super) fn read(path: &Utf8Path) -> Result<Self, Failure> {
        let text = fs_err::read_to_string(path)
            .map_err(|error| Failure::failed(format!("cannot read the configuration: {error}")))?;
        if path.extension() == Some("toml") {
            return parsed(path, toml_edit::de::from_str(&text));
        }
        let options = jsonc_parser::ParseOptions::default();
        match jsonc_parser::parse_to_serde_value::<Value>(&text, &options) {
            Ok(value) => parsed(path, serde_json::from_value(value)),
            Err(error) => parsed(path, Err(error)),
        }
    }
}

fn parsed<T: DeserializeOwned, E: std::fmt::Display>(
    path: &Utf8Path,
    read: Result<T, E>,
) -> Result<T, Failure> {
    read.map_err(|error| {
        Failure::usage(format!("cannot read {path}: {error}"))
            .with_help("wrangler would refuse it too; see `npx wrangler check`".to_owned())
    })
}
