//! One environment of wrangler's configuration as a worker of the manifest.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Map, Value, json};

use super::bindings;
use super::code;
use super::environments::Environment;
use super::notes::Notes;
use super::resources::{Kind, Resource, Resources, Use};
use super::section::Section;
use super::source::is_placeholder;

/// What a worker that says no date gets: the newest that the pinned workerd knows in full.
pub(super) const DATE: &str = "2026-11-01";

/// What stands around the worker that is converted.
pub(super) struct Surroundings<'a> {
    /// The id of the worker in the manifest.
    pub(super) id: &'a str,
    /// The folder of its configuration.
    pub(super) folder: &'a Utf8Path,
    /// The folder of the manifest.
    pub(super) root: &'a Utf8Path,
    /// The workers of the stack: id by the name of a script.
    pub(super) scripts: &'a BTreeMap<String, String>,
    /// The resources of the top level, where an environment is converted.
    pub(super) base: Option<&'a Resources>,
    /// wrangler would deploy it; a top level may leave everything to its environments.
    pub(super) is_deployable: bool,
}

/// A worker of the manifest, in one environment.
#[derive(Debug, Default)]
pub(super) struct Converted {
    /// Its keys.
    pub(super) table: Map<String, Value>,
    /// Keys that are about what is deployed, and belong to the stage of the deployment alone.
    pub(super) live: Map<String, Value>,
    /// Workers that are deployed elsewhere: the names of their scripts by id.
    pub(super) external: BTreeMap<String, String>,
    /// `[dev]` of the manifest.
    pub(super) dev: Map<String, Value>,
}

/// The work of converting one environment.
pub(super) struct Conversion<'a> {
    pub(super) around: &'a Surroundings<'a>,
    pub(super) script: Option<&'a str>,
    /// Keys that come from the top level, where they have been noted.
    pub(super) inherited: &'a [String],
    pub(super) out: Converted,
    pub(super) resources: &'a mut Resources,
    pub(super) notes: &'a mut Notes,
}

/// Converts one environment. Settings that are not carried over are noted.
pub(super) fn convert(
    environment: &Environment,
    around: &Surroundings<'_>,
    resources: &mut Resources,
    notes: &mut Notes,
) -> Result<Converted, crate::exit::Failure> {
    let mut section = Section::new(environment.values.clone());
    let mut conversion = Conversion {
        around,
        script: environment.script.as_deref(),
        inherited: &environment.inherited,
        out: Converted::default(),
        resources,
        notes,
    };
    conversion.identity(&mut section, environment);
    code::code(&mut conversion, &mut section)?;
    conversion.routes(&mut section, environment);
    conversion.settings(&mut section);
    conversion.assets(&mut section);
    conversion.vars(&mut section);
    conversion.durable_objects(&mut section);
    bindings::bindings(&mut conversion, &mut section);
    conversion.consumers(&mut section);
    if environment.name.is_none() {
        conversion.local(&mut section);
    }
    let out = conversion.out;
    for path in section.leftovers() {
        let top = path.split('.').next().unwrap_or_default();
        if !environment.inherited.iter().any(|key| key == top) {
            notes.leave(&path);
        }
    }
    Ok(out)
}

impl Conversion<'_> {
    fn is_inherited(&self, key: &str) -> bool {
        self.inherited.iter().any(|inherited| inherited == key)
    }

    pub(super) fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.out.table.insert(key.to_owned(), value.into());
    }

    /// A path of the configuration as it is written in the manifest.
    pub(super) fn path(&self, written: &str) -> String {
        relative(self.around.root, &clean(&self.around.folder.join(written)))
    }

    fn identity(&mut self, section: &mut Section, environment: &Environment) {
        section.drop_key("name");
        match environment.script.as_deref() {
            Some(script) if is_placeholder(script) => self.notes.say(format!(
                "`name` is the placeholder `{script}`: set `name` in tiny.toml to the name of your stack"
            )),
            Some(script) => {
                self.out.live.insert("import".to_owned(), script.into());
            }
            None => {}
        }
        match section.take::<String>("compatibility_date") {
            Some(date) if !is_placeholder(&date) => self.set("compatibility_date", date),
            Some(date) => {
                self.notes.say(format!(
                    "`compatibility_date` is the placeholder `{date}`: tiny.toml has {DATE} in its place"
                ));
                self.set("compatibility_date", DATE);
            }
            None => {
                if environment.name.is_none() && !environment.values.is_empty() {
                    self.notes.say(format!(
                        "`compatibility_date` is not set: tiny.toml has {DATE} in its place"
                    ));
                }
                self.set("compatibility_date", DATE);
            }
        }
        if let Some(flags) = section.take::<Vec<String>>("compatibility_flags")
            && !flags.is_empty()
        {
            self.set("compatibility_flags", flags);
        }
    }

    fn routes(&mut self, section: &mut Section, environment: &Environment) {
        let mut routes: Vec<Value> = Vec::new();
        let mut domains: Vec<Value> = Vec::new();
        let mut add = |value: Value, left: &mut Vec<String>| match value {
            Value::String(pattern) => routes.push(without_scheme(&pattern).into()),
            Value::Object(values) => {
                let mut route = Section::new(values);
                let pattern: String = route.take("pattern").unwrap_or_default();
                let pattern = without_scheme(&pattern);
                if route.take::<bool>("custom_domain") == Some(true) {
                    domains.push(pattern.into());
                } else if let Some(zone) = route.take::<String>("zone_name") {
                    routes.push(json!({ "pattern": pattern, "zone": zone }));
                } else {
                    routes.push(pattern.into());
                }
                left.extend(route.leftovers());
            }
            _ => {}
        };
        for key in ["route", "routes"] {
            let mut left = Vec::new();
            match section.take::<Value>(key) {
                Some(Value::Array(list)) => {
                    for route in list {
                        add(route, &mut left);
                    }
                }
                Some(Value::String(text)) if text.is_empty() => {}
                Some(route) => add(route, &mut left),
                None => {}
            }
            for path in left {
                section.refuse(&format!("{key}.{path}"));
            }
        }
        if let Some(environment) = &environment.name
            && ["route", "routes"].iter().any(|key| self.is_inherited(key))
        {
            self.notes.say(format!(
                "environment `{environment}` inherits the routes of the top level, as with wrangler: change them in its \
                 stage unless its deploys are meant to take them over"
            ));
        }
        let is_reached = !routes.is_empty() || !domains.is_empty();
        for (key, list) in [("routes", routes), ("domains", domains)] {
            if !list.is_empty() {
                self.out.live.insert(key.to_owned(), list.into());
            }
        }
        if let Some(url) = section.take::<bool>("workers_dev") {
            if is_reached {
                self.out.live.insert("url".to_owned(), url.into());
            } else {
                self.set("url", url);
            }
        }
    }

    /// What is called alike, or nearly so, on both sides.
    fn settings(&mut self, section: &mut Section) {
        let crons = section.section("triggers", |triggers| triggers.take::<Vec<String>>("crons"));
        if let Some(crons) = crons.flatten().filter(|crons| !crons.is_empty()) {
            self.set("crons", crons);
        }
        let secrets = section.section("secrets", |secrets| secrets.take::<Vec<String>>("required"));
        if let Some(secrets) = secrets.flatten().filter(|secrets| !secrets.is_empty()) {
            self.set("secrets", secrets);
        }
        let observability = section.section("observability", |all| {
            let mut kept = copy(all, &["enabled"], &["head_sampling_rate"]);
            let logs = all.section("logs", |logs| {
                copy(
                    logs,
                    &["enabled", "invocation_logs"],
                    &["head_sampling_rate"],
                )
            });
            let traces = all.section("traces", |traces| {
                copy(traces, &["enabled"], &["head_sampling_rate"])
            });
            for (key, part) in [("logs", logs), ("traces", traces)] {
                if let Some(part) = part.filter(|part| !part.is_empty()) {
                    kept.insert(key.to_owned(), part.into());
                }
            }
            kept
        });
        let limits = section.section("limits", |limits| {
            let mut kept = Map::new();
            for key in ["cpu_ms", "subrequests"] {
                if let Some(number) = limits.take::<u32>(key) {
                    kept.insert(key.to_owned(), number.into());
                }
            }
            kept
        });
        let placement = section.section("placement", |placement| {
            let mut kept = Map::new();
            match placement.take::<String>("mode").as_deref() {
                Some("smart") => drop(kept.insert("mode".to_owned(), "smart".into())),
                // `off` is what a worker without placement has, `targeted` is told by the other keys.
                Some("off" | "targeted") | None => {}
                Some(_) => placement.refuse("mode"),
            }
            for key in ["region", "host"] {
                if let Some(text) = placement.take::<String>(key) {
                    kept.insert(key.to_owned(), text.into());
                }
            }
            kept
        });
        for (key, table) in [
            ("observability", observability),
            ("limits", limits),
            ("placement", placement),
        ] {
            if let Some(table) = table.filter(|table| !table.is_empty()) {
                self.set(key, table);
            }
        }
        if let Some(logpush) = section.take::<bool>("logpush") {
            self.set("logpush", logpush);
        }
    }

    fn assets(&mut self, section: &mut Section) {
        let assets = section.section("assets", |assets| {
            let mut kept = Map::new();
            for key in [
                "directory",
                "binding",
                "html_handling",
                "not_found_handling",
            ] {
                if let Some(text) = assets.take::<String>(key) {
                    kept.insert(key.to_owned(), text.into());
                }
            }
            if matches!(
                assets.peek("run_worker_first"),
                Some(Value::Bool(_) | Value::Array(_))
            ) && let Some(first) = assets.take::<Value>("run_worker_first")
            {
                kept.insert("run_worker_first".to_owned(), first);
            }
            kept
        });
        let Some(mut assets) = assets.filter(|assets| !assets.is_empty()) else {
            return;
        };
        let Some(directory) = assets
            .get("directory")
            .and_then(Value::as_str)
            .map(str::to_owned)
        else {
            let keys: Vec<String> = assets.keys().map(|key| format!("`assets.{key}`")).collect();
            self.notes.say(format!(
                "{} left out, because `assets` has no `directory`: write the folder into tiny.toml with them",
                keys.join(", ")
            ));
            return;
        };
        let folder = self.path(&directory);
        assets.insert("directory".to_owned(), folder.clone().into());
        if self.around.root.join(&folder).is_dir() || self.out.table.contains_key("build") {
            self.set("assets", assets);
        } else {
            let line = super::render::inline(&Value::Object(assets));
            self.notes.say(format!(
                "`assets` left out, because there is no folder `{folder}` yet: build it, then add `assets = {line}` to \
                 [workers.{}]",
                self.around.id
            ));
        }
    }

    fn vars(&mut self, section: &mut Section) {
        let Some(Value::Object(vars)) = section.take::<Value>("vars") else {
            return;
        };
        let mut kept = Map::new();
        for (name, value) in vars {
            let mut nulls = Vec::new();
            if let Some(value) = without_nulls(value, &format!("vars.{name}"), &mut nulls) {
                kept.insert(name, value);
            }
            for path in nulls {
                section.refuse(&path);
            }
        }
        if !kept.is_empty() {
            self.set("vars", kept);
        }
    }

    fn durable_objects(&mut self, section: &mut Section) {
        let mut objects = Map::new();
        let mut own = BTreeSet::new();
        let mut foreign = Vec::new();
        let strategy = section.section("durable_objects", |all| {
            all.each("bindings", |object| {
                let name: String = object.take("name").unwrap_or_default();
                let class: String = object.take("class_name").unwrap_or_default();
                let script: Option<String> = object.take("script_name");
                if let Some(script) = script.filter(|script| Some(script.as_str()) != self.script) {
                    foreign.push((name, class, script));
                } else {
                    own.insert(class.clone());
                    objects.insert(name, class.into());
                }
            });
            all.section("code_update_strategy", |strategy| {
                let mode = strategy.take::<String>("mode")?;
                let max_delay = strategy.take::<u32>("max_delay");
                Some(match max_delay {
                    Some(seconds) => json!({ "mode": mode, "max_delay": seconds }),
                    None => mode.into(),
                })
            })
        });
        if let Some(strategy) = strategy.flatten().flatten() {
            self.set("code_update", strategy);
        }
        for (name, class, script) in foreign {
            let worker = self.worker(&script);
            objects.insert(name, json!({ "class": class, "worker": worker }));
        }
        let declared = self.classes(section);
        let unbound = declared
            .difference(&own)
            .filter(|_| self.around.is_deployable);
        for class in unbound {
            let name = binding_name(class);
            if !objects.contains_key(&name) {
                objects.insert(name.clone(), class.clone().into());
                if ["migrations", "exports"]
                    .iter()
                    .any(|key| self.is_inherited(key))
                {
                    continue;
                }
                self.notes.say(format!(
                    "no binding leads to the Durable Object class `{class}`: tiny.toml binds it as `{name}`, so that \
                     its objects are kept"
                ));
            }
        }
        if !objects.is_empty() {
            self.set("durable_objects", objects);
        }
    }

    /// The classes that migrations or exports declare, as they are in the end.
    fn classes(&mut self, section: &mut Section) -> BTreeSet<String> {
        let mut classes = BTreeSet::new();
        let mut legacy = BTreeSet::new();
        let mut is_migrated = false;
        section.each("migrations", |step| {
            is_migrated = true;
            step.drop_key("tag");
            for class in step
                .take::<Vec<String>>("new_sqlite_classes")
                .into_iter()
                .flatten()
            {
                classes.insert(class);
            }
            for class in step
                .take::<Vec<String>>("new_classes")
                .into_iter()
                .flatten()
            {
                legacy.insert(class.clone());
                classes.insert(class);
            }
            for key in ["renamed_classes", "transferred_classes"] {
                step.each(key, |change| {
                    let from: String = change.take("from").unwrap_or_default();
                    let to: String = change.take("to").unwrap_or_default();
                    if change.take::<String>("from_script").is_none() {
                        classes.remove(&from);
                        if legacy.remove(&from) {
                            legacy.insert(to.clone());
                        }
                    }
                    classes.insert(to);
                });
            }
            for class in step
                .take::<Vec<String>>("deleted_classes")
                .into_iter()
                .flatten()
            {
                classes.remove(&class);
                legacy.remove(&class);
            }
        });
        if is_migrated {
            self.notes.say(
                "`migrations` left out, because each deploy declares its Durable Object classes: if one of them is not \
                 deployed yet, deploy it with wrangler before the first deploy with tiny",
            );
        }
        for class in legacy.intersection(&classes) {
            self.notes.say(format!(
                "the objects of `{class}` (`new_classes`) keep their key-value storage where they are deployed; a new \
                 stage gives them SQLite"
            ));
        }
        section.section("exports", |exports| {
            for class in exports.keys() {
                let kept = exports.section(&class, |export| {
                    if export.peek("type").and_then(Value::as_str) != Some("durable-object") {
                        return None;
                    }
                    let state: Option<String> = export.take("state");
                    match state.as_deref() {
                        Some("created") | None => {
                            export.drop_key("type");
                            let storage: Option<String> = export.take("storage");
                            Some((true, storage.as_deref() == Some("legacy-kv")))
                        }
                        // What was done stays done.
                        Some("deleted" | "renamed" | "transferred") => {
                            for key in ["type", "renamed_to", "transferred_to"] {
                                export.drop_key(key);
                            }
                            Some((false, false))
                        }
                        Some(_) => {
                            export.refuse("state");
                            None
                        }
                    }
                });
                if let Some(Some((true, is_legacy))) = kept {
                    classes.insert(class.clone());
                    if is_legacy {
                        self.notes.say(format!(
                            "the objects of `{class}` (`storage = \"legacy-kv\"`) keep their storage where they are \
                             deployed; a new stage gives them SQLite"
                        ));
                    }
                }
            }
        });
        classes
    }

    /// The id of the worker with this script: one of the stack, or one that is external to it.
    pub(super) fn worker(&mut self, script: &str) -> String {
        if Some(script) == self.script {
            return self.around.id.to_owned();
        }
        if let Some(id) = self.around.scripts.get(script) {
            return id.clone();
        }
        let id = tiny_manifest::as_id(script).unwrap_or_else(|| "other".to_owned());
        let is_taken =
            id == self.around.id || self.around.scripts.values().any(|known| *known == id);
        let id = if is_taken {
            format!("{id}-external")
        } else {
            id
        };
        self.out.external.insert(id.clone(), script.to_owned());
        id
    }

    /// The id of a queue, which workers know by its name.
    pub(super) fn queue(&mut self, name: &str, role: &str) -> String {
        let live = (!is_placeholder(name)).then(|| name.to_owned());
        if live.is_none() {
            self.notes.say(format!(
                "the queue `{name}` is a placeholder: each stage gets a queue of its own; to use an existing one, set \
                 `import` in its table"
            ));
        }
        let used = Use {
            kind: Kind::Queues,
            worker: self.around.id,
            role,
            name,
            resource: Resource {
                live,
                ..Resource::default()
            },
        };
        self.resources.id(used, self.around.base)
    }

    fn consumers(&mut self, section: &mut Section) {
        let mut consumers = Map::new();
        let mut number = 0;
        section.section("queues", |queues| {
            queues.each("producers", |producer| {
                let binding: String = producer.take("binding").unwrap_or_default();
                let name: String = producer.take("queue").unwrap_or_else(|| binding.clone());
                let id = self.queue(&name, &binding);
                let mut bound = Map::from_iter([("queue".to_owned(), Value::from(id))]);
                if let Some(delay) = producer.take::<u32>("delivery_delay") {
                    bound.insert("delivery_delay".to_owned(), delay.into());
                }
                self.bind(&binding, bound.into());
            });
            queues.each("consumers", |consumer| {
                number += 1;
                let name: String = consumer.take("queue").unwrap_or_default();
                let mut settings = Map::new();
                for (from, to) in [
                    ("max_batch_size", "batch_size"),
                    ("max_batch_timeout", "batch_timeout"),
                    ("max_retries", "max_retries"),
                    ("retry_delay", "retry_delay"),
                    ("max_concurrency", "max_concurrency"),
                ] {
                    if let Some(value) = consumer.take::<u32>(from) {
                        settings.insert(to.to_owned(), value.into());
                    }
                }
                if consumer.peek("type").and_then(Value::as_str) == Some("worker") {
                    consumer.drop_key("type");
                }
                let id = self.queue(&name, &format!("consumer {number}"));
                if let Some(dead) = consumer.take::<String>("dead_letter_queue") {
                    let dead = self.queue(&dead, &format!("dead letters of consumer {number}"));
                    settings.insert("dead_letter_queue".to_owned(), dead.into());
                }
                consumers.insert(id, settings.into());
            });
        });
        if !consumers.is_empty() {
            self.set("consumers", consumers);
        }
    }

    pub(super) fn bind(&mut self, name: &str, value: Value) {
        let bindings = self
            .out
            .table
            .entry("bindings")
            .or_insert_with(|| json!({}));
        if let Value::Object(bindings) = bindings {
            bindings.insert(name.to_owned(), value);
        }
    }

    fn local(&mut self, section: &mut Section) {
        section.section("dev", |dev| {
            if let Some(port) = dev.take::<u32>("port") {
                self.out.dev.insert("port".to_owned(), port.into());
            }
            let host = dev.take::<String>("ip");
            if let Some(host) = host.filter(|host| host != "localhost") {
                let host = if host == "*" {
                    "0.0.0.0".to_owned()
                } else {
                    host
                };
                self.out.dev.insert("host".to_owned(), host.into());
            }
        });
    }
}

/// Takes flags and numbers as they are.
fn copy(section: &mut Section, flags: &[&str], numbers: &[&str]) -> Map<String, Value> {
    let mut kept = Map::new();
    for key in flags {
        if let Some(flag) = section.take::<bool>(key) {
            kept.insert((*key).to_owned(), flag.into());
        }
    }
    for key in numbers {
        if let Some(number) = section.take::<f64>(key) {
            kept.insert((*key).to_owned(), number.into());
        }
    }
    kept
}

/// TOML has no null; the paths of those that were in the value are noted.
fn without_nulls(value: Value, path: &str, nulls: &mut Vec<String>) -> Option<Value> {
    match value {
        Value::Null => {
            nulls.push(path.to_owned());
            None
        }
        Value::Array(items) if items.iter().any(Value::is_null) => {
            // Without one of its items the others would have other places.
            nulls.push(path.to_owned());
            None
        }
        Value::Array(items) => {
            let items = items
                .into_iter()
                .filter_map(|item| without_nulls(item, path, nulls));
            Some(items.collect())
        }
        Value::Object(fields) => {
            let fields = fields.into_iter().filter_map(|(key, field)| {
                let value = without_nulls(field, &format!("{path}.{key}"), nulls)?;
                Some((key, value))
            });
            Some(Value::Object(fields.collect()))
        }
        Value::Number(number) if number.as_i64().is_none() && number.is_u64() => {
            nulls.push(path.to_owned());
            None
        }
        other => Some(other),
    }
}

fn without_scheme(pattern: &str) -> String {
    let bare = pattern
        .strip_prefix("https://")
        .or_else(|| pattern.strip_prefix("http://"));
    bare.unwrap_or(pattern).to_owned()
}

/// `TodoStore` is bound as `TODO_STORE`.
fn binding_name(class: &str) -> String {
    let id = tiny_manifest::as_id(class).unwrap_or_else(|| "object".to_owned());
    id.replace('-', "_").to_ascii_uppercase()
}

/// Without `.` and `..`.
pub(super) fn clean(path: &Utf8Path) -> Utf8PathBuf {
    let mut clean = Utf8PathBuf::new();
    for part in path.components() {
        match part {
            camino::Utf8Component::CurDir => {}
            camino::Utf8Component::ParentDir => drop(clean.pop()),
            other => clean.push(other),
        }
    }
    clean
}

/// One path as seen from a folder.
pub(super) fn relative(from: &Utf8Path, to: &Utf8Path) -> String {
    let shared = from
        .components()
        .zip(to.components())
        .take_while(|(one, other)| one == other)
        .count();
    let mut path = Utf8PathBuf::new();
    for _ in from.components().skip(shared) {
        path.push("..");
    }
    path.extend(to.components().skip(shared));
    match path.as_str() {
        "" => ".".to_owned(),
        path => path.to_owned(),
    }
}
