//! Reading what clients send: whole stores of the plain protocol, and the page's own patches.

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};

use crate::limit;
use crate::todos::{Change, Changes, Id, Todo};

/// What a client says over its WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// The plain protocol: all that this client has.
    Store(Vec<(Id, Todo)>),
    /// The page's dialect: what this client changed, to be acknowledged by number.
    Patch { number: u64, changes: Changes },
}

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

/// Close codes of RFC 6455, section 7.4.1.
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
}

/// Reads and checks a text message. Nothing of a message that breaks one rule is taken.
pub fn read(text: &str) -> Result<Message, Rejection> {
    if text.len() > limit::MESSAGE {
        return Err(Rejection::new(close::TOO_BIG, "message is over 1 MiB"));
    }
    let Object(envelope) = serde_json::from_str(text).map_err(Rejection::malformed)?;
    match envelope {
        Envelope {
            tables: Some(Object(tables)),
            patch: None,
            number: None,
            ..
        } => store(tables.todos).map(Message::Store),
        Envelope {
            tables: None,
            values: None,
            patch: Some(patch),
            number: Some(number),
        } => {
            let changes = patch
                .0
                .into_iter()
                .map(|(id, cells)| {
                    change(&id, cells.map(|Object(cells)| cells))
                        .map(|change| (Id::from(id), change))
                })
                .collect::<Result<_, _>>()?;
            Ok(Message::Patch { number, changes })
        }
        _ => Err(Rejection::malformed(
            "message is neither a store nor a patch",
        )),
    }
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

fn change(id: &str, cells: Option<Cells>) -> Result<Change, Rejection> {
    check_id(id)?;
    let Some(Cells { text, completed }) = cells else {
        return Ok(Change::Delete);
    };
    if let Some(text) = &text {
        check_text(text)?;
    }
    Ok(Change::Set { text, completed })
}

/// As [`check_text`], for ids.
pub fn check_id(id: &str) -> Result<(), Rejection> {
    if id.is_empty() || id.chars().count() > limit::ID || id.chars().any(char::is_control) {
        let reason = "a todo's id has 1 to 64 characters and no control characters";
        return Err(Rejection::new(close::POLICY, reason));
    }
    Ok(())
}

/// The same rule for every way in; forms use it as well.
pub fn check_text(text: &str) -> Result<(), Rejection> {
    // Most texts are short enough even if every byte were a character.
    if text.len() > limit::TEXT && text.chars().count() > limit::TEXT {
        return Err(Rejection::new(
            close::POLICY,
            "a todo's text has at most 2000 characters",
        ));
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    tables: Option<Object<Tables>>,
    /// TinyBase's other half, not used here: accepted when empty, so that nothing gets lost.
    values: Option<Object<Nothing>>,
    patch: Option<Ordered<Option<Object<Cells>>>>,
    number: Option<u64>,
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cells {
    text: Option<String>,
    completed: Option<bool>,
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
struct Ordered<T>(Vec<(String, T)>);

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
        let Message::Store(todos) = read(text).unwrap() else {
            panic!("not a store")
        };
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
            assert_eq!(read(text).unwrap(), Message::Store(Vec::new()));
        }
    }

    #[test]
    fn a_patch_sets_cells_and_deletes_todos() {
        let text = r#"{"patch":{"1":{"completed":true},"2":null},"number":7}"#;
        let changes = vec![
            (
                "1".into(),
                Change::Set {
                    text: None,
                    completed: Some(true),
                },
            ),
            ("2".into(), Change::Delete),
        ];
        assert_eq!(read(text).unwrap(), Message::Patch { number: 7, changes });
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
        let Message::Store(todos) = read(text).unwrap() else {
            panic!("not a store")
        };
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
