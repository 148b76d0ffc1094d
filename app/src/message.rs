//! Reading what clients of the plain protocol send: whole stores.

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};

use crate::gate::{check_id, check_text};
use crate::limit;
use crate::todos::{Id, Todo};

/// Why a message was not taken; becomes the WebSocket's close code and reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    pub code: u16,
    pub reason: String,
}

impl Rejection {
    pub fn new(code: u16, reason: impl Into<String>) -> Self {
        let mut reason = reason.into();
        // A close frame has room for 123 bytes.
        while reason.len() > 123 {
            reason.pop();
        }
        Self { code, reason }
    }

    fn malformed(reason: impl fmt::Display) -> Self {
        Self::new(close::MALFORMED, reason.to_string())
    }
}

/// Why a WebSocket is closed. Those below 4000 are of RFC 6455, section 7.4.1; those above follow
/// HTTP's status codes.
pub mod close {
    /// Binary data: only text is spoken here.
    pub const UNSUPPORTED: u16 = 1003;
    /// Not JSON, or not the shape of a store.
    pub const MALFORMED: u16 = 1007;
    /// A limit is exceeded: text, id, number of todos.
    pub const POLICY: u16 = 1008;
    /// The message is too big.
    pub const TOO_BIG: u16 = 1009;
    /// The object failed to store it.
    pub const FAILED: u16 = 1011;
    /// The list is somewhere else now: connecting again leads there.
    pub const MOVED: u16 = 1012;
    /// The session or the token has expired: connect again with one that holds.
    pub const EXPIRED: u16 = 4401;
    /// Somebody who may only read has written.
    pub const FORBIDDEN: u16 = 4403;
    /// The page is of somebody else than who is signed in by now.
    pub const ANOTHER_USER: u16 = 4409;
    /// The storage is full.
    pub const FULL: u16 = 4507;
}

/// Reads and checks a text message. Nothing of a message that breaks one rule is taken.
pub fn read(text: &str) -> Result<Vec<(Id, Todo)>, Rejection> {
    if text.len() > limit::MESSAGE {
        return Err(Rejection::new(close::TOO_BIG, "message is over 1 MiB"));
    }
    let Object(Envelope { tables, .. }) =
        serde_json::from_str(text).map_err(Rejection::malformed)?;
    let Object(tables) = tables;
    store(tables.todos)
}

fn store(todos: Ordered<Todo>) -> Result<Vec<(Id, Todo)>, Rejection> {
    if todos.0.len() > limit::TODOS {
        return Err(Rejection::new(close::POLICY, "more than 100000 todos"));
    }
    todos
        .0
        .into_iter()
        .map(|(id, todo)| {
            check_id(&id)?;
            check_text(&todo.text)?;
            Ok((Id::from(id), todo))
        })
        .collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    tables: Object<Tables>,
    /// TinyBase's other half, not used here: accepted when empty, so that nothing gets lost.
    #[serde(rename = "values")]
    _values: Option<Object<Nothing>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tables {
    #[serde(default)]
    todos: Ordered<Todo>,
}

impl<'de> Deserialize<'de> for Todo {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Strict {
            text: String,
            completed: bool,
        }
        let Object(Strict { text, completed }) = Object::deserialize(deserializer)?;
        Ok(Self { text, completed })
    }
}

/// A struct that is written as a JSON object; serde's own would take an array as well.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(Fields(PhantomData))
    }
}

/// A JSON object in its own order; of a key that comes twice the last value counts, as in
/// JavaScript.
pub(crate) struct Ordered<T>(pub(crate) Vec<(String, T)>);

impl<T> Default for Ordered<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Ordered<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of todos")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries: Vec<(String, T)> = Vec::new();
                let mut places: HashMap<String, usize> = HashMap::new();
                while let Some((id, value)) = map.next_entry::<String, T>()? {
                    if let Some(place) = places.get(&id) {
                        entries[*place].1 = value;
                    } else {
                        places.insert(id.clone(), entries.len());
                        entries.push((id, value));
                    }
                }
                Ok(Ordered(entries))
            }
        }

        deserializer.deserialize_map(Entries(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code(text: &str) -> u16 {
        read(text).unwrap_err().code
    }

    #[test]
    fn a_whole_store_is_read_in_its_order() {
        let text = r#"{"tables":{"todos":{"b":{"text":"tea","completed":true},
            "a":{"completed":false,"text":""}}},"values":{}}"#;
        let todos = read(text).unwrap();
        let ids: Vec<&str> = todos.iter().map(|(id, _)| &**id).collect();
        assert_eq!(ids, ["b", "a"]);
        assert_eq!(
            todos[0].1,
            Todo {
                text: "tea".into(),
                completed: true
            }
        );
    }

    #[test]
    fn a_store_without_todos_is_an_empty_one() {
        for text in [r#"{"tables":{},"values":{}}"#, r#"{"tables":{"todos":{}}}"#] {
            assert_eq!(read(text).unwrap(), Vec::new());
        }
    }

    #[test]
    fn what_is_no_store_is_refused() {
        for text in [
            "",
            "hello",
            "[]",
            "null",
            "{}",
            r#"{"tables":[]}"#,
            r#"{"tables":{"todos":[]}}"#,
            r#"{"tables":{"other":{}}}"#,
            r#"{"tables":{"todos":{}},"values":{"a":1}}"#,
            r#"{"tables":{"todos":{}},"more":1}"#,
            r#"{"tables":{"todos":{"1":{"text":"a"}}}}"#,
            r#"{"tables":{"todos":{"1":{"text":1,"completed":false}}}}"#,
            r#"{"tables":{"todos":{"1":{"text":"a","completed":"no"}}}}"#,
            r#"{"tables":{"todos":{"1":{"text":"a","completed":false,"due":1}}}}"#,
            r#"{"tables":{"todos":{"1":null}}}"#,
            r#"{"patch":{}}"#,
            r#"{"patch":{"1":{"text":5}},"number":1}"#,
            r#"{"tables":{"todos":{}},"patch":{},"number":1}"#,
        ] {
            assert_eq!(code(text), close::MALFORMED, "{text}");
        }
    }

    #[test]
    fn limits_hold() {
        let with = |id: &str, text: &str| {
            format!(r#"{{"tables":{{"todos":{{"{id}":{{"text":"{text}","completed":false}}}}}}}}"#)
        };
        assert!(read(&with(&"é".repeat(64), &"é".repeat(2_000))).is_ok());
        assert_eq!(code(&with("1", &"é".repeat(2_001))), close::POLICY);
        assert_eq!(code(&with(&"i".repeat(65), "")), close::POLICY);
        assert_eq!(code(&with("", "")), close::POLICY);
        assert_eq!(code(&with(r"\n", "")), close::POLICY);
        assert_eq!(
            code(&with("1", &"x".repeat(limit::MESSAGE))),
            close::TOO_BIG
        );
    }

    #[test]
    fn of_a_key_that_comes_twice_the_last_counts() {
        let text = r#"{"tables":{"todos":{"1":{"text":"a","completed":false},
            "1":{"text":"b","completed":false}}}}"#;
        let todos = read(text).unwrap();
        assert_eq!(todos.len(), 1);
        assert_eq!(todos[0].1.text, "b");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_and_reasons_fit_a_close_frame(text in ".*") {
            if let Err(rejection) = read(&text) {
                prop_assert!(rejection.reason.len() <= 123);
            }
        }
    }
}
