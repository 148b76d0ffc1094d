//! One list: a TinyBase store with a table `todos`, as people see it and as it is edited here.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeSet;

use tinybase::{Batch, Changes, Form, Kind, Place, Received, Refused, RowView, Store, Value};

use crate::archive::Late;
use crate::entry::{Entry, Key};
use crate::filter::Filter;
use crate::gate::{Gate, Limits};
use crate::limit;
use crate::message::{Rejection, close};
use crate::order;
use crate::presence;
use crate::sheet::{Counts, Shown};
use crate::todos::{Id, Todo, Todos, push_json};

/// The table that people see; there may be others.
pub const TODOS: &str = "todos";

/// A change to be made here. A cell that becomes undefined is deleted, a row without cells is gone.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    Row {
        table: String,
        row: String,
        cells: Vec<(String, Value)>,
    },
    Value {
        id: String,
        value: Value,
    },
}

pub struct List {
    store: Store,
    /// Made when it is asked for, and again after changes.
    sorted: Option<Sorted>,
    /// There where todos may leave the list for an archive.
    watch: Option<Watch>,
}

/// Who looks out for what is done to todos that are not in the list.
#[derive(Default)]
struct Watch {
    late: Vec<Late>,
    /// Those to which something was done that is still to be looked into: what comes for them is
    /// late even if they seem to be back.
    noted: BTreeSet<String>,
}

/// The todos in the order that people see.
struct Sorted {
    ids: Vec<Id>,
    completed: usize,
}

/// What was done since the last time, ready for disk and for others.
#[derive(Debug, Default)]
pub struct Committed {
    pub entries: Vec<Entry>,
    /// All that changed.
    pub batch: Batch,
    /// The todos that changed.
    pub todos: Vec<Id>,
    /// Whether values changed that tell who is here.
    pub presence: bool,
}

impl List {
    pub fn new(store: Store) -> Self {
        Self {
            store,
            sorted: None,
            watch: None,
        }
    }

    /// From now on takes note of what is done to todos that are not in the list, and to these.
    pub fn watch(&mut self, noted: Vec<String>) {
        self.watch = Some(Watch {
            late: Vec::new(),
            noted: noted.into_iter().collect(),
        });
    }

    /// What was done since the last time to todos that are not in the list.
    pub fn take_late(&mut self) -> Vec<Late> {
        let late = |watch: &mut Watch| std::mem::take(&mut watch.late);
        self.watch.as_mut().map(late).unwrap_or_default()
    }

    /// Takes note of what was done to a todo that is not in the list.
    pub fn note_late(&mut self, late: impl FnOnce() -> Late) {
        if let Some(watch) = &mut self.watch {
            let late = late();
            watch.noted.insert(late.id.clone());
            watch.late.push(late);
        }
    }

    /// What was done to these was looked into.
    pub fn looked_into<'i>(&mut self, ids: impl IntoIterator<Item = &'i String>) {
        if let Some(watch) = &mut self.watch {
            for id in ids {
                watch.noted.remove(id);
            }
        }
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    pub fn counts(&mut self) -> Counts {
        let sorted = self.sorted.get_or_insert_with(|| Sorted::of(&self.store));
        Counts {
            all: sorted.ids.len(),
            completed: sorted.completed,
        }
    }

    /// At most `most` of the todos that the filter shows, without the first `from`.
    pub fn window(&mut self, filter: Filter, from: usize, most: usize) -> Vec<Shown<'_>> {
        let sorted = self.sorted.get_or_insert_with(|| Sorted::of(&self.store));
        let rows = sorted.ids.iter().filter_map(|id| self.store.row(TODOS, id));
        let shown = rows.filter(|row| filter.shows(is_completed(*row)));
        shown.skip(from).take(most).map(shown_of).collect()
    }

    /// All todos as plain clients see them.
    pub fn todos(&mut self) -> Todos {
        let sorted = self.sorted.get_or_insert_with(|| Sorted::of(&self.store));
        let ids = sorted.ids.iter();
        ids.filter_map(|id| Some((Id::clone(id), todo_of(self.store.row(TODOS, id)?))))
            .collect()
    }

    /// One todo as plain clients see it.
    pub fn todo(&self, id: &str) -> Option<Todo> {
        self.store.row(TODOS, id).map(todo_of)
    }

    pub fn is_long(&self) -> bool {
        self.store.row_count(TODOS) > limit::LONG
    }

    /// TinyBase's mergeable content, unless the list is long or it has more than this many bytes.
    pub fn content(&self, most: usize) -> Option<String> {
        if self.is_long() {
            return None;
        }
        let content = self.store.content_json(Form::Plain);
        (content.len() <= most).then_some(content)
    }

    /// All tables and values as JSON, the todos in their order, a row to a line.
    pub fn export(&mut self) -> String {
        let sorted = self.sorted.get_or_insert_with(|| Sorted::of(&self.store));
        let mut json = String::from("{\"tables\":{");
        for (at, table) in self.store.table_ids().enumerate() {
            json.push_str(if at == 0 { "" } else { "," });
            push_json(&mut json, table);
            json.push_str(":{");
            let mut comma = "\n";
            let mut push = |row| {
                json.push_str(std::mem::replace(&mut comma, ",\n"));
                push_row(&mut json, row);
            };
            if table == TODOS {
                let ids = sorted.ids.iter();
                ids.filter_map(|id| self.store.row(TODOS, id))
                    .for_each(&mut push);
            } else {
                self.store.rows(table).for_each(&mut push);
            }
            json.push('}');
        }
        json.push_str("},\"values\":{");
        let mut comma = "";
        for id in self
            .store
            .value_ids()
            .filter(|id| !presence::is_presence(id))
        {
            json.push_str(std::mem::replace(&mut comma, ","));
            push_json(&mut json, id);
            json.push(':');
            self.store
                .value(id)
                .unwrap_or(&Value::UNDEFINED)
                .write(&mut json, Form::Plain);
        }
        json.push_str("}}\n");
        json
    }

    /// Takes in a message of the synchronizer, or none of it. [`Self::commit`] afterwards.
    pub fn receive(
        &mut self,
        message: &str,
        limits: Limits,
        size: u64,
        now: u64,
    ) -> Result<Received, Rejection> {
        let watch = &mut self.watch;
        let received = self.store.receive_checked(message, now, |store, changes| {
            Gate::check(store, changes, limits, size)?;
            if let Some(watch) = watch {
                watch.see(store, changes);
            }
            Ok(())
        });
        received.map_err(|refused| match refused {
            Refused::Malformed(malformed) => {
                Rejection::new(close::MALFORMED, malformed.to_string())
            }
            Refused::Refused(rejection) => rejection,
        })
    }

    /// Takes in what a list was once, with its clocks, or none of it. [`Self::commit`] afterwards.
    pub fn merge(
        &mut self,
        changes: Changes<'_>,
        limits: Limits,
        size: u64,
        now: u64,
    ) -> Result<(), Rejection> {
        Gate::check(&self.store, &changes, limits, size)?;
        // Clocks from before what was forgotten are left out, and nobody waits to be told so.
        let _ = self.store.apply(changes, now);
        Ok(())
    }

    /// Makes all of these changes, or none. [`Self::commit`] afterwards.
    pub fn edit(
        &mut self,
        edits: Vec<Edit>,
        limits: Limits,
        size: u64,
        now: u64,
    ) -> Result<(), Rejection> {
        let mut gate = Gate::new(&self.store, limits);
        for edit in &edits {
            match edit {
                Edit::Row { table, row, cells } => {
                    let cells = cells.iter().map(|(cell, value)| (&**cell, value));
                    gate.row(table, row, cells)?;
                }
                Edit::Value { id, value } => gate.value(id, value)?,
            }
        }
        gate.finish(size)?;
        for edit in edits {
            match edit {
                Edit::Row { table, row, cells } => {
                    for (cell, value) in cells {
                        self.store.set_cell(&table, &row, &cell, value, now);
                    }
                }
                Edit::Value { id, value } => {
                    self.store.set_value(&id, value, now);
                }
            }
        }
        Ok(())
    }

    /// Makes the values say who is here. [`Self::commit`] afterwards.
    pub fn tell_presence<'w>(
        &mut self,
        here: impl Iterator<Item = &'w presence::Who>,
        now: u64,
    ) -> bool {
        presence::tell(&mut self.store, here, now)
    }

    /// Forgets what was deleted before that time, in milliseconds since 1970: the keys of entries
    /// that are to go, and entries that are to be written with that.
    pub fn forget(&mut self, before: u64) -> (Vec<Key>, Vec<Entry>) {
        let compacted = self.store.compact(before);
        let gone = compacted.places().map(Key::of).collect();
        (gone, self.committed(&compacted.batch).entries)
    }

    /// Closes what was done since the last time.
    pub fn commit(&mut self) -> Committed {
        let batch = self.store.commit();
        if batch.is_empty() {
            return Committed::default();
        }
        self.sorted = None;
        let committed = self.committed(&batch);
        Committed { batch, ..committed }
    }

    /// The message that tells others of a batch.
    pub fn news(&self, batch: &Batch) -> String {
        self.store.broadcast(batch)
    }

    fn committed(&self, batch: &Batch) -> Committed {
        let mut committed = Committed::default();
        for record in self.store.records_of(batch) {
            match record.place {
                Place::Value(id) if presence::is_presence(id) => {
                    committed.presence = true;
                    continue;
                }
                Place::Row { table, row } if table == TODOS => committed.todos.push(row.into()),
                _ => {}
            }
            committed.entries.push(Entry::of(record));
        }
        if !committed.entries.is_empty() {
            let marks = self.store.marks_of(batch);
            let marks = Entry::of_marks(batch.revision(), marks);
            committed.entries.push(marks);
        }
        committed
    }
}

/// What is edited in the way that the page and plain clients edit.
impl List {
    /// Todos more, after all others.
    pub fn added(&mut self, todos: &[(Id, Todo)], random: u64) -> Vec<Edit> {
        let sorted = self.sorted.get_or_insert_with(|| Sorted::of(&self.store));
        let ids = sorted.ids.iter().rev();
        let rows = ids.filter_map(|id| Some((id, order_of(self.store.row(TODOS, id)?))));
        let mut last_order = None;
        let mut without: Vec<Id> = Vec::new();
        for (id, order) in rows {
            if let Some(order) = order {
                last_order = Some(order.into_owned());
                break;
            }
            without.push(Id::clone(id));
        }
        let mut edits = Vec::with_capacity(todos.len());
        let mut random = random;
        let mut next_order = || {
            // The next of a sequence that never repeats.
            random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            let order = order::after(last_order.as_deref(), random);
            last_order = Some(order.clone());
            ("order".to_owned(), text_value(&order))
        };
        // Those without a key stand last: to come after them they need one. Very many stay there.
        if without.len() <= limit::PAGE {
            for id in without.iter().rev() {
                edits.push(row_edit(id, vec![next_order()]));
            }
        }
        for (id, todo) in todos {
            let cells = vec![
                ("text".to_owned(), text_value(&todo.text)),
                ("completed".to_owned(), Value::from(todo.completed)),
                next_order(),
            ];
            edits.push(row_edit(id, cells));
        }
        edits
    }

    /// Cells of a todo that is there; nothing for one that is not.
    pub fn changed(&self, id: &str, cells: Vec<(String, Value)>) -> Option<Edit> {
        self.store.is_live(TODOS, id).then(|| row_edit(id, cells))
    }

    /// A todo less; nothing if it is not there.
    pub fn gone(&self, id: &str) -> Option<Edit> {
        let row = self.store.row(TODOS, id)?;
        let cells = row
            .cells()
            .map(|(cell, _)| (cell.to_owned(), Value::UNDEFINED));
        Some(row_edit(id, cells.collect()))
    }

    /// The completed todos less.
    pub fn cleared(&self) -> Vec<Edit> {
        let completed = self.store.rows(TODOS).filter(|row| is_completed(*row));
        completed.filter_map(|row| self.gone(row.id)).collect()
    }

    /// A todo further up (`by` negative) or down among those that the filter shows.
    pub fn moved(&mut self, id: &str, by: i32, filter: Filter, random: u64) -> Vec<Edit> {
        let sorted = self.sorted.get_or_insert_with(|| Sorted::of(&self.store));
        let rows = sorted.ids.iter().filter_map(|id| self.store.row(TODOS, id));
        let shown: Vec<_> = rows
            .filter(|row| row.id == id || filter.shows(is_completed(*row)))
            .collect();
        let Some(from) = shown.iter().position(|row| row.id == id) else {
            return Vec::new();
        };
        let steps = by.unsigned_abs() as usize;
        let to = if by < 0 {
            from.saturating_sub(steps)
        } else {
            (from + steps).min(shown.len() - 1)
        };
        if to == from {
            return Vec::new();
        }
        let (before, after) = if to < from {
            (to.checked_sub(1), Some(to))
        } else {
            (Some(to), Some(to + 1))
        };
        let order_at =
            |at: Option<usize>| at.and_then(|at| shown.get(at)).map(|row| order_of(*row));
        let (before, after) = (order_at(before), order_at(after));
        // Todos without a key of their own come last and stay among themselves: a place between
        // them needs keys for all that stand before it.
        if let Some(None) = before {
            return self.numbered(id, to, random);
        }
        let key = order::between(
            before.flatten().as_deref(),
            after.flatten().as_deref(),
            random,
        );
        vec![row_edit(id, vec![("order".to_owned(), text_value(&key))])]
    }

    /// Keys for todos that have none, up to the place `to` where `id` goes.
    fn numbered(&mut self, id: &str, to: usize, random: u64) -> Vec<Edit> {
        let sorted = self.sorted.get_or_insert_with(|| Sorted::of(&self.store));
        let mut ids: Vec<&str> = sorted.ids.iter().map(|id| &**id).collect();
        ids.retain(|other| *other != id);
        ids.insert(to.min(ids.len()), id);
        let mut last: Option<String> = None;
        let mut edits = Vec::new();
        for (at, other) in (0..).zip(ids.iter().take(to + 1)) {
            let held = self.store.row(TODOS, other).and_then(order_of);
            match held {
                Some(order) if *other != id => last = Some(order.into_owned()),
                _ => {
                    let key = order::after(last.as_deref(), random.rotate_left(at));
                    edits.push(row_edit(
                        other,
                        vec![("order".to_owned(), text_value(&key))],
                    ));
                    last = Some(key);
                }
            }
        }
        edits
    }
}

impl Watch {
    fn see(&mut self, store: &Store, changes: &Changes<'_>) {
        let todos = changes.rows().filter(|row| row.table == TODOS);
        for row in todos {
            if !store.is_live(TODOS, row.id) || self.noted.contains(row.id) {
                self.noted.insert(row.id.to_owned());
                self.late.push(Late::of(row));
            }
        }
    }
}

impl Sorted {
    fn of(store: &Store) -> Self {
        let mut completed = 0;
        let mut rows: Vec<_> = store
            .rows(TODOS)
            .inspect(|row| completed += usize::from(is_completed(*row)))
            .map(|row| (order_of(row), row.id))
            .collect();
        rows.sort_unstable_by(|(order, id), (other_order, other)| {
            let orders = match (order, other_order) {
                (Some(order), Some(other)) => in_units(order, other),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => Ordering::Equal,
            };
            orders.then_with(|| in_units(id, other))
        });
        Self {
            ids: rows.into_iter().map(|(_, id)| Id::from(id)).collect(),
            completed,
        }
    }
}

/// As JavaScript compares strings.
fn in_units(one: &str, other: &str) -> Ordering {
    if one.is_ascii() && other.is_ascii() {
        return one.cmp(other);
    }
    one.encode_utf16().cmp(other.encode_utf16())
}

fn row_edit(id: &str, cells: Vec<(String, Value)>) -> Edit {
    Edit::Row {
        table: TODOS.to_owned(),
        row: id.to_owned(),
        cells,
    }
}

/// A cell with this text; the one text that TinyBase cannot hold becomes none.
pub fn text_value(text: &str) -> Value {
    Value::text(text).unwrap_or_default()
}

fn is_completed(row: RowView<'_>) -> bool {
    row.cell("completed").map(Value::kind) == Some(Kind::Bool(true))
}

/// A cell's text; whatever else somebody put there counts as nothing.
fn text_of<'l>(row: RowView<'l>, cell: &str) -> Option<Cow<'l, str>> {
    match row.cell(cell)?.kind() {
        Kind::Text(text) => Some(text),
        _ => None,
    }
}

fn order_of(row: RowView<'_>) -> Option<Cow<'_, str>> {
    text_of(row, "order")
}

fn shown_of(row: RowView<'_>) -> Shown<'_> {
    let filled = |cell| text_of(row, cell).filter(|text| !text.is_empty());
    Shown {
        id: Cow::Borrowed(row.id),
        text: text_of(row, "text").unwrap_or_default(),
        completed: is_completed(row),
        due: filled("due"),
        notes: filled("notes"),
    }
}

fn todo_of(row: RowView<'_>) -> Todo {
    Todo {
        text: text_of(row, "text").unwrap_or_default().into_owned(),
        completed: is_completed(row),
    }
}

fn push_row(json: &mut String, row: RowView<'_>) {
    push_json(json, row.id);
    json.push_str(":{");
    for (at, (cell, value)) in row.cells().enumerate() {
        json.push_str(if at == 0 { "" } else { "," });
        push_json(json, cell);
        json.push(':');
        value.write(json, Form::Plain);
    }
    json.push('}');
}
