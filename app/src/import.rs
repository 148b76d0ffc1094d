//! Reading what was exported, here or by TinyBase, as changes to a list.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use tinybase::Value;

use crate::list::Edit;
use crate::multipart;
use crate::presence;

/// Why something was not imported: what is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadImport(String);

impl BadImport {
    fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }

    fn at(place: &str, why: impl fmt::Display) -> Self {
        Self(format!("{place}: {why}."))
    }
}

impl fmt::Display for BadImport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether it comes as the file of a form.
pub fn is_upload(content_type: &str) -> bool {
    multipart::boundary(content_type).is_some()
}

/// The bytes to import: the body itself, or the file in a form that uploads one.
pub fn json_in<'b>(content_type: &str, body: &'b [u8]) -> Result<&'b [u8], BadImport> {
    if let Some(boundary) = multipart::boundary(content_type) {
        let file = multipart::file(body, boundary);
        return file.ok_or_else(|| BadImport::new("The form has no file, or is not whole."));
    }
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") {
        return Ok(body);
    }
    Err(BadImport::new(
        "Send JSON (application/json), or a form with a file (multipart/form-data).",
    ))
}

/// The changes that make a list hold all that `json` has. What the list has besides stays.
///
/// It is `{"tables":{…},"values":{…}}`, either of which may be missing, or TinyBase's
/// `[{…},{…}]`.
pub fn edits(json: &[u8]) -> Result<Vec<Edit>, BadImport> {
    let json = str::from_utf8(json).map_err(|_| BadImport::new("It is not UTF-8."))?;
    let json = json.trim_start_matches('\u{feff}').trim_start();
    let content = if json.starts_with('[') {
        serde_json::from_str(json).map(|(tables, values)| Content { tables, values })
    } else {
        serde_json::from_str(json)
    };
    let Content { tables, values } =
        content.map_err(|wrong| BadImport(format!("It is not the JSON of an export: {wrong}.")))?;
    let mut edits = Vec::new();
    for (table, rows) in tables.0 {
        for (row, given) in rows.0 {
            let mut cells = Vec::with_capacity(given.0.len());
            for (cell, value) in given.0 {
                let value = read(value)
                    .map_err(|why| BadImport::at(&format!("tables.{table}.{row}.{cell}"), why))?;
                cells.push((cell, value));
            }
            let table = table.clone();
            edits.push(Edit::Row { table, row, cells });
        }
    }
    for (id, value) in values.0 {
        // Who is here now is not for a file to say.
        if !presence::is_presence(&id) {
            let value = read(value).map_err(|why| BadImport::at(&format!("values.{id}"), why))?;
            edits.push(Edit::Value { id, value });
        }
    }
    Ok(edits)
}

fn read(json: &RawValue) -> Result<Value, String> {
    let json = json.get();
    let value = match json.as_bytes().first() {
        Some(b'{' | b'[') => Value::json(json),
        Some(b'"') => {
            let text: String = serde_json::from_str(json).map_err(|wrong| wrong.to_string())?;
            Value::text(&text)
        }
        Some(b't') => Ok(Value::from(true)),
        Some(b'f') => Ok(Value::from(false)),
        Some(b'n') => Ok(Value::NULL),
        // JSON's numbers are among those that Rust reads.
        _ => Value::number(json.parse().map_err(|_| "not a number".to_owned())?),
    };
    value.map_err(|wrong| wrong.to_string())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Content<'j> {
    #[serde(borrow, default)]
    tables: Entries<Entries<Entries<&'j RawValue>>>,
    #[serde(borrow, default)]
    values: Entries<&'j RawValue>,
}

/// The members of a JSON object, in their order.
struct Entries<T>(Vec<(String, T)>);

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entries<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = Entries<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(Members(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tinybase::Store;

    use super::*;
    use crate::gate::Limits;
    use crate::list::List;

    const NOW: u64 = 1_764_000_000_000;

    fn list() -> List {
        List::new(Store::new("here"))
    }

    fn import(list: &mut List, json: &str) {
        let edits = edits(json.as_bytes()).unwrap();
        list.edit(edits, Limits::default(), 0, NOW).unwrap();
        let _ = list.commit();
    }

    fn why(json: &str) -> String {
        edits(json.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_exported_makes_the_same_list_again() {
        let mut first = list();
        import(
            &mut first,
            r#"{"tables":{"todos":{"b":{"text":"tea \"hot\"","completed":false,"due":"2026-12-01"},
                "a":{"text":"bread","completed":true}},"tags":{"t":{"n":0.1,"list":[1,{"x":null}],"no":null}}},
                "values":{"title":"Food","here/x":{"name":"Eve"}}}"#,
        );
        let exported = first.export();
        assert!(!exported.contains("Eve"), "{exported}");
        let mut second = list();
        import(&mut second, &exported);
        assert_eq!(second.export(), exported);
        let mut third = list();
        let plain = first.store().plain_json();
        import(&mut third, &plain);
        assert_eq!(third.store().plain_json(), plain);
    }

    #[test]
    fn what_is_there_is_updated_and_the_rest_stays() {
        let mut list = list();
        import(
            &mut list,
            r#"{"tables":{"todos":{"1":{"text":"tea","completed":true,"notes":"hot"},"2":{"text":"bread","completed":false}}}}"#,
        );
        import(
            &mut list,
            r#"{"tables":{"todos":{"1":{"text":"green tea"},"3":{"text":"milk","completed":false}}}}"#,
        );
        let todos: serde_json::Value = serde_json::from_str(&list.store().plain_json()).unwrap();
        let todos = &todos[0]["todos"];
        assert_eq!(todos["1"]["text"], "green tea");
        assert_eq!(
            (&todos["1"]["completed"], &todos["1"]["notes"]),
            (&true.into(), &"hot".into())
        );
        assert_eq!(todos["2"]["text"], "bread");
        assert_eq!(todos["3"]["text"], "milk");
    }

    #[test]
    fn it_says_what_is_wrong_and_where() {
        assert_eq!(
            why(r#"{"tables":{"todos":{"1":{"n":1e999}}}}"#),
            "tables.todos.1.n: a number must be finite."
        );
        assert_eq!(
            why("{\"values\":{\"v\":\"\u{fffc}\"}}"),
            "values.v: a text must not be U+FFFC nor begin with U+FFFD: TinyBase reserves them."
        );
        assert_eq!(
            why(r#"{"tables":{"todos":["tea"]}}"#),
            "It is not the JSON of an export: invalid type: sequence, expected an object at line 1 column 19."
        );
        assert!(why(r#"{"todos":{}}"#).contains("unknown field `todos`"));
        assert!(why("{\"tables\":\n{\"todos\":").contains("line 2"));
        assert_eq!(edits(b"\xff").unwrap_err().to_string(), "It is not UTF-8.");
    }

    #[test]
    fn it_comes_as_json_or_as_a_file() {
        assert_eq!(
            json_in("application/json; charset=utf-8", b"{}"),
            Ok(&b"{}"[..])
        );
        let form =
            b"--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n{}\r\n--x--";
        assert_eq!(
            json_in("multipart/form-data; boundary=x", form),
            Ok(&b"{}"[..])
        );
        assert!(json_in("multipart/form-data; boundary=y", form).is_err());
        assert!(json_in("text/plain", b"{}").is_err());
        assert_eq!(edits(b"\xef\xbb\xbf {}"), Ok(Vec::new()));
    }

    proptest! {
        #[test]
        fn numbers_come_through_exactly(number in prop::num::f64::NORMAL) {
            let json = format!(r#"{{"values":{{"n":{number:e}}}}}"#);
            let expected = Edit::Value { id: "n".into(), value: Value::number(number).unwrap() };
            prop_assert_eq!(edits(json.as_bytes()), Ok(vec![expected]));
        }

        #[test]
        fn no_json_makes_it_panic(json in ".*", cell in ".*") {
            let _ = edits(json.as_bytes());
            let _ = edits(format!(r#"{{"tables":{{"t":{{"r":{{"c":{cell}}}}}}}}}"#).as_bytes());
        }
    }
}
