//! Bindings, as wrangler writes them.

use serde_json::json;
use tiny_cloudflare::{Binding, BindingKind, RateLimit, Secret};

#[test]
#[allow(clippy::too_many_lines)] // one pair for each kind
fn every_binding_is_written_as_wrangler_writes_it() {
    let some = |text: &str| Some(text.to_owned());
    let kinds = [
        (
            BindingKind::PlainText {
                text: "a".to_owned(),
                hidden: true,
            },
            json!({ "type": "plain_text", "text": "a" }),
        ),
        (
            BindingKind::Json {
                json: json!([1]),
                hidden: false,
            },
            json!({ "type": "json", "json": [1] }),
        ),
        (
            BindingKind::SecretText {
                text: Secret::new("s"),
            },
            json!({ "type": "secret_text", "text": "s" }),
        ),
        (BindingKind::Inherit, json!({ "type": "inherit" })),
        (
            BindingKind::KvNamespace {
                namespace_id: "n".to_owned(),
            },
            json!({ "type": "kv_namespace", "namespace_id": "n" }),
        ),
        (
            BindingKind::R2Bucket {
                bucket_name: "b".to_owned(),
                jurisdiction: some("eu"),
            },
            json!({ "type": "r2_bucket", "bucket_name": "b", "jurisdiction": "eu" }),
        ),
        (
            BindingKind::D1 { id: "d".to_owned() },
            json!({ "type": "d1", "id": "d" }),
        ),
        (
            BindingKind::Queue {
                queue_name: "q".to_owned(),
                delivery_delay: Some(5),
            },
            json!({ "type": "queue", "queue_name": "q", "delivery_delay": 5 }),
        ),
        (
            BindingKind::DurableObjectNamespace {
                class_name: "C".to_owned(),
                script_name: None,
            },
            json!({ "type": "durable_object_namespace", "class_name": "C" }),
        ),
        (
            BindingKind::DurableObjectNamespace {
                class_name: "C".to_owned(),
                script_name: some("o"),
            },
            json!({ "type": "durable_object_namespace", "class_name": "C", "script_name": "o" }),
        ),
        (
            BindingKind::Service {
                service: "o".to_owned(),
                environment: some("staging"),
                entrypoint: some("E"),
                props: Some(json!({ "a": 1 })),
            },
            json!({ "type": "service", "service": "o", "environment": "staging", "entrypoint": "E", "props": { "a": 1 } }),
        ),
        (
            BindingKind::Ratelimit {
                namespace_id: "1".to_owned(),
                simple: RateLimit {
                    limit: 100,
                    period: 60,
                },
            },
            json!({ "type": "ratelimit", "namespace_id": "1", "simple": { "limit": 100, "period": 60 } }),
        ),
        (
            BindingKind::AnalyticsEngine {
                dataset: "d".to_owned(),
            },
            json!({ "type": "analytics_engine", "dataset": "d" }),
        ),
        (
            BindingKind::VersionMetadata,
            json!({ "type": "version_metadata" }),
        ),
        (BindingKind::Assets, json!({ "type": "assets" })),
        (BindingKind::Ai, json!({ "type": "ai" })),
        (BindingKind::Browser, json!({ "type": "browser" })),
        (BindingKind::Images, json!({ "type": "images" })),
        (
            BindingKind::Vectorize {
                index_name: "i".to_owned(),
            },
            json!({ "type": "vectorize", "index_name": "i" }),
        ),
        (
            BindingKind::Hyperdrive { id: "h".to_owned() },
            json!({ "type": "hyperdrive", "id": "h" }),
        ),
        (
            BindingKind::SendEmail {
                destination_address: some("a@b"),
                allowed_destination_addresses: vec!["c@d".to_owned()],
                allowed_sender_addresses: Vec::new(),
            },
            json!({ "type": "send_email", "destination_address": "a@b", "allowed_destination_addresses": ["c@d"] }),
        ),
        (
            BindingKind::SecretsStoreSecret {
                store_id: "s".to_owned(),
                secret_name: "n".to_owned(),
            },
            json!({ "type": "secrets_store_secret", "store_id": "s", "secret_name": "n" }),
        ),
        (
            BindingKind::MtlsCertificate {
                certificate_id: "c".to_owned(),
            },
            json!({ "type": "mtls_certificate", "certificate_id": "c" }),
        ),
        (
            BindingKind::DispatchNamespace {
                namespace: "n".to_owned(),
            },
            json!({ "type": "dispatch_namespace", "namespace": "n" }),
        ),
        (
            BindingKind::Pipelines {
                pipeline: "p".to_owned(),
            },
            json!({ "type": "pipelines", "pipeline": "p" }),
        ),
    ];
    for (kind, mut expected) in kinds {
        expected["name"] = json!("N");
        let binding = Binding {
            name: "N".to_owned(),
            kind,
        };
        assert_eq!(serde_json::to_value(&binding).unwrap(), expected);
    }
}
