//! wrangler's environments: what each of them is, with what it inherits from the top level.

use serde_json::{Map, Value};

/// Keys that an environment does not inherit, as wrangler 4.164 has them.
const NOT_INHERITED: [&str; 43] = [
    "vars",
    "secrets",
    "define",
    "durable_objects",
    "workflows",
    "kv_namespaces",
    "cloudchamber",
    "containers",
    "send_email",
    "queues",
    "connect",
    "r2_buckets",
    "d1_databases",
    "vectorize",
    "ai_search_namespaces",
    "ai_search",
    "agent_memory",
    "hyperdrive",
    "services",
    "analytics_engine_datasets",
    "dispatch_namespaces",
    "mtls_certificates",
    "tail_consumers",
    "streaming_tail_consumers",
    "unsafe",
    "browser",
    "analytics",
    "ai",
    "images",
    "stream",
    "media",
    "pipelines",
    "k2",
    "secrets_store_secrets",
    "artifacts",
    "unsafe_hello_world",
    "flagship",
    "worker_loaders",
    "ratelimits",
    "vpc_services",
    "vpc_networks",
    "version_metadata",
    "env",
];

/// Keys that there are at the top level only.
const TOP_LEVEL: [&str; 11] = [
    "$schema",
    "pages_build_output_dir",
    "send_metrics",
    "dependencies_instrumentation",
    "dev",
    "site",
    "wasm_modules",
    "text_blobs",
    "data_blobs",
    "alias",
    "addresses",
];

/// One environment of a worker.
#[derive(Debug, Clone)]
pub(super) struct Environment {
    /// None: the top level.
    pub(super) name: Option<String>,
    /// The name of the script.
    pub(super) script: Option<String>,
    pub(super) values: Map<String, Value>,
    /// Keys that come from the top level, where they have been noted.
    pub(super) inherited: Vec<String>,
}

/// The top level, and each environment with all that it inherits.
pub(super) fn environments(config: &Map<String, Value>) -> (Environment, Vec<Environment>) {
    let text = |values: &Map<String, Value>| values.get("name")?.as_str().map(str::to_owned);
    let mut values = config.clone();
    let named = values.remove("env");
    let top = Environment {
        name: None,
        script: text(&values),
        values,
        inherited: Vec::new(),
    };
    let mut all = Vec::new();
    for (name, own) in named
        .as_ref()
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let mut values = own.as_object().cloned().unwrap_or_default();
        values.retain(|_, value| !value.is_null());
        let script = text(&values).or_else(|| Some(format!("{}-{name}", top.script.as_ref()?)));
        let reached = ["route", "routes"].map(|key| values.contains_key(key));
        let mut inherited = Vec::new();
        for (key, value) in &top.values {
            let is_route = matches!(key.as_str(), "route" | "routes") && reached.contains(&true);
            let kept = NOT_INHERITED.contains(&key.as_str()) || TOP_LEVEL.contains(&key.as_str());
            if !kept && !is_route && !values.contains_key(key) {
                values.insert(key.clone(), value.clone());
                inherited.push(key.clone());
            }
        }
        all.push(Environment {
            name: Some(name.clone()),
            script,
            values,
            inherited,
        });
    }
    (top, all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_environment_inherits_as_with_wrangler() {
        let config = json!({
            "name": "shop",
            "compatibility_date": "2026-01-01",
            "routes": ["a.example.com/*"],
            "vars": { "A": "1" },
            "dev": { "port": 1 },
            "env": {
                "staging": { "route": "b.example.com/*" },
                "live": { "name": "shop-live", "vars": {}, "compatibility_date": "2026-02-02" },
            },
        });
        let (top, all) = environments(config.as_object().unwrap());
        assert_eq!(top.script.as_deref(), Some("shop"));
        let [live, staging] = &all[..] else { panic!() };
        assert_eq!(live.script.as_deref(), Some("shop-live"));
        assert_eq!(
            Value::from(live.values.clone()),
            json!({
                "name": "shop-live", "vars": {}, "compatibility_date": "2026-02-02",
                "routes": ["a.example.com/*"],
            })
        );
        assert_eq!(staging.script.as_deref(), Some("shop-staging"));
        assert_eq!(
            Value::from(staging.values.clone()),
            json!({
                "name": "shop", "compatibility_date": "2026-01-01", "route": "b.example.com/*",
            })
        );
    }
}
