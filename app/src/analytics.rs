//! What happens in the lists of shards, counted by day. A shard counts for itself and reports the
//! sums of each day, again and again; the object of an organisation keeps the greatest that it
//! heard from each shard. So nothing is counted twice, however often a report comes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use worker::{SqlStorage, SqlStorageValue};

use crate::entry::Entry;
use crate::glance::Glance;
use crate::list::TODOS;

/// What happened on one day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Day {
    /// `YYYY-MM-DD`, in UTC.
    pub day: String,
    pub added: u64,
    pub completed: u64,
    pub deleted: u64,
    /// Lists in which any of that happened.
    pub active_lists: u64,
}

/// What some changes come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub added: u64,
    pub completed: u64,
    pub deleted: u64,
}

impl Tally {
    /// `before` has the texts of the same rows that are there already.
    pub fn of(before: &BTreeMap<String, String>, entries: &[Entry]) -> Self {
        let mut tally = Self::default();
        for entry in todos(entries) {
            let was = before.get(&entry.row).and_then(|text| completed(text));
            match (was, completed(&entry.text)) {
                (None, Some(completed)) => {
                    tally.added += 1;
                    tally.completed += u64::from(completed);
                }
                (Some(false), Some(true)) => tally.completed += 1,
                (Some(_), None) => tally.deleted += 1,
                _ => {}
            }
        }
        tally
    }
}

fn todos(entries: &[Entry]) -> impl Iterator<Item = &Entry> {
    let rows = entries.iter();
    rows.filter(|entry| entry.is_row() && entry.table == TODOS)
}

fn completed(record: &str) -> Option<bool> {
    Glance::at(record).map(|glance| glance.completed)
}

/// The day of a time in milliseconds since 1970, in UTC.
pub fn day_of(now: u64) -> String {
    let days = now / 86_400_000;
    let (mut year, mut day) = (1970, days);
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let length = |year| 365 + u64::from(leap(year));
    while day >= length(year) {
        day -= length(year);
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for length in months {
        if day < length {
            break;
        }
        day -= length;
        month += 1;
    }
    format!("{year:04}-{month:02}-{:02}", day + 1)
}

/// What a shard counted and has still to report.
pub struct Counts<'d>(&'d SqlStorage);

impl<'d> Counts<'d> {
    /// Makes the tables, when the object wakes.
    pub fn prepare(sql: &SqlStorage) -> worker::Result<()> {
        for table in [
            "CREATE TABLE IF NOT EXISTS counts (
                day TEXT NOT NULL,
                org TEXT NOT NULL,
                list TEXT NOT NULL,
                added INTEGER NOT NULL,
                completed INTEGER NOT NULL,
                deleted INTEGER NOT NULL,
                PRIMARY KEY (day, org, list)
            ) STRICT, WITHOUT ROWID",
            "CREATE TABLE IF NOT EXISTS list_orgs (
                list TEXT PRIMARY KEY,
                org TEXT NOT NULL
            ) STRICT, WITHOUT ROWID",
        ] {
            sql.exec(table, None)?;
        }
        Ok(())
    }

    pub fn of(sql: &'d SqlStorage) -> Self {
        Self(sql)
    }

    /// From now on what happens in the list is the organisation's.
    pub fn belongs(&self, list: &str, org: &str) -> worker::Result<()> {
        let statement = "INSERT INTO list_orgs (list, org) VALUES (?, ?)
            ON CONFLICT (list) DO UPDATE SET org = excluded.org WHERE org <> excluded.org";
        self.0.exec(statement, vec![list.into(), org.into()])?;
        Ok(())
    }

    /// Counts what is about to be written.
    pub fn note(&self, list: &str, entries: &[Entry], now: u64) -> worker::Result<()> {
        let rows: Vec<&str> = todos(entries).map(|entry| &*entry.row).collect();
        if rows.is_empty() {
            return Ok(());
        }
        let query = "SELECT row, text FROM entries WHERE list = ?1 AND kind = ?2 AND name = ?3
            AND row IN (SELECT value FROM json_each(?4))";
        let kind = SqlStorageValue::Integer(Entry::ROW.into());
        let rows = serde_json::to_string(&rows)?;
        let mut before = BTreeMap::new();
        let values = vec![list.into(), kind, TODOS.into(), rows.into()];
        for row in self.0.exec(query, values)?.raw() {
            if let Ok([SqlStorageValue::String(row), SqlStorageValue::String(text)]) =
                <[_; 2]>::try_from(row?)
            {
                before.insert(row, text);
            }
        }
        let Tally {
            added,
            completed,
            deleted,
        } = Tally::of(&before, entries);
        self.0.exec(
            "INSERT INTO counts (day, org, list, added, completed, deleted)
                VALUES (?1, coalesce((SELECT org FROM list_orgs WHERE list = ?2), ''), ?2, ?3, ?4, ?5)
                ON CONFLICT (day, org, list) DO UPDATE SET added = added + excluded.added,
                completed = completed + excluded.completed, deleted = deleted + excluded.deleted",
            vec![
                day_of(now).into(),
                list.into(),
                number(added),
                number(completed),
                number(deleted),
            ],
        )?;
        Ok(())
    }

    /// The sums that are to be reported, by organisation; an empty name is none.
    pub fn reports(&self) -> worker::Result<BTreeMap<String, Vec<Day>>> {
        let query = "SELECT org, day, sum(added), sum(completed), sum(deleted), count(*)
            FROM counts GROUP BY org, day ORDER BY org, day";
        let mut reports: BTreeMap<String, Vec<Day>> = BTreeMap::new();
        for row in self.0.exec(query, None)?.raw() {
            let mut row = row?.into_iter();
            if let Some(SqlStorageValue::String(org)) = row.next() {
                reports.entry(org).or_default().extend(day(row));
            }
        }
        Ok(reports)
    }

    /// Forgets days that were reported and are over.
    pub fn reported(&self, now: u64) -> worker::Result<()> {
        let before = day_of(now.saturating_sub(2 * 86_400_000));
        let statement = "DELETE FROM counts WHERE day < ?";
        self.0.exec(statement, vec![before.into()])?;
        Ok(())
    }
}

/// What an organisation heard from its shards.
pub struct Heard<'d>(&'d SqlStorage);

impl<'d> Heard<'d> {
    pub fn open(sql: &'d SqlStorage) -> worker::Result<Self> {
        sql.exec(
            "CREATE TABLE IF NOT EXISTS heard (
                day TEXT NOT NULL,
                source TEXT NOT NULL,
                added INTEGER NOT NULL,
                completed INTEGER NOT NULL,
                deleted INTEGER NOT NULL,
                active_lists INTEGER NOT NULL,
                PRIMARY KEY (day, source)
            ) STRICT, WITHOUT ROWID",
            None,
        )?;
        Ok(Self(sql))
    }

    pub fn hear(&self, source: &str, days: &[Day]) -> worker::Result<()> {
        for day in days {
            self.0.exec(
                "INSERT INTO heard (day, source, added, completed, deleted, active_lists)
                    VALUES (?, ?, ?, ?, ?, ?)
                    ON CONFLICT (day, source) DO UPDATE SET added = max(added, excluded.added),
                    completed = max(completed, excluded.completed),
                    deleted = max(deleted, excluded.deleted),
                    active_lists = max(active_lists, excluded.active_lists)",
                vec![
                    day.day.as_str().into(),
                    source.into(),
                    number(day.added),
                    number(day.completed),
                    number(day.deleted),
                    number(day.active_lists),
                ],
            )?;
        }
        Ok(())
    }

    /// The last days on which anything happened, the newest first.
    pub fn days(&self, most: u32) -> worker::Result<Vec<Day>> {
        let query = "SELECT day, sum(added), sum(completed), sum(deleted), sum(active_lists)
            FROM heard GROUP BY day ORDER BY day DESC LIMIT ?";
        let mut days = Vec::new();
        let most = SqlStorageValue::Integer(most.into());
        for row in self.0.exec(query, vec![most])?.raw() {
            days.extend(day(row?.into_iter()));
        }
        Ok(days)
    }
}

/// A day and four sums.
fn day(mut row: impl Iterator<Item = SqlStorageValue>) -> Option<Day> {
    let Some(SqlStorageValue::String(day)) = row.next() else {
        return None;
    };
    let mut sum = || match row.next() {
        Some(SqlStorageValue::Integer(sum)) => u64::try_from(sum).unwrap_or(0),
        _ => 0,
    };
    Some(Day {
        day,
        added: sum(),
        completed: sum(),
        deleted: sum(),
        active_lists: sum(),
    })
}

fn number(number: u64) -> SqlStorageValue {
    SqlStorageValue::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use tinybase::{Store, Value};

    use super::*;

    const NOW: u64 = 1_764_000_000_000;

    /// A store, what is written of it, and what its changes come to.
    struct Story {
        store: Store,
        disk: BTreeMap<String, String>,
    }

    impl Story {
        fn does(&mut self, change: impl FnOnce(&mut Store)) -> [u64; 3] {
            change(&mut self.store);
            let batch = self.store.commit();
            let entries: Vec<Entry> = self.store.records_of(&batch).map(Entry::of).collect();
            let tally = Tally::of(&self.disk, &entries);
            let rows = todos(&entries).map(|entry| (entry.row.clone(), entry.text.clone()));
            self.disk.extend(rows);
            [tally.added, tally.completed, tally.deleted]
        }
    }

    #[test]
    fn each_todo_is_counted_for_what_becomes_of_it() {
        let mut story = Story {
            store: Store::new("server"),
            disk: BTreeMap::new(),
        };
        let text = |text| Value::text(text).unwrap();
        let add = |id: &'static str, done| {
            move |store: &mut Store| {
                let cells = vec![("text", text(id)), ("completed", Value::from(done))];
                store.set_row(TODOS, id, cells, NOW);
            }
        };
        assert_eq!(story.does(add("1", false)), [1, 0, 0]);
        assert_eq!(story.does(add("2", true)), [1, 1, 0]);
        let edit = |store: &mut Store| {
            store.set_cell(TODOS, "1", "text", text("another"), NOW);
            store.set_cell("others", "1", "completed", Value::from(true), NOW);
        };
        assert_eq!(story.does(edit), [0, 0, 0]);
        let complete = |done| {
            move |store: &mut Store| {
                store.set_cell(TODOS, "1", "completed", Value::from(done), NOW);
            }
        };
        assert_eq!(story.does(complete(true)), [0, 1, 0]);
        assert_eq!(story.does(complete(false)), [0, 0, 0]);
        let delete = |store: &mut Store| {
            store.del_row(TODOS, "1", NOW);
            store.del_row(TODOS, "2", NOW);
        };
        assert_eq!(story.does(delete), [0, 0, 2]);
        assert_eq!(story.does(add("1", false)), [1, 0, 0]);
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        let day = |seconds: u64| day_of(seconds * 1_000);
        assert_eq!(day(0), "1970-01-01");
        assert_eq!(day(951_782_399), "2000-02-28");
        assert_eq!(day(951_782_400), "2000-02-29");
        assert_eq!(day(951_868_800), "2000-03-01");
        assert_eq!(day(1_798_761_599), "2026-12-31");
        assert_eq!(day(1_798_761_600), "2027-01-01");
    }
}
