//! Walks down the two hash trees: what a peer asks while it pulls, answered without building
//! anything but the answer, and our own questions.

use std::fmt::Write as _;

use crate::cells::Cell;
use crate::content::{end, object};
use crate::json::{Malformed, Reader};
use crate::store::{Map, Store};
use crate::text::quote_into;
use crate::value::Form;

impl Store {
    /// Answers `{table: hash}`: tables that the asker lacks, and the hashes of those that differ.
    ///
    /// A table whose hash is one of ours of the past is not walked further: the asker gets what
    /// changed since as if those rows were a new table. Merging makes it the same, and a peer
    /// that was away need not send the hashes of all its rows.
    pub(crate) fn answer_tables(
        &self,
        reader: &mut Reader<'_>,
        out: &mut String,
    ) -> Result<(), Malformed> {
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
        out.push_str("[[");
        let sent = sent
            .into_iter()
            .map(|(at, since)| (self.table_at(at).0, (at, since)));
        object(out, sent, |out, (_, (at, since))| {
            self.write_rows_since(out, at, since);
        });
        end(out, self.map_clock(Map::Tables));
        out.push(',');
        hashes(out, differing.into_iter());
        out.push(']');
        Ok(())
    }

    /// The cells of a table that changed after a revision, as a stamp.
    fn write_rows_since(&self, out: &mut String, at: usize, since: u32) {
        out.push('[');
        let rows = self.tables[at].rows.iter().enumerate();
        let rows = rows
            .filter(|(_, (_, row))| row.cells.revision > since || since == 0)
            .map(|(row_at, (id, row))| (&**id, (row_at, row)));
        object(out, rows, |out, (_, (row_at, row))| {
            let cells = row.cells.list().iter();
            let cells = cells.filter(|cell| cell.revision > since || since == 0);
            self.write_cells(out, cells, Map::Row(at, row_at), Form::Encoded);
        });
        end(out, self.map_clock(Map::Table(at)));
    }

    /// Answers `{table: {row: hash}}`: rows that the asker lacks, and the hashes of those that
    /// differ.
    pub(crate) fn answer_rows(
        &self,
        reader: &mut Reader<'_>,
        out: &mut String,
    ) -> Result<(), Malformed> {
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
                    lacking.push((&**id, (at, asked)));
                }
                if !differing_rows.is_empty() {
                    differing.push((&**id, differing_rows));
                }
            }
            Ok(())
        })?;
        out.push_str("[[");
        object(out, lacking.into_iter(), |out, (_, (at, asked))| {
            out.push('[');
            let rows = self.tables[at].rows.iter().enumerate().zip(asked);
            let rows = rows
                .filter(|(_, asked)| !asked)
                .map(|((row_at, (id, row)), _)| (&**id, (row_at, row)));
            object(out, rows, |out, (_, (row_at, row))| {
                let cells = row.cells.list().iter();
                self.write_cells(out, cells, Map::Row(at, row_at), Form::Encoded);
            });
            // The clock of the table stays out, as in TinyBase.
            out.push(']');
        });
        end(out, self.map_clock(Map::Tables));
        out.push(',');
        object(out, differing.into_iter(), |out, (_, rows)| {
            hashes(out, rows.into_iter());
        });
        out.push(']');
        Ok(())
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
