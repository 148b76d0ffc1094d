//! The todos on disk: one row each, in the object's SQLite database. An edit writes the rows that
//! it changes and no other.

use wasm_bindgen::{JsCast as _, JsValue};
use worker::{SqlStorage, SqlStorageValue, State};

use crate::js::Storage;
use crate::todos::{Effect, Id, Todo, Todos, push_json};

pub struct Store {
    storage: Storage,
    sql: SqlStorage,
}

impl Store {
    pub fn open(state: &State) -> worker::Result<Self> {
        let storage = state.storage();
        let sql = storage.sql();
        sql.exec(
            "CREATE TABLE IF NOT EXISTS todos (
                position INTEGER PRIMARY KEY,
                id TEXT NOT NULL,
                text TEXT NOT NULL,
                completed INTEGER NOT NULL
            ) STRICT",
            None,
        )?;
        Ok(Self {
            storage: JsValue::from(storage.as_raw()).unchecked_into(),
            sql,
        })
    }

    pub fn load(&self) -> worker::Result<Todos> {
        let query = "SELECT position, id, text, completed FROM todos ORDER BY position";
        let mut todos = Todos::default();
        for row in self.sql.exec(query, None)?.raw() {
            let row: Result<[SqlStorageValue; 4], _> = row?.try_into();
            let Ok(
                [
                    SqlStorageValue::Integer(position),
                    SqlStorageValue::String(id),
                    SqlStorageValue::String(text),
                    SqlStorageValue::Integer(completed),
                ],
            ) = row
            else {
                return Err("a row of the table todos has columns of other types".into());
            };
            let position = u64::try_from(position).map_err(|error| error.to_string())?;
            todos.restore(
                position,
                Id::from(id),
                Todo {
                    text,
                    completed: completed != 0,
                },
            );
        }
        Ok(todos)
    }

    /// Bytes that the database takes.
    pub fn size(&self) -> u64 {
        self.sql.database_size() as u64
    }

    /// Writes all of `effects` or, when it fails, none.
    pub fn save(&self, effects: &[Effect]) -> Result<(), JsValue> {
        let (written, deleted) = (written(effects), deleted(effects));
        match (written, deleted) {
            (None, None) => Ok(()),
            (Some(rows), None) => self.write(rows),
            (None, Some(positions)) => self.delete(positions),
            (Some(rows), Some(positions)) => self.storage.transaction(&mut || {
                self.delete(positions.clone())?;
                self.write(rows.clone())
            }),
        }
    }

    /// One statement for all rows: a message can carry thousands.
    fn write(&self, rows: String) -> Result<(), JsValue> {
        let statement = "INSERT INTO todos (position, id, text, completed)
            SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?) WHERE true
            ON CONFLICT (position) DO UPDATE SET text = excluded.text, completed = excluded.completed";
        self.sql.exec(statement, vec![rows.into()])?;
        Ok(())
    }

    fn delete(&self, positions: String) -> Result<(), JsValue> {
        let statement = "DELETE FROM todos WHERE position IN (SELECT value FROM json_each(?))";
        self.sql.exec(statement, vec![positions.into()])?;
        Ok(())
    }
}

/// `[[position,"id","text",false],…]` of all that is there afterwards.
fn written(effects: &[Effect]) -> Option<String> {
    list(effects.iter().filter_map(|effect| {
        let todo = effect.after.as_ref()?;
        let mut row = format!("[{},", effect.position);
        push_json(&mut row, &effect.id);
        row.push(',');
        push_json(&mut row, &todo.text);
        row.push_str(if todo.completed { ",true]" } else { ",false]" });
        Some(row)
    }))
}

/// `[position,…]` of all that is gone afterwards.
fn deleted(effects: &[Effect]) -> Option<String> {
    let gone = effects.iter().filter(|effect| effect.after.is_none());
    list(gone.map(|effect| effect.position.to_string()))
}

fn list(items: impl Iterator<Item = String>) -> Option<String> {
    let mut json = String::new();
    for item in items {
        json.push(if json.is_empty() { '[' } else { ',' });
        json.push_str(&item);
    }
    if json.is_empty() {
        return None;
    }
    json.push(']');
    Some(json)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::todos::Change;
    use crate::todos::tests::{add, edit};

    #[test]
    fn only_what_changed_is_written() {
        let mut todos = Todos::default();
        edit(
            &mut todos,
            vec![
                ("a", add("tea")),
                ("b", add("\"bread\"")),
                ("c", add("milk")),
            ],
        );
        let done = Change::Set {
            text: None,
            completed: Some(true),
        };
        let effects = edit(
            &mut todos,
            vec![("b", done), ("c", Change::Delete), ("d", add("d"))],
        );
        assert_eq!(
            written(&effects).unwrap(),
            r#"[[1,"b","\"bread\"",true],[3,"d","d",false]]"#
        );
        assert_eq!(deleted(&effects).unwrap(), "[2]");
        assert_eq!((written(&[]), deleted(&[])), (None, None));
    }
}
