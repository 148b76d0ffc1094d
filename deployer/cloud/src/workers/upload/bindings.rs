//! What a worker is to find in its environment, as uploads say it. Every kind is closed: a field
//! that Cloudflare does not know is refused by name.

use serde::{Deserialize as _, Serialize};
use serde_json::{Map, Value};

use super::kinds::{BindingKind, KeyFormat};
use crate::envelope::ApiError;
use crate::workers::refusal;

/// One name of the environment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Binding {
    pub(crate) name: String,
    #[serde(flatten)]
    pub(crate) kind: BindingKind,
}

impl Binding {
    /// Reads one as it was uploaded.
    pub(crate) fn parse(value: Value) -> Result<Self, ApiError> {
        let Value::Object(mut fields) = value else {
            return Err(refusal::invalid("a binding must be an object"));
        };
        let name = match fields.remove("name") {
            Some(Value::String(name)) if !name.is_empty() => name,
            None | Some(Value::Null | Value::String(_)) => return Err(refusal::nameless_binding()),
            Some(_) => return Err(refusal::invalid("a binding's `name` must be a string")),
        };
        let kind = match fields.get("type") {
            Some(Value::String(kind)) => kind.clone(),
            _ => {
                return Err(refusal::invalid(format!(
                    "binding {name} must have a `type`"
                )));
            }
        };
        let kind = BindingKind::deserialize(Value::Object(fields)).map_err(|error| {
            refusal::invalid(format!("binding {name} of type {kind} is invalid: {error}"))
        })?;
        let binding = Self { name, kind };
        binding.check()?;
        Ok(binding)
    }

    /// What a stored version has.
    pub(crate) fn stored(value: Value) -> Result<Self, serde_json::Error> {
        let mut fields = Map::deserialize(value)?;
        let name = fields.remove("name").unwrap_or_default();
        Ok(Self {
            name: String::deserialize(name)?,
            kind: BindingKind::deserialize(Value::Object(fields))?,
        })
    }

    /// `kv_namespace`, `secret_text`, ….
    pub(crate) fn type_name(&self) -> &'static str {
        self.kind.type_name()
    }

    /// As answers show it: secrets keep their names and lose their values.
    pub(crate) fn shown(&self) -> Value {
        let mut shown = serde_json::to_value(self).unwrap_or_default();
        if let Some(fields) = shown.as_object_mut() {
            match &self.kind {
                BindingKind::SecretText { .. } => {
                    fields.remove("text");
                }
                BindingKind::SecretKey(_) => {
                    fields.remove("key_base64");
                    fields.remove("key_jwk");
                }
                BindingKind::D1 { .. } => {
                    let id = self.kind.database().unwrap_or_default();
                    fields.insert("id".to_owned(), Value::from(id));
                    fields.insert("database_id".to_owned(), Value::from(id));
                }
                _ => {}
            }
        }
        shown
    }

    pub(crate) fn is_secret(&self) -> bool {
        matches!(
            self.kind,
            BindingKind::SecretText { .. } | BindingKind::SecretKey(_)
        )
    }

    /// Its value's size, where Cloudflare limits that.
    pub(crate) fn value_bytes(&self) -> Option<usize> {
        match &self.kind {
            BindingKind::PlainText { text } => Some(text.len()),
            BindingKind::Json { json } => Some(json.to_string().len()),
            BindingKind::SecretText { text } => Some(text.0.len()),
            _ => None,
        }
    }

    /// What can be told without the account.
    fn check(&self) -> Result<(), ApiError> {
        let name = &self.name;
        let must = |what: &str| {
            let kind = self.type_name();
            Err(refusal::invalid(format!(
                "binding {name} of type {kind} must have {what}"
            )))
        };
        match &self.kind {
            BindingKind::D1 { id, database_id } => {
                if id.is_some() && database_id.is_some() && id != database_id {
                    return must("the same `id` and `database_id`");
                }
                if self.kind.database().is_none_or(str::is_empty) {
                    return must("a valid `id` specified");
                }
            }
            BindingKind::KvNamespace { namespace_id } if namespace_id.is_empty() => {
                return must("a `namespace_id` specified");
            }
            BindingKind::R2Bucket { bucket_name, .. } if bucket_name.is_empty() => {
                return must("a `bucket_name` specified");
            }
            BindingKind::Queue { queue_name, .. } if queue_name.is_empty() => {
                return must("a queue specified");
            }
            BindingKind::Queue {
                delivery_delay: Some(delay),
                ..
            } if *delay > 86_400 => return must("a `delivery_delay` of at most 86400 seconds"),
            BindingKind::Service { service, .. } if service.is_empty() => {
                return must("a `service` specified");
            }
            BindingKind::DurableObjectNamespace {
                class_name,
                namespace_id,
                ..
            } if class_name.as_deref().is_none_or(str::is_empty) && namespace_id.is_none() => {
                return must("a `class_name` specified");
            }
            BindingKind::Ratelimit {
                namespace_id,
                simple,
            } => {
                if !namespace_id.parse::<u64>().is_ok_and(|id| id > 0) {
                    return must("a `namespace_id` that is a positive integer");
                }
                if !matches!(simple.period, 10 | 60) {
                    return must("a `simple.period` of 10 or 60 seconds");
                }
                if simple.limit == 0 {
                    return must("a `simple.limit` greater than 0");
                }
            }
            BindingKind::Pipelines { pipeline, stream }
                if pipeline.is_some() == stream.is_some() =>
            {
                return must("either a `pipeline` or a `stream`");
            }
            BindingKind::VpcNetwork {
                tunnel_id,
                network_id,
            } if tunnel_id.is_some() == network_id.is_some() => {
                return must("either a `tunnel_id` or a `network_id`");
            }
            BindingKind::SendEmail {
                destination_address: Some(_),
                allowed_destination_addresses: Some(_),
                ..
            } => {
                return must(
                    "only one of `destination_address` and `allowed_destination_addresses`",
                );
            }
            BindingKind::SecretKey(key) => {
                let whole = match key.format {
                    KeyFormat::Jwk => key.key_jwk.is_some() && key.key_base64.is_none(),
                    KeyFormat::Raw | KeyFormat::Pkcs8 | KeyFormat::Spki => {
                        key.key_base64.is_some() && key.key_jwk.is_none()
                    }
                };
                if !whole {
                    return must("`key_jwk` for the format `jwk`, `key_base64` for all others");
                }
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::kinds::TYPE_NAMES;
    use super::*;

    fn refused(value: Value) -> String {
        let error = Binding::parse(value).unwrap_err();
        format!("{} {}", error.code, error.message)
    }

    #[test]
    fn every_kind_of_wranglers_is_read_and_shown_as_it_came() {
        for value in [
            json!({"name": "A", "type": "plain_text", "text": ""}),
            json!({"name": "A", "type": "json", "json": {"a": [1]}}),
            json!({"name": "A", "type": "inherit"}),
            json!({"name": "A", "type": "kv_namespace", "namespace_id": "x"}),
            json!({"name": "A", "type": "r2_bucket", "bucket_name": "b", "jurisdiction": "eu"}),
            json!({"name": "A", "type": "queue", "queue_name": "q", "delivery_delay": 5}),
            json!({"name": "A", "type": "durable_object_namespace", "class_name": "C", "script_name": "s"}),
            json!({"name": "A", "type": "service", "service": "s", "entrypoint": "E", "props": {"a": 1}}),
            json!({"name": "A", "type": "workflow", "workflow_name": "w", "class_name": "W"}),
            json!({"name": "A", "type": "ratelimit", "namespace_id": "1001", "simple": {"limit": 5, "period": 60}}),
            json!({"name": "A", "type": "analytics_engine", "dataset": "d"}),
            json!({"name": "A", "type": "version_metadata"}),
            json!({"name": "A", "type": "assets"}),
            json!({"name": "A", "type": "ai"}),
            json!({"name": "A", "type": "send_email", "allowed_sender_addresses": ["a@example.com"]}),
            json!({"name": "A", "type": "dispatch_namespace", "namespace": "n", "outbound": {"worker": {"service": "s"}, "params": [{"name": "p"}]}}),
            json!({"name": "A", "type": "pipelines", "stream": "s"}),
            json!({"name": "A", "type": "worker_loader"}),
        ] {
            let binding = Binding::parse(value.clone()).unwrap();
            assert_eq!(binding.shown(), value);
            assert!(TYPE_NAMES.contains(&binding.type_name()));
            assert_eq!(
                Binding::stored(serde_json::to_value(&binding).unwrap()).unwrap(),
                binding
            );
        }
    }

    #[test]
    fn a_database_is_shown_under_both_names() {
        let binding = Binding::parse(json!({"name": "DB", "type": "d1", "id": "u"})).unwrap();
        assert_eq!(
            binding.shown(),
            json!({"name": "DB", "type": "d1", "id": "u", "database_id": "u"})
        );
    }

    #[test]
    fn a_secret_is_kept_and_never_shown() {
        let binding =
            Binding::parse(json!({"name": "S", "type": "secret_text", "text": "hush"})).unwrap();
        assert_eq!(binding.shown(), json!({"name": "S", "type": "secret_text"}));
        assert!(!format!("{binding:?}").contains("hush"));
        assert!(serde_json::to_string(&binding).unwrap().contains("hush"));
    }

    #[test]
    fn what_cloudflare_does_not_know_is_named() {
        insta::assert_snapshot!([
            refused(json!({"name": "A", "type": "plain_text", "text": "x", "texts": 1})),
            refused(json!({"name": "A", "type": "kv"})),
            refused(json!({"name": "A", "type": "ratelimit", "namespace_id": "1", "simple": {"limit": 1, "period": 60, "burst": 2}})),
            refused(json!({"name": "A", "type": "ratelimit", "namespace_id": "1", "simple": {"limit": 1, "period": 30}})),
            refused(json!({"name": "", "type": "ai"})),
            refused(json!({"type": "ai"})),
            refused(json!({"name": "A"})),
            refused(json!({"name": "DB", "type": "d1"})),
            refused(json!({"name": "Q", "type": "queue", "queue_name": ""})),
            refused(json!({"name": "A", "type": "plain_text"})),
            refused(json!({"name": "A", "type": "pipelines"})),
            refused(json!({"name": "A", "type": "ai", "x": 1})),
        ].join("\n"), @r#"
10021 binding A of type plain_text is invalid: unknown field `texts`, expected `text`
10021 binding A of type kv is invalid: unknown variant `kv`, expected one of `plain_text`, `json`, `secret_text`, `secret_key`, `inherit`, `kv_namespace`, `r2_bucket`, `d1`, `queue`, `durable_object_namespace`, `service`, `workflow`, `ratelimit`, `analytics_engine`, `version_metadata`, `assets`, `ai`, `browser`, `images`, `worker_loader`, `vectorize`, `hyperdrive`, `send_email`, `secrets_store_secret`, `mtls_certificate`, `dispatch_namespace`, `pipelines`, `vpc_service`, `vpc_network`, `wasm_module`, `text_blob`, `data_blob`, `logfwdr`
10021 binding A of type ratelimit is invalid: unknown field `burst`, expected one of `limit`, `period`, `mitigation_timeout`
10021 binding A of type ratelimit must have a `simple.period` of 10 or 60 seconds
10052 Every binding must have a non-empty `name`.
10052 Every binding must have a non-empty `name`.
10021 binding A must have a `type`
10021 binding DB of type d1 must have a valid `id` specified
10021 binding Q of type queue must have a queue specified
10021 binding A of type plain_text is invalid: missing field `text`
10021 binding A of type pipelines must have either a `pipeline` or a `stream`
10021 binding A of type ai is invalid: unknown field `x`, there are no fields
"#);
    }
}
