//! The mergeable store: tables of rows of cells, and values, each with the clock of its last
//! change, under a tree of hashes that is kept up with every edit.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use indexmap::IndexMap;

use crate::cells::{Cells, Merged, Names};
use crate::changes::{CellChange, Changes, RowChange};
use crate::fnv::{Fnv, replace_share, seed};
use crate::forget::{Stale, share_of};
use crate::hlc::{Clock, Hlc};
use crate::marks::Marks;
use crate::value::Value;

/// How far a stamp may be ahead of our wall clock to be taken: see docs/design/0020.
pub const MAX_AHEAD_MS: u64 = 60_000;

pub(crate) struct Row {
    pub(crate) cells: Cells,
    /// How many cells are not tombstones.
    pub(crate) live: u32,
    /// Up to when tombstones had been forgotten when it came to be, in seconds since 1970: cells
    /// from before may have been deleted.
    pub(crate) floor: u32,
    pub(crate) seed: u32,
}

pub(crate) struct Table {
    pub(crate) rows: IndexMap<Box<str>, Row, RandomState>,
    pub(crate) seed: u32,
    pub(crate) hash: u32,
    /// How many rows have a cell that is not a tombstone.
    pub(crate) live: usize,
    pub(crate) marks: Marks,
    /// By how much the hashes of peers differ that still have tombstones we forgot.
    pub(crate) offsets: Vec<u32>,
}

/// A map that can have a clock of its own. Tables and rows by their place in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Map {
    Tables,
    Table(usize),
    Row(usize, usize),
    Values,
}

/// Something that changed, by its place in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Touched {
    Cell(u32, u32, u32),
    Value(u32),
    TablesClock,
    TableClock(u32),
    RowClock(u32, u32),
    ValuesClock,
    /// What a table remembers of peers, which is nobody else's.
    Offsets(u32),
    /// Up to when tombstones were forgotten, and the marks that went with them.
    Forgotten,
}

impl Touched {
    pub(crate) fn is_stamp(self) -> bool {
        !matches!(self, Self::Offsets(_) | Self::Forgotten)
    }
}

/// A store. See the crate's page for how one is used.
pub struct Store {
    pub(crate) tables: IndexMap<Box<str>, Table, RandomState>,
    pub(crate) tables_hash: u32,
    pub(crate) tables_marks: Marks,
    pub(crate) values: Cells,
    pub(crate) values_marks: Marks,
    pub(crate) names: Names,
    /// Clocks of maps are rare enough to be kept aside.
    pub(crate) map_clocks: HashMap<Map, Hlc, RandomState>,
    pub(crate) clock: Clock,
    /// Number of the batch under way; what is touched in it has this revision.
    pub(crate) revision: u32,
    pub(crate) touched: Vec<Touched>,
    /// Tombstones from before may have been forgotten; in seconds since 1970.
    pub(crate) forgotten: u32,
}

/// What became of changes from outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Applied {
    /// Cells, values and clocks of maps that were news.
    pub taken: usize,
    /// Those left out because their clocks are too far ahead.
    pub ahead: Ahead,
    /// Cells and values left out because what they are of may have been deleted and forgotten.
    /// Whoever sent them is told so by a reply of [`Store::receive`].
    pub stale: usize,
}

/// Stamps from the future that were left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ahead {
    pub stamps: usize,
    /// When the last of them can be taken, in milliseconds since 1970; 0 when there are none.
    pub until: u64,
}

/// One application of changes: what may pass, and what was seen.
pub(crate) struct Intake {
    latest_time: u64,
    latest: Hlc,
    pub(crate) applied: Applied,
    pub(crate) stale: Stale,
    /// Tables, and the share in their hash of a row that was left out since all of it is forgotten.
    pub(crate) ignored: Vec<(usize, u32)>,
}

impl Intake {
    /// Whether a stamp is near enough; counted when it is not.
    fn admits(&mut self, clock: Hlc) -> bool {
        if clock.time() <= self.latest_time {
            return true;
        }
        let ahead = &mut self.applied.ahead;
        ahead.stamps += 1;
        ahead.until = ahead.until.max(clock.time() - MAX_AHEAD_MS);
        false
    }

    fn took(&mut self, clock: Hlc) {
        self.latest = self.latest.max(clock);
        self.applied.taken += 1;
    }
}

impl Store {
    /// An empty store whose stamps bear the hash of this id. Two stores that edit must differ in
    /// it; one that comes back after a restart may keep it.
    pub fn new(unique_id: &str) -> Self {
        Self {
            tables: IndexMap::default(),
            tables_hash: 0,
            tables_marks: Marks::default(),
            values: Cells::default(),
            values_marks: Marks::default(),
            names: Names::default(),
            map_clocks: HashMap::default(),
            clock: Clock::new(unique_id),
            revision: 1,
            touched: Vec::new(),
            forgotten: 0,
        }
    }

    /// The hashes of all tables and of all values: equal hashes, equal content.
    pub fn hashes(&self) -> [u32; 2] {
        [self.tables_hash, self.values.hash]
    }

    /// Merges what somebody else holds or changed. `now` is the wall clock in milliseconds.
    pub fn apply(&mut self, changes: Changes<'_>, now: u64) -> Applied {
        self.take_in(changes, now).applied
    }

    pub(crate) fn take_in(&mut self, changes: Changes<'_>, now: u64) -> Intake {
        let mut intake = Intake {
            latest_time: now + MAX_AHEAD_MS,
            latest: Hlc::NONE,
            applied: Applied::default(),
            stale: Stale::default(),
            ignored: Vec::new(),
        };
        let Changes {
            clock,
            tables,
            rows,
            cells,
            values_clock,
            values,
            ..
        } = changes;
        let mut cells = cells.into_iter();
        for table in tables {
            let before = self.tables.get(&*table.id).map_or(0, |held| held.hash);
            for row in &rows[table.rows] {
                self.merge_row(&table.id, row, &mut cells, &mut intake);
            }
            if let Some((at, _, held)) = self.tables.get_full(&*table.id)
                && !held.rows.is_empty()
            {
                self.raise(Map::Table(at), table.clock, &mut intake);
                self.settle_table(at, before);
            }
        }
        self.raise(Map::Tables, clock, &mut intake);
        self.values.reserve(values.len());
        for value in values {
            if !intake.admits(value.clock) {
                continue;
            }
            if self.is_before_all(&value) {
                if !value.value.is_undefined() {
                    intake.stale.value(&value.id);
                }
            } else if self.merge_value(&value.id, value.value, value.clock) {
                intake.took(value.clock);
            }
        }
        self.raise(Map::Values, values_clock, &mut intake);
        self.clock.seen(intake.latest, now);
        intake.applied.stale = intake.stale.len();
        intake
    }

    /// Rows and tables come to be with their first cell: an empty one would have no hash to
    /// compare.
    fn merge_row<'a>(
        &mut self,
        table_id: &str,
        change: &RowChange<'a>,
        cells: &mut std::vec::IntoIter<CellChange<'a>>,
        intake: &mut Intake,
    ) {
        let (row_id, count) = (&*change.id, change.cells.len());
        let mut place = self.find_row(table_id, row_id);
        let before = place.map_or(0, |(table, row)| self.tables[table].rows[row].cells.hash);
        let floor = self.floor(place);
        if place.is_none() && self.forgot(&cells.as_slice()[..count]) {
            if let Some(table) = self.tables.get_index_of(table_id) {
                let share = share_of(row_id, change.clock, &cells.as_slice()[..count]);
                intake.ignored.push((table, share));
            }
            cells.take(count).for_each(drop);
            return;
        }
        for cell in cells.take(count) {
            if !intake.admits(cell.clock) {
                continue;
            }
            if self.is_stale(place, floor, &cell) {
                intake.stale.cell(table_id, row_id, &cell.id);
                continue;
            }
            let (table, row) = *place.get_or_insert_with(|| {
                let (table, row) = self.ensure_row(table_id, row_id);
                self.tables[table].rows[row].cells.reserve(count);
                (table, row)
            });
            if self.merge_cell(table, row, &cell.id, cell.value, cell.clock) {
                intake.took(cell.clock);
            }
        }
        if let Some((table, row)) = place {
            self.raise(Map::Row(table, row), change.clock, intake);
            self.settle_row(table, row, before);
        }
    }

    /// Gives a map a newer clock of its own. Stock clients send none, but old stores hold some.
    fn raise(&mut self, map: Map, clock: Hlc, intake: &mut Intake) {
        if clock.is_none() || !intake.admits(clock) {
            return;
        }
        let held = self.map_clock(map);
        if clock <= held {
            return;
        }
        self.map_clocks.insert(map, clock);
        let revision = self.revision;
        let (hash, touched) = match map {
            Map::Tables => (&mut self.tables_hash, Touched::TablesClock),
            Map::Table(at) => (&mut self.tables[at].hash, Touched::TableClock(at as u32)),
            Map::Row(table, at) => {
                let cells = &mut self.tables[table].rows[at].cells;
                cells.revision = revision;
                (&mut cells.hash, Touched::RowClock(table as u32, at as u32))
            }
            Map::Values => (&mut self.values.hash, Touched::ValuesClock),
        };
        *hash ^= clock_share(held) ^ clock_share(clock);
        self.touched.push(touched);
        intake.took(clock);
    }

    pub(crate) fn map_clock(&self, map: Map) -> Hlc {
        self.map_clocks.get(&map).copied().unwrap_or_default()
    }

    pub(crate) fn merge_cell(
        &mut self,
        table: usize,
        row: usize,
        id: &str,
        value: Value,
        clock: Hlc,
    ) -> bool {
        let name = self.names.intern(id);
        let held = &mut self.tables[table];
        let held_row = &mut held.rows[row];
        let cells = &mut held_row.cells;
        let Some(merged) = cells.merge(name, value, clock, &self.names, self.revision) else {
            return false;
        };
        let was_live = held_row.live > 0;
        held_row.live += u32::from(merged.was_dead);
        held_row.live -= u32::from(merged.is_dead);
        let is_live = held_row.live > 0;
        held.live += usize::from(is_live && !was_live);
        held.live -= usize::from(was_live && !is_live);
        if merged.first {
            let at = merged.at as u32;
            self.touched
                .push(Touched::Cell(table as u32, row as u32, at));
        }
        true
    }

    pub(crate) fn merge_value(&mut self, id: &str, value: Value, clock: Hlc) -> bool {
        let name = self.names.intern(id);
        let merged = self
            .values
            .merge(name, value, clock, &self.names, self.revision);
        if let Some(Merged {
            at, first: true, ..
        }) = merged
        {
            self.touched.push(Touched::Value(at as u32));
        }
        merged.is_some()
    }

    /// Brings the table's hash up to date with a row whose hash was `before`.
    pub(crate) fn settle_row(&mut self, table: usize, row: usize, before: u32) {
        let table = &mut self.tables[table];
        let row = &table.rows[row];
        table.hash ^= replace_share(row.seed, before, row.cells.hash);
    }

    /// Brings the tables' hash up to date with a table whose hash was `before`.
    pub(crate) fn settle_table(&mut self, table: usize, before: u32) {
        let table = &self.tables[table];
        self.tables_hash ^= replace_share(table.seed, before, table.hash);
    }

    pub(crate) fn find_row(&self, table: &str, row: &str) -> Option<(usize, usize)> {
        let (at, _, table) = self.tables.get_full(table)?;
        Some((at, table.rows.get_index_of(row)?))
    }

    pub(crate) fn ensure_row(&mut self, table: &str, row: &str) -> (usize, usize) {
        let table_at = self.ensure_table(table);
        let rows = &mut self.tables[table_at].rows;
        let row_at = rows.get_index_of(row).unwrap_or_else(|| {
            let new = Row {
                cells: Cells::default(),
                live: 0,
                floor: self.forgotten,
                seed: seed(row),
            };
            rows.insert_full(row.into(), new).0
        });
        (table_at, row_at)
    }

    pub(crate) fn ensure_table(&mut self, table: &str) -> usize {
        self.tables.get_index_of(table).unwrap_or_else(|| {
            let new = Table {
                rows: IndexMap::default(),
                seed: seed(table),
                hash: 0,
                live: 0,
                marks: Marks::default(),
                offsets: Vec::new(),
            };
            self.tables.insert_full(table.into(), new).0
        })
    }
}

/// What the clock of a map puts into the map's hash.
pub(crate) fn clock_share(clock: Hlc) -> u32 {
    if clock.is_none() {
        return 0;
    }
    clock.hash_into(Fnv::START).0
}
