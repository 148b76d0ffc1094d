//! The bindings of a worker.

use toml_edit::{InlineTable, Table, Value, value};

use super::convert::{Resources, resource_id, strings};
use super::wrangler::{Named, Worker};

/// By name, with the resources that they need noted among `resources`.
pub(super) fn bindings(from: &Worker, resources: &mut Resources, notes: &mut Vec<String>) -> Table {
    let mut bound = Bound(Table::new());
    bound.resources(from, resources);
    bound.limits(from);
    bound.mail(from);
    bound.products(from);
    bound.flags(from);
    elsewhere(from, notes);
    bound.0
}

struct Bound(Table);

impl Bound {
    fn add<'a>(&mut self, name: &str, pairs: impl IntoIterator<Item = (&'a str, Value)>) {
        self.0[name] = value(InlineTable::from_iter(pairs));
    }

    /// What the manifest describes itself.
    fn resources(&mut self, from: &Worker, resources: &mut Resources) {
        let mut note =
            |kind: &'static str, binding: &str, name: Option<&str>, live: Option<&str>| {
                let id = resource_id(binding, name);
                let all = resources.entry(kind).or_default();
                let known = all.entry(id.clone()).or_default();
                *known = known.take().or_else(|| live.map(str::to_owned));
                Value::from(id)
            };
        for kv in &from.kv_namespaces {
            let id = note("kv", &kv.binding, None, kv.id.as_deref());
            self.add(&kv.binding, [("kv", id)]);
        }
        for bucket in &from.r2_buckets {
            let live = bucket.bucket_name.as_deref();
            let id = note("r2", &bucket.binding, live, live);
            self.add(&bucket.binding, [("r2", id)]);
        }
        for database in &from.d1_databases {
            let live = database.database_name.as_deref();
            let id = note("d1", &database.binding, live, live);
            self.add(&database.binding, [("d1", id)]);
        }
        for producer in &from.queues.producers {
            let live = Some(producer.queue.as_str());
            let id = note("queues", &producer.binding, live, live);
            let delay = producer.delivery_delay.map(i64::from);
            let delay = delay.map(|delay| ("delivery_delay", delay.into()));
            self.add(&producer.binding, [("queue", id)].into_iter().chain(delay));
        }
    }

    fn limits(&mut self, from: &Worker) {
        for limit in &from.ratelimits {
            let numbers = [
                ("limit", limit.simple.limit),
                ("period", limit.simple.period),
            ];
            let table = numbers.map(|(key, number)| (key, Value::from(i64::from(number))));
            let table = InlineTable::from_iter(table);
            self.add(&limit.name, [("ratelimit", table.into())]);
        }
    }

    fn mail(&mut self, from: &Worker) {
        for mail in &from.send_email {
            let mut table = InlineTable::new();
            if let Some(address) = &mail.destination_address {
                table.insert("destination_address", address.as_str().into());
            }
            let lists = [
                (
                    "allowed_destination_addresses",
                    &mail.allowed_destination_addresses,
                ),
                ("allowed_sender_addresses", &mail.allowed_sender_addresses),
            ];
            for (key, list) in lists {
                if !list.is_empty() {
                    table.insert(key, strings(list).into());
                }
            }
            self.add(&mail.name, [("send_email", table.into())]);
        }
    }

    /// What is on Cloudflare already.
    fn products(&mut self, from: &Worker) {
        for secret in &from.secrets_store_secrets {
            let pairs = [
                ("store", text(secret.store_id.as_ref())),
                ("secret", text(secret.secret_name.as_ref())),
            ];
            let table = InlineTable::from_iter(pairs);
            self.add(&secret.binding, [("secrets_store", table.into())]);
        }
        for database in &from.hyperdrive {
            let local = database.local.as_ref().map(|local| ("local", local.into()));
            let id = [("hyperdrive", text(database.id.as_ref()))];
            self.add(&database.binding, id.into_iter().chain(local));
        }
        for of in &from.analytics_engine_datasets {
            self.named("analytics_engine", of, of.dataset.as_ref());
        }
        for of in &from.vectorize {
            self.named("vectorize", of, of.index_name.as_ref());
        }
        for of in &from.mtls_certificates {
            self.named("mtls_certificate", of, of.certificate_id.as_ref());
        }
        for of in &from.dispatch_namespaces {
            self.named("dispatch_namespace", of, of.namespace.as_ref());
        }
    }

    fn named(&mut self, kind: &str, of: &Named, name: Option<&String>) {
        self.add(&of.binding, [(kind, text(name))]);
    }

    /// What there is one of.
    fn flags(&mut self, from: &Worker) {
        let flags = [
            ("ai", &from.ai),
            ("browser", &from.browser),
            ("images", &from.images),
            ("version_metadata", &from.version_metadata),
        ];
        for (kind, flag) in flags {
            if let Some(flag) = flag {
                self.add(&flag.binding, [(kind, true.into())]);
            }
        }
    }
}

/// Workers that no manifest of ours describes yet.
fn elsewhere(from: &Worker, notes: &mut Vec<String>) {
    for other in from.services.iter().chain(&from.tail_consumers) {
        let service = other.service.as_deref().unwrap_or_default();
        let name = if other.binding.is_empty() {
            "a tail consumer"
        } else {
            &other.binding
        };
        notes.push(format!(
            "{name} leads to the worker `{service}`: bring it into this manifest, then bind it as a service"
        ));
    }
}

fn text(text: Option<&String>) -> Value {
    text.cloned().unwrap_or_default().into()
}
