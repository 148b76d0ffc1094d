//! Edits by posted forms: the page without JavaScript, and scripts that want one todo more.

use std::fmt;

use tinybase::Value;

use crate::filter::Filter;
use crate::gate::check_id;
use crate::identity::decode;
use crate::list::{Edit, List, text_value};
use crate::todos::Todo;

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
    text: Option<String>,
    completed: Option<bool>,
    due: Option<String>,
    notes: Option<String>,
    by: Option<String>,
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
                "text" => fields.text = Some(value),
                "completed" => fields.completed = Some(value == "true"),
                "due" => fields.due = Some(value),
                "notes" => fields.notes = Some(value),
                "by" => fields.by = Some(value),
                _ => {}
            }
        }
        Ok(fields)
    }

    fn text(&self) -> &str {
        self.text.as_deref().unwrap_or_default().trim()
    }

    fn id(&self) -> Result<&str, BadForm> {
        check_id(&self.id).map_err(|rejection| BadForm(rejection.reason))?;
        Ok(&self.id)
    }
}

/// The edits that a form asks for, which may be none. `filter` is what its page shows; `now` is in
/// milliseconds and becomes the id of a new todo; `random` is any 64 bits.
pub fn edits(
    form: &str,
    list: &mut List,
    filter: Filter,
    now: u64,
    random: u64,
) -> Result<Vec<Edit>, BadForm> {
    let fields = Fields::read(form)?;
    match fields.action.as_str() {
        // As in the page: adding nothing changes nothing.
        "add" if fields.text().is_empty() => Ok(Vec::new()),
        "add" => {
            let todo = Todo {
                text: fields.text().to_owned(),
                completed: false,
            };
            let id = fresh_id(list, now);
            Ok(list.added(&[(id.into(), todo)], random))
        }
        "edit" => {
            let cells = edited(&fields)?;
            Ok(list.changed(fields.id()?, cells).into_iter().collect())
        }
        "toggle" => {
            let id = fields.id()?;
            let Some(todo) = list.todo(id) else {
                return Ok(Vec::new());
            };
            let completed = fields.completed.unwrap_or(!todo.completed);
            let cells = vec![("completed".to_owned(), Value::from(completed))];
            Ok(list.changed(id, cells).into_iter().collect())
        }
        "move" => {
            let by = fields.by.as_deref().and_then(|by| by.parse().ok());
            let by = by.ok_or_else(|| BadForm("The form's field by is not a number.".into()))?;
            Ok(list.moved(fields.id()?, by, filter, random))
        }
        "delete" => Ok(list.gone(fields.id()?).into_iter().collect()),
        "clear" => Ok(list.cleared()),
        "" => Err(BadForm("The form lacks an action.".into())),
        _ => Err(BadForm(
            "The form's action is none of add, edit, toggle, move, delete, clear.".into(),
        )),
    }
}

/// The cells that an edit sets; an empty text stays what it was, an empty day or note is none.
fn edited(fields: &Fields) -> Result<Vec<(String, Value)>, BadForm> {
    let mut cells = Vec::new();
    if !fields.text().is_empty() {
        cells.push(("text".to_owned(), text_value(fields.text())));
    }
    if let Some(due) = &fields.due {
        if !(due.is_empty() || is_day(due)) {
            return Err(BadForm(
                "The form's field due is not a day such as 2026-12-24.".into(),
            ));
        }
        cells.push(("due".to_owned(), text_or_none(due)));
    }
    if let Some(notes) = &fields.notes {
        // Browsers end lines in forms with both.
        let notes = notes.replace("\r\n", "\n");
        cells.push(("notes".to_owned(), text_or_none(notes.trim())));
    }
    Ok(cells)
}

fn text_or_none(text: &str) -> Value {
    if text.is_empty() {
        Value::UNDEFINED
    } else {
        text_value(text)
    }
}

/// `YYYY-MM-DD`, as browsers send it.
fn is_day(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut number = |digits: usize| {
        let part = parts.next().filter(|part| part.len() == digits)?;
        part.parse::<u32>().ok()
    };
    let (year, month, day) = (number(4), number(2), number(2));
    let leap = |year: u32| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let days = match (year, month) {
        (Some(_), Some(4 | 6 | 9 | 11)) => 30,
        (Some(year), Some(2)) => 28 + u32::from(leap(year)),
        (Some(_), Some(1..=12)) => 31,
        _ => 0,
    };
    day.is_some_and(|day| (1..=days).contains(&day)) && parts.next().is_none()
}

/// The time as text, or the next one that is free.
fn fresh_id(list: &List, now: u64) -> String {
    let mut id = now;
    while list.todo(&id.to_string()).is_some() {
        id += 1;
    }
    id.to_string()
}

#[cfg(test)]
mod tests {
    use tinybase::Store;

    use super::*;
    use crate::gate::Limits;

    const NOW: u64 = 1_764_000_000_000;

    fn list() -> List {
        let mut list = List::new(Store::new("server"));
        for text in ["tea", "bread"] {
            post(&mut list, &format!("action=add&text={text}")).unwrap();
        }
        list
    }

    fn post(list: &mut List, form: &str) -> Result<(), String> {
        let edits = edits(form, list, Filter::All, NOW, 7).map_err(|bad| bad.0)?;
        list.edit(edits, Limits::default(), 0, NOW)
            .map_err(|rejection| rejection.reason)?;
        let _ = list.commit();
        Ok(())
    }

    fn id(list: &mut List, text: &str) -> String {
        let todos = list.window(Filter::All, 0, 10);
        let found = todos.iter().find(|todo| todo.text == text).unwrap();
        found.id.to_string()
    }

    fn texts(list: &mut List) -> Vec<String> {
        let todos = list.window(Filter::All, 0, 10);
        todos.iter().map(|todo| todo.text.to_string()).collect()
    }

    #[test]
    fn a_form_can_do_all_that_the_page_can() {
        let mut list = list();
        assert_eq!(texts(&mut list), ["tea", "bread"]);
        post(&mut list, "action=add&text=+two+words+%26+more+").unwrap();
        let (tea, bread) = (id(&mut list, "tea"), id(&mut list, "bread"));
        assert_eq!(tea, NOW.to_string());
        post(&mut list, &format!("id={tea}&action=edit&text=green+tea")).unwrap();
        post(&mut list, &format!("action=move&id={bread}&by=-1")).unwrap();
        assert_eq!(texts(&mut list), ["bread", "green tea", "two words & more"]);
        post(&mut list, &format!("action=move&id={bread}&by=5")).unwrap();
        assert_eq!(texts(&mut list), ["green tea", "two words & more", "bread"]);

        let edit = "action=edit&text=&due=2028-02-29&notes=+one%0D%0Atwo+";
        post(&mut list, &format!("{edit}&id={tea}")).unwrap();
        let first = list.window(Filter::All, 0, 1).remove(0);
        assert_eq!(first.text, "green tea");
        assert_eq!(first.due.as_deref(), Some("2028-02-29"));
        assert_eq!(first.notes.as_deref(), Some("one\ntwo"));
        post(&mut list, &format!("action=edit&due=&notes=&id={tea}")).unwrap();
        let first = list.window(Filter::All, 0, 1).remove(0);
        assert_eq!((first.due, first.notes), (None, None));

        post(&mut list, &format!("action=toggle&id={tea}")).unwrap();
        assert!(list.todo(&tea).unwrap().completed);
        post(&mut list, "action=clear").unwrap();
        assert_eq!(texts(&mut list), ["two words & more", "bread"]);
        post(&mut list, &format!("action=delete&id={bread}")).unwrap();
        assert_eq!(texts(&mut list), ["two words & more"]);
    }

    #[test]
    fn what_is_empty_or_gone_changes_nothing() {
        let mut list = list();
        let before = list.export();
        for form in [
            "action=add&text=+",
            "action=add",
            &format!("action=edit&id={NOW}&text="),
            "action=edit&id=gone&text=x",
            "action=toggle&id=gone",
            "action=delete&id=gone",
            "action=move&id=gone&by=1",
            &format!("action=move&id={NOW}&by=-1"),
            &format!("action=move&id={NOW}&by=0"),
        ] {
            post(&mut list, form).unwrap();
            assert_eq!(list.export(), before, "{form}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let mut list = list();
        for form in [
            "",
            "action=fly",
            "action=delete",
            "action=delete&id=%00",
            "action=add&text=%ff",
            "action=move&id=1&by=far",
            "action=edit&id=1&due=tomorrow",
            "action=edit&id=1&due=2027-02-29",
            &format!("action=add&text={}", "x".repeat(2_001)),
        ] {
            assert!(post(&mut list, form).is_err(), "{form}");
        }
    }
}
