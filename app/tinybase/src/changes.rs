//! What somebody else says has changed: `[tables, values]` or `[tables, values, 1]` as JSON, read
//! as a whole before any of it is applied.

use std::borrow::Cow;
use std::ops::Range;

use crate::hlc::Hlc;
use crate::json::{Malformed, Reader};
use crate::value::Value;

/// Changes or a whole content, checked. Ids may borrow from the JSON. Hashes in it are skipped:
/// they are computed, not believed.
#[derive(Debug, Default)]
pub struct Changes<'a> {
    pub(crate) clock: Hlc,
    pub(crate) tables: Vec<TableChange<'a>>,
    pub(crate) rows: Vec<RowChange<'a>>,
    pub(crate) cells: Vec<CellChange<'a>>,
    pub(crate) values_clock: Hlc,
    pub(crate) values: Vec<CellChange<'a>>,
    /// Arrays or objects stood in it as themselves, which stock clients do not send: who is sent
    /// this text holds something else than we do.
    pub(crate) nested: bool,
}

/// What changes in one row.
#[derive(Clone, Copy, Debug)]
pub struct RowChanges<'a> {
    pub table: &'a str,
    pub id: &'a str,
    pub(crate) cells: &'a [CellChange<'a>],
}

impl<'a> RowChanges<'a> {
    /// Ids of cells, what they are to be (undefined when deleted), and since when.
    pub fn cells(&self) -> impl Iterator<Item = (&'a str, &'a Value, Hlc)> + use<'a> {
        self.cells.iter().map(CellChange::view)
    }
}

#[derive(Debug)]
pub(crate) struct TableChange<'a> {
    pub(crate) id: Cow<'a, str>,
    pub(crate) clock: Hlc,
    /// Its part of [`Changes::rows`].
    pub(crate) rows: Range<usize>,
}

#[derive(Debug)]
pub(crate) struct RowChange<'a> {
    pub(crate) id: Cow<'a, str>,
    pub(crate) clock: Hlc,
    /// Its part of [`Changes::cells`].
    pub(crate) cells: Range<usize>,
}

#[derive(Debug)]
pub(crate) struct CellChange<'a> {
    pub(crate) id: Cow<'a, str>,
    pub(crate) clock: Hlc,
    pub(crate) value: Value,
}

impl CellChange<'_> {
    fn view(&self) -> (&str, &Value, Hlc) {
        (&self.id, &self.value, self.clock)
    }
}

impl<'a> Changes<'a> {
    /// Reads what `getMergeableContent` or `getTransactionMergeableChanges` give, or the body of
    /// a ContentDiff message.
    pub fn parse(json: &'a str) -> Result<Self, Malformed> {
        let mut reader = Reader::new(json);
        let changes = Self::read(&mut reader)?;
        reader.end()?;
        Ok(changes)
    }

    /// How many stamps are in it: cells, values, and clocks of maps.
    pub fn len(&self) -> usize {
        let tables = self.tables.iter().map(|table| table.clock);
        let rows = self.rows.iter().map(|row| row.clock);
        let content = [self.clock, self.values_clock];
        let clocks = content.into_iter().chain(tables).chain(rows);
        let clocks = clocks.filter(|clock| !clock.is_none()).count();
        self.cells.len() + self.values.len() + clocks
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows in it, whether or not their cells are news.
    pub fn rows(&self) -> impl Iterator<Item = RowChanges<'_>> {
        self.tables.iter().flat_map(|table| {
            let rows = self.rows[table.rows.clone()].iter();
            rows.map(|row| RowChanges {
                table: &table.id,
                id: &row.id,
                cells: &self.cells[row.cells.clone()],
            })
        })
    }

    /// The values in it: their ids, what they are to be (undefined when deleted), and since when.
    pub fn values(&self) -> impl Iterator<Item = (&str, &Value, Hlc)> {
        self.values.iter().map(CellChange::view)
    }

    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let mut changes = Self::default();
        reader.expect(b'[', "[tables, values]")?;
        changes.read_tables(reader)?;
        reader.expect(b',', "[tables, values]")?;
        changes.read_values(reader)?;
        if reader.accept(b',') && !reader.literal("1") {
            return reader.wrong("1, which marks changes");
        }
        reader.expect(b']', "the end of [tables, values]")?;
        Ok(changes)
    }

    pub(crate) fn read_tables(&mut self, reader: &mut Reader<'a>) -> Result<(), Malformed> {
        let Self {
            tables,
            rows,
            cells,
            nested,
            ..
        } = self;
        self.clock = read_stamp(reader, |reader| {
            reader.object(|reader, id| {
                let first = rows.len();
                let clock = read_stamp(reader, |reader| {
                    reader.object(|reader, id| {
                        let first = cells.len();
                        let clock = read_things(reader, cells, nested)?;
                        rows.push(RowChange {
                            id,
                            clock,
                            cells: first..cells.len(),
                        });
                        Ok(())
                    })
                })?;
                tables.push(TableChange {
                    id,
                    clock,
                    rows: first..rows.len(),
                });
                Ok(())
            })
        })?;
        Ok(())
    }

    pub(crate) fn read_values(&mut self, reader: &mut Reader<'a>) -> Result<(), Malformed> {
        self.values_clock = read_things(reader, &mut self.values, &mut self.nested)?;
        Ok(())
    }
}

/// `{id: [cell, clock, hash]}` with its own clock and hash: a row, or the values.
fn read_things<'a>(
    reader: &mut Reader<'a>,
    things: &mut Vec<CellChange<'a>>,
    nested: &mut bool,
) -> Result<Hlc, Malformed> {
    read_stamp(reader, |reader| {
        reader.object(|reader, id| {
            let mut value = Value::UNDEFINED;
            let clock = read_stamp(reader, |reader| {
                *nested |= matches!(reader.peek(), Some(b'{' | b'['));
                value = Value::read(reader)?;
                Ok(())
            })?;
            things.push(CellChange { id, clock, value });
            Ok(())
        })
    })
}

/// `[thing]`, `[thing, clock]` or `[thing, clock, hash]`; gives the clock.
fn read_stamp<'a>(
    reader: &mut Reader<'a>,
    thing: impl FnOnce(&mut Reader<'a>) -> Result<(), Malformed>,
) -> Result<Hlc, Malformed> {
    reader.expect(b'[', "a stamp")?;
    thing(reader)?;
    let mut clock = Hlc::NONE;
    if reader.accept(b',') {
        clock = reader.clock()?;
        if reader.accept(b',') {
            reader.whole()?;
        }
    }
    reader.expect(b']', "the end of a stamp")?;
    Ok(clock)
}
