//! What changed between two commits, for whoever persists it and sends it on.

use crate::cells::Cells;
use crate::record::Place;
use crate::store::{Store, Table, Touched};

/// The places that changed in one batch, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Batch {
    pub(crate) touched: Vec<Touched>,
    revision: u32,
}

impl Batch {
    /// Whether there is nothing in it for others; there may be records of it all the same.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many stamps changed.
    pub fn len(&self) -> usize {
        let stamps = self.touched.iter().filter(|touched| touched.is_stamp());
        stamps.count()
    }

    /// Adds what a later batch changed, for telling both at once.
    pub fn absorb(&mut self, later: Self) {
        self.touched.extend(later.touched);
        self.touched.sort_unstable();
        self.touched.dedup();
        self.revision = self.revision.max(later.revision);
    }

    /// The batch's number, which its stamps have from now on.
    pub fn revision(&self) -> u32 {
        self.revision
    }
}

/// A hash that a map of the store had once. A peer that still has it is sent only what changed
/// since; without marks it is asked for the hashes of all its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark<'a> {
    /// [`Place::Tables`], [`Place::Table`] or [`Place::Values`].
    pub place: Place<'a>,
    pub hash: u32,
    /// The batch after which it had this hash. Only the last 1024 of each place are of use.
    pub revision: u32,
}

impl Store {
    /// Closes the batch under way: everything since the last commit, made here or applied.
    pub fn commit(&mut self) -> Batch {
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        touched.dedup();
        let revision = self.revision;
        if touched.is_empty() {
            return Batch { touched, revision };
        }
        let batch = Batch { touched, revision };
        let (tables, in_tables, in_values) = self.maps_of(&batch);
        for at in tables {
            let table = &mut self.tables[at];
            table.marks.add(table.hash, revision);
        }
        if in_tables {
            self.tables_marks.add(self.tables_hash, revision);
        }
        if in_values {
            self.values_marks.add(self.values.hash, revision);
        }
        self.revision += 1;
        batch
    }

    /// The hashes after a batch, to be persisted with it. To be called before the next edit.
    pub fn marks_of(&self, batch: &Batch) -> impl Iterator<Item = Mark<'_>> {
        let (tables, in_tables, in_values) = self.maps_of(batch);
        let tables = tables.into_iter().map(|at| {
            let (id, table) = self.table_at(at);
            (Place::Table(id), table.hash)
        });
        let content = in_tables.then_some((Place::Tables, self.tables_hash));
        let values = in_values.then_some((Place::Values, self.values.hash));
        let revision = batch.revision;
        let marks = tables.chain(content).chain(values);
        marks.map(move |(place, hash)| Mark {
            place,
            hash,
            revision,
        })
    }

    /// The tables that a batch touched, whether it touched any, and whether it touched values.
    fn maps_of(&self, batch: &Batch) -> (Vec<usize>, bool, bool) {
        let mut touched = vec![false; self.tables.len()];
        let (mut in_tables, mut in_values) = (false, false);
        for place in &batch.touched {
            match *place {
                Touched::Cell(table, ..)
                | Touched::RowClock(table, _)
                | Touched::TableClock(table)
                | Touched::Offsets(table) => {
                    in_tables = true;
                    touched[table as usize] = true;
                }
                Touched::TablesClock => in_tables = true,
                Touched::Value(_) | Touched::ValuesClock | Touched::Forgotten => in_values = true,
            }
        }
        let tables = (0..touched.len()).filter(|at| touched[*at]).collect();
        (tables, in_tables, in_values)
    }

    pub(crate) fn table_at(&self, at: usize) -> (&str, &Table) {
        let (id, table) = self
            .tables
            .get_index(at)
            .unwrap_or_else(|| unreachable!("tables stay"));
        (id, table)
    }

    pub(crate) fn row_at(&self, table: usize, row: usize) -> (&str, &str, &Cells) {
        let (table_id, table) = self.table_at(table);
        let row = table.rows.get_index(row);
        let (row_id, row) = row.unwrap_or_else(|| unreachable!("rows stay"));
        (table_id, row_id, &row.cells)
    }
}
