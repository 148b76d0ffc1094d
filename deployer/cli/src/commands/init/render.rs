//! A manifest as text: tables where people write tables, everything else in a line.

use serde_json::{Map, Value};
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, Value as Toml};

/// The keys of a worker in the order in which they are read best; others follow.
const ORDER: [&str; 29] = [
    "import",
    "crate",
    "features",
    "default_features",
    "rustflags",
    "profile",
    "panic",
    "entry",
    "compatibility_date",
    "compatibility_flags",
    "url",
    "routes",
    "domains",
    "crons",
    "secrets",
    "assets",
    "code_update",
    "observability",
    "limits",
    "placement",
    "logpush",
    "tail_consumers",
    "rules",
    "build",
    "vars",
    "durable_objects",
    "bindings",
    "consumers",
    "protect",
];

/// Keys of a worker that are tables of their own.
const TABLES: [&str; 5] = ["build", "vars", "durable_objects", "bindings", "consumers"];

/// The keys that say what something is; others follow.
const FIRST: [&str; 11] = [
    "directory",
    "pattern",
    "class",
    "mode",
    "enabled",
    "limit",
    "queue",
    "hyperdrive",
    "service",
    "worker",
    "type",
];

/// A worker as a table.
pub(super) fn worker(keys: &Map<String, Value>) -> Table {
    let mut table = Table::new();
    let known = ORDER.iter().filter_map(|key| keys.get_key_value(*key));
    let others = keys
        .iter()
        .filter(|(key, _)| !ORDER.contains(&key.as_str()));
    for (key, value) in known.chain(others) {
        let item = match (key.as_str(), value) {
            ("rules", Value::Array(rules)) => {
                let tables = rules.iter().filter_map(Value::as_object).map(rule);
                Item::ArrayOfTables(tables.collect::<ArrayOfTables>())
            }
            ("consumers", Value::Object(consumers)) => {
                let mut all = Table::new();
                all.set_implicit(true);
                for (queue, settings) in consumers {
                    let settings = settings.as_object().map(plain).unwrap_or_default();
                    all.insert(queue, Item::Table(settings));
                }
                Item::Table(all)
            }
            (key, Value::Object(fields)) if TABLES.contains(&key) => Item::Table(plain(fields)),
            (_, value) => Item::Value(toml(value)),
        };
        table.insert(key, item);
    }
    table
}

/// A rule says what it is about first.
fn rule(keys: &Map<String, Value>) -> Table {
    let mut table = plain(keys);
    table.sort_values_by(|one, _, other, _| other.get().cmp(one.get()));
    table
}

/// A table whose values each stand in a line.
pub(super) fn plain(keys: &Map<String, Value>) -> Table {
    let mut table = Table::new();
    for (key, value) in keys {
        table.insert(key, Item::Value(toml(value)));
    }
    table
}

/// Puts a table where a path of keys leads, with headers only where something stands.
pub(super) fn put(manifest: &mut DocumentMut, path: &[&str], table: Table) {
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

/// A value as it is written in a line.
pub(super) fn inline(value: &Value) -> String {
    toml(value).to_string().trim().to_owned()
}

fn toml(value: &Value) -> Toml {
    match value {
        // There are none by now.
        Value::Null => "".into(),
        Value::Bool(flag) => (*flag).into(),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => whole.into(),
            None => number.as_f64().unwrap_or_default().into(),
        },
        // A manifest fills `${…}` in; here it is plain text.
        Value::String(text) => text.replace("${", "$${").into(),
        Value::Array(items) => Toml::Array(items.iter().map(toml).collect::<Array>()),
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(key, _)| {
                let place = FIRST.iter().position(|first| first == key);
                place.unwrap_or(FIRST.len())
            });
            let fields = fields
                .into_iter()
                .map(|(key, field)| (key.as_str(), toml(field)));
            Toml::InlineTable(fields.collect::<InlineTable>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_manifest_would_fill_in_is_escaped() {
        let value = json!({ "A": "${HOME} $$ $${x}" });
        assert_eq!(inline(&value), "{ A = \"$${HOME} $$ $$${x}\" }");
    }
}
