//! One user's todos and all who are looking at them: who has to be told what after an edit.
//!
//! An edit is planned first, so that it can be written to disk before anything here changes, and
//! then committed.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::limit;
use crate::merge::{Bases, Edit, History};
use crate::message::{Message, Rejection, close};
use crate::todos::{Changes, Effect, Todo, Todos, push_json};

/// Numbers the WebSockets of one object.
pub type MemberId = u32;

/// How a WebSocket is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// Whole stores, both ways.
    Plain,
    /// Only what changed, acknowledged: what the page speaks.
    Patch,
}

#[derive(Debug)]
enum Member {
    Plain(Bases),
    Patch,
}

#[derive(Debug, Default)]
pub struct Room {
    todos: Todos,
    history: History,
    members: BTreeMap<MemberId, Member>,
}

/// An edit that nobody has seen yet.
#[derive(Debug)]
pub struct Plan {
    /// What is to be written; may be nothing.
    pub effects: Vec<Effect>,
    sender: Sender,
}

#[derive(Debug)]
enum Sender {
    /// A form.
    Visitor,
    /// A plain client, which has to hear the outcome when it is not what it sent.
    Store {
        member: MemberId,
        surprised: bool,
    },
    Patch {
        member: MemberId,
        number: u64,
    },
}

/// Who is told of an edit.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Those who get the whole store.
    pub store: Vec<MemberId>,
    /// Those who get the changes.
    pub changes: Vec<MemberId>,
    /// The one who gets the changes as the answer to its patch of that number.
    pub acknowledged: Option<(MemberId, u64)>,
}

impl Room {
    pub fn new(todos: Todos) -> Self {
        Self {
            todos,
            ..Self::default()
        }
    }

    pub fn todos(&self) -> &Todos {
        &self.todos
    }

    pub fn members(&self) -> usize {
        self.members.len()
    }

    /// Lets in somebody who was just sent everything, or who was there before the object slept:
    /// it sleeps only when nothing is under way any more.
    pub fn join(&mut self, member: MemberId, dialect: Dialect, now: u64) {
        let joined = match dialect {
            Dialect::Plain => Member::Plain(Bases::starting(self.history.version(), now)),
            Dialect::Patch => Member::Patch,
        };
        self.members.insert(member, joined);
    }

    pub fn leave(&mut self, member: MemberId) {
        self.members.remove(&member);
    }

    /// A number that no member has.
    pub fn next_member(&self) -> MemberId {
        self.members
            .last_key_value()
            .map_or(0, |(last, _)| last + 1)
    }

    /// What a member's message would do; `size` is what is stored, in bytes.
    pub fn plan_message(
        &mut self,
        member: MemberId,
        message: Message,
        size: u64,
        now: u64,
    ) -> Result<Plan, Rejection> {
        let (changes, sender) = match (message, self.members.get_mut(&member)) {
            (Message::Store(store), Some(Member::Plain(bases))) => {
                let Edit { changes, behind } = bases.edit(&store, &self.todos, &self.history, now);
                let effects = self.checked(changes, size)?;
                let by_id: HashMap<&str, &Effect> =
                    effects.iter().map(|effect| (&*effect.id, effect)).collect();
                let becomes = |id: &str| match by_id.get(id) {
                    Some(effect) => effect.after.as_ref(),
                    None => self.todos.get(id),
                };
                let (added, removed) = added_and_removed(&effects);
                let same = store.len() + removed == self.todos.len() + added
                    && (behind || store.iter().all(|(id, todo)| becomes(id) == Some(todo)));
                let sender = Sender::Store {
                    member,
                    surprised: behind || !same,
                };
                return Ok(Plan { effects, sender });
            }
            (Message::Patch { number, changes }, Some(Member::Patch)) => {
                (changes, Sender::Patch { member, number })
            }
            (Message::Store(_), _) => {
                let reason = "this socket speaks patches, not stores";
                return Err(Rejection::new(close::MALFORMED, reason));
            }
            (Message::Patch { .. }, _) => {
                let reason = "patches need the subprotocol patch.todos";
                return Err(Rejection::new(close::MALFORMED, reason));
            }
        };
        Ok(Plan {
            effects: self.checked(changes, size)?,
            sender,
        })
    }

    /// What changes from elsewhere would do.
    pub fn plan_changes(&self, changes: Changes, size: u64) -> Result<Plan, Rejection> {
        Ok(Plan {
            effects: self.checked(changes, size)?,
            sender: Sender::Visitor,
        })
    }

    /// The effects of `changes`, if there is room for them.
    fn checked(&self, changes: Changes, size: u64) -> Result<Vec<Effect>, Rejection> {
        let effects = self.todos.effects(changes);
        let (added, removed) = added_and_removed(&effects);
        if added > 0 && self.todos.len() + added - removed > limit::TODOS {
            return Err(Rejection::new(close::POLICY, "more than 100000 todos"));
        }
        let bytes = |todo: &Option<_>| todo.as_ref().map_or(0, |todo: &Todo| todo.text.len() + 1);
        let grows = effects
            .iter()
            .map(|effect| bytes(&effect.after))
            .sum::<usize>()
            > effects.iter().map(|effect| bytes(&effect.before)).sum();
        if grows && size >= limit::STORAGE {
            return Err(Rejection::new(
                close::POLICY,
                "the storage is full: delete some todos",
            ));
        }
        Ok(effects)
    }

    /// Does what was planned, and says who has to be told.
    pub fn commit(&mut self, plan: &Plan, now: u64) -> News {
        let mut news = News::default();
        let changed = !plan.effects.is_empty();
        if changed {
            self.todos.apply(&plan.effects);
            self.history.record(&plan.effects, now);
        }
        let version = self.history.version();
        for (id, member) in &mut self.members {
            match (member, &plan.sender) {
                (Member::Plain(bases), Sender::Store { member, surprised }) if member == id => {
                    if *surprised {
                        bases.sent(version, now);
                        news.store.push(*id);
                    } else {
                        bases.settled(version, now);
                    }
                }
                (Member::Plain(bases), _) if changed => {
                    bases.sent(version, now);
                    news.store.push(*id);
                }
                (Member::Patch, Sender::Patch { member, number }) if member == id => {
                    news.acknowledged = Some((*id, *number));
                }
                (Member::Patch, _) if changed => news.changes.push(*id),
                _ => {}
            }
        }
        news
    }
}

/// The first message in the patch dialect: everything, as a list, because JavaScript would sort
/// an object's keys if they look like small numbers.
pub fn welcome(todos: &Todos, size: u64) -> String {
    let mut json = String::from(r#"{"todos":["#);
    for (at, row) in todos.iter().enumerate() {
        if at > 0 {
            json.push(',');
        }
        push_row(&mut json, &row.id, Some(&row.todo));
    }
    json.push(']');
    close_with_size(json, size)
}

/// A later message in the patch dialect: what became of the todos that changed.
pub fn changes(effects: &[Effect], size: u64, acknowledged: Option<u64>) -> String {
    let mut json = String::from(r#"{"changes":["#);
    for (at, effect) in effects.iter().enumerate() {
        if at > 0 {
            json.push(',');
        }
        push_row(&mut json, &effect.id, effect.after.as_ref());
    }
    json.push(']');
    if let Some(number) = acknowledged {
        let _ = write!(json, r#","ack":{number}"#);
    }
    close_with_size(json, size)
}

/// `["id","text",false]`, or `["id"]` for what is gone.
fn push_row(json: &mut String, id: &str, todo: Option<&Todo>) {
    json.push('[');
    push_json(json, id);
    if let Some(todo) = todo {
        json.push(',');
        push_json(json, &todo.text);
        json.push_str(if todo.completed { ",true" } else { ",false" });
    }
    json.push(']');
}

fn close_with_size(mut json: String, size: u64) -> String {
    let _ = write!(json, r#","size":{size}}}"#);
    json
}

/// How many todos come, and how many go.
fn added_and_removed(effects: &[Effect]) -> (usize, usize) {
    let without = |side: fn(&Effect) -> &Option<Todo>| {
        effects
            .iter()
            .filter(|effect| side(effect).is_none())
            .count()
    };
    (
        without(|effect| &effect.before),
        without(|effect| &effect.after),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::read;
    use crate::todos::Change;
    use crate::todos::tests::add;

    fn room() -> Room {
        let mut room = Room::default();
        tell(
            &mut room,
            None,
            vec![("a", add("tea")), ("b", add("bread"))],
        );
        room.join(0, Dialect::Plain, 0);
        room.join(1, Dialect::Plain, 0);
        room.join(2, Dialect::Patch, 0);
        room.join(3, Dialect::Patch, 0);
        room
    }

    fn tell(room: &mut Room, size: Option<u64>, changes: Vec<(&str, Change)>) -> News {
        let changes = changes
            .into_iter()
            .map(|(id, change)| (id.into(), change))
            .collect();
        let plan = room.plan_changes(changes, size.unwrap_or(0)).unwrap();
        room.commit(&plan, 0)
    }

    fn says(room: &mut Room, member: MemberId, text: &str) -> Result<(News, String), Rejection> {
        let plan = room.plan_message(member, read(text)?, 0, 0)?;
        let news = room.commit(&plan, 0);
        let number = news.acknowledged.map(|(_, number)| number);
        Ok((news, changes(&plan.effects, 4096, number)))
    }

    const ALL: &str = r#"{"tables":{"todos":{
        "b":{"text":"bread","completed":false},"a":{"text":"tea","completed":false}}}}"#;

    #[test]
    fn a_store_goes_to_all_others_in_their_dialects() {
        let mut room = room();
        let store = ALL.replace("tea", "green tea");
        let (news, json) = says(&mut room, 0, &store).unwrap();
        assert_eq!(
            news,
            News {
                store: vec![1],
                changes: vec![2, 3],
                acknowledged: None
            }
        );
        assert_eq!(json, r#"{"changes":[["a","green tea",false]],"size":4096}"#);
    }

    #[test]
    fn a_patch_goes_to_all_others_and_is_acknowledged() {
        let mut room = room();
        let patch = r#"{"patch":{"a":{"completed":true},"b":null},"number":7}"#;
        let (news, json) = says(&mut room, 3, patch).unwrap();
        assert_eq!(
            news,
            News {
                store: vec![0, 1],
                changes: vec![2],
                acknowledged: Some((3, 7))
            }
        );
        assert_eq!(
            json,
            r#"{"changes":[["a","tea",true],["b"]],"ack":7,"size":4096}"#
        );
        room.leave(0);
        room.leave(2);
        // Nothing new: only the sender hears of it.
        let (news, json) = says(&mut room, 3, patch).unwrap();
        assert_eq!(
            news,
            News {
                acknowledged: Some((3, 7)),
                ..News::default()
            }
        );
        assert_eq!(json, r#"{"changes":[],"ack":7,"size":4096}"#);
    }

    #[test]
    fn whoever_sends_what_is_there_hears_nothing() {
        let mut room = room();
        assert_eq!(says(&mut room, 0, ALL).unwrap().0, News::default());
    }

    #[test]
    fn whose_store_did_not_know_of_an_edit_gets_the_outcome() {
        let mut room = room();
        tell(&mut room, None, vec![("c", add("milk"))]);
        let store = ALL.replace("tea", "green tea");
        let (news, _) = says(&mut room, 0, &store).unwrap();
        assert_eq!(news.store, [0, 1]);
        assert_eq!(room.todos().len(), 3);
    }

    #[test]
    fn a_form_reaches_everybody() {
        let news = tell(&mut room(), None, vec![("c", add("milk"))]);
        assert_eq!(
            news,
            News {
                store: vec![0, 1],
                changes: vec![2, 3],
                acknowledged: None
            }
        );
    }

    #[test]
    fn each_socket_keeps_to_its_dialect() {
        let mut room = room();
        let patch = r#"{"patch":{},"number":1}"#;
        assert_eq!(
            says(&mut room, 0, patch).unwrap_err().code,
            close::MALFORMED
        );
        assert_eq!(says(&mut room, 3, ALL).unwrap_err().code, close::MALFORMED);
        assert_eq!(says(&mut room, 9, ALL).unwrap_err().code, close::MALFORMED);
    }

    #[test]
    fn a_full_storage_takes_only_what_frees_it() {
        let room = room();
        let change = |change| room.plan_changes(vec![("a".into(), change)], limit::STORAGE);
        let longer = Change::Set {
            text: Some("green tea".into()),
            completed: None,
        };
        assert_eq!(change(longer).unwrap_err().code, close::POLICY);
        assert_eq!(change(Change::Delete).unwrap().effects.len(), 1);
    }

    #[test]
    fn members_have_numbers_of_their_own() {
        let mut room = room();
        assert_eq!(room.next_member(), 4);
        room.leave(1);
        assert_eq!(room.next_member(), 4);
        assert_eq!(room.members(), 3);
    }

    #[test]
    fn the_welcome_keeps_the_order() {
        let mut room = Room::default();
        tell(
            &mut room,
            None,
            vec![("9", add("first")), ("1", add("\"second\""))],
        );
        assert_eq!(
            welcome(room.todos(), 12),
            r#"{"todos":[["9","first",false],["1","\"second\"",false]],"size":12}"#
        );
    }
}
