//! What a host persists: a record for each row, for each value, and for the few other things that
//! a store remembers. A record is a short JSON text under the name of its place.

use std::fmt::Write as _;

use crate::batch::Batch;
use crate::cells::Cell;
use crate::hlc::Hlc;
use crate::store::{Map, Store, Touched};
use crate::text::quote_into;
use crate::value::Form;

/// One entry of whatever the host persists. A later one of the same place replaces it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    pub place: Place<'a>,
    /// All stamps of the place, tombstones too, as JSON that only [`crate::Restore`] reads.
    pub text: String,
}

/// What a record or a mark is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place<'a> {
    /// A row with all its cells.
    Row {
        table: &'a str,
        row: &'a str,
    },
    Value(&'a str),
    /// The clock that all tables or all values have of their own, in content from before TinyBase
    /// 6 only.
    Tables,
    Values,
    /// What a table has besides its rows: such a clock, and what compaction left.
    Table(&'a str),
    /// Up to when tombstones were forgotten.
    Forgotten,
}

/// A place by its position in the store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum At {
    Row(usize, usize),
    Value(usize),
    Tables,
    Table(usize),
    Values,
    Forgotten,
}

impl Store {
    /// The records that a batch changed, as they are now, each once.
    pub fn records_of<'a>(&'a self, batch: &Batch) -> impl Iterator<Item = Record<'a>> + use<'a> {
        let touched = batch.touched.iter();
        let mut places: Vec<At> = touched.map(|touched| at(*touched)).collect();
        places.sort_unstable();
        places.dedup();
        places.into_iter().map(|at| self.record(at))
    }

    /// All records of the store.
    pub fn records(&self) -> impl Iterator<Item = Record<'_>> {
        let tables = self.tables.values().enumerate();
        let rows =
            tables.flat_map(|(at, table)| (0..table.rows.len()).map(move |r| At::Row(at, r)));
        let values = (0..self.values.list().len()).map(At::Value);
        let own = |map| !self.map_clock(map).is_none();
        let tables = self.tables.values().enumerate();
        let tables = tables
            .filter(move |(at, table)| {
                own(Map::Table(*at)) || table.marks.since() > 0 || !table.offsets.is_empty()
            })
            .map(|(at, _)| At::Table(at));
        let content = [
            (own(Map::Tables), At::Tables),
            (own(Map::Values), At::Values),
            (self.forgotten > 0, At::Forgotten),
        ];
        let content = content
            .into_iter()
            .filter_map(|(has, at)| has.then_some(at));
        let places = rows.chain(values).chain(tables).chain(content);
        places.map(|at| self.record(at))
    }

    fn record(&self, at: At) -> Record<'_> {
        let of_clock = |place, clock: Hlc| Record {
            place,
            text: format!("\"{clock}\""),
        };
        match at {
            At::Row(table, row) => self.row_record(table, row),
            At::Value(at) => {
                let value = &self.values.list()[at];
                let mut text = String::from("[");
                write_stamp(&mut text, value);
                text.push(']');
                Record {
                    place: Place::Value(self.names.id(value.name)),
                    text,
                }
            }
            At::Tables => of_clock(Place::Tables, self.map_clock(Map::Tables)),
            At::Values => of_clock(Place::Values, self.map_clock(Map::Values)),
            // `[clock, oldest mark, offset, …]`.
            At::Table(at) => {
                let (id, table) = self.table_at(at);
                let clock = self.map_clock(Map::Table(at));
                let mut text = format!("[\"{clock}\",{}", table.marks.since());
                for offset in &table.offsets {
                    let _ = write!(text, ",{offset}");
                }
                text.push(']');
                Record {
                    place: Place::Table(id),
                    text,
                }
            }
            // `[seconds, oldest mark of all tables, oldest mark of values]`.
            At::Forgotten => Record {
                place: Place::Forgotten,
                text: format!(
                    "[{},{},{}]",
                    self.forgotten,
                    self.tables_marks.since(),
                    self.values_marks.since()
                ),
            },
        }
    }

    /// `[floor, [row's clock, revision], cell id, cell, clock, revision, …]`, the first two only
    /// where there are any.
    fn row_record(&self, table_at: usize, row_at: usize) -> Record<'_> {
        let (table, row, cells) = self.row_at(table_at, row_at);
        let mut text = String::with_capacity(cells.list().len() * 64);
        let clock = self.map_clock(Map::Row(table_at, row_at));
        let mut comma = "[";
        let floor = self.tables[table_at].rows[row_at].floor;
        if floor > 0 {
            let _ = write!(text, "[{floor}");
            comma = ",";
        }
        if !clock.is_none() {
            let _ = write!(text, "{comma}[\"{clock}\",{}]", cells.revision);
            comma = ",";
        }
        for cell in cells.list() {
            text.push_str(std::mem::replace(&mut comma, ","));
            quote_into(&mut text, self.names.id(cell.name));
            text.push(',');
            write_stamp(&mut text, cell);
        }
        text.push(']');
        Record {
            place: Place::Row { table, row },
            text,
        }
    }
}

fn at(touched: Touched) -> At {
    match touched {
        Touched::Cell(table, row, _) | Touched::RowClock(table, row) => {
            At::Row(table as usize, row as usize)
        }
        Touched::Value(at) => At::Value(at as usize),
        Touched::TablesClock => At::Tables,
        Touched::TableClock(at) | Touched::Offsets(at) => At::Table(at as usize),
        Touched::ValuesClock => At::Values,
        Touched::Forgotten => At::Forgotten,
    }
}

/// `thing,clock,revision`.
fn write_stamp(text: &mut String, cell: &Cell) {
    cell.value.write(text, Form::Encoded);
    text.push_str(",\"");
    text.push_str(cell.clock.write(&mut [0; 16]));
    let _ = write!(text, "\",{}", cell.revision);
}
