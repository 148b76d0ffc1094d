//! The store and its changes as JSON.

use std::fmt::Write as _;

use crate::batch::Batch;
use crate::cells::{Cell, Cells, Names};
use crate::hlc::Hlc;
use crate::order;
use crate::store::{Map, Store, Touched};
use crate::text::quote_into;
use crate::value::Form;
use crate::view::all_live;

impl Store {
    /// What `getMergeableContent` gives ([`Form::Plain`]), or what persisters keep
    /// ([`Form::Encoded`]): everything with clocks and hashes, as `[tables, values]`.
    pub fn content_json(&self, form: Form) -> String {
        let mut out = String::from("[[");
        let tables = in_order(&self.tables).filter(|(_, (_, table))| !table.rows.is_empty());
        object(&mut out, tables, |out, (_, (at, table))| {
            out.push('[');
            object(out, in_order(&table.rows), |out, (_, (row_at, row))| {
                self.write_hashed_cells(out, &row.cells, Map::Row(at, row_at), form);
            });
            end_hashed(out, self.map_clock(Map::Table(at)), table.hash);
        });
        end_hashed(&mut out, self.map_clock(Map::Tables), self.tables_hash);
        out.push(',');
        self.write_hashed_cells(&mut out, &self.values, Map::Values, form);
        out.push(']');
        out
    }

    /// What `getContent` gives: `[tables, values]` without stamps and tombstones.
    pub fn plain_json(&self) -> String {
        let mut out = String::from("[");
        let tables = in_order(&self.tables).filter(|(_, (_, table))| table.live > 0);
        object(&mut out, tables, |out, (id, _)| {
            let rows = order::as_in_javascript(self.rows(id), |row| row.id);
            object(out, rows.map(|row| (row.id, row)), |out, (_, row)| {
                let cells = order::as_in_javascript(row.cells(), |(id, _)| id);
                object(out, cells, |out, (_, value)| value.write(out, Form::Plain));
            });
        });
        out.push(',');
        let values = all_live(&self.values, &self.names);
        let values = order::as_in_javascript(values, |(id, _)| id);
        object(&mut out, values, |out, (_, value)| {
            value.write(out, Form::Plain);
        });
        out.push(']');
        out
    }

    /// A batch as `[tables, values, 1]`: the body of a ContentDiff message ([`Form::Encoded`]) or
    /// what `getTransactionMergeableChanges` gives ([`Form::Plain`]).
    pub fn changes_json(&self, batch: &Batch, form: Form) -> String {
        let mut out = String::new();
        self.write_changes(&mut out, batch, form);
        out
    }

    pub(crate) fn write_changes(&self, out: &mut String, batch: &Batch, form: Form) {
        let mut cells: Vec<(u32, u32, Option<u32>)> = Vec::new();
        let mut tables: Vec<u32> = Vec::new();
        let mut values = Vec::new();
        for touched in &batch.touched {
            match *touched {
                Touched::Cell(table, row, cell) => cells.push((table, row, Some(cell))),
                Touched::RowClock(table, row) => cells.push((table, row, None)),
                Touched::TableClock(table) => tables.push(table),
                Touched::Value(at) => values.push(&self.values.list()[at as usize]),
                Touched::TablesClock
                | Touched::ValuesClock
                | Touched::Offsets(_)
                | Touched::Forgotten => {}
            }
        }
        cells.sort_unstable();
        tables.extend(cells.iter().map(|(table, ..)| table));
        tables.sort_unstable();
        tables.dedup();
        out.push_str("[[");
        let tables = tables.into_iter().map(|at| {
            let first = cells.partition_point(|(table, ..)| *table < at);
            let end = cells.partition_point(|(table, ..)| *table <= at);
            (
                self.table_at(at as usize).0,
                (at as usize, &cells[first..end]),
            )
        });
        object(out, tables, |out, (_, (at, cells))| {
            out.push('[');
            let rows = cells.chunk_by(|a, b| a.1 == b.1).map(|row| {
                let (_, id, held) = self.row_at(at, row[0].1 as usize);
                (id, (row[0].1 as usize, held, row))
            });
            object(out, rows, |out, (_, (row_at, held, row))| {
                let cells = row.iter().filter_map(|(.., cell)| *cell);
                let cells = cells.map(|cell| &held.list()[cell as usize]);
                self.write_cells(out, cells, Map::Row(at, row_at), form);
            });
            end(out, self.map_clock(Map::Table(at)));
        });
        end(out, self.map_clock(Map::Tables));
        out.push(',');
        self.write_cells(out, values.into_iter(), Map::Values, form);
        out.push_str(",1]");
    }

    /// A stamp of these cells, as a row or values without hashes.
    pub(crate) fn write_cells<'a>(
        &self,
        out: &mut String,
        cells: impl Iterator<Item = &'a Cell>,
        map: Map,
        form: Form,
    ) {
        out.push('[');
        object(
            out,
            cells.map(|cell| (self.names.id(cell.name), cell)),
            |out, (_, cell)| {
                out.push('[');
                cell.value.write(out, form);
                end(out, cell.clock);
            },
        );
        end(out, self.map_clock(map));
    }

    fn write_hashed_cells(&self, out: &mut String, cells: &Cells, map: Map, form: Form) {
        out.push('[');
        object(out, cells_in_order(cells, &self.names), |out, (_, cell)| {
            out.push('[');
            cell.value.write(out, form);
            end_hashed(out, cell.clock, cell.hash);
        });
        end_hashed(out, self.map_clock(map), cells.hash);
    }
}

fn cells_in_order<'a>(
    cells: &'a Cells,
    names: &'a Names,
) -> impl Iterator<Item = (&'a str, &'a Cell)> {
    let cells = cells.list().iter();
    order::as_in_javascript(cells.map(|cell| (names.id(cell.name), cell)), |(id, _)| id)
}

/// The entries of a map with their places, in the order in which JavaScript would list them.
fn in_order<T, S>(
    map: &indexmap::IndexMap<Box<str>, T, S>,
) -> impl Iterator<Item = (&str, (usize, &T))> {
    let entries = map.iter().enumerate();
    order::as_in_javascript(
        entries.map(|(at, (id, entry))| (&**id, (at, entry))),
        |(id, _)| id,
    )
}

/// Writes an object; `child` writes what stands after each colon.
pub(crate) fn object<'a, T>(
    out: &mut String,
    members: impl Iterator<Item = (&'a str, T)>,
    mut child: impl FnMut(&mut String, (&'a str, T)),
) {
    out.push('{');
    let mut first = true;
    for (id, member) in members {
        if !std::mem::take(&mut first) {
            out.push(',');
        }
        quote_into(out, id);
        out.push(':');
        child(out, (id, member));
    }
    out.push('}');
}

/// The end of a stamp without hash; no clock, no comma.
pub(crate) fn end(out: &mut String, clock: Hlc) {
    if !clock.is_none() {
        out.push_str(",\"");
        out.push_str(clock.write(&mut [0; 16]));
        out.push('"');
    }
    out.push(']');
}

fn end_hashed(out: &mut String, clock: Hlc, hash: u32) {
    out.push_str(",\"");
    out.push_str(clock.write(&mut [0; 16]));
    let _ = write!(out, "\",{hash}]");
}
