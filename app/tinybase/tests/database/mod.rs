//! A database as a host keeps it.
#![allow(dead_code, reason = "not every test needs all of it")]
#![allow(
    clippy::unwrap_used,
    reason = "test support: a panic is how a test fails"
)]

use indexmap::IndexMap;
use tinybase::{Batch, Mark, Place, Restore, Store};

/// What a database would hold: the last record of each place, in the order of their first, and all
/// marks.
#[derive(Default)]
pub(crate) struct Database {
    pub(crate) records: IndexMap<OwnedPlace, String>,
    marks: Vec<(OwnedPlace, u32, u32)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum OwnedPlace {
    Row(String, String),
    Value(String),
    Table(String),
    Other(&'static str),
}

impl OwnedPlace {
    fn of(place: Place<'_>) -> Self {
        match place {
            Place::Row { table, row } => Self::Row(table.into(), row.into()),
            Place::Value(id) => Self::Value(id.into()),
            Place::Table(id) => Self::Table(id.into()),
            Place::Tables => Self::Other("tables"),
            Place::Values => Self::Other("values"),
            Place::Forgotten => Self::Other("forgotten"),
        }
    }

    fn place(&self) -> Place<'_> {
        match self {
            Self::Row(table, row) => Place::Row { table, row },
            Self::Value(id) => Place::Value(id),
            Self::Table(id) => Place::Table(id),
            Self::Other("tables") => Place::Tables,
            Self::Other("values") => Place::Values,
            Self::Other(_) => Place::Forgotten,
        }
    }
}

impl Database {
    /// Commits, and keeps what changed.
    pub(crate) fn persist(&mut self, store: &mut Store) -> Batch {
        let batch = store.commit();
        self.put_batch(store, &batch);
        batch
    }

    fn put_batch(&mut self, store: &Store, batch: &Batch) {
        for record in store.records_of(batch) {
            self.records
                .insert(OwnedPlace::of(record.place), record.text);
        }
        for mark in store.marks_of(batch) {
            self.marks
                .push((OwnedPlace::of(mark.place), mark.hash, mark.revision));
        }
    }

    pub(crate) fn compact(&mut self, store: &mut Store, before: u64) -> usize {
        let compacted = store.compact(before);
        for place in compacted.places() {
            let gone = self.records.shift_remove(&OwnedPlace::of(place));
            assert!(gone.is_some(), "{place:?} was persisted");
        }
        self.put_batch(store, &compacted.batch);
        compacted.places().count()
    }

    pub(crate) fn put(&mut self, store: &Store) {
        for record in store.records() {
            self.records
                .insert(OwnedPlace::of(record.place), record.text);
        }
    }

    pub(crate) fn restored(&self) -> Store {
        let mut restore = Restore::new("server");
        for (place, text) in &self.records {
            restore.record(place.place(), text).unwrap();
        }
        for (place, hash, revision) in &self.marks {
            restore.mark(Mark {
                place: place.place(),
                hash: *hash,
                revision: *revision,
            });
        }
        restore.finish()
    }
}
