//! States of older versions of tiny.

use serde_json::Value;

/// The version of the format that this tiny writes.
pub const SCHEMA: u32 = 2;

/// Turns a document of one schema into one of the next; says why where it cannot.
type Step = fn(&mut Value) -> Result<(), String>;

/// The step at index 0 makes schema 2 of schema 1, and so on. A change of the format adds one here,
/// counts [`SCHEMA`] up and leaves a document of the old schema in `fixtures/`.
const STEPS: [Step; SCHEMA as usize - 1] = [kept];

/// Schema 2 says of a resource whether it is kept; none was, before that could be said.
#[expect(clippy::unnecessary_wraps, reason = "other steps can fail")]
fn kept(_: &mut Value) -> Result<(), String> {
    Ok(())
}

/// Takes a document of schema `from` to the present one.
pub(super) fn upgrade(document: &mut Value, from: u32) -> Result<(), String> {
    run(document, from, &STEPS)
}

fn run(document: &mut Value, from: u32, steps: &[Step]) -> Result<(), String> {
    let first = from
        .checked_sub(1)
        .ok_or_else(|| format!("there never was a schema {from}"))?;
    for (schema, step) in (1..).zip(steps).skip(first as usize) {
        step(document).map_err(|why| format!("from schema {schema}: {why}"))?;
        if let Some(fields) = document.as_object_mut() {
            fields.insert("schema".to_owned(), Value::from(schema + 1));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Three schemas that never were: a field renamed, then split in two, then dropped.
    const CHAIN: [Step; 3] = [
        |document| {
            let fields = document.as_object_mut().ok_or("no object")?;
            let name = fields.remove("nmae").ok_or("`nmae` is missing")?;
            fields.insert("name".to_owned(), name);
            Ok(())
        },
        |document| {
            let name = document["name"].as_str().ok_or("`name` is no text")?;
            let (stack, stage) = name.split_once('-').ok_or("`name` has no hyphen")?;
            *document = json!({"schema": document["schema"], "stack": stack, "stage": stage});
            Ok(())
        },
        |document| {
            if let Some(fields) = document.as_object_mut() {
                fields.remove("stage");
            }
            Ok(())
        },
    ];

    fn upgraded(mut document: Value, from: u32) -> Result<Value, String> {
        run(&mut document, from, &CHAIN).map(|()| document)
    }

    #[test]
    fn every_schema_reaches_the_last_one_step_by_step() {
        let last = json!({"schema": 4, "stack": "todo"});
        for (from, document) in [
            (1, json!({"schema": 1, "nmae": "todo-prod"})),
            (2, json!({"schema": 2, "name": "todo-prod"})),
            (3, json!({"schema": 3, "stack": "todo", "stage": "prod"})),
            (4, json!({"schema": 4, "stack": "todo"})),
        ] {
            assert_eq!(
                upgraded(document, from).unwrap(),
                last,
                "from schema {from}"
            );
        }
    }

    #[test]
    fn a_document_that_is_not_what_it_says_is_refused_where_it_shows() {
        let why = upgraded(json!({"schema": 1, "name": "todo-prod"}), 1).unwrap_err();
        assert_eq!(why, "from schema 1: `nmae` is missing");
        let why = upgraded(json!({"schema": 1, "nmae": "todo"}), 1).unwrap_err();
        assert_eq!(why, "from schema 2: `name` has no hyphen");
        let why = upgraded(json!({"schema": 0}), 0).unwrap_err();
        assert_eq!(why, "there never was a schema 0");
    }
}
