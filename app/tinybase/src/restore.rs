//! A store made again from the stamps that were persisted.

use crate::batch::{Mark, Place};
use crate::cells::Merged;
use crate::fnv::share;
use crate::hlc::Hlc;
use crate::store::{Map, Store, Table, clock_share};
use crate::value::Value;

/// Takes stamps and marks in any order; hashes are computed once at the end.
pub struct Restore {
    store: Store,
    newest: u32,
}

impl Restore {
    pub fn new(unique_id: &str) -> Self {
        Self {
            store: Store::new(unique_id),
            newest: 0,
        }
    }

    /// One stamp as [`Store::stamps`] gave it. The value of a map's own clock does not matter.
    pub fn stamp(&mut self, place: Place<'_>, value: Value, clock: Hlc, revision: u32) {
        let store = &mut self.store;
        self.newest = self.newest.max(revision);
        store.revision = revision;
        store.clock.held(clock);
        match place {
            Place::Cell { table, row, cell } => {
                let (table, row) = store.ensure_row(table, row);
                let name = store.names.intern(cell);
                let cells = &mut store.tables[table].rows[row].cells;
                let newest = cells.revision.max(revision);
                let _: Option<Merged> = cells.merge(name, value, clock, &store.names, revision);
                cells.revision = newest;
            }
            Place::Value(id) => {
                let name = store.names.intern(id);
                let newest = store.values.revision.max(revision);
                let _: Option<Merged> =
                    store
                        .values
                        .merge(name, value, clock, &store.names, revision);
                store.values.revision = newest;
            }
            Place::Tables => self.map_clock(Map::Tables, clock),
            Place::Table(table) => {
                let table = store.ensure_table(table);
                self.map_clock(Map::Table(table), clock);
            }
            Place::Row { table, row } => {
                let (table, row) = store.ensure_row(table, row);
                let cells = &mut store.tables[table].rows[row].cells;
                cells.revision = cells.revision.max(revision);
                self.map_clock(Map::Row(table, row), clock);
            }
            Place::Values => self.map_clock(Map::Values, clock),
        }
    }

    /// One mark as [`Store::marks_of`] gave it, at best in the order in which they came to be.
    pub fn mark(&mut self, mark: Mark<'_>) {
        let store = &mut self.store;
        let marks = match mark.place {
            Place::Tables => &mut store.tables_marks,
            Place::Values => &mut store.values_marks,
            Place::Table(table) => {
                let table = store.ensure_table(table);
                &mut store.tables[table].marks
            }
            // No other place has marks.
            Place::Cell { .. } | Place::Row { .. } | Place::Value(_) => return,
        };
        marks.restore(mark.hash, mark.revision);
        self.newest = self.newest.max(mark.revision);
    }

    fn map_clock(&mut self, map: Map, clock: Hlc) {
        self.store.map_clocks.insert(map, clock);
    }

    pub fn finish(self) -> Store {
        let mut store = self.store;
        store.revision = self.newest + 1;
        store.touched.clear();
        for (map, clock) in &store.map_clocks {
            match *map {
                Map::Row(table, row) => {
                    store.tables[table].rows[row].cells.hash ^= clock_share(*clock);
                }
                Map::Values => store.values.hash ^= clock_share(*clock),
                Map::Table(table) => store.tables[table].hash ^= clock_share(*clock),
                Map::Tables => store.tables_hash ^= clock_share(*clock),
            }
        }
        for table in store.tables.values_mut() {
            table.hash ^= rows_share(table);
            table.marks.add(table.hash, self.newest);
            store.tables_hash ^= share(table.seed, table.hash);
        }
        store.tables_marks.add(store.tables_hash, self.newest);
        store.values_marks.add(store.values.hash, self.newest);
        store
    }
}

fn rows_share(table: &Table) -> u32 {
    table
        .rows
        .values()
        .fold(0, |sum, row| sum ^ share(row.seed, row.cells.hash))
}
