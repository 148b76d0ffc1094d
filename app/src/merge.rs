//! Reading an edit out of a whole store.
//!
//! In the plain protocol a client answers every edit with all that it has. Taken at its word each
//! message would undo whatever others did since that client last heard of them. So a store is
//! compared with what its sender had been sent, and only the difference counts as its edit.
//!
//! What the sender had in hand is not known for sure: a store that was sent to it a moment ago may
//! still have been on its way. Every state that it can be holding is a [`Base`]; the one from which
//! the message is the smallest edit, but not none at all, is taken, the oldest of equals: then the
//! newer ones may yet arrive there and hide the edit, so its sender is told the outcome.

use std::collections::{HashMap, VecDeque};

use crate::todos::{Change, Changes, Effect, Id, Todo, Todos};

/// How long a message can be under way, in milliseconds.
pub const IN_FLIGHT: u64 = 10_000;

/// The changes of the last seconds, from which recent states can be rebuilt.
#[derive(Debug, Default)]
pub struct History {
    /// Counts the changes made since the object woke up.
    version: u64,
    steps: VecDeque<Step>,
}

#[derive(Debug)]
struct Step {
    version: u64,
    at: u64,
    before: Vec<(Id, Option<Todo>)>,
}

impl History {
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Notes what was done, and forgets what can't be in flight any more.
    pub fn record(&mut self, effects: &[Effect], now: u64) {
        self.version += 1;
        let before = effects
            .iter()
            .map(|e| (Id::clone(&e.id), e.before.clone()))
            .collect();
        self.steps.push_back(Step {
            version: self.version,
            at: now,
            before,
        });
        while self
            .steps
            .front()
            .is_some_and(|step| step.at + IN_FLIGHT < now)
        {
            self.steps.pop_front();
        }
    }

    /// What differs between the state `version` and the present one: each todo as it was then.
    fn since(&self, version: u64) -> HashMap<&str, Option<&Todo>> {
        let mut then = HashMap::new();
        for step in self.steps.iter().filter(|step| step.version > version) {
            for (id, before) in &step.before {
                then.entry(&**id).or_insert(before.as_ref());
            }
        }
        then
    }
}

/// A state that a client can be holding: one that it was sent, with edits of its own on top.
#[derive(Debug, Clone)]
struct Base {
    version: u64,
    sent_at: u64,
    own: Vec<(Id, Option<Todo>)>,
}

/// All states that one client can be holding, oldest first.
#[derive(Debug, Clone)]
pub struct Bases(VecDeque<Base>);

impl Bases {
    /// A client that was sent the state `version` and nothing since.
    pub fn starting(version: u64, now: u64) -> Self {
        Self(VecDeque::from([Base {
            version,
            sent_at: now,
            own: Vec::new(),
        }]))
    }

    /// The client was sent the state `version`.
    pub fn sent(&mut self, version: u64, now: u64) {
        self.0.push_back(Base {
            version,
            sent_at: now,
            own: Vec::new(),
        });
        // Whoever got a newer state long ago has left the older one behind.
        while self
            .0
            .get(1)
            .is_some_and(|next| next.sent_at + IN_FLIGHT < now)
        {
            self.0.pop_front();
        }
    }

    /// The client holds the state `version`, and nothing is on its way there.
    pub fn settled(&mut self, version: u64, now: u64) {
        *self = Self::starting(version, now);
    }

    /// The edit that `store` makes, coming from this client. Afterwards the client is known to
    /// hold `store`, on top of the state that was found to be its base.
    pub fn edit(
        &mut self,
        store: &[(Id, Todo)],
        todos: &Todos,
        history: &History,
        now: u64,
    ) -> Edit {
        while self
            .0
            .get(1)
            .is_some_and(|next| next.sent_at + IN_FLIGHT < now)
        {
            self.0.pop_front();
        }
        let theirs: HashMap<&str, &Todo> = store.iter().map(|(id, todo)| (&**id, todo)).collect();
        let mut best: Option<(usize, usize, Difference)> = None;
        for (place, base) in self.0.iter().enumerate() {
            let then = base.over(history);
            let found = difference(store, &theirs, todos, &then);
            let cost: usize = found.iter().map(|(_, (_, cost))| cost).sum();
            let better = match &best {
                None => true,
                Some((_, least, _)) => cost > 0 && (*least == 0 || cost < *least),
            };
            if better {
                best = Some((place, cost, found));
            }
        }
        let Some((place, _, found)) = best else {
            return Edit {
                changes: Vec::new(),
                behind: true,
            };
        };
        self.0.drain(..place);
        let behind = self.0.len() > 1;
        if let Some(base) = self.0.front_mut() {
            for (id, _) in &found {
                let holds = theirs.get(&**id).map(|todo| (*todo).clone());
                base.own.retain(|(own, _)| own != id);
                base.own.push((Id::clone(id), holds));
            }
        }
        Edit {
            changes: found
                .into_iter()
                .map(|(id, (change, _))| (id, change))
                .collect(),
            behind,
        }
    }
}

impl Base {
    /// How this state differs from the present one.
    fn over<'s>(&'s self, history: &'s History) -> HashMap<&'s str, Option<&'s Todo>> {
        let mut then = history.since(self.version);
        then.extend(self.own.iter().map(|(id, todo)| (&**id, todo.as_ref())));
        then
    }
}

/// What a whole store changes.
#[derive(Debug)]
pub struct Edit {
    pub changes: Changes,
    /// Newer states are on their way to this client: what it shows will be older than its edit,
    /// so it has to be told the outcome.
    pub behind: bool,
}

/// Changes with what each weighs when bases are compared.
type Difference = Vec<(Id, (Change, usize))>;

/// What leads from a state to `store`; the state is `todos` but for what `then` says.
fn difference(
    store: &[(Id, Todo)],
    theirs: &HashMap<&str, &Todo>,
    todos: &Todos,
    then: &HashMap<&str, Option<&Todo>>,
) -> Difference {
    let had = |id: &str| then.get(id).copied().unwrap_or_else(|| todos.get(id));
    let mut found = Difference::new();
    for (id, todo) in store {
        let (change, cost) = match had(id) {
            Some(had) if had == todo => continue,
            Some(had) => {
                let text = (had.text != todo.text).then(|| todo.text.clone());
                let completed = (had.completed != todo.completed).then_some(todo.completed);
                let cost = usize::from(text.is_some()) + usize::from(completed.is_some());
                (Change::Set { text, completed }, cost)
            }
            None => {
                let Todo { text, completed } = todo.clone();
                (
                    Change::Set {
                        text: Some(text),
                        completed: Some(completed),
                    },
                    2,
                )
            }
        };
        found.push((Id::clone(id), (change, cost)));
    }
    let present = todos
        .iter()
        .map(|(id, _)| id)
        .filter(|id| !then.contains_key(&***id));
    let gone = present.map(Id::clone).chain(
        then.iter()
            .filter(|(_, had)| had.is_some())
            .map(|(id, _)| Id::from(*id)),
    );
    for id in gone.filter(|id| !theirs.contains_key(&**id)) {
        found.push((id, (Change::Delete, 2)));
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An object with its plain clients, without sockets: what is sent lies in inboxes until the
    /// client reads it.
    struct Room {
        todos: Todos,
        history: History,
        clients: Vec<Client>,
        now: u64,
    }

    struct Client {
        bases: Bases,
        inbox: VecDeque<Vec<(Id, Todo)>>,
        has: Vec<(Id, Todo)>,
    }

    impl Room {
        fn of(clients: usize, todos: &[&str]) -> Self {
            let mut room = Self {
                todos: Todos::default(),
                history: History::default(),
                clients: Vec::new(),
                now: 1_000,
            };
            let rows = todos.iter().map(|id| {
                let todo = Todo {
                    text: format!("text of {id}"),
                    completed: false,
                };
                (Id::from(*id), todo)
            });
            room.todos = rows.collect();
            let has = room.everything();
            for _ in 0..clients {
                room.clients.push(Client {
                    bases: Bases::starting(0, room.now),
                    inbox: VecDeque::new(),
                    has: has.clone(),
                });
            }
            room
        }

        fn everything(&self) -> Vec<(Id, Todo)> {
            self.todos.iter().cloned().collect()
        }

        /// The client reads all that it was sent; each message replaces what it has.
        fn reads(&mut self, who: usize) {
            let client = &mut self.clients[who];
            if let Some(last) = client.inbox.drain(..).next_back() {
                client.has = last;
            }
        }

        /// The client changes what it has and sends all of it.
        fn edits(&mut self, who: usize, edit: impl FnOnce(&mut Vec<(Id, Todo)>)) {
            let client = &mut self.clients[who];
            edit(&mut client.has);
            let store = client.has.clone();
            let Edit { changes, behind } =
                client
                    .bases
                    .edit(&store, &self.todos, &self.history, self.now);
            let effects = crate::todos::tests::apply(&mut self.todos, changes);
            if !effects.is_empty() {
                self.history.record(&effects, self.now);
            }
            let everything = self.everything();
            for at in 0..self.clients.len() {
                let told = if at == who {
                    behind || store != everything
                } else {
                    !effects.is_empty()
                };
                let (version, now) = (self.history.version(), self.now);
                let client = &mut self.clients[at];
                if told {
                    client.inbox.push_back(everything.clone());
                    client.bases.sent(version, now);
                } else if at == who {
                    client.bases.settled(version, now);
                }
            }
        }

        fn text(&self, id: &str) -> Option<&str> {
            self.todos.get(id).map(|todo| todo.text.as_str())
        }
    }

    fn add(id: &'static str) -> impl FnOnce(&mut Vec<(Id, Todo)>) {
        move |has| {
            has.push((
                id.into(),
                Todo {
                    text: id.to_uppercase(),
                    completed: false,
                },
            ));
        }
    }

    fn delete(id: &'static str) -> impl FnOnce(&mut Vec<(Id, Todo)>) {
        move |has| has.retain(|(other, _)| &**other != id)
    }

    fn set(id: &'static str, set: impl FnOnce(&mut Todo)) -> impl FnOnce(&mut Vec<(Id, Todo)>) {
        move |has| {
            if let Some((_, todo)) = has.iter_mut().find(|(other, _)| &**other == id) {
                set(todo);
            }
        }
    }

    #[test]
    fn two_who_add_at_the_same_time_keep_both() {
        let mut room = Room::of(2, &[]);
        room.edits(0, add("a"));
        room.edits(1, add("b"));
        assert!(room.text("a").is_some() && room.text("b").is_some());
        room.reads(0);
        room.reads(1);
        assert_eq!(room.clients[0].has, room.everything());
        assert_eq!(room.clients[1].has, room.everything());
    }

    #[test]
    fn two_who_edit_different_todos_at_the_same_time_keep_both_edits() {
        let mut room = Room::of(2, &["a", "b"]);
        room.edits(0, set("a", |a| a.completed = true));
        room.edits(1, set("b", |b| b.text = "new".into()));
        assert!(room.todos.get("a").unwrap().completed);
        assert_eq!(room.text("b"), Some("new"));
    }

    #[test]
    fn two_who_change_different_cells_of_one_todo_keep_both() {
        let mut room = Room::of(2, &["a"]);
        room.edits(0, set("a", |a| a.completed = true));
        room.edits(1, set("a", |a| a.text = "new".into()));
        let a = room.todos.get("a").unwrap();
        assert!(a.completed);
        assert_eq!(a.text, "new");
    }

    #[test]
    fn what_has_just_arrived_can_be_deleted_at_once() {
        let mut room = Room::of(2, &["a"]);
        room.edits(0, add("b"));
        room.reads(1);
        room.edits(1, delete("b"));
        assert_eq!(room.text("b"), None);
    }

    #[test]
    fn an_edit_can_be_taken_back_by_another() {
        let mut room = Room::of(2, &["a"]);
        room.edits(0, set("a", |a| a.completed = true));
        room.reads(1);
        room.edits(1, set("a", |a| a.completed = false));
        assert!(!room.todos.get("a").unwrap().completed);
    }

    #[test]
    fn a_deletion_wins_over_an_edit_that_did_not_know_of_it() {
        let mut room = Room::of(2, &["a", "b"]);
        room.edits(0, delete("a"));
        room.edits(1, set("a", |a| a.completed = true));
        assert_eq!(room.text("a"), None);
        room.reads(1);
        assert_eq!(room.clients[1].has, room.everything());
    }

    #[test]
    fn many_edits_on_a_stale_store_lose_nothing() {
        let mut room = Room::of(2, &["a", "b", "c"]);
        room.edits(0, add("d"));
        room.edits(1, set("a", |a| a.completed = true));
        room.edits(0, add("e"));
        room.edits(1, set("b", |b| b.completed = true));
        room.edits(1, delete("c"));
        let ids: Vec<_> = room.todos.iter().map(|(id, _)| id.to_string()).collect();
        assert_eq!(ids, ["a", "b", "d", "e"]);
        assert!(room.todos.get("a").unwrap().completed && room.todos.get("b").unwrap().completed);
    }

    #[test]
    fn who_edits_alone_is_told_nothing() {
        let mut room = Room::of(2, &["a"]);
        for id in ["b", "c", "d"] {
            room.edits(0, add(id));
        }
        assert!(room.clients[0].inbox.is_empty());
        assert_eq!(room.clients[1].inbox.len(), 3);
    }

    #[test]
    fn of_two_who_rename_one_todo_both_end_with_the_later_name() {
        let mut room = Room::of(2, &["a"]);
        room.edits(0, set("a", |a| a.text = "zero".into()));
        room.edits(1, set("a", |a| a.text = "one".into()));
        for who in 0..2 {
            room.reads(who);
            assert_eq!(room.clients[who].has[0].1.text, "one");
        }
    }

    #[test]
    fn what_was_sent_long_ago_has_arrived() {
        let mut room = Room::of(2, &["a"]);
        room.edits(0, add("b"));
        room.now += 60_000;
        room.edits(1, add("c"));
        // It was sent `b` a minute ago, and has it no more.
        assert_eq!(room.text("b"), None);
    }

    /// One step of a random story: who does it, what (0 add, 1 toggle, 2 rename, 3 read), where.
    type Deed = (usize, u8, usize);

    proptest! {
        /// However edits and readings interleave, nothing is deleted that nobody deleted, and once
        /// everything is read all have the same.
        #[test]
        fn nobody_loses_what_others_added(story in prop::collection::vec((0..3_usize, 0..4_u8, 0..6_usize), 0..40)) {
            let mut room = Room::of(3, &["a", "b"]);
            let mut expected = 2;
            for (step, (who, what, place)) in story.into_iter().enumerate() {
                let (who, what, place): Deed = (who, what, place);
                room.now += 7;
                match what {
                    0 => {
                        let todo = Todo { text: format!("{step}"), completed: false };
                        room.edits(who, |has| has.push((format!("n{step}").into(), todo)));
                        expected += 1;
                    }
                    1 => room.edits(who, |has| {
                        let at = place % has.len();
                        has[at].1.completed ^= true;
                    }),
                    2 => room.edits(who, |has| {
                        let at = place % has.len();
                        has[at].1.text = format!("renamed {step}");
                    }),
                    _ => room.reads(who),
                }
            }
            prop_assert_eq!(room.todos.len(), expected);
            for who in 0..3 {
                room.reads(who);
                let mut has = room.clients[who].has.clone();
                let mut everything = room.everything();
                has.sort_by(|a, b| a.0.cmp(&b.0));
                everything.sort_by(|a, b| a.0.cmp(&b.0));
                prop_assert_eq!(has, everything);
            }
        }
    }
}
