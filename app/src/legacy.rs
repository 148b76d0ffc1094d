//! What older versions kept, and how it becomes a list.
//!
//! There are two of them: the first kept one JSON text under the key `todos`, the second a table
//! `todos`. An object that has either takes it over when it is opened. And users may come from the
//! time when all todos were in one object: see `object/moving.rs`.

use tinybase::Value;
use wasm_bindgen::JsValue;
use worker::{SqlStorageValue, console_error};

use crate::disk::Disk;
use crate::gate::Limits;
use crate::limit;
use crate::list::{Edit, List};
use crate::message::Ordered;
use crate::notes;
use crate::todos::{Id, Todo};

/// A todo as an older version kept it.
#[derive(Debug, Clone, PartialEq)]
pub struct Old {
    id: String,
    todo: Todo,
    /// Cells besides text and completed, in their order.
    more: Vec<(String, Value)>,
    /// Whose it says that it is.
    owner: Option<String>,
}

/// Todos that become part of a list at a time.
const BATCH: usize = 5_000;

/// The note that says that this object holds nothing older.
const VERSION: &str = "version";
const PRESENT: &str = "2";

/// Cells that say whose a todo is.
const OWNERS: [&str; 2] = ["userId", "owner"];

/// Reads `{"tables":{"todos":{"<id>":{"text":"…","completed":false}}},"values":{}}`, with whatever
/// else the rows have. What no list could hold is made to fit or left out.
pub fn read(json: &str) -> Result<Vec<Old>, serde_json::Error> {
    #[derive(serde::Deserialize)]
    struct Kept {
        tables: Tables,
    }
    #[derive(serde::Deserialize)]
    struct Tables {
        #[serde(default)]
        todos: Ordered<Ordered<serde_json::Value>>,
    }
    let Kept { tables } = serde_json::from_str(json)?;
    let rows = tables.todos.0.into_iter().enumerate();
    Ok(rows
        .map(|(at, (id, cells))| Old::of(at, id, cells.0))
        .collect())
}

/// Those of one user, where they say whose they are; else all.
pub fn of_user(old: Vec<Old>, user: &str) -> Vec<Old> {
    if old.iter().all(|old| old.owner.is_none()) {
        return old;
    }
    let theirs = old.into_iter();
    theirs
        .filter(|old| old.owner.as_deref() == Some(user))
        .collect()
}

impl Old {
    fn of(at: usize, id: String, cells: Vec<(String, serde_json::Value)>) -> Self {
        let fits = (1..=limit::ID).contains(&id.chars().count());
        let id = if fits && !id.chars().any(char::is_control) {
            id
        } else {
            format!("todo-{}", at + 1)
        };
        let mut old = Self {
            id,
            todo: Todo {
                text: String::new(),
                completed: false,
            },
            more: Vec::new(),
            owner: None,
        };
        for (cell, value) in cells {
            if OWNERS.contains(&&*cell) {
                let plain = value.as_str().map(str::to_owned);
                old.owner = Some(plain.unwrap_or_else(|| value.to_string()));
            }
            match (&*cell, value) {
                ("text", serde_json::Value::String(text)) => old.write(text),
                ("completed", serde_json::Value::Bool(completed)) => old.todo.completed = completed,
                // Made anew, for the order in which they stand.
                ("text" | "completed" | "order", _) => {}
                (_, value) => old.more.extend(cell_of(cell.clone(), &value)),
            }
        }
        old.more.truncate(limit::CELLS - 4);
        old
    }

    /// A text that is too long goes on in the notes.
    fn write(&mut self, text: String) {
        if text.chars().count() > limit::TEXT {
            self.more.retain(|(cell, _)| cell != "notes");
            let notes: String = text.chars().take(limit::NOTES).collect();
            let notes = Value::text(&notes).ok();
            self.more
                .extend(notes.map(|notes| ("notes".to_owned(), notes)));
            self.todo.text = text.chars().take(limit::TEXT).collect();
        } else {
            self.todo.text = text;
        }
    }
}

fn cell_of(cell: String, value: &serde_json::Value) -> Option<(String, Value)> {
    use serde_json::Value as Json;
    let named = (1..=limit::ID).contains(&cell.chars().count());
    if !named || cell.chars().any(char::is_control) {
        return None;
    }
    let value = match value {
        Json::Null => Value::NULL,
        Json::Bool(bool) => Value::from(*bool),
        Json::Number(number) => Value::number(number.as_f64()?).ok()?,
        Json::String(text) if text.chars().count() <= limit::NOTES => Value::text(text).ok()?,
        Json::Array(_) | Json::Object(_) => {
            let json = value.to_string();
            if json.chars().count() > limit::NOTES {
                return None;
            }
            Value::json(&json).ok()?
        }
        Json::String(_) => return None,
    };
    Some((cell, value))
}

/// Adds them to a list, after all that it has, but for those that it has already.
fn edits(list: &mut List, old: &[Old], random: u64) -> Vec<Edit> {
    let new = old.iter().filter(|old| list.todo(&old.id).is_none());
    let new: Vec<&Old> = new.collect();
    let todos: Vec<(Id, Todo)> = new
        .iter()
        .map(|old| (Id::from(&*old.id), old.todo.clone()))
        .collect();
    let mut edits = list.added(&todos, random);
    // What comes before is about todos that were there.
    let first = edits.len() - new.len();
    for (edit, old) in edits[first..].iter_mut().zip(new) {
        if let Edit::Row { cells, .. } = edit {
            cells.extend(old.more.iter().cloned());
        }
    }
    edits
}

/// Takes over what this object itself has from older versions.
pub fn upgrade(disk: &Disk, now: u64, random: u64) -> Result<(), JsValue> {
    if notes::read(disk, VERSION)?.as_deref() == Some(PRESENT) {
        return Ok(());
    }
    let mut old = match disk.old_text("todos")? {
        // The key stays, whatever there is under it.
        Some(json) => read(&json).unwrap_or_else(|error| {
            console_error!("what is under the old key `todos` can't be read: {error}");
            Vec::new()
        }),
        None => Vec::new(),
    };
    let has_table = has_table(disk)?;
    if has_table {
        old.extend(table(disk)?);
    }
    take_over(disk, &old, now, random, || {
        if has_table {
            disk.sql().exec("DROP TABLE todos", None)?;
        }
        notes::write(disk, VERSION, PRESENT)
    })
}

/// Makes them part of the list of the object's one user, and does what is to be done with it: all
/// of that or nothing. Nobody may have the list open.
pub fn take_over(
    disk: &Disk,
    old: &[Old],
    now: u64,
    random: u64,
    also: impl Fn() -> Result<(), JsValue>,
) -> Result<(), JsValue> {
    const LIST: &str = "";
    if old.is_empty() {
        return disk.transaction(also);
    }
    // They fit in where they come from.
    let all = Limits {
        todos: usize::MAX,
        storage: u64::MAX,
        ..Limits::default()
    };
    let mut list = List::new(disk.load(LIST)?);
    disk.transaction(|| {
        for batch in old.chunks(BATCH) {
            let edits = edits(&mut list, batch, random);
            let edited = list.edit(edits, all, 0, now);
            edited.map_err(|rejection| rejection.reason)?;
            disk.save(LIST, &list.commit().entries, &[])?;
        }
        also()
    })
}

fn has_table(disk: &Disk) -> Result<bool, JsValue> {
    let query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'todos'";
    Ok(disk.sql().exec(query, None)?.raw().next().is_some())
}

/// The rows of the table, in their order.
fn table(disk: &Disk) -> Result<Vec<Old>, JsValue> {
    let query = "SELECT id, text, completed FROM todos ORDER BY position";
    let mut old = Vec::new();
    for row in disk.sql().exec(query, None)?.raw() {
        let row: Result<[SqlStorageValue; 3], _> = row?.try_into();
        let Ok(
            [
                SqlStorageValue::String(id),
                SqlStorageValue::String(text),
                SqlStorageValue::Integer(completed),
            ],
        ) = row
        else {
            return Err("a row of the old table `todos` has columns of other types".into());
        };
        let cells = vec![
            ("text".to_owned(), text.into()),
            ("completed".to_owned(), (completed != 0).into()),
        ];
        old.push(Old::of(old.len(), id, cells));
    }
    Ok(old)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tinybase::Store;

    use super::*;
    use crate::list::TODOS;

    const NOW: u64 = 1_764_000_000_000;

    fn list() -> List {
        List::new(Store::new("server"))
    }

    fn add(list: &mut List, old: &[Old]) {
        let edits = edits(list, old, 7);
        list.edit(edits, Limits::default(), 0, NOW).unwrap();
        let _ = list.commit();
    }

    fn texts(list: &mut List) -> Vec<String> {
        let todos = list.todos();
        todos.iter().map(|(_, todo)| todo.text.clone()).collect()
    }

    #[test]
    fn the_old_shape_is_read_in_its_order_with_all_its_cells() {
        let old = read(
            r#"{"tables":{"todos":{
                "1764000000002":{"text":"tea","completed":false},
                "1764000000001":{"text":"bread","completed":true,"priority":2,"tags":["a"]}
            }},"values":{}}"#,
        );
        let mut list = list();
        add(&mut list, &old.unwrap());
        assert_eq!(texts(&mut list), ["tea", "bread"]);
        let store = list.store();
        let bread = store.row(TODOS, "1764000000001").unwrap();
        assert_eq!(bread.cell("completed"), Some(&Value::from(true)));
        assert_eq!(bread.cell("priority"), Value::number(2.0).ok().as_ref());
        assert_eq!(bread.cell("tags"), Value::json("[\"a\"]").ok().as_ref());
    }

    #[test]
    fn an_empty_store_is_no_todos_and_what_is_no_store_is_an_error() {
        for empty in [
            r#"{"tables":{"todos":{}},"values":{}}"#,
            r#"{"tables":{},"values":{}}"#,
        ] {
            assert!(read(empty).unwrap().is_empty());
        }
        for other in ["", "[]", "{}", r#"{"tables":{"todos":[]}}"#] {
            assert!(read(other).is_err(), "{other}");
        }
    }

    #[test]
    fn users_get_their_own_where_todos_say_whose_they_are() {
        let json = r#"{"tables":{"todos":{
            "1":{"text":"alice's","completed":false,"userId":"alice"},
            "2":{"text":"bob's","completed":false,"owner":"bob"},
            "3":{"text":"nobody's","completed":false}
        }},"values":{}}"#;
        let of = |user| {
            let old = of_user(read(json).unwrap(), user).into_iter();
            old.map(|old| old.todo.text).collect::<Vec<_>>()
        };
        assert_eq!(of("alice"), ["alice's"]);
        assert_eq!(of("bob"), ["bob's"]);
        assert!(of("carol").is_empty());
        let unsigned = json.replace("userId", "x").replace("owner", "y");
        assert_eq!(of_user(read(&unsigned).unwrap(), "carol").len(), 3);
    }

    #[test]
    fn what_is_there_already_is_not_doubled_nor_changed() {
        let old = read(
            r#"{"tables":{"todos":{"a":{"text":"tea","completed":false},
            "b":{"text":"bread","completed":false}}}}"#,
        )
        .unwrap();
        let mut list = list();
        add(&mut list, &old[..1]);
        let cells = vec![("text".to_owned(), Value::text("green tea").unwrap())];
        let edit = list.changed("a", cells).unwrap();
        list.edit(vec![edit], Limits::default(), 0, NOW).unwrap();
        add(&mut list, &old);
        add(&mut list, &old);
        assert_eq!(texts(&mut list), ["green tea", "bread"]);
    }

    #[test]
    fn what_is_too_long_is_made_to_fit_and_nothing_of_it_lost() {
        let long = "é".repeat(3_000);
        let json = format!(
            r#"{{"tables":{{"todos":{{"":{{"text":"{long}","completed":false}},
            "{long}":{{"text":"b","completed":false,"":1,"x":"{}"}}}}}}}}"#,
            "y".repeat(20_001)
        );
        let mut list = list();
        add(&mut list, &read(&json).unwrap());
        let store = list.store();
        let first = store.row(TODOS, "todo-1").unwrap();
        assert_eq!(first.cell("notes"), Value::text(&long).ok().as_ref());
        assert_eq!(store.row(TODOS, "todo-2").unwrap().cells().count(), 3);
        assert_eq!(texts(&mut list), [&"é".repeat(2_000), "b"]);
    }

    proptest! {
        #[test]
        fn every_list_takes_what_was_read(
            rows in prop::collection::vec((".{0,70}", ".{0,9}", ".{0,70}", any::<bool>()), 0..9),
        ) {
            let mut todos = serde_json::Map::new();
            for (id, text, cell, completed) in rows {
                let row = serde_json::json!({"text": text, "completed": completed, (cell): [1, null]});
                todos.insert(id, row);
            }
            let json = serde_json::json!({"tables": {"todos": todos}, "values": {}});
            let old = read(&json.to_string()).unwrap();
            let mut list = list();
            let edits = edits(&mut list, &old, 7);
            prop_assert!(list.edit(edits, Limits::default(), 0, NOW).is_ok());
        }
    }
}
