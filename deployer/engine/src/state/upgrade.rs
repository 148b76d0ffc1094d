//! States of older versions of tiny.

use serde_json::Value;

/// The version of the format that this tiny writes.
pub const SCHEMA: u32 = 1;

/// Turns a document of one schema into one of the next; says why where it cannot.
type Step = fn(&mut Value) -> Result<(), String>;

/// The step at index 0 makes schema 2 of schema 1, and so on. A change of the format adds one here,
/// counts [`SCHEMA`] up and leaves a document of the old schema in `fixtures/`.
const STEPS: [Step; SCHEMA as usize - 1] = [];

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
