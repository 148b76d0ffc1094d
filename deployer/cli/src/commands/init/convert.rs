//! A manifest out of wrangler's configuration.

use std::collections::BTreeMap;

use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, Value, value};

use super::bindings;
use super::wrangler::{Config, Consumer, Route, Worker};

/// What came out, and what has to be known about it.
pub(super) struct Converted {
    pub(super) manifest: DocumentMut,
    /// Sentences.
    pub(super) notes: Vec<String>,
}

/// Names by which other things are called on Cloudflare, by kind and by the id they get here.
pub(super) type Resources = BTreeMap<&'static str, BTreeMap<String, Option<String>>>;

/// The worker called `id` in a stack called `stack`, built from the crate in `folder`.
pub(super) fn convert(config: &Config, stack: &str, id: &str, date: &str) -> Converted {
    let mut notes = Vec::new();
    let mut resources = Resources::new();
    let mut manifest = DocumentMut::new();
    manifest["name"] = value(stack);

    let mut worker = Table::new();
    worker["crate"] = value(".");
    let given = config.worker.compatibility_date.as_deref();
    worker["compatibility_date"] = value(given.unwrap_or(date));
    fill(&mut worker, &config.worker, &mut resources, &mut notes);
    put(&mut manifest, &["workers", id], worker);

    for (name, layer) in &config.env {
        let mut table = Table::new();
        if let Some(date) = &layer.compatibility_date {
            table["compatibility_date"] = value(date);
        }
        fill(&mut table, layer, &mut resources, &mut notes);
        put(&mut manifest, &["stages", name, "workers", id], table);
    }
    for (kind, found) in &resources {
        for (id, live) in found {
            let mut table = Table::new();
            if *kind == "d1"
                && let Some(folder) = migrations(config, id)
            {
                table["migrations"] = value(folder);
            }
            put(&mut manifest, &[kind, id], table);
            if let Some(live) = live {
                notes.push(format!(
                    "{} `{id}` is a new one for each stage; to go on with `{live}`: tiny import {} {id} {live}",
                    noun(kind), kind.trim_end_matches('s')
                ));
            }
        }
    }
    if !config.worker.migrations.is_empty() {
        notes.push(
            "migrations are not needed: each deploy says which Durable Object classes there are; \
             a worker that has some moves over with its first deploy"
                .to_owned(),
        );
    }
    Converted { manifest, notes }
}

fn noun(kind: &str) -> &'static str {
    match kind {
        "kv" => "KV namespace",
        "r2" => "R2 bucket",
        "d1" => "D1 database",
        _ => "queue",
    }
}

fn migrations(config: &Config, id: &str) -> Option<String> {
    let of = |worker: &Worker| {
        let found = worker.d1_databases.iter();
        found
            .filter(|database| {
                resource_id(&database.binding, database.database_name.as_deref()) == id
            })
            .find_map(|database| database.migrations_dir.clone())
    };
    of(&config.worker).or_else(|| config.env.values().find_map(of))
}

/// Puts a table where a path of keys leads, with headers only where something stands.
fn put(manifest: &mut DocumentMut, path: &[&str], table: Table) {
    let Some((last, above)) = path.split_last() else {
        return;
    };
    let mut at = manifest.as_table_mut();
    for key in above {
        let entry = at.entry(key).or_insert_with(|| {
            let mut table = Table::new();
            table.set_implicit(true);
            Item::Table(table)
        });
        let Item::Table(below) = entry else { return };
        at = below;
    }
    at.insert(last, Item::Table(table));
}

fn fill(table: &mut Table, from: &Worker, resources: &mut Resources, notes: &mut Vec<String>) {
    if !from.compatibility_flags.is_empty() {
        table["compatibility_flags"] = value(strings(&from.compatibility_flags));
    }
    if let Some(on) = from.workers_dev {
        table["url"] = value(on);
    }
    if !from.triggers.crons.is_empty() {
        table["crons"] = value(strings(&from.triggers.crons));
    }
    where_reached(table, from);
    if let Some(assets) = &from.assets {
        let mut inline = InlineTable::new();
        let texts = [
            ("directory", &assets.directory),
            ("binding", &assets.binding),
            ("html_handling", &assets.html_handling),
            ("not_found_handling", &assets.not_found_handling),
        ];
        for (key, text) in texts {
            if let Some(text) = text {
                inline.insert(key, text.as_str().into());
            }
        }
        if let Some(first) = assets.run_worker_first.as_ref().and_then(toml) {
            inline.insert("run_worker_first", first);
        }
        table["assets"] = value(inline);
    }
    settings(table, from);
    vars(table, from, notes);
    durable_objects(table, from, notes);
    let bound = bindings::bindings(from, resources, notes);
    if !bound.is_empty() {
        table["bindings"] = Item::Table(bound);
    }
    consumers(table, &from.queues.consumers, resources);
    for key in from.rest.keys() {
        notes.push(format!("`{key}` has no counterpart and is left out"));
    }
}

fn where_reached(table: &mut Table, from: &Worker) {
    let mut routes = Array::new();
    let mut domains = Array::new();
    for route in from.route.iter().chain(&from.routes) {
        match route {
            Route::Pattern(pattern) => routes.push(pattern.as_str()),
            Route::Table {
                pattern,
                custom_domain: true,
                ..
            } => domains.push(pattern.as_str()),
            Route::Table {
                pattern, zone_name, ..
            } => match zone_name {
                Some(zone) => {
                    let pair = [("pattern", pattern), ("zone", zone)];
                    routes.push(InlineTable::from_iter(
                        pair.map(|(key, text)| (key, text.as_str())),
                    ));
                }
                None => routes.push(pattern.as_str()),
            },
        }
    }
    for (key, list) in [("routes", routes), ("domains", domains)] {
        if !list.is_empty() {
            table[key] = value(list);
        }
    }
}

/// What is called the same on both sides.
fn settings(table: &mut Table, from: &Worker) {
    let same = [
        ("observability", &from.observability),
        ("limits", &from.limits),
        ("placement", &from.placement),
    ];
    for (key, setting) in same {
        if let Some(setting) = setting.as_ref().and_then(toml) {
            table[key] = value(setting);
        }
    }
    if let Some(logpush) = from.logpush {
        table["logpush"] = value(logpush);
    }
}

fn vars(table: &mut Table, from: &Worker, notes: &mut Vec<String>) {
    let mut vars = Table::new();
    for (name, text) in &from.vars {
        match toml(text) {
            Some(text) => vars[name] = value(text),
            None => notes.push(format!("the var `{name}` is null, which TOML cannot say")),
        }
    }
    if !vars.is_empty() {
        table["vars"] = Item::Table(vars);
    }
}

fn durable_objects(table: &mut Table, from: &Worker, notes: &mut Vec<String>) {
    let mut objects = Table::new();
    for object in &from.durable_objects.bindings {
        if let Some(script) = &object.script_name {
            notes.push(format!(
                "`{}` is a Durable Object of `{script}`: bring that worker into this manifest, and bind it with `worker`",
                object.name
            ));
        } else {
            objects[&object.name] = value(&object.class_name);
        }
    }
    if !objects.is_empty() {
        table["durable_objects"] = Item::Table(objects);
    }
}

pub(super) fn resource_id(binding: &str, name: Option<&str>) -> String {
    let id = name.and_then(tiny_manifest::as_id);
    id.or_else(|| tiny_manifest::as_id(binding))
        .unwrap_or_else(|| "main".to_owned())
}

fn consumers(table: &mut Table, from: &[Consumer], resources: &mut Resources) {
    let mut consumers = Table::new();
    consumers.set_implicit(true);
    let mut queue = |name: &str| {
        let id = resource_id(name, None);
        resources
            .entry("queues")
            .or_default()
            .entry(id.clone())
            .or_insert_with(|| Some(name.to_owned()));
        id
    };
    for consumer in from {
        let mut settings = Table::new();
        let numbers = [
            ("batch_size", consumer.max_batch_size),
            ("batch_timeout", consumer.max_batch_timeout),
            ("max_retries", consumer.max_retries),
            ("retry_delay", consumer.retry_delay),
            ("max_concurrency", consumer.max_concurrency),
        ];
        for (key, number) in numbers {
            if let Some(number) = number {
                settings[key] = value(i64::from(number));
            }
        }
        if let Some(dead) = &consumer.dead_letter_queue {
            settings["dead_letter_queue"] = value(queue(dead));
        }
        consumers.insert(&queue(&consumer.queue), Item::Table(settings));
    }
    if !consumers.is_empty() {
        table["consumers"] = Item::Table(consumers);
    }
}

pub(super) fn strings(list: &[String]) -> Array {
    list.iter().map(String::as_str).collect()
}

/// None for what TOML has no word for.
fn toml(json: &serde_json::Value) -> Option<Value> {
    use serde_json::Value as Json;
    Some(match json {
        Json::Null => return None,
        Json::Bool(flag) => (*flag).into(),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => whole.into(),
            None => number.as_f64()?.into(),
        },
        Json::String(text) => text.as_str().into(),
        Json::Array(items) => Value::Array(items.iter().filter_map(toml).collect()),
        Json::Object(fields) => {
            let fields = fields
                .iter()
                .filter_map(|(key, field)| Some((key, toml(field)?)));
            Value::InlineTable(fields.collect())
        }
    })
}
