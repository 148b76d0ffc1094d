//! What a list writes to disk: an entry for each row, each value, and what else its store
//! remembers, under a key of a number and two names.

use tinybase::{Mark, Place, Record, Restore};

/// How many batches' marks are of use, see [`Mark`].
const MARKS: u32 = 1024;

const ROW: u32 = 1;
const VALUE: u32 = 2;
const TABLES: u32 = 3;
const TABLE: u32 = 4;
const VALUES: u32 = 5;
const FORGOTTEN: u32 = 6;
const MARKS_OF_A_BATCH: u32 = 7;

/// One with the same kind and names replaces it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub kind: u32,
    pub table: String,
    pub row: String,
    pub text: String,
}

/// The marks of a batch: its number, and for each place its kind, the table's name and the hash.
type Marks<S> = (u32, Vec<(u32, S, u32)>);

impl Entry {
    /// The kind of entries that are rows.
    pub const ROW: u32 = ROW;

    pub fn is_row(&self) -> bool {
        self.kind == ROW
    }

    pub fn of(record: Record<'_>) -> Self {
        let (kind, table, row) = key(record.place);
        Self {
            kind,
            table: table.to_owned(),
            row: row.to_owned(),
            text: record.text,
        }
    }

    pub fn of_marks<'m>(revision: u32, marks: impl Iterator<Item = Mark<'m>>) -> Self {
        let marks = marks.map(|mark| {
            let (kind, table, _) = key(mark.place);
            (kind, table, mark.hash)
        });
        let marks: Marks<&str> = (revision, marks.collect());
        Self {
            kind: MARKS_OF_A_BATCH,
            table: (revision % MARKS).to_string(),
            row: String::new(),
            // Numbers and texts are always JSON.
            text: serde_json::to_string(&marks).unwrap_or_default(),
        }
    }
}

/// Names an entry that is no longer to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pub kind: u32,
    pub table: String,
    pub row: String,
}

impl Key {
    pub fn of(place: Place<'_>) -> Self {
        let (kind, table, row) = key(place);
        Self {
            kind,
            table: table.to_owned(),
            row: row.to_owned(),
        }
    }
}

fn key(place: Place<'_>) -> (u32, &str, &str) {
    match place {
        Place::Row { table, row } => (ROW, table, row),
        Place::Value(id) => (VALUE, "", id),
        Place::Tables => (TABLES, "", ""),
        Place::Table(table) => (TABLE, table, ""),
        Place::Values => (VALUES, "", ""),
        Place::Forgotten => (FORGOTTEN, "", ""),
    }
}

/// Puts back an entry; `Err` says what is wrong with it.
pub fn restore(
    restore: &mut Restore,
    kind: u32,
    table: &str,
    row: &str,
    text: &str,
) -> Result<(), String> {
    let place = match kind {
        ROW => Place::Row { table, row },
        VALUE => Place::Value(row),
        TABLES => Place::Tables,
        TABLE => Place::Table(table),
        VALUES => Place::Values,
        FORGOTTEN => Place::Forgotten,
        MARKS_OF_A_BATCH => {
            let (revision, marks): Marks<String> =
                serde_json::from_str(text).map_err(|error| error.to_string())?;
            for (kind, table, hash) in marks {
                let place = match kind {
                    TABLE => Place::Table(&table),
                    TABLES => Place::Tables,
                    _ => Place::Values,
                };
                restore.mark(Mark {
                    place,
                    hash,
                    revision,
                });
            }
            return Ok(());
        }
        _ => return Err(format!("entries of kind {kind} are from a newer version")),
    };
    let restored = restore.record(place, text);
    restored.map_err(|malformed| format!("the entry of {place:?}: {malformed}"))
}

#[cfg(test)]
mod tests {
    use tinybase::{Form, Store, Value};

    use super::*;

    #[test]
    fn a_store_comes_back_from_its_entries() {
        let mut store = Store::new("server");
        let now = 1_764_000_000_000;
        let mut entries = Vec::new();
        for id in ["a", "b", "c"] {
            store.set_cell("todos", id, "text", Value::text(id).unwrap(), now);
            store.set_value("last", Value::text(id).unwrap(), now);
            let batch = store.commit();
            entries.extend(store.records_of(&batch).map(Entry::of));
            entries.push(Entry::of_marks(batch.revision(), store.marks_of(&batch)));
        }
        let mut again = Restore::new("server");
        for Entry {
            kind,
            table,
            row,
            text,
        } in &entries
        {
            restore(&mut again, *kind, table, row, text).unwrap();
        }
        let again = again.finish();
        assert_eq!(again.hashes(), store.hashes());
        assert_eq!(
            again.content_json(Form::Plain),
            store.content_json(Form::Plain)
        );
    }

    #[test]
    fn what_is_not_ours_is_said() {
        let mut again = Restore::new("server");
        let mut said = |kind, text| restore(&mut again, kind, "t", "r", text).unwrap_err();
        assert!(said(ROW, "{").contains("the entry of"));
        assert!(said(99, "[]").contains("newer version"));
        assert!(!said(MARKS_OF_A_BATCH, "[]").is_empty());
    }
}
