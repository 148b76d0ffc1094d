//! Changes made here: each gets the next stamp of the store's own clock.

use crate::store::Store;
use crate::value::Value;

/// Each edit tells whether it changed anything: setting what is already so gives no stamp. `now`
/// is the wall clock in milliseconds since 1970.
impl Store {
    pub fn set_cell(&mut self, table: &str, row: &str, cell: &str, value: Value, now: u64) -> bool {
        if self.cell(table, row, cell).unwrap_or(&Value::UNDEFINED) == &value {
            return false;
        }
        let clock = self.clock.next(now);
        let (table, row) = self.ensure_row(table, row);
        let table_before = self.tables[table].hash;
        let row_before = self.tables[table].rows[row].cells.hash;
        self.merge_cell(table, row, cell, value, clock);
        self.settle_row(table, row, row_before);
        self.settle_table(table, table_before);
        true
    }

    pub fn del_cell(&mut self, table: &str, row: &str, cell: &str, now: u64) -> bool {
        self.set_cell(table, row, cell, Value::UNDEFINED, now)
    }

    /// Gives the row exactly these cells.
    pub fn set_row(&mut self, table: &str, row: &str, cells: Vec<(&str, Value)>, now: u64) -> bool {
        let others: Vec<String> = self
            .row(table, row)
            .into_iter()
            .flat_map(|row| row.cells())
            .map(|(id, _)| id)
            .filter(|id| !cells.iter().any(|(wanted, _)| wanted == id))
            .map(str::to_owned)
            .collect();
        let mut changed = false;
        for (cell, value) in cells {
            changed |= self.set_cell(table, row, cell, value, now);
        }
        for cell in others {
            changed |= self.del_cell(table, row, &cell, now);
        }
        changed
    }

    /// Deletes every cell of the row, which thereby is gone.
    pub fn del_row(&mut self, table: &str, row: &str, now: u64) -> bool {
        self.set_row(table, row, Vec::new(), now)
    }

    pub fn set_value(&mut self, id: &str, value: Value, now: u64) -> bool {
        if self.value(id).unwrap_or(&Value::UNDEFINED) == &value {
            return false;
        }
        let clock = self.clock.next(now);
        self.merge_value(id, value, clock)
    }

    pub fn del_value(&mut self, id: &str, now: u64) -> bool {
        self.set_value(id, Value::UNDEFINED, now)
    }
}
