//! What one environment says otherwise than the top level.

use serde_json::{Map, Value};

/// The keys of `whole` that differ from those of `base`; what is in `base` alone is told by its path.
pub(super) fn over(
    base: &Map<String, Value>,
    whole: &Map<String, Value>,
    path: &str,
    leaked: &mut Vec<String>,
) -> Map<String, Value> {
    let mut layer = Map::new();
    for (key, value) in whole {
        match (base.get(key), value) {
            (Some(before), value) if before == value => {}
            (Some(Value::Object(before)), Value::Object(after)) => {
                let below = over(before, after, &format!("{path}{key}."), leaked);
                if !below.is_empty() {
                    layer.insert(key.clone(), below.into());
                }
            }
            _ => drop(layer.insert(key.clone(), value.clone())),
        }
    }
    for key in base.keys().filter(|key| !whole.contains_key(*key)) {
        leaked.push(format!("{path}{key}"));
    }
    layer
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_layer_holds_what_differs_and_tells_what_comes_along() {
        let base = json!({ "a": 1, "vars": { "A": "1", "B": "2" }, "crons": ["x"] });
        let whole = json!({ "a": 1, "vars": { "A": "3" }, "crons": ["y"], "b": true });
        let mut leaked = Vec::new();
        let layer = over(
            base.as_object().unwrap(),
            whole.as_object().unwrap(),
            "",
            &mut leaked,
        );
        assert_eq!(
            Value::from(layer),
            json!({ "vars": { "A": "3" }, "crons": ["y"], "b": true })
        );
        assert_eq!(leaked, ["vars.B"]);
    }
}
