//! Todos that leave the list for the archive, and those that come back.
//!
//! Each step can be the last before the object dies, and nothing is lost or doubled: `leftovers`
//! says beforehand what is about to be written to the archive, it counts from the same moment on at
//! which the todos are gone from the list, and no more from that on at which they are back.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value as Json, json};
use wasm_bindgen::{JsCast as _, JsValue};
use worker::web_sys::Response;
use worker::{SqlStorageValue, console_error};

use super::{Awake, Object};
use crate::answer;
use crate::archive::{self, Archived, Findings, Late, Outcome, Rest, Resting};
use crate::attic::Attic;
use crate::database::{Database, Statement};
use crate::disk::first;
use crate::duties::{self, Duty};
use crate::entry::Entry;
use crate::glance::Glance;
use crate::identity::query_value;
use crate::js::{Bindings, now, random};
use crate::list::{Edit, TODOS};
use crate::message::Rejection;

/// When todos are to leave, and how often is looked for some.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) rest: Rest,
    /// In milliseconds.
    pub(super) every: u64,
}

/// Milliseconds after which is tried again what could not be done.
const AGAIN: u64 = 10_000;
/// Batches that one alarm moves.
const BATCHES: usize = 20;
/// Milliseconds to the next alarm if there are more.
const PAUSE: u64 = 1_000;
/// Todos that one request puts back.
const SOME: usize = 500;
/// The list that is archived: that of the object's one user.
const LIST: &str = "";

/// What is due to leave.
#[derive(Default)]
struct Due {
    todos: Vec<Archived>,
    /// When the next is due, in milliseconds since 1970.
    next: Option<u64>,
    /// Up to which id was looked, if not to the end.
    upto: Option<String>,
}

/// A todo that was found in the archive.
#[derive(Deserialize)]
struct Found {
    id: String,
    version: String,
    text: String,
    notes: Option<String>,
    due: Option<String>,
    completed: u8,
    updated_at: u64,
    archived_at: u64,
}

#[derive(Deserialize)]
struct Kept {
    id: String,
    record: String,
}

impl Awake {
    /// Has the todos looked at after something has changed.
    pub(super) fn plan_archiving(&mut self) -> Result<(), JsValue> {
        let Some(every) = self.archives_every else {
            return Ok(());
        };
        self.changes += 1;
        let at = now() + every;
        if self.archives_at.is_none_or(|planned| planned > at) {
            duties::schedule(&self.disk, Duty::Archive, at)?;
            self.archives_at = Some(at);
        }
        Ok(())
    }

    /// Keeps what was done to todos that left the list, to be looked into at once.
    pub(super) fn note_late(&mut self, late: &[Late]) -> Result<(), JsValue> {
        if let Some(attic) = &self.attic
            && attic.note(late)?
        {
            duties::schedule(&self.disk, Duty::Restore, now())?;
        }
        Ok(())
    }

    fn attic(&self) -> worker::Result<&Attic> {
        let attic = self.attic.as_ref();
        attic.ok_or_else(|| "there is no archive".into())
    }

    /// What is due of the todos with ids after this one, a batch at most.
    fn due(&self, rest: Rest, now: u64, after: &str) -> Result<Due, JsValue> {
        let mut due = Due::default();
        let attic = self.attic()?;
        let query = "SELECT row, text FROM entries
            WHERE list = ? AND kind = ? AND name = ? AND row > ? ORDER BY row";
        let kind = SqlStorageValue::Integer(Entry::ROW.into());
        let rows = self
            .disk
            .sql()
            .exec(query, vec![LIST.into(), kind, TODOS.into(), after.into()])?;
        for row in rows.raw() {
            let Ok([SqlStorageValue::String(id), SqlStorageValue::String(record)]) =
                <[_; 2]>::try_from(row?)
            else {
                continue;
            };
            let Some(glance) = Glance::at(&record) else {
                continue;
            };
            let at = rest.over_at(glance);
            if at > now {
                due.next = Some(due.next.map_or(at, |next| next.min(at)));
                continue;
            }
            // One that is in both is about to come back whole.
            if !attic.versions(&[&id])?.is_empty() {
                continue;
            }
            let todo = Archived::of(&id, &record).map_err(|wrong| wrong.to_string())?;
            due.todos.extend(todo);
            if due.todos.len() == archive::BATCH {
                due.upto = Some(id);
                break;
            }
        }
        Ok(due)
    }

    /// Takes what was written to the archive out of the list, but for what changed meanwhile.
    fn take_out(&mut self, todos: &[Archived], version: &str) -> Result<(), JsValue> {
        let mut edits = Vec::new();
        let mut gone = Vec::new();
        for todo in todos {
            if self.record(&todo.id)?.as_deref() == Some(&*todo.record)
                && let Some(edit) = self.room(LIST)?.list().gone(&todo.id)
            {
                edits.push(edit);
                gone.push(&*todo.id);
            }
        }
        self.attic()?.leave(&gone, version)?;
        let made = self.make(edits);
        if made.is_err() {
            // They are in the list still: what was written of them does not count.
            for id in gone {
                self.attic()?.back(id)?;
            }
        }
        made
    }

    fn record(&self, id: &str) -> worker::Result<Option<String>> {
        let query = "SELECT text FROM entries WHERE list = ? AND kind = ? AND name = ? AND row = ?";
        let kind = SqlStorageValue::Integer(Entry::ROW.into());
        let values = vec![LIST.into(), kind, TODOS.into(), id.into()];
        Ok(match first(self.disk.sql(), query, values)? {
            Some(SqlStorageValue::String(record)) => Some(record),
            _ => None,
        })
    }

    /// Puts back what is wanted, and what something was done to that the archive does not have.
    fn put_back(
        &mut self,
        ids: Vec<(String, String)>,
        records: &BTreeMap<String, String>,
        wanted: bool,
    ) -> Result<Vec<String>, JsValue> {
        let now = now();
        let mut edits = Vec::new();
        let mut back = Vec::new();
        for (id, version) in ids {
            // It may have come back meanwhile.
            if self.attic()?.versions(&[&id])? != [(id.clone(), version)] {
                continue;
            }
            let late = self.attic()?.late(&id)?;
            // What the archive lost is what is known of it here.
            let record = records.get(&id).map_or("[]", |record| record);
            let outcome = archive::outcome(&id, record, &late, wanted, now)
                .map_err(|wrong| wrong.to_string())?;
            match outcome {
                Outcome::Stays => {
                    self.attic()?.dismiss(&id)?;
                    self.room(LIST)?.list().looked_into([&id]);
                }
                Outcome::Deleted => back.push(id),
                Outcome::Returns(mut cells) => {
                    // What is in the list already was done after the todo left it.
                    let row = self.room(LIST)?.list().store().row(TODOS, &id);
                    cells.retain(|(cell, _)| row.is_none_or(|row| row.cell(cell).is_none()));
                    edits.push(Edit::Row {
                        table: TODOS.to_owned(),
                        row: id.clone(),
                        cells,
                    });
                    back.push(id);
                }
            }
        }
        self.make(edits)?;
        for id in &back {
            self.attic()?.back(id)?;
        }
        self.room(LIST)?.list().looked_into(&back);
        self.kept.forget();
        Ok(back)
    }

    fn make(&mut self, edits: Vec<Edit>) -> Result<(), JsValue> {
        let size = self.disk.size();
        match self.room(LIST)?.edit(edits, size, now()) {
            Ok(turn) => self.carry_out(LIST, turn),
            Err(Rejection { reason, .. }) => Err(reason.into()),
        }
    }
}

impl Object {
    fn database(&self) -> Result<Database, JsValue> {
        let bindings: &Bindings = self.env.unchecked_ref();
        let bound = bindings.archive();
        bound.ok_or_else(|| "ARCHIVE is not bound: add a D1 database under bindings".into())
    }

    /// Moves what is due to the archive, some at a time.
    pub(super) async fn archive(&self) -> Result<(), JsValue> {
        let Some(plan) = self.phases.archiving else {
            return Ok(());
        };
        let changes = {
            let mut awake = self.awake()?;
            let again = now() + AGAIN;
            duties::schedule(&awake.disk, Duty::Archive, again)?;
            awake.archives_at = Some(again);
            awake.changes
        };
        let database = self.database()?;
        self.sweep(&database).await?;
        let mut next: Option<u64> = None;
        let mut after = Some(String::new());
        for _ in 0..BATCHES {
            let Some(from) = after else {
                break;
            };
            let now = now();
            let due = self.awake()?.due(plan.rest, now, &from)?;
            next = next.into_iter().chain(due.next).min();
            after = due.upto;
            if due.todos.is_empty() {
                break;
            }
            let version = format!("{:016x}", random());
            let ids: Vec<&str> = due.todos.iter().map(|todo| &*todo.id).collect();
            {
                let mut awake = self.awake()?;
                awake.attic()?.begin(&ids, &version)?;
                awake.archiving = Some(version.clone());
            }
            let written = self.write(&database, &due.todos, &version, now).await;
            self.awake()?.archiving = None;
            written?;
            self.phases.passed("copied")?;
            self.awake()?.take_out(&due.todos, &version)?;
            self.phases.passed("moved")?;
        }
        let mut awake = self.awake()?;
        duties::cancel(&awake.disk, Duty::Archive)?;
        if awake.changes > changes {
            // What changed meanwhile may have been looked at before.
            next = Some(0);
        }
        awake.archives_at = if after.is_none() {
            // Not before its time, and not more often than it is to be looked.
            next.map(|next| next.max(now() + plan.every))
        } else {
            Some(now() + PAUSE)
        };
        match awake.archives_at {
            Some(at) => duties::schedule(&awake.disk, Duty::Archive, at),
            None => Ok(()),
        }
    }

    async fn write(
        &self,
        database: &Database,
        todos: &[Archived],
        version: &str,
        now: u64,
    ) -> Result<(), JsValue> {
        let todos = serde_json::to_string(todos).map_err(|error| error.to_string())?;
        let list = &*self.phases.name;
        let rows = Statement(
            "INSERT OR IGNORE INTO archived_todos (list, id, version, text, notes, due, completed,
                    updated_at, archived_at, record)
                SELECT ?1, value ->> 'id', ?2, value ->> 'text', value ->> 'notes', value ->> 'due',
                    value ->> 'completed', value ->> 'updated', ?3, value ->> 'record'
                FROM json_each(?4)",
            vec![list.into(), version.into(), now.into(), todos.into()],
        );
        let words = Statement(
            "INSERT INTO archived_words (rowid, owner, words)
                SELECT number, ?1, concat_ws(' ', text, notes) FROM archived_todos
                WHERE list = ?2 AND version = ?3
                AND NOT EXISTS (SELECT 1 FROM archived_words WHERE rowid = number)",
            vec![archive::owner(list).into(), list.into(), version.into()],
        );
        database.run(&[rows, words]).await
    }

    /// Deletes from the archive what does not count.
    async fn sweep(&self, database: &Database) -> Result<(), JsValue> {
        loop {
            let leftovers = {
                let awake = self.awake()?;
                awake
                    .attic()?
                    .leftovers(awake.archiving.as_deref(), archive::BATCH)?
            };
            if leftovers.is_empty() {
                return Ok(());
            }
            let these = serde_json::to_string(&leftovers).map_err(|error| error.to_string())?;
            let values = || vec![Json::from(&*self.phases.name), Json::from(&*these)];
            let words = Statement(
                "DELETE FROM archived_words WHERE rowid IN (SELECT number FROM archived_todos
                    WHERE list = ?1 AND (id, version) IN
                    (SELECT value ->> 0, value ->> 1 FROM json_each(?2)))",
                values(),
            );
            let rows = Statement(
                "DELETE FROM archived_todos WHERE list = ?1 AND (id, version) IN
                    (SELECT value ->> 0, value ->> 1 FROM json_each(?2))",
                values(),
            );
            database.run(&[words, rows]).await?;
            self.awake()?.attic()?.swept(&leftovers)?;
        }
    }

    /// Looks into what was done to todos that left the list.
    pub(super) async fn restore_late(&self) -> Result<(), JsValue> {
        duties::schedule(&self.awake()?.disk, Duty::Restore, now() + AGAIN)?;
        loop {
            let noted = self.awake()?.attic()?.noted(archive::BATCH)?;
            if noted.is_empty() {
                return duties::cancel(&self.awake()?.disk, Duty::Restore);
            }
            self.bring_back(&noted, false).await?;
        }
    }

    /// Puts todos back into the list: those of these that are archived and, unless they are
    /// `wanted`, to which something was done.
    pub(super) async fn bring_back(
        &self,
        ids: &[String],
        wanted: bool,
    ) -> Result<Vec<String>, JsValue> {
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let versions = self.awake()?.attic()?.versions(&ids)?;
        if versions.is_empty() {
            return Ok(Vec::new());
        }
        let database = self.database()?;
        let these = serde_json::to_string(&versions).map_err(|error| error.to_string())?;
        let query = Statement(
            "SELECT id, record FROM archived_todos WHERE list = ?1 AND (id, version) IN
                (SELECT value ->> 0, value ->> 1 FROM json_each(?2))",
            vec![self.phases.name.as_str().into(), these.into()],
        );
        let kept: Vec<Kept> = database.rows(&query).await?;
        let records = kept
            .into_iter()
            .map(|Kept { id, record }| (id, record))
            .collect();
        let back = self.awake()?.put_back(versions, &records, wanted)?;
        self.phases.passed("restored")?;
        if let Err(error) = self.sweep(&database).await {
            console_error!("what came back is still in the archive: {:?}", error);
        }
        Ok(back)
    }

    /// Puts back what a form is about to edit.
    pub(super) async fn restore_edited(&self, form: &str) -> Result<(), JsValue> {
        if self.phases.archiving.is_some()
            && let Some(Ok(id)) = query_value(form, "id")
        {
            self.bring_back(&[id], true).await?;
        }
        Ok(())
    }

    /// Puts back what somebody wants.
    pub(super) async fn restore_wanted(&self, id: &str) -> Result<Response, JsValue> {
        let restored = self.bring_back(&[id.to_owned()], true).await?;
        if restored.is_empty() {
            let why = "No todo of this id is archived.";
            return answer::json(404, &json!({ "error": why }));
        }
        answer::json(200, &json!({ "restored": restored }))
    }

    /// Puts some back, whichever: for who leaves the archive for good.
    pub(super) async fn restore_some(&self) -> Result<Json, JsValue> {
        let mut restored = Vec::new();
        while restored.len() < SOME {
            let some = self.awake()?.attic()?.some(archive::BATCH)?;
            if some.is_empty() {
                break;
            }
            restored.extend(self.bring_back(&some, true).await?);
        }
        let left = self.awake()?.attic()?.count()?;
        Ok(json!({ "restored": restored, "left": left }))
    }

    /// What was archived and has these words, the newest first, without the first `from`.
    pub(super) async fn search(&self, written: &str, from: u32) -> Result<Findings, JsValue> {
        let list = &*self.phases.name;
        let columns = "id, version, text, notes, due, completed, updated_at, archived_at";
        let (most, from) = (archive::PAGE, from);
        let ordered = "ORDER BY updated_at DESC, number DESC LIMIT ?2 OFFSET ?3";
        let values = vec![Json::from(list), most.into(), from.into()];
        let found: Vec<Found> = if written.trim().is_empty() {
            let query = format!("SELECT {columns} FROM archived_todos WHERE list = ?1 {ordered}");
            self.database()?.rows(&Statement(&query, values)).await?
        } else if let Some(words) = archive::query(&archive::owner(list), written) {
            let query = format!(
                "SELECT {columns} FROM archived_words
                    JOIN archived_todos ON number = archived_words.rowid
                    WHERE archived_words MATCH ?4 AND list = ?1 {ordered}"
            );
            let values = values.into_iter().chain([words.into()]).collect();
            self.database()?.rows(&Statement(&query, values)).await?
        } else {
            Vec::new()
        };
        let ids: Vec<&str> = found.iter().map(|found| &*found.id).collect();
        let awake = self.awake()?;
        let versions: BTreeMap<String, String> =
            awake.attic()?.versions(&ids)?.into_iter().collect();
        let full = u32::try_from(found.len()).is_ok_and(|found| found == most);
        let counts = found.into_iter();
        let counts = counts.filter(|found| versions.get(&found.id) == Some(&found.version));
        Ok(Findings {
            todos: counts.map(Resting::from).collect(),
            next: full.then(|| from + most),
            archived: awake.attic()?.count()?,
        })
    }
}

impl From<Found> for Resting {
    fn from(found: Found) -> Self {
        Self {
            id: found.id,
            text: found.text,
            notes: found.notes,
            due: found.due,
            completed: found.completed != 0,
            updated: found.updated_at,
            archived: found.archived_at,
        }
    }
}
