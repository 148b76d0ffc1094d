//! The todos of one user, in the order in which they were added, and the changes made to them.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use serde::Serialize;

pub type Id = Rc<str>;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Todo {
    pub text: String,
    pub completed: bool,
}

/// What happens to one todo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Cells that are set. On a todo that doesn't exist it adds one if both are there, and does
    /// nothing otherwise: a deletion wins over an edit that didn't know of it.
    Set {
        text: Option<String>,
        completed: Option<bool>,
    },
    Delete,
}

/// Changes by todo, in the order in which new todos are to be added.
pub type Changes = Vec<(Id, Change)>;

/// A todo in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub id: Id,
    pub todo: Todo,
}

/// What a change did to one todo: where it stands, what it was and what it has become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    pub position: u64,
    pub id: Id,
    pub before: Option<Todo>,
    pub after: Option<Todo>,
}

#[derive(Debug, Clone, Default)]
pub struct Todos {
    rows: BTreeMap<u64, Row>,
    positions: HashMap<Id, u64>,
    completed: usize,
}

impl Todos {
    /// Puts back a row as it was stored.
    pub fn restore(&mut self, position: u64, id: Id, todo: Todo) {
        self.completed += usize::from(todo.completed);
        self.positions.insert(Rc::clone(&id), position);
        self.rows.insert(position, Row { id, todo });
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn completed(&self) -> usize {
        self.completed
    }

    pub fn active(&self) -> usize {
        self.len() - self.completed
    }

    pub fn get(&self, id: &str) -> Option<&Todo> {
        let position = self.positions.get(id)?;
        self.rows.get(position).map(|row| &row.todo)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Row> {
        self.rows.values()
    }

    /// What `changes` would do, without what changes nothing. Nothing is done yet, so that it can
    /// be written to disk first.
    pub fn effects(&self, changes: Changes) -> Vec<Effect> {
        let mut next = self.rows.last_key_value().map_or(0, |(last, _)| last + 1);
        let mut effects = Vec::with_capacity(changes.len());
        for (id, change) in changes {
            let position = self.positions.get(&id).copied();
            let before = self.get(&id).cloned();
            let after = match (change, &before) {
                (Change::Set { text, completed }, Some(before)) => Some(Todo {
                    text: text.unwrap_or_else(|| before.text.clone()),
                    completed: completed.unwrap_or(before.completed),
                }),
                (
                    Change::Set {
                        text: Some(text),
                        completed: Some(completed),
                    },
                    None,
                ) => Some(Todo { text, completed }),
                (Change::Delete, _) | (Change::Set { .. }, None) => None,
            };
            if before == after {
                continue;
            }
            let position = position.unwrap_or_else(|| {
                next += 1;
                next - 1
            });
            effects.push(Effect {
                position,
                id,
                before,
                after,
            });
        }
        effects
    }

    /// Does what [`Self::effects`] worked out.
    pub fn apply(&mut self, effects: &[Effect]) {
        for effect in effects {
            if let Some(before) = &effect.before {
                self.completed -= usize::from(before.completed);
                self.positions.remove(&effect.id);
                self.rows.remove(&effect.position);
            }
            if let Some(after) = &effect.after {
                self.restore(effect.position, Rc::clone(&effect.id), after.clone());
            }
        }
    }

    /// `{"tables":{"todos":{…}},"values":{}}`, the shape that the article's clients speak.
    pub fn to_json(&self) -> String {
        let bytes: usize = self
            .iter()
            .map(|row| row.id.len() + row.todo.text.len() + 40)
            .sum();
        let mut json = String::with_capacity(bytes + 64);
        json.push_str(r#"{"tables":{"todos":{"#);
        for (at, row) in self.iter().enumerate() {
            if at > 0 {
                json.push(',');
            }
            push_json(&mut json, &row.id);
            json.push_str(r#":{"text":"#);
            push_json(&mut json, &row.todo.text);
            json.push_str(if row.todo.completed {
                r#","completed":true}"#
            } else {
                r#","completed":false}"#
            });
        }
        json.push_str(r#"}},"values":{}}"#);
        json
    }
}

/// Adds `text` as a JSON string.
pub fn push_json(json: &mut String, text: &str) {
    json.push('"');
    let mut written = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..0x20 => "",
            _ => continue,
        };
        json.push_str(&text[written..at]);
        if escape.is_empty() {
            json.push_str("\\u00");
            json.push(if byte < 0x10 { '0' } else { '1' });
            json.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
        } else {
            json.push_str(escape);
        }
        written = at + 1;
    }
    json.push_str(&text[written..]);
    json.push('"');
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn add(text: &str) -> Change {
        Change::Set {
            text: Some(text.into()),
            completed: Some(false),
        }
    }

    pub(crate) fn edit(todos: &mut Todos, changes: Vec<(&str, Change)>) -> Vec<Effect> {
        let changes = changes
            .into_iter()
            .map(|(id, change)| (id.into(), change))
            .collect();
        let effects = todos.effects(changes);
        todos.apply(&effects);
        effects
    }

    fn toggle(completed: bool) -> Change {
        Change::Set {
            text: None,
            completed: Some(completed),
        }
    }

    #[test]
    fn todos_keep_the_order_in_which_they_came() {
        let mut todos = Todos::default();
        edit(
            &mut todos,
            vec![
                ("9", add("first")),
                ("1", add("second")),
                ("x", add("third")),
            ],
        );
        edit(&mut todos, vec![("1", Change::Delete), ("9", toggle(true))]);
        edit(&mut todos, vec![("0", add("fourth"))]);
        assert_eq!(
            todos.to_json(),
            concat!(
                r#"{"tables":{"todos":{"9":{"text":"first","completed":true},"#,
                r#""x":{"text":"third","completed":false},"#,
                r#""0":{"text":"fourth","completed":false}}},"values":{}}"#
            )
        );
        assert_eq!((todos.len(), todos.active(), todos.completed()), (3, 2, 1));
    }

    #[test]
    fn an_empty_store_has_the_articles_shape() {
        assert_eq!(
            Todos::default().to_json(),
            r#"{"tables":{"todos":{}},"values":{}}"#
        );
    }

    #[test]
    fn what_changes_nothing_has_no_effect() {
        let mut todos = Todos::default();
        edit(&mut todos, vec![("1", add("tea"))]);
        assert!(edit(&mut todos, vec![("1", add("tea")), ("2", Change::Delete)]).is_empty());
        assert!(edit(&mut todos, vec![("2", toggle(true))]).is_empty());
    }

    proptest! {
        #[test]
        fn the_json_says_what_serde_would(text in ".*", id in ".+") {
            let mut todos = Todos::default();
            edit(&mut todos, vec![(&id, add(&text))]);
            let read: serde_json::Value = serde_json::from_str(&todos.to_json()).unwrap();
            prop_assert_eq!(read["tables"]["todos"][&id]["text"].as_str(), Some(text.as_str()));
        }
    }
}
