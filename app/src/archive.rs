//! Todos that leave their list for a database, until somebody wants them back: which ones, how
//! they are written there, and what comes of edits to them that come late.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tinybase::{Changes, Form, Hlc, Kind, Malformed, Place, Restore, RowChanges, Store, Value};

use crate::glance::Glance;
use crate::list::{TODOS, text_value};
use crate::presence;
use crate::todos::{Change, push_json};

/// Todos that are moved at a time.
pub const BATCH: usize = 50;
/// Todos that one answer has.
pub const PAGE: u32 = 50;

const DAY: f64 = 86_400_000.0;

/// When a todo is to leave its list.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rest {
    /// Milliseconds after the last change, for todos that are completed.
    pub completed: u64,
    /// The same for others.
    pub others: u64,
}

impl Rest {
    /// From numbers of days, which need not be whole.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "beyond what fits it is the greatest number that does"
    )]
    pub fn of_days(completed: Option<f64>, others: Option<f64>) -> Self {
        let milliseconds = |days: f64| (days * DAY) as u64;
        Self {
            completed: milliseconds(completed.unwrap_or(1.0)),
            others: milliseconds(others.unwrap_or(90.0)),
        }
    }

    /// When a todo may leave its list, in milliseconds since 1970.
    pub fn over_at(self, todo: Glance) -> u64 {
        let rest = if todo.completed {
            self.completed
        } else {
            self.others
        };
        todo.updated.saturating_add(rest)
    }
}

/// A todo as the database has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archived {
    pub id: String,
    pub text: String,
    pub notes: Option<String>,
    pub due: Option<String>,
    pub completed: bool,
    /// When it was last changed, in milliseconds since 1970.
    pub updated: u64,
    /// All of it, with clocks: see [`Store::records`].
    pub record: String,
}

impl Archived {
    /// A todo of this record. `None`: it is deleted.
    pub fn of(id: &str, record: &str) -> Result<Option<Self>, Malformed> {
        let store = restored(id, record)?;
        let part = whole(&store);
        let changes = Changes::parse(&part)?;
        let clocks = changes
            .rows()
            .flat_map(|row| row.cells().map(|(.., clock)| clock.time()));
        let updated = clocks.max().unwrap_or(0);
        let Some(row) = store.row(TODOS, id) else {
            return Ok(None);
        };
        let text = |cell| match row.cell(cell).map(Value::kind) {
            Some(Kind::Text(text)) if !text.is_empty() => Some(text.into_owned()),
            _ => None,
        };
        Ok(Some(Self {
            id: id.to_owned(),
            text: text("text").unwrap_or_default(),
            notes: text("notes"),
            due: text("due"),
            completed: row.cell("completed").map(Value::kind) == Some(Kind::Bool(true)),
            updated,
            record: record.to_owned(),
        }))
    }
}

/// What somebody did to a todo that is not in the list, perhaps before it was archived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Late {
    pub id: String,
    /// As TinyBase's mergeable changes; or [`DELETED`].
    pub changes: String,
}

/// What was done to a todo by somebody who does not say to which cells.
const DELETED: &str = "deleted";

impl Late {
    pub fn of(row: RowChanges<'_>) -> Self {
        let mut changes = String::from("[[{");
        push_json(&mut changes, row.table);
        changes.push_str(":[{");
        push_json(&mut changes, row.id);
        changes.push_str(":[{");
        for (at, (cell, value, clock)) in row.cells().enumerate() {
            changes.push_str(if at == 0 { "" } else { "," });
            push_json(&mut changes, cell);
            changes.push_str(":[");
            value.write(&mut changes, Form::Encoded);
            if !Hlc::is_none(clock) {
                // Writing to a text cannot fail.
                let _ = write!(changes, ",\"{clock}\"");
            }
            changes.push(']');
        }
        changes.push_str("}]}]}],[{}],1]");
        Self {
            id: row.id.to_owned(),
            changes,
        }
    }

    /// By somebody without clocks of their own, now.
    pub fn by_plain(id: &str, change: &Change, now: u64) -> Self {
        let changes = match change {
            Change::Delete => DELETED.to_owned(),
            Change::Set { text, completed } => {
                let mut store = Store::new("plain");
                if let Some(text) = text {
                    store.set_cell(TODOS, id, "text", text_value(text), now);
                }
                if let Some(completed) = *completed {
                    store.set_cell(TODOS, id, "completed", Value::from(completed), now);
                }
                let _ = store.commit();
                whole(&store)
            }
        };
        Self {
            id: id.to_owned(),
            changes,
        }
    }
}

/// An archived todo as it is found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resting {
    pub id: String,
    pub text: String,
    pub notes: Option<String>,
    pub due: Option<String>,
    pub completed: bool,
    /// When it was last changed, in milliseconds since 1970.
    pub updated: u64,
    /// When it left its list.
    pub archived: u64,
}

/// What is found at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    /// The newest first.
    pub todos: Vec<Resting>,
    /// How many stand before what is found next, if there may be more.
    pub next: Option<u32>,
    /// How many are archived in all.
    pub archived: u64,
}

/// What comes of an archived todo.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Nothing was done to it that it has not got already.
    Stays,
    /// It comes back, with these cells.
    Returns(Vec<(String, Value)>),
    /// Somebody had deleted it.
    Deleted,
}

/// What comes of the todo of this record, after what was done to it `late`. `wanted`: it is to come
/// back in any case.
pub fn outcome(
    id: &str,
    record: &str,
    late: &[String],
    wanted: bool,
    now: u64,
) -> Result<Outcome, Malformed> {
    let mut store = restored(id, record)?;
    let before = store.hashes();
    for changes in late {
        if changes == DELETED {
            return Ok(Outcome::Deleted);
        }
        let _ = store.apply(Changes::parse(changes)?, now);
    }
    if store.hashes() == before && !wanted {
        return Ok(Outcome::Stays);
    }
    Ok(match store.row(TODOS, id) {
        None => Outcome::Deleted,
        Some(row) => {
            let cells = row.cells();
            let cells = cells.map(|(cell, value)| (cell.to_owned(), value.clone()));
            Outcome::Returns(cells.collect())
        }
    })
}

fn restored(id: &str, record: &str) -> Result<Store, Malformed> {
    let mut restore = Restore::new("archive");
    let place = Place::Row {
        table: TODOS,
        row: id,
    };
    restore.record(place, record)?;
    Ok(restore.finish())
}

fn whole(store: &Store) -> String {
    let mut parts = store.parts(usize::MAX, presence::is_presence);
    parts.next().unwrap_or_else(|| "[[{}],[{}],1]".into())
}

/// The word by which a list's todos are found, and nobody else's.
pub fn owner(list: &str) -> String {
    let digest = Sha256::digest(list);
    let (first, _) = digest.split_at(12);
    let mut word = String::from("l");
    for byte in first {
        let _ = write!(word, "{byte:02x}");
    }
    word
}

/// What is asked of the full-text index for what people write: all words, the last ones perhaps
/// unfinished. `None`: nothing that could be found.
pub fn query(owner: &str, written: &str) -> Option<String> {
    let words = written.split(|letter: char| !letter.is_alphanumeric());
    let words: Vec<String> = words
        .filter(|word| !word.is_empty())
        .map(|word| format!("\"{word}\" *"))
        .collect();
    (!words.is_empty())
        .then(|| format!("owner : \"{owner}\" AND words : ({})", words.join(" AND ")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::entry::Entry;

    const NOW: u64 = 1_764_000_000_000;

    fn text(text: &str) -> Value {
        Value::text(text).unwrap()
    }

    fn record_of(store: &mut Store) -> String {
        let batch = store.commit();
        let entries: Vec<Entry> = store.records_of(&batch).map(Entry::of).collect();
        entries[0].text.clone()
    }

    /// A list with a todo, and its record.
    fn list() -> (Store, String) {
        let mut store = Store::new("list");
        let cells = vec![
            ("text", text("tea")),
            ("completed", Value::from(true)),
            ("due", Value::UNDEFINED),
            ("more", Value::json("{\"a\":[1.0,1e-7]}").unwrap()),
        ];
        store.set_row(TODOS, "1", cells, NOW);
        store.del_cell(TODOS, "1", "gone", NOW);
        let record = record_of(&mut store);
        (store, record)
    }

    /// What a client that had all of the list does to it.
    fn done(list: &Store, now: u64, change: impl FnOnce(&mut Store)) -> Vec<String> {
        let mut client = Store::new("client");
        let _ = client.apply(Changes::parse(&whole(list)).unwrap(), now);
        let _ = client.commit();
        change(&mut client);
        let batch = client.commit();
        let changes = client.changes_json(&batch, Form::Encoded);
        let changes = Changes::parse(&changes).unwrap();
        let late = changes.rows().map(|row| Late::of(row).changes);
        late.collect()
    }

    #[test]
    fn what_is_done_without_clocks_is_done_now() {
        let (_, record) = list();
        let edit = Change::Set {
            text: Some("green tea".into()),
            completed: None,
        };
        let late = |change| [Late::by_plain("1", change, NOW + 60_000).changes];
        let done = |change| outcome("1", &record, &late(change), false, NOW + 60_000).unwrap();
        let Outcome::Returns(cells) = done(&edit) else {
            panic!("it was edited");
        };
        let has = |cell: &str, value| cells.contains(&(cell.to_owned(), value));
        assert!(has("text", text("green tea")) && has("completed", Value::from(true)));
        assert_eq!(done(&Change::Delete), Outcome::Deleted);
    }

    #[test]
    fn a_todo_leaves_after_its_rest() {
        let (_, record) = list();
        let archived = Archived::of("1", &record).unwrap().unwrap();
        assert_eq!((&*archived.text, archived.completed), ("tea", true));
        assert_eq!(archived.updated, NOW);
        let rest = Rest::of_days(Some(0.5), None);
        let over_at = |completed| {
            rest.over_at(Glance {
                completed,
                updated: NOW,
            })
        };
        assert_eq!(over_at(true), NOW + 43_200_000);
        assert_eq!(over_at(false), NOW + 90 * 86_400_000);
    }

    #[test]
    fn what_it_has_already_does_not_bring_it_back() {
        let (list, record) = list();
        let part = whole(&list);
        let again = Changes::parse(&part).unwrap();
        let late: Vec<String> = again.rows().map(|row| Late::of(row).changes).collect();
        assert_eq!(outcome("1", &record, &late, false, NOW), Ok(Outcome::Stays));
        let Ok(Outcome::Returns(cells)) = outcome("1", &record, &late, true, NOW) else {
            panic!("it is wanted");
        };
        let more = Value::json("{\"a\":[1.0,1e-7]}").unwrap();
        let cell = |name: &str| cells.iter().find(|(cell, _)| cell == name);
        assert_eq!(cell("more").unwrap().1, more);
        assert_eq!(cell("text").unwrap().1, text("tea"));
        assert!(cell("due").is_none());
    }

    #[test]
    fn an_edit_from_before_it_left_brings_it_back_with_that_edit() {
        let (list, record) = list();
        let late = done(&list, NOW + 5, |client| {
            client.set_cell(TODOS, "1", "text", text("green tea"), NOW + 5);
            client.set_cell(TODOS, "1", "completed", Value::UNDEFINED, NOW + 5);
        });
        let Ok(Outcome::Returns(cells)) = outcome("1", &record, &late, false, NOW + 9) else {
            panic!("it was edited");
        };
        assert!(cells.contains(&("text".into(), text("green tea"))));
        assert!(!cells.iter().any(|(cell, _)| cell == "completed"));
    }

    #[test]
    fn a_deletion_from_before_it_left_deletes_it() {
        let (list, record) = list();
        let late = done(&list, NOW + 5, |client| {
            client.del_row(TODOS, "1", NOW + 5);
        });
        assert_eq!(
            outcome("1", &record, &late, false, NOW + 9),
            Ok(Outcome::Deleted)
        );
    }

    #[test]
    fn a_search_asks_for_all_words_of_one_list() {
        let asked = query("l00", "Tee & \"Brot\" OR owner:x*").unwrap();
        let words = r#""Tee" * AND "Brot" * AND "OR" * AND "owner" * AND "x" *"#;
        assert_eq!(asked, format!(r#"owner : "l00" AND words : ({words})"#));
        assert_eq!(query("l00", " -\"'* "), None);
        assert_ne!(owner("user-a"), owner("user-b"));
    }

    proptest! {
        #[test]
        fn nothing_that_people_write_is_more_than_words(written in ".*") {
            if let Some(asked) = query("l00", &written) {
                let quotes = asked.matches('"').count();
                prop_assert_eq!(quotes % 2, 0);
            }
        }
    }
}
