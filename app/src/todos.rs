//! The todos as plain clients see them: text and completed, in the list's order, with what becomes
//! of them by a change.

use std::collections::HashMap;
use std::rc::Rc;

pub type Id = Rc<str>;

#[derive(Debug, Clone, PartialEq, Eq)]
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

/// What a change did to one todo: what it was and what it has become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    pub id: Id,
    pub before: Option<Todo>,
    pub after: Option<Todo>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Todos {
    rows: Vec<(Id, Todo)>,
    places: HashMap<Id, usize>,
}

impl FromIterator<(Id, Todo)> for Todos {
    fn from_iter<T: IntoIterator<Item = (Id, Todo)>>(rows: T) -> Self {
        let rows: Vec<_> = rows.into_iter().collect();
        let ids = rows.iter().map(|(id, _)| Rc::clone(id));
        let places = ids.zip(0..).collect();
        Self { rows, places }
    }
}

impl Todos {
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn get(&self, id: &str) -> Option<&Todo> {
        let place = self.places.get(id)?;
        self.rows.get(*place).map(|(_, todo)| todo)
    }

    pub fn iter(&self) -> impl Iterator<Item = &(Id, Todo)> {
        self.rows.iter()
    }

    /// What `changes` would do, without what changes nothing.
    pub fn effects(&self, changes: Changes) -> Vec<Effect> {
        let mut effects = Vec::with_capacity(changes.len());
        for (id, change) in changes {
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
            if before != after {
                effects.push(Effect { id, before, after });
            }
        }
        effects
    }

    /// `{"tables":{"todos":{…}},"values":{}}`, the shape that the article's clients speak.
    pub fn to_json(&self) -> String {
        let bytes: usize = self
            .iter()
            .map(|(id, todo)| id.len() + todo.text.len() + 40)
            .sum();
        let mut json = String::with_capacity(bytes + 64);
        json.push_str(r#"{"tables":{"todos":{"#);
        for (at, (id, todo)) in self.iter().enumerate() {
            if at > 0 {
                json.push(',');
            }
            push_json(&mut json, id);
            json.push_str(r#":{"text":"#);
            push_json(&mut json, &todo.text);
            json.push_str(if todo.completed {
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

    /// Does what the changes do; new todos come last.
    pub(crate) fn apply(todos: &mut Todos, changes: Changes) -> Vec<Effect> {
        let effects = todos.effects(changes);
        let mut rows: Vec<_> = todos.iter().cloned().collect();
        for Effect { id, after, .. } in &effects {
            match (rows.iter().position(|(other, _)| other == id), after) {
                (Some(place), Some(after)) => rows[place].1 = after.clone(),
                (Some(place), None) => drop(rows.remove(place)),
                (None, Some(after)) => rows.push((Rc::clone(id), after.clone())),
                (None, None) => {}
            }
        }
        *todos = rows.into_iter().collect();
        effects
    }

    fn edit(todos: &mut Todos, changes: Vec<(&str, Change)>) -> Vec<Effect> {
        let changes = changes.into_iter();
        apply(todos, changes.map(|(id, it)| (id.into(), it)).collect())
    }

    fn toggle(completed: bool) -> Change {
        Change::Set {
            text: None,
            completed: Some(completed),
        }
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
        assert_eq!(edit(&mut todos, vec![("1", toggle(true))]).len(), 1);
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
