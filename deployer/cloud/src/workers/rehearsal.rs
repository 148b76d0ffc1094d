//! What uploads do to the classes of an account, with no server and no store around it: for those
//! who plan uploads, to try a thousand of them in a second. The rules are those of the server.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};

use super::classes::{ClassBinding, Migrations, Namespace, Namespaces, Plan, RawExport, Storage};
use super::code::{ClassKind, Probed};
use super::publish::{Step, advance};
use super::records::Worker;

/// An account's workers, as far as Durable Object classes go.
#[derive(Debug, Clone)]
pub struct Rehearsal {
    workers: BTreeMap<String, Worker>,
    namespaces: Namespaces,
}

/// The part of an upload's metadata that is about classes; the rest is passed over.
#[derive(Debug, Deserialize)]
struct Metadata {
    exports: Option<BTreeMap<String, RawExport>>,
    migrations: Option<Migrations>,
    #[serde(default)]
    bindings: Vec<Value>,
}

impl Default for Rehearsal {
    fn default() -> Self {
        Self {
            workers: BTreeMap::new(),
            namespaces: Namespaces {
                all: Vec::new(),
                pending: Vec::new(),
                bindings: Vec::new(),
                scripts: BTreeSet::new(),
                plan: Plan::Paid,
            },
        }
    }
}

impl Rehearsal {
    /// Uploads a worker whose code exports these classes. The refusal is in Cloudflare's words, and
    /// then nothing has changed.
    pub fn upload(&mut self, script: &str, metadata: &Value, code: &[&str]) -> Result<(), String> {
        let metadata: Metadata =
            serde_json::from_value(metadata.clone()).map_err(|error| error.to_string())?;
        let known = self.workers.get(script).cloned();
        let mut worker = known.unwrap_or_else(|| Worker::new(script, "rehearsal"));
        let mut before = self.namespaces.clone();
        before.scripts.insert(script.to_owned());
        let classes = code.iter().copied().map(str::to_owned);
        let probed = Probed {
            classes: classes
                .map(|class| (class, ClassKind::DurableObject))
                .collect(),
            ..Probed::default()
        };
        let step = Step {
            exports: metadata.exports.as_ref(),
            migrations: metadata.migrations.as_ref(),
            probed: &probed,
            bindings: &[],
        };
        let advanced = advance(&before, &worker, &step).map_err(|error| format!("{error:?}"))?;
        if let Some(tag) = metadata
            .migrations
            .as_ref()
            .and_then(|it| it.new_tag.clone())
        {
            worker.migration_tag = Some(tag);
        }
        advanced.note(&mut worker, metadata.exports.as_ref());
        let mut after = advanced.namespaces;
        let bindings = bind(&after, script, &metadata.bindings)?;
        after.bindings.retain(|binding| binding.owner != script);
        after.bindings.extend(bindings);
        self.namespaces = after;
        self.workers.insert(script.to_owned(), worker);
        Ok(())
    }

    /// The namespaces, as their list tells them. The id is that of the objects, whatever becomes of
    /// the names.
    pub fn namespaces(&self) -> Vec<Value> {
        let told = |namespace: &Namespace| {
            json!({
                "id": namespace.id,
                "script": namespace.script,
                "class": namespace.class,
                "use_sqlite": namespace.storage == Storage::Sqlite,
            })
        };
        self.namespaces.all.iter().map(told).collect()
    }

    /// A worker, as the list of workers tells it.
    pub fn script(&self, name: &str) -> Option<Value> {
        let worker = self.workers.get(name)?;
        Some(json!({
            "id": name,
            "tag": worker.tag,
            "migration_tag": worker.migration_tag,
            "exports": worker.live_exports(),
        }))
    }
}

/// What the bindings of an upload lead to, once its classes are in place.
fn bind(after: &Namespaces, owner: &str, bindings: &[Value]) -> Result<Vec<ClassBinding>, String> {
    let mut bound = Vec::new();
    for binding in bindings {
        let text = |field: &str| binding.get(field).and_then(Value::as_str);
        if text("type") != Some("durable_object_namespace") {
            continue;
        }
        let script = text("script_name").unwrap_or(owner);
        let class = text("class_name").unwrap_or_default();
        let namespace = after
            .bindable(script, class)
            .ok_or_else(|| format!("there is no class {class} of {script} to bind"))?;
        bound.push(ClassBinding {
            owner: owner.to_owned(),
            script: script.to_owned(),
            class: class.to_owned(),
            namespace: namespace.id.clone(),
        });
    }
    Ok(bound)
}
