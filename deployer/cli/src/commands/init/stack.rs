//! Workers of wrangler's configurations as one stack of a manifest.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Map, Value, json};
use tiny_manifest::StageName;
use toml_edit::{DocumentMut, Table, value};

use super::environments::{Environment, environments};
use super::layer;
use super::notes::Notes;
use super::render;
use super::resources::Resources;
use super::worker::{Converted, Surroundings, convert};
use crate::exit::Failure;

/// One worker to be converted.
pub(super) struct Source {
    /// Its id in the manifest.
    pub(super) id: String,
    /// The folder of its configuration.
    pub(super) folder: Utf8PathBuf,
    pub(super) config: Map<String, Value>,
}

/// A manifest, and the stages that take over what is deployed.
pub(super) struct Stack {
    pub(super) manifest: DocumentMut,
    pub(super) stages: Vec<String>,
}

/// Keys of the manifest and of its stages by their tables.
#[derive(Default)]
struct Layer {
    /// By id.
    workers: BTreeMap<String, Map<String, Value>>,
    /// By kind and id.
    resources: BTreeMap<(&'static str, String), Map<String, Value>>,
    /// Names of scripts by id.
    external: BTreeMap<String, String>,
}

struct Worker<'a> {
    source: &'a Source,
    top: Environment,
    named: Vec<Environment>,
}

/// The stack called `name`, with its manifest in `root`.
pub(super) fn stack(
    name: &str,
    root: &Utf8Path,
    sources: &[Source],
    notes: &mut Notes,
) -> Result<Stack, Failure> {
    let workers: Vec<Worker<'_>> = sources
        .iter()
        .map(|source| {
            let (top, named) = environments(&source.config);
            Worker { source, top, named }
        })
        .collect();
    let stages = stages(&workers, notes);
    let top = top_level(root, &workers, notes)?;
    let mut layers = vec![(
        stage_of_top_level(&stages).to_owned(),
        deployed(&workers, &top),
    )];
    for (environment, stage) in &stages {
        let mut leaked = Vec::new();
        let layer = environment_layer(root, environment, &workers, &top, &mut leaked, notes)?;
        layers.push((stage.clone(), layer));
        if !leaked.is_empty() {
            let paths: Vec<String> = leaked.iter().map(|path| format!("`{path}`")).collect();
            notes.say(format!(
                "stage `{stage}` also has {} from the top level, which wrangler does not pass on: move what it must not \
                 have into the stages that need it",
                paths.join(", ")
            ));
        }
    }
    layers.retain(|(_, layer)| !layer.is_empty());
    layers.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut manifest = DocumentMut::new();
    manifest["name"] = value(name);
    top.layer.write(&mut manifest, &[]);
    if !top.dev.is_empty() {
        render::put(&mut manifest, &["dev"], render::plain(&top.dev));
    }
    for (stage, layer) in &layers {
        layer.write(&mut manifest, &["stages", stage]);
    }
    Ok(Stack {
        manifest,
        stages: layers.into_iter().map(|(stage, _)| stage).collect(),
    })
}

/// The stage that takes over what the top level deployed.
fn stage_of_top_level(stages: &BTreeMap<String, String>) -> &'static str {
    let is_taken = |name: &str| stages.values().any(|stage| stage == name);
    match (
        is_taken("prod") || is_taken("production"),
        is_taken("default"),
    ) {
        (false, _) => "prod",
        (true, false) => "default",
        (true, true) => "top-level",
    }
}

/// What of the top level is deployed.
fn deployed(workers: &[Worker<'_>], top: &TopLevel) -> Layer {
    let mut layer = Layer::default();
    for (worker, converted) in workers.iter().zip(&top.workers) {
        if worker.is_deployable() && !converted.live.is_empty() {
            let keys = layer.workers.entry(worker.source.id.clone()).or_default();
            keys.extend(converted.live.clone());
        }
    }
    take_over(&mut layer, &top.resources);
    layer
}

/// What one environment says otherwise than the top level.
fn environment_layer(
    root: &Utf8Path,
    environment: &str,
    workers: &[Worker<'_>],
    top: &TopLevel,
    leaked: &mut Vec<String>,
    notes: &mut Notes,
) -> Result<Layer, Failure> {
    let present: Vec<_> = workers
        .iter()
        .zip(&top.workers)
        .filter_map(|(worker, base)| {
            let mut named = worker.named.iter();
            let found = named.find(|named| named.name.as_deref() == Some(environment))?;
            Some((worker, base, found))
        })
        .collect();
    let mut scripts = scripts(workers.iter().map(|worker| (worker, &worker.top)));
    scripts.extend(self::scripts(
        present.iter().map(|(worker, _, found)| (*worker, *found)),
    ));
    let mut layer = Layer::default();
    let mut resources = Resources::default();
    for (worker, base, found) in present {
        let source = worker.source;
        let around = Surroundings {
            id: &source.id,
            folder: &source.folder,
            root,
            scripts: &scripts,
            base: Some(&top.resources),
            is_deployable: true,
        };
        let converted = convert(found, &around, &mut resources, notes)?;
        let path = format!("workers.{}.", source.id);
        let mut keys = layer::over(&base.table, &converted.table, &path, leaked);
        keys.extend(converted.live);
        if !keys.is_empty() {
            layer.workers.insert(source.id.clone(), keys);
        }
        let external = converted.external.into_iter();
        let new = external.filter(|(id, script)| top.layer.external.get(id) != Some(script));
        layer.external.extend(new);
    }
    for ((kind, id), resource) in &resources.all {
        let address = (kind.table(), id.clone());
        let known = top.layer.resources.get(&address);
        let path = format!("{}.{id}.", kind.table());
        let before = known.cloned().unwrap_or_default();
        let keys = layer::over(&before, &resource.settings, &path, leaked);
        if known.is_none() || !keys.is_empty() {
            layer.resources.insert(address, keys);
        }
    }
    take_over(&mut layer, &resources);
    Ok(layer)
}

/// The top level of all workers.
struct TopLevel {
    layer: Layer,
    resources: Resources,
    /// In the order of the workers.
    workers: Vec<Converted>,
    dev: Map<String, Value>,
}

fn top_level(
    root: &Utf8Path,
    workers: &[Worker<'_>],
    notes: &mut Notes,
) -> Result<TopLevel, Failure> {
    let scripts = scripts(workers.iter().map(|worker| (worker, &worker.top)));
    let mut top = TopLevel {
        layer: Layer::default(),
        resources: Resources::default(),
        workers: Vec::new(),
        dev: Map::new(),
    };
    for worker in workers {
        let id = &worker.source.id;
        let around = Surroundings {
            id,
            folder: &worker.source.folder,
            root,
            scripts: &scripts,
            base: None,
            is_deployable: worker.is_deployable(),
        };
        let converted = convert(&worker.top, &around, &mut top.resources, notes)?;
        top.layer
            .workers
            .insert(id.clone(), converted.table.clone());
        top.layer.external.extend(converted.external.clone());
        for (key, value) in &converted.dev {
            top.dev.entry(key.clone()).or_insert_with(|| value.clone());
        }
        top.workers.push(converted);
    }
    for ((kind, id), resource) in &top.resources.all {
        let address = (kind.table(), id.clone());
        top.layer
            .resources
            .insert(address, resource.settings.clone());
    }
    Ok(top)
}

impl Worker<'_> {
    /// wrangler itself refuses to deploy a top level that leaves everything to its environments.
    fn is_deployable(&self) -> bool {
        let values = &self.top.values;
        self.named.is_empty()
            || ["main", "assets"]
                .iter()
                .any(|key| values.contains_key(*key))
    }
}

/// The worker that each script is.
fn scripts<'a>(
    all: impl Iterator<Item = (&'a Worker<'a>, &'a Environment)>,
) -> BTreeMap<String, String> {
    let named = all.filter_map(|(worker, environment)| {
        Some((environment.script.clone()?, worker.source.id.clone()))
    });
    named.collect()
}

/// The stage of each environment.
fn stages(workers: &[Worker<'_>], notes: &mut Notes) -> BTreeMap<String, String> {
    let mut stages: BTreeMap<String, String> = BTreeMap::new();
    let names = workers.iter().flat_map(|worker| &worker.named);
    for name in names.filter_map(|environment| environment.name.as_ref()) {
        if stages.contains_key(name) {
            continue;
        }
        let stage = stage_name(name, &stages);
        if stage != *name {
            notes.say(format!("environment `{name}` is the stage `{stage}`"));
        }
        stages.insert(name.clone(), stage);
    }
    stages
}

fn stage_name(environment: &str, taken: &BTreeMap<String, String>) -> String {
    const LONGEST: usize = 18;
    let mut id = tiny_manifest::as_id(environment).unwrap_or_else(|| "stage".to_owned());
    if StageName::new(&id).is_err() {
        id.truncate(LONGEST);
        id.truncate(id.trim_end_matches('-').len());
    }
    let numbered = (2..).map(|number| format!("{}{number}", id.get(..LONGEST).unwrap_or(&id)));
    std::iter::once(id.clone())
        .chain(numbered)
        .find(|stage| !taken.values().any(|other| other == stage))
        .unwrap_or(id)
}

/// What is deployed is taken over by the stage.
fn take_over(layer: &mut Layer, resources: &Resources) {
    for ((kind, id), resource) in &resources.all {
        if let Some(live) = &resource.live {
            let keys = layer
                .resources
                .entry((kind.table(), id.clone()))
                .or_default();
            keys.insert("import".to_owned(), live.as_str().into());
        }
    }
}

impl Layer {
    fn is_empty(&self) -> bool {
        self.workers.is_empty() && self.resources.is_empty() && self.external.is_empty()
    }

    fn write(&self, manifest: &mut DocumentMut, within: &[&str]) {
        let mut put = |path: &[&str], table: Table| {
            let path: Vec<&str> = within.iter().chain(path).copied().collect();
            render::put(manifest, &path, table);
        };
        for (id, keys) in &self.workers {
            put(&["workers", id], render::worker(keys));
        }
        for ((kind, id), keys) in &self.resources {
            put(&[kind, id], render::plain(keys));
        }
        for (id, script) in &self.external {
            let keys = Map::from_iter([("name".to_owned(), json!(script))]);
            put(&["external", "workers", id], render::plain(&keys));
        }
    }
}
