//! A store made again from the records and marks that were persisted.

use crate::batch::Mark;
use crate::cells::{Cell, Cells, Merged};
use crate::fnv::share;
use crate::forget::millis;
use crate::hlc::Hlc;
use crate::json::{Malformed, Reader};
use crate::record::Place;
use crate::store::{Map, Store, Table, clock_share};
use crate::value::Value;

/// Takes records and marks in any order; hashes of tables are computed once at the end. Rows come
/// out in the order in which they went in.
pub struct Restore {
    store: Store,
    newest: u32,
    latest: Hlc,
    /// The cells of the row being read.
    cells: Vec<Cell>,
    table_marks: Vec<(Box<str>, u32, u32)>,
}

impl Restore {
    pub fn new(unique_id: &str) -> Self {
        Self {
            store: Store::new(unique_id),
            newest: 0,
            latest: Hlc::NONE,
            cells: Vec::new(),
            table_marks: Vec::new(),
        }
    }

    /// One record as [`Store::records`] or [`Store::records_of`] gave it. Of two of the same
    /// place, the later stays.
    pub fn record(&mut self, place: Place<'_>, text: &str) -> Result<(), Malformed> {
        let mut reader = Reader::new(text);
        match place {
            Place::Row { table, row } => self.row(table, row, &mut reader)?,
            Place::Value(id) => self.value(id, &mut reader)?,
            Place::Tables => self.map_clock(Map::Tables, &mut reader)?,
            Place::Values => self.map_clock(Map::Values, &mut reader)?,
            Place::Table(table) => self.table(table, &mut reader)?,
            Place::Forgotten => self.forgotten(&mut reader)?,
        }
        reader.end()
    }

    fn row(&mut self, table: &str, row: &str, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        reader.expect(b'[', "a row's record")?;
        let (mut floor, mut own, mut any) = (0, None, true);
        if let Some(b'0'..=b'9') = reader.peek() {
            floor = reader.whole()?;
            any = reader.accept(b',');
        }
        if any && reader.accept(b'[') {
            let clock = reader.clock()?;
            own = Some((clock, self.revision(reader)?));
            reader.expect(b']', "the end of the row's own clock")?;
            any = reader.accept(b',');
        }
        self.cells.clear();
        while any {
            let id = reader.string()?;
            reader.expect(b',', "the cell")?;
            let cell = self.stamp(&id, reader)?;
            self.cells.push(cell);
            any = reader.accept(b',');
        }
        reader.expect(b']', "the end of the row's record")?;
        let mut cells = Cells::kept(self.cells.drain(..).collect(), &self.store.names);
        let live = cells
            .list()
            .iter()
            .filter(|cell| !cell.value.is_undefined());
        let live = live.count();
        let (table, row) = self.store.ensure_row(table, row);
        if let Some((clock, revision)) = own {
            cells.revision = cells.revision.max(revision);
            self.latest = self.latest.max(clock);
            self.store.map_clocks.insert(Map::Row(table, row), clock);
        }
        let table = &mut self.store.tables[table];
        let row = &mut table.rows[row];
        table.live += usize::from(live > 0);
        table.live -= usize::from(row.live > 0);
        row.live = live as u32;
        row.floor = floor;
        row.cells = cells;
        Ok(())
    }

    fn value(&mut self, id: &str, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        reader.expect(b'[', "a value's record")?;
        let cell = self.stamp(id, reader)?;
        reader.expect(b']', "the end of a value's record")?;
        let Store { values, names, .. } = &mut self.store;
        let newest = values.revision.max(cell.revision);
        let _: Option<Merged> =
            values.merge(cell.name, cell.value, cell.clock, names, cell.revision);
        values.revision = newest;
        Ok(())
    }

    fn stamp(&mut self, id: &str, reader: &mut Reader<'_>) -> Result<Cell, Malformed> {
        let value = Value::read(reader)?;
        reader.expect(b',', "the clock")?;
        let clock = reader.clock()?;
        let revision = self.revision(reader)?;
        self.latest = self.latest.max(clock);
        Ok(Cell {
            hash: value.hash(clock),
            value,
            clock,
            name: self.store.names.intern(id),
            revision,
        })
    }

    fn revision(&mut self, reader: &mut Reader<'_>) -> Result<u32, Malformed> {
        reader.expect(b',', "the revision")?;
        let revision = reader.whole()?;
        self.newest = self.newest.max(revision);
        Ok(revision)
    }

    fn map_clock(&mut self, map: Map, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        let clock = reader.clock()?;
        self.latest = self.latest.max(clock);
        self.store.map_clocks.insert(map, clock);
        Ok(())
    }

    fn table(&mut self, id: &str, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        reader.expect(b'[', "a table's record")?;
        let at = self.store.ensure_table(id);
        let clock = reader.clock()?;
        if !clock.is_none() {
            self.latest = self.latest.max(clock);
            self.store.map_clocks.insert(Map::Table(at), clock);
        }
        let since = self.revision(reader)?;
        let table = &mut self.store.tables[at];
        table.marks.forget_before(since);
        table.offsets.clear();
        while reader.accept(b',') {
            table.offsets.push(reader.whole()?);
        }
        reader.expect(b']', "the end of a table's record")
    }

    fn forgotten(&mut self, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        reader.expect(b'[', "up to when tombstones were forgotten")?;
        self.store.forgotten = reader.whole()?;
        // The clock stays ahead of what is gone, too.
        let gone = Hlc::new(millis(self.store.forgotten), 0, 0);
        self.latest = self.latest.max(gone);
        let tables = self.revision(reader)?;
        self.store.tables_marks.forget_before(tables);
        let values = self.revision(reader)?;
        self.store.values_marks.forget_before(values);
        reader.expect(b']', "the end of what was forgotten")
    }

    /// One mark as [`Store::marks_of`] gave it, at best in the order in which they came to be.
    pub fn mark(&mut self, mark: Mark<'_>) {
        let Mark {
            place,
            hash,
            revision,
        } = mark;
        match place {
            Place::Tables => self.store.tables_marks.restore(hash, revision),
            Place::Values => self.store.values_marks.restore(hash, revision),
            // Of use only if the table has rows.
            Place::Table(table) => self.table_marks.push((table.into(), hash, revision)),
            // No other place has marks.
            Place::Row { .. } | Place::Value(_) | Place::Forgotten => return,
        }
        self.newest = self.newest.max(revision);
    }

    pub fn finish(self) -> Store {
        let mut store = self.store;
        store.revision = self.newest + 1;
        store.clock.held(self.latest);
        for (table, hash, revision) in self.table_marks {
            if let Some(table) = store.tables.get_mut(&table) {
                table.marks.restore(hash, revision);
            }
        }
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
            // One without rows is there for its peers only.
            if !table.rows.is_empty() {
                store.tables_hash ^= share(table.seed, table.hash);
            }
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
