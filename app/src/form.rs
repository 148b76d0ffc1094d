//! Edits by posted forms: the page without JavaScript, and scripts that want one todo more.

use std::fmt;

use crate::filter::Filter;
use crate::identity::decode;
use crate::message::{check_id, check_text};
use crate::todos::{Change, Changes, Id, Todos};

/// Why a form was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadForm(String);

impl fmt::Display for BadForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a form says, field by field; of a field that comes twice the last counts.
#[derive(Debug, Default)]
struct Fields {
    action: String,
    id: String,
    text: String,
    completed: Option<bool>,
}

impl Fields {
    fn read(form: &str) -> Result<Self, BadForm> {
        let mut fields = Self::default();
        for pair in form.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decode(value).ok_or_else(|| BadForm("The form is not UTF-8.".into()))?;
            match name {
                "action" => fields.action = value,
                "id" => fields.id = value,
                "text" => fields.text = value,
                "completed" => fields.completed = Some(value == "true"),
                _ => {}
            }
        }
        Ok(fields)
    }
}

/// The changes that a form asks for. `now` is in milliseconds and becomes the id of a new todo.
pub fn changes(form: &str, todos: &Todos, now: u64) -> Result<Changes, BadForm> {
    let Fields {
        action,
        id,
        text,
        completed,
    } = Fields::read(form)?;
    let text = text.trim();
    check_text(text).map_err(|rejection| BadForm(rejection.reason))?;
    let one = |change| {
        check_id(&id).map_err(|rejection| BadForm(rejection.reason))?;
        Ok(vec![(Id::from(id.as_str()), change)])
    };
    match action.as_str() {
        // As in the page: saving nothing changes nothing.
        "add" | "edit" if text.is_empty() => Ok(Vec::new()),
        "add" => {
            let text = Some(text.to_owned());
            Ok(vec![(
                fresh_id(todos, now),
                Change::Set {
                    text,
                    completed: Some(false),
                },
            )])
        }
        "edit" => one(Change::Set {
            text: Some(text.to_owned()),
            completed: None,
        }),
        "toggle" => {
            let toggled = || todos.get(&id).map(|todo| !todo.completed);
            one(Change::Set {
                text: None,
                completed: completed.or_else(toggled),
            })
        }
        "delete" => one(Change::Delete),
        "clear" => Ok(todos
            .iter()
            .filter(|row| Filter::Completed.shows(&row.todo))
            .map(|row| (Id::clone(&row.id), Change::Delete))
            .collect()),
        "" => Err(BadForm("The form lacks an action.".into())),
        _ => Err(BadForm(
            "The form's action is none of add, edit, toggle, delete, clear.".into(),
        )),
    }
}

/// The time as text, or the next one that is free.
fn fresh_id(todos: &Todos, now: u64) -> Id {
    let mut id = now;
    while todos.get(&id.to_string()).is_some() {
        id += 1;
    }
    Id::from(id.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::todos::tests::{add, edit};

    fn list() -> Todos {
        let mut todos = Todos::default();
        edit(
            &mut todos,
            vec![("1000", add("tea")), ("a b", add("bread"))],
        );
        post(&mut todos, "action=toggle&id=a+b&completed=true").unwrap();
        todos
    }

    fn post(todos: &mut Todos, form: &str) -> Result<(), BadForm> {
        let effects = todos.effects(changes(form, todos, 1_000)?);
        todos.apply(&effects);
        Ok(())
    }

    #[test]
    fn a_form_can_do_all_that_the_page_can() {
        let mut todos = list();
        assert!(todos.get("a b").unwrap().completed);
        post(&mut todos, "action=add&text=+two+words+%26+more+").unwrap();
        assert_eq!(todos.get("1001").unwrap().text, "two words & more");
        post(&mut todos, "id=1000&action=edit&text=green+tea").unwrap();
        assert_eq!(todos.get("1000").unwrap().text, "green tea");
        post(&mut todos, "action=toggle&id=1000").unwrap();
        assert!(todos.get("1000").unwrap().completed);
        post(&mut todos, "action=delete&id=1001").unwrap();
        assert_eq!(todos.len(), 2);
        post(&mut todos, "action=clear").unwrap();
        assert!(todos.is_empty());
    }

    #[test]
    fn what_is_empty_or_gone_changes_nothing() {
        let mut todos = list();
        let before = todos.to_json();
        for form in [
            "action=add&text=+",
            "action=add",
            "action=edit&id=1000&text=",
            "action=edit&id=gone&text=x",
            "action=toggle&id=gone",
            "action=delete&id=gone",
        ] {
            post(&mut todos, form).unwrap();
            assert_eq!(todos.to_json(), before, "{form}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let mut todos = list();
        for form in [
            "",
            "action=fly",
            "action=delete",
            "action=delete&id=%00",
            "action=add&text=%ff",
            &format!("action=add&text={}", "x".repeat(2_001)),
        ] {
            assert!(post(&mut todos, form).is_err(), "{form}");
        }
    }
}
