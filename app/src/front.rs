//! The first page of a long list, kept on disk: an object that was asleep shows it without reading
//! the list, which takes as long as the list is.

use serde::{Deserialize, Serialize};
use wasm_bindgen::JsValue;
use worker::{SqlStorage, SqlStorageValue};

use crate::disk::first;
use crate::filter::Filter;
use crate::limit;
use crate::list::List;
use crate::sheet::{Counts, Right, Sheet, Shown};

/// What the first page says of a list.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Front<'l> {
    pub counts: Counts,
    rows: Vec<Shown<'l>>,
}

/// The form of what is kept; of another one, nothing is kept.
const FORM: i32 = 1;
/// Bytes that are kept at most. Todos with that much text are few on a page.
const MOST: usize = 256 * 1024;

impl<'l> Front<'l> {
    /// Of a list that is long.
    pub fn of(list: &'l mut List) -> Option<Self> {
        if !list.is_long() {
            return None;
        }
        Some(Self {
            counts: list.counts(),
            rows: list.window(Filter::All, 0, limit::PAGE),
        })
    }

    /// The page that it is for; see [`Sheet::of`].
    pub fn sheet(self, right: Right, size: u64, archived: Option<u64>) -> Sheet<'l> {
        Sheet {
            right,
            counts: self.counts,
            from: 0,
            rows: self.rows,
            // Of no long list.
            content: None,
            size,
            archived,
        }
    }

    /// Keeps it until an entry of the list changes.
    pub fn keep(&self, sql: &SqlStorage, list: &str) -> Result<(), JsValue> {
        let text = serde_json::to_string(self).map_err(|error| error.to_string())?;
        if text.len() <= MOST {
            let statement = "INSERT OR REPLACE INTO fronts (list, form, text) VALUES (?, ?, ?)";
            sql.exec(statement, vec![list.into(), FORM.into(), text.into()])?;
        }
        Ok(())
    }
}

impl Front<'static> {
    /// Whoever writes entries, the database itself forgets what was made of those before.
    pub fn prepare(sql: &SqlStorage) -> worker::Result<()> {
        let table = "CREATE TABLE IF NOT EXISTS fronts (
            list TEXT PRIMARY KEY,
            form INTEGER NOT NULL,
            text TEXT NOT NULL
        ) STRICT, WITHOUT ROWID";
        sql.exec(table, None)?;
        for (event, row) in [("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")] {
            let name = event.to_ascii_lowercase();
            let trigger = format!(
                "CREATE TRIGGER IF NOT EXISTS fronts_{name} AFTER {event} ON entries
                BEGIN DELETE FROM fronts WHERE list = {row}.list; END"
            );
            sql.exec(&trigger, None)?;
        }
        Ok(())
    }

    pub fn is_kept(sql: &SqlStorage, list: &str) -> worker::Result<bool> {
        let query = "SELECT 1 FROM fronts WHERE list = ? AND form = ?";
        Ok(first(sql, query, vec![list.into(), FORM.into()])?.is_some())
    }

    pub fn read(sql: &SqlStorage, list: &str) -> worker::Result<Option<Self>> {
        let query = "SELECT text FROM fronts WHERE list = ? AND form = ?";
        match first(sql, query, vec![list.into(), FORM.into()])? {
            Some(SqlStorageValue::String(text)) => Ok(serde_json::from_str(&text)?),
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use tinybase::Store;

    use super::*;
    use crate::hop::Visit;
    use crate::list::TODOS;

    fn list(todos: usize) -> List {
        let mut store = Store::new("front");
        for n in 0..todos {
            let row = format!("id{n}");
            let text = tinybase::Value::text(&format!("<{n}> \u{e9}")).unwrap();
            store.set_cell(TODOS, &row, "text", text, 1);
            store.set_cell(TODOS, &row, "completed", (n % 3 == 0).into(), 1);
        }
        let _ = store.commit();
        List::new(store)
    }

    #[test]
    fn what_is_kept_makes_the_page_that_the_list_makes() {
        let mut list = list(limit::LONG + 1);
        let kept = serde_json::to_string(&Front::of(&mut list).unwrap()).unwrap();
        let kept: Front<'static> = serde_json::from_str(&kept).unwrap();
        let visit = Visit::to_own("ann");
        assert!(visit.is_front());
        let sheet = kept.sheet(Right::Write, 4096, Some(3));
        assert_eq!(sheet.rows.len(), limit::PAGE);
        assert_eq!(
            sheet,
            Sheet::of(&mut list, &visit, Right::Write, 4096, Some(3))
        );
        for (filter, from) in [(Filter::Active, 0), (Filter::All, 200)] {
            let visit = Visit {
                filter,
                from,
                ..visit.clone()
            };
            assert!(!visit.is_front());
        }
    }

    #[test]
    fn a_list_that_is_not_long_is_read_soon_enough() {
        assert_eq!(Front::of(&mut list(limit::LONG)), None);
    }
}
