//! Forgetting of old tombstones, and what follows from it: docs/design/0022.

use indexmap::IndexMap;

use crate::batch::Batch;
use crate::cells::Cells;
use crate::changes::{CellChange, Changes};
use crate::content::{end, object};
use crate::fnv::{seed, share};
use crate::hlc::{Hlc, MAX_COUNTER};
use crate::record::Place;
use crate::store::{Intake, Map, Row, Store, Table, Touched, clock_share};
use crate::value::{Form, Value};

/// How many kinds of peers with tombstones of their own are known a table.
const OFFSETS: usize = 8;

/// What compaction dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Compacted {
    /// To be persisted like any other; there is nothing in it to send.
    pub batch: Batch,
    rows: Vec<(Box<str>, Vec<Box<str>>)>,
    values: Vec<Box<str>>,
}

impl Compacted {
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.values.is_empty()
    }

    /// The places whose records are to be deleted.
    pub fn places(&self) -> impl Iterator<Item = Place<'_>> {
        let rows = self.rows.iter().flat_map(|(table, rows)| {
            let rows = rows.iter();
            rows.map(move |row| Place::Row { table, row })
        });
        rows.chain(self.values.iter().map(|id| Place::Value(id)))
    }
}

/// Live stamps of what may have been deleted and forgotten.
#[derive(Default)]
pub(crate) struct Stale {
    cells: Vec<[Box<str>; 3]>,
    values: Vec<Box<str>>,
}

impl Stale {
    pub(crate) fn cell(&mut self, table: &str, row: &str, cell: &str) {
        self.cells.push([table, row, cell].map(Box::from));
    }

    pub(crate) fn value(&mut self, id: &str) {
        self.values.push(id.into());
    }

    pub(crate) fn len(&self) -> usize {
        self.cells.len() + self.values.len()
    }
}

impl Row {
    fn is_forgettable(&self, before: u64) -> bool {
        self.live == 0 && newest_of(&self.cells) < before
    }
}

fn newest_of(cells: &Cells) -> u64 {
    let times = cells.list().iter().map(|cell| cell.clock.time());
    times.max().unwrap_or_default()
}

impl Table {
    /// The last revision at which a peer had what we have, and besides it tombstones at most that
    /// we forgot, when its hash is this.
    pub(crate) fn find(&self, hash: u32) -> Option<u32> {
        let offsets = self.offsets.iter();
        self.marks.find(hash).or_else(|| {
            offsets
                .filter_map(|offset| self.marks.find(hash ^ offset))
                .max()
        })
    }

    fn add_offset(&mut self, offset: u32) {
        if self.offsets.len() == OFFSETS {
            self.offsets.remove(0);
        }
        self.offsets.push(offset);
    }
}

impl Store {
    /// Drops the rows and values that are nothing but tombstones from before a time, in
    /// milliseconds since 1970. To be called after a commit; with a batch under way nothing
    /// happens. A peer that was away since before that time may bring back nothing that was
    /// deleted meanwhile, and loses what it made up to the newest tombstone dropped.
    pub fn compact(&mut self, before_ms: u64) -> Compacted {
        let mut compacted = Compacted::default();
        if !self.touched.is_empty() {
            return compacted;
        }
        // In whole seconds, so that what is remembered is never later than asked for.
        let before = before_ms / 1000 * 1000;
        let mut forgotten = None;
        for at in 0..self.tables.len() {
            let Some((rows, newest)) = self.forget_rows(at, before) else {
                continue;
            };
            forgotten = forgotten.max(Some(newest));
            self.touched.push(Touched::Offsets(at as u32));
            compacted.rows.push((self.table_at(at).0.into(), rows));
        }
        if let Some((values, newest)) = self.forget_values(before) {
            forgotten = forgotten.max(Some(newest));
            compacted.values = values;
        }
        if let Some(newest) = forgotten {
            self.forgotten = self.forgotten.max((newest / 1000 + 1) as u32);
            self.touched.push(Touched::Forgotten);
        }
        compacted.batch = self.commit();
        compacted
    }

    /// The ids of the rows dropped, and the time of the newest tombstone in them.
    fn forget_rows(&mut self, at: usize, before: u64) -> Option<(Vec<Box<str>>, u64)> {
        let owned = |map: Map| self.map_clocks.contains_key(&map);
        let rows = self.tables[at].rows.values().enumerate();
        let gone: Vec<bool> = rows
            .map(|(row_at, row)| row.is_forgettable(before) && !owned(Map::Row(at, row_at)))
            .collect();
        // A table's own clock could not be told from an empty table.
        if !gone.contains(&true) || owned(Map::Table(at)) {
            return None;
        }
        let own_clocks = self.take_row_clocks(at);
        let table = &mut self.tables[at];
        let kept = gone.iter().filter(|gone| !**gone).count();
        let kept = IndexMap::with_capacity_and_hasher(kept, table.rows.hasher().clone());
        let rows = std::mem::replace(&mut table.rows, kept);
        let (mut ids, mut newest, mut revision, mut offset) = (Vec::new(), 0, 0, 0);
        for ((id, row), gone) in rows.into_iter().zip(gone) {
            if gone {
                newest = newest.max(newest_of(&row.cells));
                revision = row.cells.revision.max(revision);
                offset ^= share(row.seed, row.cells.hash);
                ids.push(id);
            } else {
                table.rows.insert(id, row);
            }
        }
        let hash = table.hash;
        table.hash ^= offset;
        table.offsets.iter_mut().for_each(|known| *known ^= offset);
        table.add_offset(offset);
        table.marks.forget_before(revision);
        self.tables_marks.forget_before(revision);
        self.tables_hash ^= share(table.seed, hash);
        if !table.rows.is_empty() {
            self.tables_hash ^= share(table.seed, table.hash);
        }
        for (id, clock) in own_clocks {
            if let Some(row) = table.rows.get_index_of(&id) {
                self.map_clocks.insert(Map::Row(at, row), clock);
            }
        }
        Some((ids, newest))
    }

    fn take_row_clocks(&mut self, at: usize) -> Vec<(Box<str>, Hlc)> {
        let clocks = self
            .map_clocks
            .iter()
            .filter_map(|(map, clock)| match *map {
                Map::Row(table, row) if table == at => Some((row, *clock)),
                _ => None,
            });
        let clocks: Vec<(usize, Hlc)> = clocks.collect();
        let mut taken = Vec::new();
        for (row, clock) in clocks {
            self.map_clocks.remove(&Map::Row(at, row));
            taken.push((self.row_at(at, row).1.into(), clock));
        }
        taken
    }

    /// The ids of the values dropped, and the time of the newest tombstone among them.
    fn forget_values(&mut self, before: u64) -> Option<(Vec<Box<str>>, u64)> {
        let held = self.values.list().iter().cloned();
        let (gone, kept): (Vec<_>, Vec<_>) =
            held.partition(|value| value.value.is_undefined() && value.clock.time() < before);
        let newest = gone.iter().map(|value| value.clock.time()).max()?;
        let revision = gone.iter().map(|value| value.revision).max();
        self.values_marks
            .forget_before(revision.unwrap_or_default());
        let last = self.values.revision;
        self.values = Cells::kept(kept, &self.names);
        self.values.hash ^= clock_share(self.map_clock(Map::Values));
        self.values.revision = last;
        let ids = gone.iter().map(|value| self.names.id(value.name).into());
        Some((ids.collect(), newest))
    }

    /// Whether these cells of a row that is not held are tombstones that may have been forgotten.
    pub(crate) fn forgot(&self, cells: &[CellChange<'_>]) -> bool {
        let before = millis(self.forgotten);
        !cells.is_empty()
            && cells
                .iter()
                .all(|cell| cell.value.is_undefined() && cell.clock.time() < before)
    }

    /// Up to when cells that a row does not hold may be forgotten ones.
    pub(crate) fn floor(&self, place: Option<(usize, usize)>) -> u32 {
        place.map_or(self.forgotten, |(table, row)| {
            self.tables[table].rows[row].floor
        })
    }

    /// Whether this may have been deleted and forgotten.
    pub(crate) fn is_stale(
        &self,
        place: Option<(usize, usize)>,
        floor: u32,
        cell: &CellChange<'_>,
    ) -> bool {
        let holds = |(table, row): (usize, usize)| {
            let cells = &self.tables[table].rows[row].cells;
            let name = self.names.find(&cell.id);
            name.is_some_and(|name| cells.find(name).is_some())
        };
        cell.clock.time() < millis(floor) && !cell.value.is_undefined() && !place.is_some_and(holds)
    }

    /// Whether this is of a value that is not held and from before we forgot.
    pub(crate) fn is_before_all(&self, value: &CellChange<'_>) -> bool {
        let name = self.names.find(&value.id);
        value.clock.time() < millis(self.forgotten)
            && name.is_none_or(|name| self.values.find(name).is_none())
    }

    /// What is stale in changes of which nothing is taken.
    pub(crate) fn stale_in(&self, changes: &Changes<'_>) -> Stale {
        let mut stale = Stale::default();
        for row in changes.rows() {
            let place = self.find_row(row.table, row.id);
            let floor = self.floor(place);
            let cells = row.cells.iter();
            for cell in cells.filter(|cell| self.is_stale(place, floor, cell)) {
                stale.cell(row.table, row.id, &cell.id);
            }
        }
        let values = changes.values.iter();
        for value in values.filter(|value| !value.value.is_undefined()) {
            if self.is_before_all(value) {
                stale.value(&value.id);
            }
        }
        stale
    }

    /// Tells whoever sent them to let go of stale stamps. The tombstones are from just before the
    /// time up to which we forgot: newer than what they delete, older than what anybody who was
    /// here since has made. So we need not keep them.
    pub(crate) fn refusal(&self, stale: &Stale) -> String {
        let time = millis(self.forgotten).saturating_sub(1);
        let clock = Hlc::new(time, MAX_COUNTER, self.clock.client());
        let tombstone = |out: &mut String| {
            out.push('[');
            Value::UNDEFINED.write(out, Form::Encoded);
            end(out, clock);
        };
        let mut out = String::from("[null,3,[[");
        let tables = stale.cells.chunk_by(|a, b| a[0] == b[0]);
        object(
            &mut out,
            tables.map(|cells| (&*cells[0][0], cells)),
            |out, (_, cells)| {
                out.push('[');
                let rows = cells.chunk_by(|a, b| a[1] == b[1]);
                object(
                    out,
                    rows.map(|cells| (&*cells[0][1], cells)),
                    |out, (_, cells)| {
                        out.push('[');
                        let cells = cells.iter().map(|[.., cell]| (&**cell, ()));
                        object(out, cells, |out, _| tombstone(out));
                        out.push(']');
                    },
                );
                out.push(']');
            },
        );
        out.push_str("],[");
        let values = stale.values.iter().map(|id| (&**id, ()));
        object(&mut out, values, |out, _| tombstone(out));
        out.push_str("],1]]");
        out
    }

    /// Takes note of peers whose answer about the rows of tables with these hashes held nothing
    /// but forgotten tombstones: whoever has such a hash need not be asked for all rows again.
    pub(crate) fn learn(&mut self, asked: &[(usize, u32)], intake: &Intake) {
        for (at, hash) in asked {
            let ignored = intake.ignored.iter().filter(|(table, _)| table == at);
            let offset = ignored.fold(0, |sum, (_, share)| sum ^ share);
            if let Some((_, table)) = self.tables.get_index_mut(*at)
                && offset != 0
                && table.hash ^ offset == *hash
                && table.find(*hash).is_none()
            {
                table.add_offset(offset);
                self.touched.push(Touched::Offsets(*at as u32));
            }
        }
    }
}

pub(crate) fn millis(seconds: u32) -> u64 {
    u64::from(seconds) * 1000
}

/// What a row of these cells puts into the hash of its table.
pub(crate) fn share_of(row: &str, clock: Hlc, cells: &[CellChange<'_>]) -> u32 {
    let hash = cells.iter().fold(clock_share(clock), |sum, cell| {
        let seed = seed(&cell.id);
        sum ^ share(seed, 0) ^ share(seed, cell.value.hash(cell.clock))
    });
    share(seed(row), hash)
}
