//! Arrays and objects inside a cell, respelled as `JSON.stringify(JSON.parse(…))` would.

use crate::json::{Malformed, Reader};
use crate::number::write_number;
use crate::order;
use crate::text;

/// Deeper than any app nests, and shallow enough for a worker's stack.
const MAX_DEPTH: usize = 64;

/// Appends the next JSON value.
pub(crate) fn copy(reader: &mut Reader<'_>, out: &mut String) -> Result<(), Malformed> {
    copy_within(reader, out, MAX_DEPTH)
}

fn copy_within(reader: &mut Reader<'_>, out: &mut String, depth: usize) -> Result<(), Malformed> {
    match reader.peek() {
        Some(b'{' | b'[') if depth == 0 => reader.wrong("at most 64 levels of JSON"),
        Some(b'{') => copy_object(reader, out, depth - 1),
        Some(b'[') => copy_array(reader, out, depth - 1),
        Some(b'"') => {
            out.push('"');
            out.push_str(&text::canonical(reader.body()?));
            out.push('"');
            Ok(())
        }
        Some(b'-' | b'0'..=b'9') => {
            write_number(out, reader.number()?);
            Ok(())
        }
        _ => {
            for word in ["null", "true", "false"] {
                if reader.literal(word) {
                    out.push_str(word);
                    return Ok(());
                }
            }
            reader.wrong("a JSON value")
        }
    }
}

fn copy_array(reader: &mut Reader<'_>, out: &mut String, depth: usize) -> Result<(), Malformed> {
    reader.expect(b'[', "an array")?;
    out.push('[');
    if !reader.accept(b']') {
        loop {
            copy_within(reader, out, depth)?;
            if reader.accept(b']') {
                break;
            }
            reader.expect(b',', "a comma or the end of the array")?;
            out.push(',');
        }
    }
    out.push(']');
    Ok(())
}

fn copy_object(reader: &mut Reader<'_>, out: &mut String, depth: usize) -> Result<(), Malformed> {
    let mut members = indexmap::IndexMap::<String, String>::new();
    reader.expect(b'{', "an object")?;
    if !reader.accept(b'}') {
        loop {
            let key = text::canonical(reader.body()?).into_owned();
            reader.expect(b':', "a colon")?;
            let mut json = String::new();
            copy_within(reader, &mut json, depth)?;
            // A repeated key keeps its place and takes the later value, as in JavaScript.
            members.insert(key, json);
            if reader.accept(b'}') {
                break;
            }
            reader.expect(b',', "a comma or the end of the object")?;
        }
    }
    out.push('{');
    let mut comma = "";
    for (key, json) in order::as_in_javascript(members.iter(), |(key, _)| key) {
        out.push_str(comma);
        comma = ",";
        out.push('"');
        out.push_str(key);
        out.push_str("\":");
        out.push_str(json);
    }
    out.push('}');
    Ok(())
}
