//! What a list takes: the rules that every change keeps to, whoever makes it.

use tinybase::{Changes, Kind, Store, Value};

use crate::limit;
use crate::list::TODOS;
use crate::message::{Rejection, close};

/// Limits that can be set for all lists of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Todos of one list, and rows of each other table.
    pub todos: usize,
    /// Bytes that the object's database may take.
    pub storage: u64,
    /// How long it is remembered what was deleted, in milliseconds.
    pub horizon: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            todos: limit::TODOS,
            storage: limit::STORAGE,
            horizon: limit::HORIZON,
        }
    }
}

/// Bytes that a cell takes beside its own text: its name, clock and revision.
const STAMP: usize = 40;

/// One pass over some changes, before any of them is made.
pub struct Gate<'s> {
    store: &'s Store,
    limits: Limits,
    /// Rows that come to be, by table.
    new_rows: Vec<(String, usize)>,
    new_values: usize,
    growth: Growth,
}

/// Bytes that come, and bytes that they replace.
#[derive(Default, Clone, Copy)]
struct Growth {
    more: usize,
    less: usize,
}

impl<'s> Gate<'s> {
    pub fn new(store: &'s Store, limits: Limits) -> Self {
        Self {
            store,
            limits,
            new_rows: Vec::new(),
            new_values: 0,
            growth: Growth::default(),
        }
    }

    /// Looks at all of `changes`; `size` is what the database takes, in bytes.
    pub fn check(
        store: &Store,
        changes: &Changes<'_>,
        limits: Limits,
        size: u64,
    ) -> Result<(), Rejection> {
        let mut gate = Gate::new(store, limits);
        for row in changes.rows() {
            let cells = row.cells().map(|(cell, value, _)| (cell, value));
            gate.row(row.table, row.id, cells)?;
        }
        for (id, value, _) in changes.values() {
            gate.value(id, value)?;
        }
        gate.finish(size)
    }

    /// Looks at what some cells of a row are to become.
    pub fn row<'c>(
        &mut self,
        table: &str,
        row: &str,
        cells: impl Iterator<Item = (&'c str, &'c Value)>,
    ) -> Result<(), Rejection> {
        check_name(table)?;
        check_id(row)?;
        let held = self.store.row(table, row);
        let (mut growth, mut new) = (Growth::default(), 0);
        for (cell, value) in cells {
            check_name(cell)?;
            let most = if (table, cell) == (TODOS, "text") {
                limit::TEXT
            } else {
                limit::NOTES
            };
            check_value(value, most)?;
            let before = held.and_then(|row| row.cell(cell));
            growth.weigh(cell, before, value);
            new += usize::from(before.is_none() && !value.is_undefined());
        }
        if new > 0 {
            if held.is_none() {
                self.new_row(table)?;
                growth.more += row.len() + STAMP;
            }
            let cells = held.map_or(0, |row| row.cells().count());
            if cells + new > limit::CELLS {
                return Err(Rejection::new(close::POLICY, "more than 64 cells in a row"));
            }
        }
        if growth.more > STAMP {
            let cells = held.into_iter().flat_map(|row| row.cells());
            let bytes: usize = cells.map(|(cell, value)| bytes_of(cell, value)).sum();
            if bytes + growth.more > limit::TODO + growth.less {
                return Err(Rejection::new(close::POLICY, "a row of over 256 KiB"));
            }
        }
        self.growth.more += growth.more;
        self.growth.less += growth.less;
        Ok(())
    }

    pub fn value(&mut self, id: &str, value: &Value) -> Result<(), Rejection> {
        check_name(id)?;
        check_value(value, limit::NOTES)?;
        let held = self.store.value(id);
        if held.is_none() && !value.is_undefined() {
            self.new_values += 1;
            if self.new_values + self.store.value_ids().count() > limit::VALUES {
                return Err(Rejection::new(close::POLICY, "more than 1000 values"));
            }
        }
        self.growth.weigh(id, held, value);
        Ok(())
    }

    fn new_row(&mut self, table: &str) -> Result<(), Rejection> {
        let known = self.new_rows.iter().position(|(new, _)| new == table);
        let at = known.unwrap_or(self.new_rows.len());
        if known.is_none() {
            let held = self.store.row_count(table);
            let new_tables = self.new_rows.iter();
            let others = new_tables.filter(|(new, _)| self.store.row_count(new) == 0);
            if held == 0 && self.store.table_ids().count() + others.count() >= limit::TABLES {
                return Err(Rejection::new(close::POLICY, "more than 32 tables"));
            }
            self.new_rows.push((table.to_owned(), held));
        }
        let rows = &mut self.new_rows[at].1;
        *rows += 1;
        if *rows > self.limits.todos {
            let reason = format!("more than {} todos", self.limits.todos);
            return Err(Rejection::new(close::POLICY, reason));
        }
        Ok(())
    }

    pub fn finish(self, size: u64) -> Result<(), Rejection> {
        let Growth { more, less } = self.growth;
        let grown = more.saturating_sub(less) as u64;
        if grown > 0 && size + grown > self.limits.storage {
            let reason = "the storage is full: delete some todos";
            return Err(Rejection::new(close::FULL, reason));
        }
        Ok(())
    }
}

impl Growth {
    fn weigh(&mut self, id: &str, before: Option<&Value>, after: &Value) {
        self.less += before.map_or(0, |before| bytes_of(id, before));
        self.more += bytes_of(id, after);
    }
}

/// About what a cell takes on disk.
fn bytes_of(id: &str, value: &Value) -> usize {
    let thing = match value.kind() {
        // A deletion is kept, but always finds its place.
        Kind::Undefined => return 0,
        Kind::Null | Kind::Bool(_) => 5,
        Kind::Number(_) => 8,
        Kind::Text(text) | Kind::Json(text) => text.len() + 2,
    };
    thing + id.len() + STAMP
}

/// Names of tables, cells and values.
fn check_name(name: &str) -> Result<(), Rejection> {
    if is_name(name) {
        return Ok(());
    }
    let reason = "a name has 1 to 64 characters and no control characters";
    Err(Rejection::new(close::POLICY, reason))
}

/// As [`check_text`], for ids of rows.
pub fn check_id(id: &str) -> Result<(), Rejection> {
    if is_name(id) {
        return Ok(());
    }
    let reason = "a todo's id has 1 to 64 characters and no control characters";
    Err(Rejection::new(close::POLICY, reason))
}

fn is_name(name: &str) -> bool {
    if name.is_ascii() {
        let plain = name.bytes().all(|byte| !byte.is_ascii_control());
        return plain && (1..=limit::ID).contains(&name.len());
    }
    name.chars().count() <= limit::ID && !name.chars().any(char::is_control)
}

/// The text of a todo.
pub fn check_text(text: &str) -> Result<(), Rejection> {
    check_length(text, limit::TEXT)
}

fn check_value(value: &Value, most: usize) -> Result<(), Rejection> {
    match value.kind() {
        Kind::Text(text) => check_length(&text, most),
        Kind::Json(json) => check_length(&json, limit::NOTES),
        _ => Ok(()),
    }
}

fn check_length(text: &str, most: usize) -> Result<(), Rejection> {
    // Most texts are short enough even if every byte were a character.
    if text.len() > most && text.chars().count() > most {
        let reason = if most == limit::TEXT {
            "a todo's text has at most 2000 characters"
        } else {
            "a cell has at most 20000 characters"
        };
        return Err(Rejection::new(close::POLICY, reason));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_764_000_000_000;

    fn text(text: &str) -> Value {
        Value::text(text).unwrap()
    }

    /// What the gate says to one row with these cells.
    fn row(store: &Store, limits: Limits, cells: &[(&str, Value)]) -> Result<(), u16> {
        let mut gate = Gate::new(store, limits);
        gate.row(TODOS, "new", cells.iter().map(|(id, value)| (*id, value)))
            .and_then(|()| gate.finish(1_000))
            .map_err(|rejection| rejection.code)
    }

    fn store(todos: usize) -> Store {
        let mut store = Store::new("server");
        for id in 0..todos {
            store.set_cell(TODOS, &id.to_string(), "text", text("tea"), NOW);
        }
        store
    }

    #[test]
    fn todos_are_counted_and_deletions_always_pass() {
        let limits = Limits {
            todos: 3,
            ..Limits::default()
        };
        let cells = [("text", text("tea"))];
        assert_eq!(row(&store(2), limits, &cells), Ok(()));
        assert_eq!(row(&store(3), limits, &cells), Err(close::POLICY));
        let gone = [("text", Value::UNDEFINED)];
        assert_eq!(row(&store(3), limits, &gone), Ok(()));
    }

    #[test]
    fn a_full_storage_takes_only_what_makes_it_smaller() {
        let full = Limits {
            storage: 1_000,
            ..Limits::default()
        };
        let mut store = store(0);
        assert_eq!(row(&store, full, &[("text", text("t"))]), Err(close::FULL));
        store.set_cell(TODOS, "new", "text", text("a long text"), NOW);
        assert_eq!(row(&store, full, &[("text", text("short"))]), Ok(()));
        let longer = [("text", text("a longer text"))];
        assert_eq!(row(&store, full, &longer), Err(close::FULL));
        assert_eq!(row(&store, full, &[("text", Value::UNDEFINED)]), Ok(()));
    }

    #[test]
    fn cells_have_names_lengths_and_a_number() {
        let store = store(0);
        let check = |cells: &[(&str, Value)]| row(&store, Limits::default(), cells);
        assert_eq!(check(&[("text", text(&"é".repeat(2_000)))]), Ok(()));
        let long = text(&"é".repeat(2_001));
        assert_eq!(check(&[("text", long.clone())]), Err(close::POLICY));
        assert_eq!(check(&[("notes", long)]), Ok(()));
        let longest = text(&"x".repeat(20_001));
        assert_eq!(check(&[("notes", longest)]), Err(close::POLICY));
        assert_eq!(check(&[("", text("x"))]), Err(close::POLICY));
        assert_eq!(check(&[("a\nb\u{7}", text("x"))]), Err(close::POLICY));

        let names: Vec<String> = (0..65).map(|number| format!("cell {number}")).collect();
        let cells: Vec<_> = names.iter().map(|name| (&**name, text("x"))).collect();
        assert_eq!(check(&cells[..64]), Ok(()));
        assert_eq!(check(&cells), Err(close::POLICY));
        let notes = text(&"x".repeat(20_000));
        let heavy: Vec<_> = names[..14]
            .iter()
            .map(|name| (&**name, notes.clone()))
            .collect();
        assert_eq!(check(&heavy), Err(close::POLICY));
    }

    #[test]
    fn tables_and_values_have_a_number_too() {
        let mut store = store(0);
        for table in 0..limit::TABLES {
            store.set_cell(&format!("table {table}"), "1", "a", text("x"), NOW);
        }
        let cells = [("text", text("tea"))];
        assert_eq!(row(&store, Limits::default(), &cells), Err(close::POLICY));
        for value in 0..limit::VALUES {
            store.set_value(&value.to_string(), text("x"), NOW);
        }
        let mut gate = Gate::new(&store, Limits::default());
        assert!(gate.value("7", &text("y")).is_ok());
        assert_eq!(
            gate.value("one more", &text("y")).unwrap_err().code,
            close::POLICY
        );
    }
}
