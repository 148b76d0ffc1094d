//! Makes a list what it was when a backup was made, a line of the backup at a time.
//!
//! Each line is merged first, with the clocks of then: what was lost comes back as it was, and
//! whoever still holds something newer is in the right. What then differs from the backup was
//! changed since, and is changed back by edits of now, which everybody follows.

use std::collections::HashSet;

use tinybase::{Changes, Store, Value};

use crate::backup;
use crate::list::Edit;
use crate::message::Rejection;
use crate::presence;
use crate::room::{Room, Turn};

/// Rows that are deleted at a time.
const BATCH: usize = 1_000;

/// Why a list is not restored.
#[derive(Debug, PartialEq, Eq)]
pub enum Stopped<E> {
    /// The backup can't be read.
    Damaged(String),
    /// The list would break a rule.
    Refused(Rejection),
    /// It could not be written.
    Unwritten(E),
}

/// Restores a list in many turns, each of which is handed over to be written before the next is
/// made; when it stops, all of them are to be undone. `size` tells what the database takes, in
/// bytes. Returns how many rows and values were changed back.
pub fn restore<E>(
    room: &mut Room,
    bytes: &[u8],
    size: impl Fn() -> u64,
    now: u64,
    mut write: impl FnMut(Turn) -> Result<(), E>,
) -> Result<usize, Stopped<E>> {
    let others = others(room.list().store(), bytes)?;
    let mut restored = others.len();
    for batch in others.chunks(BATCH) {
        let turn = room.edit(batch.to_vec(), size(), now);
        write(turn.map_err(Stopped::Refused)?).map_err(Stopped::Unwritten)?;
    }
    for line in backup::lines(bytes) {
        let line = line.map_err(damaged)?;
        let changes = Changes::parse(&line).map_err(damaged)?;
        let wanted = wanted(&changes);
        let turn = room.merge(changes, size(), now);
        write(turn.map_err(Stopped::Refused)?).map_err(Stopped::Unwritten)?;

        let store = room.list().store();
        let edits: Vec<Edit> = wanted
            .into_iter()
            .filter_map(|wanted| back(store, wanted))
            .collect();
        restored += edits.len();
        let turn = room.edit(edits, size(), now);
        write(turn.map_err(Stopped::Refused)?).map_err(Stopped::Unwritten)?;
    }
    Ok(restored)
}

fn damaged<E>(error: impl std::fmt::Display) -> Stopped<E> {
    Stopped::Damaged(error.to_string())
}

/// Deletes what the backup does not have.
fn others<E>(store: &Store, bytes: &[u8]) -> Result<Vec<Edit>, Stopped<E>> {
    let (mut rows, mut values) = (HashSet::new(), HashSet::new());
    for line in backup::lines(bytes) {
        let line = line.map_err(damaged)?;
        let changes = Changes::parse(&line).map_err(damaged)?;
        for wanted in wanted(&changes) {
            match wanted {
                Edit::Row { table, row, cells } if !cells.is_empty() => {
                    rows.insert((table, row));
                }
                Edit::Value { id, value } if !value.is_undefined() => {
                    values.insert(id);
                }
                _ => {}
            }
        }
    }
    let tables: Vec<String> = store.table_ids().map(str::to_owned).collect();
    let mut edits = Vec::new();
    for table in tables {
        for row in store.rows(&table) {
            if !rows.contains(&(table.clone(), row.id.to_owned())) {
                let cells = row.cells();
                let cells = cells.map(|(cell, _)| (cell.to_owned(), Value::UNDEFINED));
                edits.push(Edit::Row {
                    table: table.clone(),
                    row: row.id.to_owned(),
                    cells: cells.collect(),
                });
            }
        }
    }
    let ids = store.value_ids();
    let ids = ids.filter(|id| !presence::is_presence(id) && !values.contains(*id));
    edits.extend(ids.map(|id| Edit::Value {
        id: id.to_owned(),
        value: Value::UNDEFINED,
    }));
    Ok(edits)
}

/// What the rows and values of a line were, without what was deleted in them.
fn wanted(changes: &Changes<'_>) -> Vec<Edit> {
    let rows = changes.rows().map(|row| {
        let cells = row.cells().filter(|(_, value, _)| !value.is_undefined());
        Edit::Row {
            table: row.table.to_owned(),
            row: row.id.to_owned(),
            cells: cells
                .map(|(cell, value, _)| (cell.to_owned(), value.clone()))
                .collect(),
        }
    });
    let values = changes.values().map(|(id, value, _)| Edit::Value {
        id: id.to_owned(),
        value: value.clone(),
    });
    rows.chain(values).collect()
}

/// What is to be done for a row or value to be as wanted.
fn back(store: &Store, wanted: Edit) -> Option<Edit> {
    match wanted {
        Edit::Row { table, row, cells } => {
            let held = store.row(&table, &row);
            let is_held = |(cell, value): &(String, Value)| {
                held.and_then(|held| held.cell(cell)) == Some(value)
            };
            let more = held.into_iter().flat_map(|held| held.cells());
            let more = more.filter(|(id, _)| !cells.iter().any(|(cell, _)| cell == id));
            let mut edits: Vec<(String, Value)> = more
                .map(|(id, _)| (id.to_owned(), Value::UNDEFINED))
                .collect();
            edits.extend(cells.iter().filter(|cell| !is_held(cell)).cloned());
            (!edits.is_empty()).then_some(Edit::Row {
                table,
                row,
                cells: edits,
            })
        }
        Edit::Value { id, value } => {
            let held = store.value(&id).unwrap_or(&Value::UNDEFINED);
            (*held != value).then_some(Edit::Value { id, value })
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::gate::Limits;
    use crate::list::{List, TODOS};
    use crate::message::close;

    const NOW: u64 = 1_764_000_000_000;
    const HOUR: u64 = 3_600_000;

    fn text(text: &str) -> Value {
        Value::text(text).unwrap()
    }

    fn room(store: Store) -> Room {
        Room::new(List::new(store), Limits::default())
    }

    fn packed(store: &Store) -> Vec<u8> {
        backup::pack(store).unwrap().bytes
    }

    fn restored(room: &mut Room, bytes: &[u8]) -> Result<usize, Stopped<()>> {
        restore(room, bytes, || 4_096, NOW + HOUR, |_| Ok(()))
    }

    /// Todos as they were yesterday.
    fn yesterday() -> Store {
        let mut store = Store::new("server");
        for id in ["tea", "bread", "gone"] {
            store.set_cell(TODOS, id, "text", text(id), NOW);
        }
        store.del_row(TODOS, "gone", NOW);
        store.set_value("theme", text("dark"), NOW);
        store
    }

    #[test]
    fn a_lost_list_comes_back_with_the_clocks_it_had() {
        let before = yesterday();
        let mut room = room(Store::new("server"));
        assert_eq!(restored(&mut room, &packed(&before)), Ok(0));
        assert_eq!(room.list().store().hashes(), before.hashes());
    }

    #[test]
    fn a_list_that_went_on_is_changed_back_by_edits_of_now() {
        let backup = packed(&yesterday());
        let mut store = yesterday();
        store.set_cell(TODOS, "tea", "text", text("coffee"), NOW + 1);
        store.set_cell(TODOS, "tea", "due", text("2026-12-24"), NOW + 1);
        store.del_row(TODOS, "bread", NOW + 1);
        store.set_cell(TODOS, "gone", "text", text("back again"), NOW + 1);
        store.set_cell(TODOS, "new", "text", text("new"), NOW + 1);
        store.set_cell("more", "1", "a", text("b"), NOW + 1);
        store.set_value("theme", text("light"), NOW + 1);
        store.set_value("size", text("large"), NOW + 1);
        store.set_value("here/alice", Value::from(true), NOW + 1);
        let mut client = Store::new("client");
        merge(&mut client, &store);

        let _ = store.commit();
        let mut room = room(store);
        assert_eq!(restored(&mut room, &backup), Ok(7));
        let now = room.list().store();
        assert!(now.value("here/alice").is_some());
        // Whoever had all that comes to have what was yesterday.
        merge(&mut client, now);
        client.del_value("here/alice", NOW + HOUR);
        assert_eq!(plain(&client), plain(&yesterday()));
    }

    #[test]
    fn what_clients_did_since_wins_over_a_lost_list() {
        let backup = packed(&yesterday());
        let mut client = Store::new("client");
        merge(&mut client, &yesterday());
        client.set_cell(TODOS, "tea", "text", text("green tea"), NOW + 1);
        let mut room = room(Store::new("server"));
        restored(&mut room, &backup).unwrap();
        for part in client.parts(1 << 20, |_| false) {
            let _ = room.merge(Changes::parse(&part).unwrap(), 0, NOW + HOUR);
        }
        let tea = room.list().store().cell(TODOS, "tea", "text").cloned();
        assert_eq!(tea, Some(text("green tea")));
    }

    #[test]
    fn what_was_deleted_and_forgotten_comes_back_when_it_is_asked_for() {
        let backup = packed(&yesterday());
        let mut store = yesterday();
        store.del_row(TODOS, "tea", NOW + 1);
        let _ = store.commit();
        assert!(!store.compact(NOW + 60_000).is_empty());
        let mut room = room(store);
        assert_eq!(restored(&mut room, &backup), Ok(1));
        assert_eq!(plain(room.list().store()), plain(&yesterday()));
    }

    #[test]
    fn limits_hold_and_damage_is_said() {
        let backup = packed(&yesterday());
        let limits = Limits {
            todos: 1,
            ..Limits::default()
        };
        let mut small = Room::new(List::new(Store::new("server")), limits);
        let Err(Stopped::Refused(Rejection { code, .. })) = restored(&mut small, &backup) else {
            panic!("it was restored");
        };
        assert_eq!(code, close::POLICY);
        let mut list = room(Store::new("server"));
        let cut = restored(&mut list, &backup[..backup.len() - 9]);
        assert!(matches!(cut, Err(Stopped::Damaged(_))), "{cut:?}");
        let unwritten = restore(&mut list, &backup, || 0, NOW, |_| Err("disk"));
        assert_eq!(unwritten, Err(Stopped::Unwritten("disk")));
    }

    fn merge(to: &mut Store, from: &Store) {
        for part in from.parts(1 << 20, |_| false) {
            let _ = to.apply(Changes::parse(&part).unwrap(), NOW + HOUR);
        }
    }

    /// Cells set (or deleted: empty) in a few rows, and values.
    fn edits() -> impl Strategy<Value = Vec<(u8, u8, u8)>> {
        prop::collection::vec((0..6_u8, 0..3_u8, 0..4_u8), 0..40)
    }

    fn apply(store: &mut Store, edits: &[(u8, u8, u8)], now: u64) {
        for (row, cell, what) in edits {
            let value = match what {
                0 => Value::UNDEFINED,
                what => Value::from(what % 2 == 0),
            };
            let (row, cell) = (row.to_string(), cell.to_string());
            if row == "5" {
                store.set_value(&cell, value, now);
            } else {
                store.set_cell(TODOS, &row, &cell, value, now);
            }
        }
    }

    proptest! {
        #[test]
        fn whatever_happened_since_it_is_as_it_was(
            first in edits(),
            since in edits(),
            compacted: bool,
        ) {
            let mut store = Store::new("server");
            apply(&mut store, &first, NOW);
            let backup = packed(&store);
            let before = plain(&store);
            apply(&mut store, &since, NOW + 10);
            let _ = store.commit();
            if compacted {
                let _ = store.compact(NOW + 60_000);
            }
            let mut room = room(store);
            restored(&mut room, &backup).unwrap();
            prop_assert_eq!(plain(room.list().store()), before);
        }
    }

    /// What a store shows; the order of its rows says nothing.
    fn plain(store: &Store) -> serde_json::Value {
        serde_json::from_str(&store.plain_json()).unwrap()
    }
}
