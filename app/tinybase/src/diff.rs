//! Walks down the two hash trees: what a peer asks while it pulls, answered without building
//! anything but the answer, and our own questions.

use std::fmt::Write as _;

use crate::cells::Cell;
use crate::content::{end, object};
use crate::hlc::Hlc;
use crate::json::{Malformed, Reader};
use crate::store::{Map, Store};
use crate::text::quote_into;
use crate::value::Form;

/// Bytes of rows in one message, about; stock clients take no message of over 16 MiB.
const MOST: usize = 4 * 1024 * 1024;

/// Rows that an answer had no room for: see [`Store::rest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rest(Vec<Lacking>);

/// Rows of a table that a peer lacks, and since which revision it does.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Lacking {
    table: usize,
    since: u32,
    rows: Vec<usize>,
}

impl Store {
    /// The message that tells what an answer had no room for. To be made before the next change.
    pub fn rest(&self, rest: &Rest) -> String {
        let mut out = format!("[null,{},[[", crate::MessageKind::ContentDiff.number());
        self.write_lacking(&mut out, &rest.0, true);
        end(&mut out, self.map_clock(Map::Tables));
        out.push_str(",[{}],1]]");
        out
    }

    /// Divides what a peer lacks into messages; the first is for the answer.
    fn portions(&self, lacking: Vec<Lacking>) -> (Vec<Lacking>, Vec<Rest>) {
        let mut portions = vec![Vec::new()];
        let mut room = MOST;
        for Lacking { table, since, rows } in lacking {
            let mut here = Vec::new();
            for row in rows {
                let bytes = self.bytes_of(table, row, since);
                if bytes > room && room < MOST {
                    let rows = std::mem::take(&mut here);
                    push(&mut portions, Lacking { table, since, rows });
                    portions.push(Vec::new());
                    room = MOST;
                }
                room = room.saturating_sub(bytes);
                here.push(row);
            }
            push(
                &mut portions,
                Lacking {
                    table,
                    since,
                    rows: here,
                },
            );
        }
        let mut portions = portions.into_iter();
        let first = portions.next().unwrap_or_default();
        (first, portions.map(Rest).collect())
    }

    /// About what a row takes in a message.
    fn bytes_of(&self, table: usize, row: usize, since: u32) -> usize {
        let (_, id, cells) = self.row_at(table, row);
        let cells = cells
            .list()
            .iter()
            .filter(|cell| cell.revision > since || since == 0);
        // Quotes, brackets and a clock stand beside each name and value.
        let bytes = cells.map(|cell| self.names.id(cell.name).len() + cell.value.bytes() + 28);
        id.len() + 6 + bytes.sum::<usize>()
    }

    /// `{table: [{row: [cells]}]}`; `clocked`: with the clocks that tables have of
    /// their own.
    fn write_lacking(&self, out: &mut String, lacking: &[Lacking], clocked: bool) {
        let tables = lacking.iter().map(|of| (self.table_at(of.table).0, of));
        object(out, tables, |out, (_, of)| {
            out.push('[');
            let rows = of.rows.iter().map(|at| {
                let (_, id, cells) = self.row_at(of.table, *at);
                (id, (*at, cells))
            });
            object(out, rows, |out, (_, (at, cells))| {
                let cells = cells.list().iter();
                let cells = cells.filter(|cell| cell.revision > of.since || of.since == 0);
                self.write_cells(out, cells, Map::Row(of.table, at), Form::Encoded);
            });
            let clock = self.map_clock(Map::Table(of.table));
            end(out, if clocked { clock } else { Hlc::NONE });
        });
    }

    /// Answers `{table: hash}`: tables that the asker lacks, and the hashes of those that differ.
    ///
    /// A table whose hash is one of ours of the past is not walked further: the asker gets what
    /// changed since as if those rows were a new table. Merging makes it the same, and a peer
    /// that was away need not send the hashes of all its rows.
    pub(crate) fn answer_tables(
        &self,
        reader: &mut Reader<'_>,
        out: &mut String,
    ) -> Result<Vec<Rest>, Malformed> {
        let mut asked = vec![None; self.tables.len()];
        reader.object(|reader, id| {
            let hash = reader.whole()?;
            if let Some(at) = self.tables.get_index_of(&*id) {
                asked[at] = Some(hash);
            }
            Ok(())
        })?;
        let mut differing = Vec::new();
        let mut sent = Vec::new();
        for (at, (table, asked)) in self.tables.values().zip(asked).enumerate() {
            match asked {
                // What it has of this table we forgot.
                _ if table.rows.is_empty() => {}
                None => sent.push((at, 0)),
                Some(hash) if hash == table.hash => {}
                Some(hash) => match table.find(hash) {
                    // It has more than we, of which nothing is news.
                    Some(revision) if table.marks.newest() == Some((table.hash, revision)) => {}
                    Some(revision) => sent.push((at, revision)),
                    None => differing.push((self.table_at(at).0, table.hash)),
                },
            }
        }
        let lacking = sent.into_iter().map(|(table, since)| {
            let rows = self.tables[table].rows.values().enumerate();
            let rows = rows.filter(|(_, row)| row.cells.revision > since || since == 0);
            Lacking {
                table,
                since,
                rows: rows.map(|(at, _)| at).collect(),
            }
        });
        let (first, rest) = self.portions(lacking.collect());
        out.push_str("[[");
        self.write_lacking(out, &first, true);
        end(out, self.map_clock(Map::Tables));
        out.push(',');
        hashes(out, differing.into_iter());
        out.push(']');
        Ok(rest)
    }

    /// Answers `{table: {row: hash}}`: rows that the asker lacks, and the hashes of those that
    /// differ.
    pub(crate) fn answer_rows(
        &self,
        reader: &mut Reader<'_>,
        out: &mut String,
    ) -> Result<Vec<Rest>, Malformed> {
        let mut lacking = Vec::new();
        let mut differing = Vec::new();
        reader.object(|reader, id| {
            let held = self.tables.get_full(&*id);
            let mut asked = vec![false; held.map_or(0, |(.., table)| table.rows.len())];
            let mut differing_rows = Vec::new();
            reader.object(|reader, id| {
                let hash = reader.whole()?;
                let row = held.and_then(|(.., table)| table.rows.get_full(&*id));
                if let Some((at, id, row)) = row {
                    asked[at] = true;
                    if row.cells.hash != hash {
                        differing_rows.push((&**id, row.cells.hash));
                    }
                }
                Ok(())
            })?;
            if let Some((at, id, _)) = held {
                if asked.contains(&false) {
                    let rows = asked.iter().enumerate().filter(|(_, asked)| !**asked);
                    lacking.push(Lacking {
                        table: at,
                        since: 0,
                        rows: rows.map(|(at, _)| at).collect(),
                    });
                }
                if !differing_rows.is_empty() {
                    differing.push((&**id, differing_rows));
                }
            }
            Ok(())
        })?;
        let (first, rest) = self.portions(lacking);
        out.push_str("[[");
        // The clock of the table stays out, as in TinyBase.
        self.write_lacking(out, &first, false);
        end(out, self.map_clock(Map::Tables));
        out.push(',');
        object(out, differing.into_iter(), |out, (_, rows)| {
            hashes(out, rows.into_iter());
        });
        out.push(']');
        Ok(rest)
    }

    /// Answers `{table: {row: {cell: hash}}}` with the cells that differ or that the asker lacks.
    pub(crate) fn answer_cells(
        &self,
        reader: &mut Reader<'_>,
        out: &mut String,
    ) -> Result<(), Malformed> {
        let mut tables = Vec::new();
        reader.object(|reader, id| {
            let table = self.tables.get_full(&*id);
            let mut rows = Vec::new();
            reader.object(|reader, id| {
                let row = table.and_then(|(.., table)| table.rows.get_full(&*id));
                let held = row.map_or(&[][..], |(.., row)| row.cells.list());
                let mut same = vec![false; held.len()];
                reader.object(|reader, id| {
                    let hash = reader.whole()?;
                    let name = self.names.find(&id);
                    let at = row
                        .zip(name)
                        .and_then(|((.., row), name)| row.cells.find(name));
                    if let Some(at) = at {
                        same[at] = held[at].hash == hash;
                    }
                    Ok(())
                })?;
                if let Some((at, id, _)) = row
                    && same.contains(&false)
                {
                    rows.push((&**id, (at, held, same)));
                }
                Ok(())
            })?;
            if let Some((at, id, _)) = table
                && !rows.is_empty()
            {
                tables.push((&**id, (at, rows)));
            }
            Ok(())
        })?;
        out.push('[');
        object(out, tables.into_iter(), |out, (_, (at, rows))| {
            out.push('[');
            object(out, rows.into_iter(), |out, (_, (row_at, held, same))| {
                let cells = held.iter().zip(same);
                let cells = cells.filter(|(_, same)| !same).map(|(cell, _)| cell);
                self.write_cells(out, cells, Map::Row(at, row_at), Form::Encoded);
            });
            end(out, self.map_clock(Map::Table(at)));
        });
        end(out, self.map_clock(Map::Tables));
        Ok(())
    }

    /// Answers `{value: hash}` with the values that differ or that the asker lacks.
    pub(crate) fn answer_values(
        &self,
        reader: &mut Reader<'_>,
        out: &mut String,
    ) -> Result<(), Malformed> {
        let held = self.values.list();
        let mut same = vec![false; held.len()];
        reader.object(|reader, id| {
            let hash = reader.whole()?;
            let at = self.names.find(&id).and_then(|name| self.values.find(name));
            if let Some(at) = at {
                same[at] = held[at].hash == hash;
            }
            Ok(())
        })?;
        let values = held.iter().zip(same);
        let values = values.filter(|(_, same)| !same).map(|(value, _)| value);
        self.write_cells(out, values, Map::Values, Form::Encoded);
        Ok(())
    }

    /// `{table: hash}` of all our tables.
    pub(crate) fn ask_tables(&self, out: &mut String) {
        hashes(
            out,
            self.tables.iter().map(|(id, table)| (&**id, table.hash)),
        );
    }

    /// `{value: hash}` of all our values.
    pub(crate) fn ask_values(&self, out: &mut String) {
        let values = self.values.list().iter();
        hashes(out, values.map(|value| self.named_hash(value)));
    }

    /// Reads `{table: hash}` of a peer: which tables may hold news, and their hashes. A table that
    /// the peer has as we had it once holds none.
    pub(crate) fn differing_tables(
        &self,
        reader: &mut Reader<'_>,
    ) -> Result<Vec<(usize, u32)>, Malformed> {
        let mut differing = Vec::new();
        reader.object(|reader, id| {
            let hash = reader.whole()?;
            if let Some((at, _, table)) = self.tables.get_full(&*id)
                && table.hash != hash
                && table.find(hash).is_none()
            {
                differing.push((at, hash));
            }
            Ok(())
        })?;
        Ok(differing)
    }

    /// `{table: {row: hash}}` of all rows of these tables.
    pub(crate) fn ask_rows(&self, out: &mut String, tables: &[(usize, u32)]) {
        let tables = tables.iter().map(|(at, _)| self.table_at(*at));
        object(out, tables, |out, (_, table)| {
            hashes(
                out,
                table.rows.iter().map(|(id, row)| (&**id, row.cells.hash)),
            );
        });
    }

    /// Reads `{table: {row: hash}}` of a peer and asks for the cells of those rows. False when
    /// there is nothing to ask.
    pub(crate) fn ask_cells(
        &self,
        reader: &mut Reader<'_>,
        out: &mut String,
    ) -> Result<bool, Malformed> {
        let mut tables = Vec::new();
        reader.object(|reader, id| {
            let table = self.tables.get_full(&*id);
            let mut rows = Vec::new();
            reader.object(|reader, id| {
                let hash = reader.whole()?;
                let row = table.and_then(|(.., table)| table.rows.get_key_value(&*id));
                if let Some((id, row)) = row
                    && row.cells.hash != hash
                {
                    rows.push((&**id, row));
                }
                Ok(())
            })?;
            if let Some((_, id, _)) = table
                && !rows.is_empty()
            {
                tables.push((&**id, rows));
            }
            Ok(())
        })?;
        let any = !tables.is_empty();
        object(out, tables.into_iter(), |out, (_, rows)| {
            object(out, rows.into_iter(), |out, (_, row)| {
                let cells = row.cells.list().iter();
                hashes(out, cells.map(|cell| self.named_hash(cell)));
            });
        });
        Ok(any)
    }

    fn named_hash(&self, cell: &Cell) -> (&str, u32) {
        (self.names.id(cell.name), cell.hash)
    }
}

fn push(portions: &mut [Vec<Lacking>], lacking: Lacking) {
    if let Some(portion) = portions.last_mut()
        && !lacking.rows.is_empty()
    {
        portion.push(lacking);
    }
}

/// `{id: hash}`.
fn hashes<'a>(out: &mut String, members: impl Iterator<Item = (&'a str, u32)>) {
    out.push('{');
    let mut comma = "";
    for (id, hash) in members {
        out.push_str(comma);
        comma = ",";
        quote_into(out, id);
        let _ = write!(out, ":{hash}");
    }
    out.push('}');
}
