//! What the store looks like without its stamps: tombstones are not there.

use crate::cells::{Cells, Names};
use crate::store::Store;
use crate::value::Value;

/// A row with at least one cell.
#[derive(Clone, Copy)]
pub struct RowView<'a> {
    pub id: &'a str,
    cells: &'a Cells,
    names: &'a Names,
}

impl<'a> RowView<'a> {
    pub fn cell(&self, id: &str) -> Option<&'a Value> {
        live(self.cells, self.names, id)
    }

    pub fn cells(&self) -> impl Iterator<Item = (&'a str, &'a Value)> + use<'a> {
        all_live(self.cells, self.names)
    }
}

impl Store {
    pub fn table_ids(&self) -> impl Iterator<Item = &str> {
        let tables = self.tables.iter();
        let live = tables.filter(|(_, table)| table.live > 0);
        live.map(|(id, _)| &**id)
    }

    /// How many rows a table has.
    pub fn row_count(&self, table: &str) -> usize {
        self.tables.get(table).map_or(0, |table| table.live)
    }

    /// Whether there is such a row.
    pub fn is_live(&self, table: &str, row: &str) -> bool {
        self.row(table, row).is_some()
    }

    /// The rows of a table in the order in which they came to be.
    pub fn rows(&self, table: &str) -> impl Iterator<Item = RowView<'_>> {
        self.tables
            .get(table)
            .into_iter()
            .flat_map(|table| &table.rows)
            .filter(|(_, row)| row.live > 0)
            .map(|(id, row)| RowView {
                id,
                cells: &row.cells,
                names: &self.names,
            })
    }

    pub fn row(&self, table: &str, row: &str) -> Option<RowView<'_>> {
        let (id, row) = self.tables.get(table)?.rows.get_key_value(row)?;
        (row.live > 0).then_some(RowView {
            id,
            cells: &row.cells,
            names: &self.names,
        })
    }

    pub fn cell(&self, table: &str, row: &str, cell: &str) -> Option<&Value> {
        let row = self.tables.get(table)?.rows.get(row)?;
        live(&row.cells, &self.names, cell)
    }

    pub fn value_ids(&self) -> impl Iterator<Item = &str> {
        all_live(&self.values, &self.names).map(|(id, _)| id)
    }

    pub fn value(&self, id: &str) -> Option<&Value> {
        live(&self.values, &self.names, id)
    }
}

fn live<'a>(cells: &'a Cells, names: &Names, id: &str) -> Option<&'a Value> {
    let cell = cells.get(names.find(id)?)?;
    (!cell.value.is_undefined()).then_some(&cell.value)
}

pub(crate) fn all_live<'a>(
    cells: &'a Cells,
    names: &'a Names,
) -> impl Iterator<Item = (&'a str, &'a Value)> {
    cells
        .list()
        .iter()
        .filter(|cell| !cell.value.is_undefined())
        .map(|cell| (names.id(cell.name), &cell.value))
}
