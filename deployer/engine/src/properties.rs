//! What a resource is like, as a tree that people read and that is compared property by property.

use serde::Serialize;
use serde_json::{Map, Value};

/// By name. What belongs together is nested; what has names of its own (bindings, classes) is an
/// object by those names, so that a change names what changed. Secrets are never in it: a keyed
/// hash stands for a value.
pub type Properties = Map<String, Value>;

/// One property that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// `bindings.DB.d1`
    pub path: String,
    /// None: it was not there.
    pub before: Option<Value>,
    /// None: it goes.
    pub after: Option<Value>,
}

/// What differs, in the order of the names. Objects are compared by key, everything else whole.
pub fn changes(before: &Properties, after: &Properties) -> Vec<Change> {
    let mut found = Vec::new();
    compare("", before, after, &mut found);
    found
}

fn compare(path: &str, before: &Properties, after: &Properties, found: &mut Vec<Change>) {
    let mut keys: Vec<&String> = before.keys().chain(after.keys()).collect();
    keys.sort();
    keys.dedup();
    for key in keys {
        let path = if path.is_empty() {
            key.clone()
        } else {
            format!("{path}.{key}")
        };
        match (before.get(key), after.get(key)) {
            (Some(Value::Object(one)), Some(Value::Object(other))) => {
                compare(&path, one, other, found);
            }
            (one, other) if one == other => {}
            (one, other) => found.push(Change {
                path,
                before: one.cloned(),
                after: other.cloned(),
            }),
        }
    }
}
