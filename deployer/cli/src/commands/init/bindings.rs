//! What a worker reaches by name.

use serde_json::{Map, Value, json};

use super::resources::{Kind, Resource, Use};
use super::section::Section;
use super::source::is_placeholder;
use super::worker::Conversion;

/// Hex digits of the id of a KV namespace.
const NAMESPACE_ID: usize = 32;

pub(super) fn bindings(conversion: &mut Conversion<'_>, section: &mut Section) {
    namespaces(conversion, section);
    buckets(conversion, section);
    databases(conversion, section);
    workers(conversion, section);
    limits(conversion, section);
    mail(conversion, section);
    products(conversion, section);
    flags(conversion, section);
}

/// What a resource is on Cloudflare, unless somebody has yet to fill it in.
fn live(
    conversion: &mut Conversion<'_>,
    what: &str,
    binding: &str,
    written: Option<String>,
    is_one: impl Fn(&str) -> bool,
) -> Option<String> {
    let written = written?;
    if !is_placeholder(&written) && is_one(&written) {
        return Some(written);
    }
    conversion.notes.say(format!(
        "`{binding}` names no existing {what} (`{written}`): each stage gets one of its own; to use an existing one, set \
         `import` in its table"
    ));
    None
}

fn namespaces(conversion: &mut Conversion<'_>, section: &mut Section) {
    section.each("kv_namespaces", |one| {
        let binding: String = one.take("binding").unwrap_or_default();
        let id = one.take("id");
        let is_id =
            |id: &str| id.len() == NAMESPACE_ID && id.chars().all(|c| c.is_ascii_hexdigit());
        let live = live(conversion, "KV namespace", &binding, id, is_id);
        resource(conversion, Kind::Kv, "kv", &binding, live, Map::new());
    });
}

fn buckets(conversion: &mut Conversion<'_>, section: &mut Section) {
    section.each("r2_buckets", |one| {
        let binding: String = one.take("binding").unwrap_or_default();
        let mut settings = Map::new();
        if let Some(place) = one
            .take::<String>("jurisdiction")
            .filter(|place| place != "default")
        {
            settings.insert("jurisdiction".to_owned(), place.into());
        }
        let name = one.take("bucket_name");
        let live = live(conversion, "R2 bucket", &binding, name, |_| true);
        resource(conversion, Kind::R2, "r2", &binding, live, settings);
    });
}

fn databases(conversion: &mut Conversion<'_>, section: &mut Section) {
    section.each("d1_databases", |one| {
        let binding: String = one.take("binding").unwrap_or_default();
        let mut settings = Map::new();
        if let Some(place) = one.take::<String>("jurisdiction") {
            settings.insert("jurisdiction".to_owned(), place.into());
        }
        migrations(conversion, one, &binding, &mut settings);
        let id: Option<String> = one.take("database_id");
        let name: Option<String> = one.take("database_name");
        let is_id = |id: &str| uuid::Uuid::try_parse(id).is_ok();
        let by_id = id.clone().filter(|id| !is_placeholder(id) && is_id(id));
        // A name is unique in an account: it says which one it is as well.
        let by_name = name.filter(|name| id.is_some() && !is_placeholder(name));
        if let (None, Some(name), Some(id)) = (&by_id, &by_name, &id) {
            conversion.notes.say(format!(
                "`{binding}` is taken over by its name `{name}`, because `database_id` (`{id}`) is not an id: remove its \
                 `import` if there is no such database"
            ));
        }
        let live = by_id
            .or(by_name)
            .or_else(|| live(conversion, "D1 database", &binding, id, is_id));
        resource(conversion, Kind::D1, "d1", &binding, live, settings);
    });
}

/// The folder of migrations, which wrangler takes for `migrations` where it is not set.
fn migrations(
    conversion: &mut Conversion<'_>,
    one: &mut Section,
    binding: &str,
    settings: &mut Map<String, Value>,
) {
    let written: Option<String> = one.take("migrations_dir");
    let folder = conversion.path(written.as_deref().unwrap_or("migrations"));
    let root = conversion.around.root;
    if !root.join(&folder).is_dir() {
        if written.is_some() {
            conversion.notes.say(format!(
                "`migrations_dir` of `{binding}` left out, because there is no folder `{folder}`: create it with the \
                 first migration, then set `migrations = \"{folder}\"` in its [d1] table"
            ));
        }
        return;
    }
    settings.insert("migrations".to_owned(), folder.into());
    if let Some(pattern) = one.take::<String>("migrations_pattern") {
        settings.insert(
            "migrations_pattern".to_owned(),
            conversion.path(&pattern).into(),
        );
    }
    if let Some(table) = one.take::<String>("migrations_table") {
        settings.insert("migrations_table".to_owned(), table.into());
    }
}

fn resource(
    conversion: &mut Conversion<'_>,
    kind: Kind,
    key: &str,
    binding: &str,
    live: Option<String>,
    settings: Map<String, Value>,
) {
    let used = Use {
        kind,
        worker: conversion.around.id,
        role: binding,
        name: binding,
        resource: Resource { settings, live },
    };
    let id = conversion.resources.id(used, conversion.around.base);
    conversion.bind(binding, json!({ key: id }));
}

fn workers(conversion: &mut Conversion<'_>, section: &mut Section) {
    section.each("services", |one| {
        let binding: String = one.take("binding").unwrap_or_default();
        let script: String = one.take("service").unwrap_or_default();
        let mut bound = Map::new();
        let is_known = Some(script.as_str()) == conversion.script
            || conversion.around.scripts.contains_key(&script);
        if is_known {
            bound.insert("service".to_owned(), conversion.worker(&script).into());
        } else {
            bound.insert("service".to_owned(), json!({ "worker": script }));
        }
        let extra = [
            (
                "entrypoint",
                one.take::<String>("entrypoint").map(Value::from),
            ),
            ("props", one.take::<Value>("props")),
        ];
        for (key, value) in extra {
            let Some(value) = value else { continue };
            match bound.get_mut("service") {
                Some(Value::Object(service)) => drop(service.insert(key.to_owned(), value)),
                _ => drop(bound.insert(key.to_owned(), value)),
            }
        }
        conversion.bind(&binding, bound.into());
    });
    let mut tails: Vec<Value> = Vec::new();
    section.each("tail_consumers", |one| {
        let script: String = one.take("service").unwrap_or_default();
        tails.push(conversion.worker(&script).into());
    });
    if !tails.is_empty() {
        conversion.set("tail_consumers", tails);
    }
}

fn limits(conversion: &mut Conversion<'_>, section: &mut Section) {
    section.each("ratelimits", |one| {
        let name: String = one.take("name").unwrap_or_default();
        let simple = one.section("simple", |simple| {
            let limit: Option<u32> = simple.take("limit");
            let period: Option<u32> = simple.take("period");
            limit.zip(period)
        });
        if let Some((limit, period)) = simple.flatten() {
            let limit = json!({ "limit": limit, "period": period });
            conversion.bind(&name, json!({ "ratelimit": limit }));
        } else {
            one.refuse("simple");
        }
    });
}

fn mail(conversion: &mut Conversion<'_>, section: &mut Section) {
    section.each("send_email", |one| {
        let name: String = one.take("name").unwrap_or_default();
        let mut settings = Map::new();
        if let Some(address) = one.take::<String>("destination_address") {
            settings.insert("destination_address".to_owned(), address.into());
        }
        for key in ["allowed_destination_addresses", "allowed_sender_addresses"] {
            if let Some(list) = one.take::<Vec<String>>(key) {
                settings.insert(key.to_owned(), list.into());
            }
        }
        conversion.bind(&name, json!({ "send_email": settings }));
    });
}

/// What is on Cloudflare already and is named there.
fn products(conversion: &mut Conversion<'_>, section: &mut Section) {
    let named = [
        ("vectorize", "index_name", "vectorize"),
        ("mtls_certificates", "certificate_id", "mtls_certificate"),
        ("dispatch_namespaces", "namespace", "dispatch_namespace"),
        ("analytics_engine_datasets", "dataset", "analytics_engine"),
        ("pipelines", "pipeline", "pipeline"),
        ("hyperdrive", "id", "hyperdrive"),
    ];
    for (list, from, to) in named {
        section.each(list, |one| {
            let binding: String = one.take("binding").unwrap_or_default();
            let name: Option<String> = match one.take(from) {
                Some(name) => Some(name),
                None if list == "pipelines" => one.take("stream"),
                // Cloudflare calls it after its binding.
                None => Some(binding.clone()),
            };
            let Some(name) = name else {
                one.refuse("binding");
                return;
            };
            if is_placeholder(&name) {
                conversion.notes.say(format!(
                    "`{binding}` has the placeholder `{name}`: set the real one in [workers.{}.bindings] before the \
                     first deploy",
                    conversion.around.id
                ));
            }
            let mut bound = Map::from_iter([(to.to_owned(), Value::from(name))]);
            if list == "hyperdrive"
                && let Some(local) = one.take::<String>("localConnectionString")
            {
                bound.insert("local".to_owned(), local.into());
            }
            conversion.bind(&binding, bound.into());
        });
    }
    section.each("secrets_store_secrets", |one| {
        let binding: String = one.take("binding").unwrap_or_default();
        let store: String = one.take("store_id").unwrap_or_default();
        let secret: String = one.take("secret_name").unwrap_or_default();
        let secret = json!({ "store": store, "secret": secret });
        conversion.bind(&binding, json!({ "secrets_store": secret }));
    });
}

/// What there is one of.
fn flags(conversion: &mut Conversion<'_>, section: &mut Section) {
    for kind in ["ai", "browser", "images", "version_metadata"] {
        let binding = section.section(kind, |one| one.take::<String>("binding"));
        if let Some(binding) = binding.flatten() {
            conversion.bind(&binding, json!({ kind: true }));
        }
    }
}
