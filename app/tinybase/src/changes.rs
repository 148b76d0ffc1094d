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

impl<'a> Changes<'a> {
    /// Reads what `getMergeableContent` or `getTransactionMergeableChanges` give, or the body of
    /// a ContentDiff message.
    pub fn parse(json: &'a str) -> Result<Self, Malformed> {
        let mut reader = Reader::new(json);
        let changes = Self::read(&mut reader)?;
        reader.end()?;
        Ok(changes)
    }

    /// How many cells and values are in it.
    pub fn len(&self) -> usize {
        self.cells.len() + self.values.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
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
            ..
        } = self;
        self.clock = read_stamp(reader, |reader| {
            reader.object(|reader, id| {
                let first = rows.len();
                let clock = read_stamp(reader, |reader| {
                    reader.object(|reader, id| {
                        let first = cells.len();
                        let clock = read_things(reader, cells)?;
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
        self.values_clock = read_things(reader, &mut self.values)?;
        Ok(())
    }
}

/// `{id: [cell, clock, hash]}` with its own clock and hash: a row, or the values.
fn read_things<'a>(
    reader: &mut Reader<'a>,
    things: &mut Vec<CellChange<'a>>,
) -> Result<Hlc, Malformed> {
    read_stamp(reader, |reader| {
        reader.object(|reader, id| {
            let mut value = Value::UNDEFINED;
            let clock = read_stamp(reader, |reader| {
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
        let body = reader.body()?;
        match Hlc::parse(body) {
            Ok(parsed) => clock = parsed,
            Err(_) => return reader.wrong("a clock of 16 characters before"),
        }
        if reader.accept(b',') {
            reader.hash()?;
        }
    }
    reader.expect(b']', "the end of a stamp")?;
    Ok(clock)
}
