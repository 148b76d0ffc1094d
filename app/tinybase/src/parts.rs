//! All of a store as changes, a piece at a time: for copies of stores that are long.

use std::collections::VecDeque;

use crate::content::end;
use crate::store::{Map, Store};
use crate::text::quote_into;
use crate::value::Form;

/// Texts `[tables, values, 1]` as [`crate::Changes::parse`] reads them.
pub struct Parts<'s> {
    store: &'s Store,
    /// Tables and rows by their places, in the order of their ids.
    rows: VecDeque<(usize, usize)>,
    values: VecDeque<usize>,
    most: usize,
}

impl Store {
    /// All stamps, tombstones too, but for values of these ids. Merging each of the parts, which
    /// may be done one by one and in any order, gives what is here. A part is as long as `most`
    /// bytes and its last row or value make it; stores that hold the same give the same parts.
    pub fn parts(&self, most: usize, without: impl Fn(&str) -> bool) -> Parts<'_> {
        let mut rows: Vec<(usize, usize)> = Vec::new();
        let mut tables: Vec<usize> = (0..self.tables.len()).collect();
        tables.sort_by_key(|at| self.table_at(*at).0);
        for table in tables {
            let first = rows.len();
            rows.extend((0..self.table_at(table).1.rows.len()).map(|row| (table, row)));
            rows[first..].sort_by_key(|(table, row)| self.row_at(*table, *row).1);
        }
        let id = |at: usize| self.names.id(self.values.list()[at].name);
        let values = 0..self.values.list().len();
        let mut values: Vec<usize> = values.filter(|at| !without(id(*at))).collect();
        values.sort_by_key(|at| id(*at));
        Parts {
            store: self,
            rows: rows.into(),
            values: values.into(),
            most,
        }
    }
}

impl Iterator for Parts<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let store = self.store;
        let mut out = String::from("[[");
        if let Some(&(table, _)) = self.rows.front() {
            let (id, _) = store.table_at(table);
            out.push('{');
            quote_into(&mut out, id);
            out.push_str(":[");
            let mut comma = '{';
            while let Some(&(other, row)) = self.rows.front()
                && other == table
            {
                self.rows.pop_front();
                let (_, id, cells) = store.row_at(table, row);
                out.push(std::mem::replace(&mut comma, ','));
                quote_into(&mut out, id);
                out.push(':');
                let cells = cells.list().iter();
                store.write_cells(&mut out, cells, Map::Row(table, row), Form::Encoded);
                if out.len() >= self.most {
                    break;
                }
            }
            out.push('}');
            end(&mut out, store.map_clock(Map::Table(table)));
            out.push('}');
            end(&mut out, store.map_clock(Map::Tables));
            out.push_str(",[{}],1]");
            return Some(out);
        }
        if self.values.is_empty() {
            return None;
        }
        out.push_str("{}],[");
        let mut comma = '{';
        while let Some(at) = self.values.pop_front() {
            let value = &store.values.list()[at];
            out.push(std::mem::replace(&mut comma, ','));
            quote_into(&mut out, store.names.id(value.name));
            out.push_str(":[");
            value.value.write(&mut out, Form::Encoded);
            end(&mut out, value.clock);
            if out.len() >= self.most {
                break;
            }
        }
        out.push('}');
        end(&mut out, store.map_clock(Map::Values));
        out.push_str(",1]");
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Changes, Restore, Value};

    const NOW: u64 = 1_764_000_000_000;

    fn store() -> Store {
        let mut store = Store::new("server");
        for number in (0..300).rev() {
            let row = number.to_string();
            let text = Value::text(&format!("todo \"{number}\"")).unwrap();
            store.set_cell("todos", &row, "text", text, NOW);
            store.set_cell("todos", &row, "tags", Value::json("[1,{}]").unwrap(), NOW);
            store.set_value(&format!("value {number}"), Value::from(true), NOW);
        }
        store.set_cell("lists", "1", "name", Value::text("home").unwrap(), NOW);
        store.del_row("todos", "7", NOW);
        store.del_value("value 7", NOW);
        store.set_value("here/alice", Value::from(true), NOW);
        store
    }

    fn merged(parts: impl Iterator<Item = String>) -> Store {
        let mut store = Store::new("copy");
        for part in parts {
            let applied = store.apply(Changes::parse(&part).unwrap(), NOW);
            assert_eq!(applied.ahead.stamps, 0);
        }
        store
    }

    #[test]
    fn the_parts_make_the_whole_in_any_order() {
        let store = store();
        for most in [0, 1_000, 1 << 20] {
            let parts: Vec<String> = store.parts(most, |_| false).collect();
            assert!(parts.iter().all(|part| part.len() < most + 500));
            let copy = merged(parts.into_iter().rev());
            assert_eq!(copy.hashes(), store.hashes());
        }
        assert_eq!(Store::new("server").parts(1, |_| false).count(), 0);
    }

    #[test]
    fn some_values_can_be_left_out() {
        let store = store();
        let copy = merged(store.parts(100, |id| id.starts_with("here/")));
        assert!(copy.value("here/alice").is_none());
        assert!(copy.value("value 8").is_some());
        assert_eq!(copy.hashes()[0], store.hashes()[0]);
    }

    #[test]
    fn the_same_store_gives_the_same_parts_after_a_sleep() {
        let mut store = store();
        let batch = store.commit();
        let mut records: Vec<_> = store.records_of(&batch).collect();
        records.sort_by(|one, other| one.text.cmp(&other.text));
        let mut again = Restore::new("server");
        for record in records {
            again.record(record.place, &record.text).unwrap();
        }
        let again = again.finish();
        let parts: Vec<String> = store.parts(1_000, |_| false).collect();
        assert_eq!(again.parts(1_000, |_| false).collect::<Vec<_>>(), parts);
    }
}
