//! The schema that editors use is the one in `docs/`, and it knows what the reader knows.

#![allow(clippy::unwrap_used)]

use camino::Utf8Path;
use serde_json::Value;
use tiny_manifest::schema;

fn repository() -> &'static Utf8Path {
    let crate_dir = Utf8Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_dir.parent().and_then(Utf8Path::parent).unwrap()
}

/// Every key that a table of the schema has.
fn keys(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(object) => {
            if let Some(Value::Object(properties)) = object.get("properties") {
                found.extend(properties.keys().cloned());
            }
            object.values().for_each(|value| keys(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
        _ => {}
    }
}

#[test]
fn the_schema_in_the_docs_is_current() {
    let file = repository().join("docs/tiny.schema.json");
    let current = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, &current).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == current,
        "docs/tiny.schema.json is stale: UPDATE_GOLDEN=1 cargo test -p tiny-manifest --test schema"
    );
}

#[test]
fn the_reference_names_every_key() {
    let reference = std::fs::read_to_string(repository().join("docs/manifest.md")).unwrap();
    let mut known = Vec::new();
    keys(&schema(), &mut known);
    assert!(known.len() > 50, "{known:?}");
    for key in known {
        assert!(
            reference.contains(&format!("`{key}`")),
            "docs/manifest.md does not name `{key}`"
        );
    }
}

#[test]
fn nothing_in_it_is_null() {
    let text = schema().to_string();
    assert!(!text.contains("\"null\""), "{text}");
    assert!(!text.contains("\"required\""), "{text}");
}

/// Whether the value is one that the schema describes: as much of JSON schema as this one uses.
fn accepts(root: &Value, schema: &Value, value: &Value) -> bool {
    let Value::Object(rules) = schema else {
        return schema == &Value::Bool(true);
    };
    rules
        .iter()
        .all(|(rule, wanted)| match (rule.as_str(), wanted) {
            ("$ref", Value::String(path)) => accepts(
                root,
                root.pointer(path.trim_start_matches('#')).unwrap(),
                value,
            ),
            ("type", Value::String(kind)) => match kind.as_str() {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                "boolean" => value.is_boolean(),
                "integer" => value.is_i64(),
                "number" => value.is_number(),
                other => panic!("{other}"),
            },
            ("anyOf" | "oneOf", Value::Array(choices)) => {
                choices.iter().any(|choice| accepts(root, choice, value))
            }
            ("const", wanted) => value == wanted,
            ("enum", Value::Array(wanted)) => wanted.contains(value),
            ("minimum", wanted) => value.as_f64() >= wanted.as_f64(),
            ("items", items) => value
                .as_array()
                .is_none_or(|list| list.iter().all(|item| accepts(root, items, item))),
            ("properties", properties) => value.as_object().is_none_or(|object| {
                object.iter().all(|(key, value)| {
                    properties
                        .get(key)
                        .is_none_or(|schema| accepts(root, schema, value))
                })
            }),
            ("additionalProperties", schema) => value.as_object().is_none_or(|object| {
                let known = rules.get("properties").and_then(Value::as_object);
                let mut extra = object
                    .iter()
                    .filter(|(key, _)| known.is_none_or(|known| !known.contains_key(*key)));
                extra.all(|(_, value)| accepts(root, schema, value))
            }),
            ("$schema" | "title" | "description" | "definitions" | "format" | "default", _) => true,
            (other, _) => panic!("this test does not know `{other}`"),
        })
}

fn accepted(manifest: &str) -> bool {
    let value: Value = toml::from_str(manifest).unwrap();
    accepts(&schema(), &schema(), &value)
}

#[test]
fn it_accepts_our_own_manifests() {
    for file in ["tiny.toml", "stacks/user.toml"] {
        let text = std::fs::read_to_string(repository().join(file)).unwrap();
        assert!(accepted(&text), "{file}");
    }
    let reference = std::fs::read_to_string(repository().join("docs/manifest.md")).unwrap();
    let example = reference
        .split("```")
        .nth(1)
        .unwrap()
        .trim_start_matches("toml");
    assert!(accepted(example), "{example}");
}

#[test]
fn it_refuses_what_the_reader_refuses() {
    for manifest in [
        "nmae = \"shop\"",
        "name = 7",
        "stages = { prod = { extends = \"x\" } }",
        "workers = { web = { url = \"yes\" } }",
        "workers = { web = { secrets = [1] } }",
        "workers = { web = { assets = { html_handling = \"x\" } } }",
        "workers = { web = { bindings = { DB = { d2 = \"x\" } } } }",
    ] {
        assert!(!accepted(manifest), "{manifest}");
    }
}
