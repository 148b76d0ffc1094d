//! Every key that wrangler's own schema knows is carried over, or named with what to do about it.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::support::{Tiny, peers};

/// Definitions within definitions are followed so far.
const DEEPEST: usize = 9;

/// Values of one key that are tried. `previews` has a thousand, being a whole configuration within one.
const MOST: usize = 24;

/// Leaves without a trace of their own: what they say is what a worker has anyway.
const DEFAULTS: [&str; 7] = [
    // There are no others for a worker.
    "queues.consumers.type",
    // It is in the name of the setting that is carried over, or is what nothing said means.
    "placement.mode",
    // A live class is bound, whatever else is said of it.
    "exports.type",
    "exports.state",
    "exports.storage",
    // One that is not live needs no word.
    "exports.renamed_to",
    "exports.transferred_to",
];

/// Makes values of a schema, each leaf with something that is nowhere else.
struct Samples {
    definitions: Value,
    count: u32,
}

impl Samples {
    fn of_wrangler() -> Self {
        let file = peers().modules().join("wrangler/config-schema.json");
        let text = fs_err::read_to_string(file).unwrap();
        let mut schema: Value = serde_json::from_str(&text).unwrap();
        Self {
            definitions: schema["definitions"].take(),
            count: 0,
        }
    }

    fn number(&mut self) -> u32 {
        self.count += 1;
        10_000 + self.count
    }

    /// The settings of a configuration: a key with one of the values that it can have.
    fn settings(&mut self) -> Vec<(String, Value)> {
        let keys = self.definitions["RawConfig"]["properties"].clone();
        let mut settings = Vec::new();
        for (key, schema) in keys.as_object().unwrap() {
            if key != "env" {
                let values = self.values(schema, 0);
                let some = values.into_iter().take(MOST);
                settings.extend(some.map(|value| (key.clone(), value)));
            }
        }
        settings
    }

    fn values(&mut self, schema: &Value, depth: usize) -> Vec<Value> {
        if depth > DEEPEST {
            return Vec::new();
        }
        if let Some(reference) = schema["$ref"].as_str() {
            let name = reference.rsplit('/').next().unwrap();
            if name == "Json" {
                return vec![json!({ "deep": [format!("s{}x", self.number())] })];
            }
            let schema = self.definitions[name].clone();
            return self.values(&schema, depth + 1);
        }
        for many in ["anyOf", "oneOf"] {
            if let Some(choices) = schema[many].as_array() {
                let values = choices.iter().map(|choice| self.values(choice, depth));
                return values.collect::<Vec<_>>().concat();
            }
        }
        if let Some(constant) = schema.get("const") {
            return vec![constant.clone()];
        }
        if let Some(choices) = schema["enum"].as_array() {
            return choices.clone();
        }
        match schema["type"].as_str().or(schema["type"][0].as_str()) {
            Some("number" | "integer") => vec![self.number().into()],
            Some("boolean") => vec![true.into(), false.into()],
            Some("array") => {
                if let Some(items) = schema["items"].as_array() {
                    let items = items
                        .iter()
                        .map(|item| self.values(item, depth + 1).remove(0));
                    return vec![items.collect()];
                }
                let items = self.values(&schema["items"], depth + 1);
                items.into_iter().map(|item| json!([item])).collect()
            }
            Some("object") => self.objects(schema, depth),
            _ => vec![format!("s{}x", self.number()).into()],
        }
    }

    /// The object with every key, and once more for each further value that one of them can have.
    fn objects(&mut self, schema: &Value, depth: usize) -> Vec<Value> {
        let mut first = Map::new();
        let mut others = Vec::new();
        for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
            let mut values = self.values(schema, depth + 1).into_iter();
            if let Some(value) = values.next() {
                first.insert(key.clone(), value);
                others.extend(values.map(|value| (key.clone(), value)));
            }
        }
        match &schema["additionalProperties"] {
            Value::Object(any) if !any.is_empty() => {
                let any = Value::Object(any.clone());
                for value in self.values(&any, depth + 1) {
                    let key = format!("KEY{}", self.number());
                    others.push((key, value));
                }
            }
            Value::Bool(true) | Value::Object(_) => {
                let value = format!("s{}x", self.number());
                first.insert(format!("KEY{}", self.number()), value.into());
            }
            _ => {}
        }
        let mut all = vec![Value::Object(first.clone())];
        for (key, value) in others {
            let mut object = first.clone();
            object.insert(key, value);
            all.push(object.into());
        }
        all
    }
}

/// The leaves of a value by their paths, without the numbers of lists.
fn leaves(path: &str, value: &Value, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| leaves(path, item, found)),
        Value::Object(fields) => {
            for (key, field) in fields {
                leaves(&format!("{path}.{key}"), field, found);
            }
        }
        leaf => found.push((path.to_owned(), leaf.clone())),
    }
}

/// A path without the names that people make up.
fn known(path: &str) -> String {
    let keys: Vec<&str> = path
        .split('.')
        .filter(|key| !key.starts_with("KEY"))
        .collect();
    keys.join(".")
}

/// A folder in which configurations are converted one after the other.
struct Converter {
    tiny: Tiny,
}

impl Converter {
    fn new(name: &str) -> Self {
        let files = [
            (
                "Cargo.toml",
                "[package]\nname = \"shop\"\n[lib]\ncrate-type = [\"cdylib\"]\n",
            ),
            ("src/lib.rs", ""),
            ("src/entry.js", ""),
        ];
        Self {
            tiny: Tiny::empty(name, &files),
        }
    }

    /// The manifest and the notes; or, where it is no configuration of a worker, what is said about it.
    fn convert(&self, config: &Value) -> (Option<String>, String) {
        let root = self.tiny.root();
        let manifest = root.join("tiny.toml");
        let _ = fs_err::remove_file(&manifest);
        fs_err::write(root.join("wrangler.json"), config.to_string()).unwrap();
        let output = self.tiny.run(&["init"]);
        let told = String::from_utf8(output.stderr).unwrap();
        let text = fs_err::read_to_string(&manifest).ok();
        match output.status.code() {
            Some(0) => assert!(text.is_some()),
            Some(2) => assert!(
                config.get("pages_build_output_dir").is_some(),
                "{config}\n{told}"
            ),
            other => panic!("{other:?} {config}\n{told}"),
        }
        (text, told)
    }
}

fn config(key: &str, value: &Value, is_of_environment: bool) -> Value {
    let mut config =
        json!({ "name": "shop", "main": "src/entry.js", "compatibility_date": "2026-11-01" });
    if is_of_environment {
        config["env"] = json!({ "staging": {} });
        config["env"]["staging"][key] = value.clone();
    } else {
        config[key] = value.clone();
    }
    config
}

/// Paths of leaves that are neither carried over nor named.
fn lost(converter: &Converter, key: &str, value: &Value, of_environment: bool) -> BTreeSet<String> {
    let with = converter.convert(&config(key, value, of_environment));
    let mut without = None;
    let all = format!("{}\n{}", with.0.clone().unwrap_or_default(), with.1);
    let mut found = Vec::new();
    leaves(key, value, &mut found);
    let mut lost = BTreeSet::new();
    for (path, leaf) in found {
        let is_named = path
            .match_indices('.')
            .map(|(end, _)| &path[..end])
            .chain([path.as_str()])
            .any(|named| with.1.contains(&format!("`{named}`")));
        let is_there = match &leaf {
            Value::String(text) if text.starts_with('s') && text.ends_with('x') => {
                all.contains(text.as_str())
            }
            Value::Number(number) => all.contains(&number.to_string()),
            // Not so rare that it could not be there for another reason: does the key make a difference?
            _ => {
                let without = without.get_or_insert_with(|| {
                    let mut bare = config(key, value, of_environment);
                    let place = if of_environment {
                        &mut bare["env"]["staging"]
                    } else {
                        &mut bare
                    };
                    place.as_object_mut().unwrap().remove(key);
                    converter.convert(&bare)
                });
                *without != with
            }
        };
        if !is_named && !is_there && !DEFAULTS.contains(&known(&path).as_str()) {
            lost.insert(format!("{path} = {leaf}"));
        }
    }
    lost
}

#[test]
fn every_key_of_wranglers_schema_is_carried_over_or_named() {
    let settings = Samples::of_wrangler().settings();
    assert!(settings.len() > 250, "{} settings", settings.len());
    let of_environment: Vec<bool> = vec![false, true];
    let lost: BTreeSet<String> = std::thread::scope(|scope| {
        let runs: Vec<_> = of_environment
            .into_iter()
            .map(|of_environment| {
                let settings = &settings;
                scope.spawn(move || {
                    let converter = Converter::new(&format!("init-schema-{of_environment}"));
                    let lost = settings
                        .iter()
                        .filter(|(key, _)| !of_environment || key != "$schema")
                        .flat_map(|(key, value)| lost(&converter, key, value, of_environment));
                    lost.collect::<BTreeSet<_>>()
                })
            })
            .collect();
        runs.into_iter()
            .flat_map(|run| run.join().unwrap())
            .collect()
    });
    assert!(lost.is_empty(), "{lost:#?}");
}

#[test]
fn any_settings_together_make_a_manifest_that_loads() {
    let settings = Samples::of_wrangler().settings();
    let converter = Converter::new("init-together");
    let some = prop::collection::vec(prop::sample::select(settings), 1..12);
    let options = ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(options, |(some in some)| {
        let mut all = json!({ "name": "shop", "env": { "staging": {} } });
        for (index, (key, value)) in some.iter().enumerate() {
            let place = if index % 2 == 0 { &mut all } else { &mut all["env"]["staging"] };
            place[key] = value.clone();
        }
        converter.convert(&all);
    });
}
