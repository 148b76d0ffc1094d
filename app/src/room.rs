//! One list and everybody who has it open: what a message changes, what of it goes to disk, and
//! who is told what.
//!
//! Nothing is kept of a member but what is attached to its WebSocket, so the object may sleep
//! between any two messages.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use tinybase::frame::{self, Assembler, Frame, FrameError, Payload, SERVER};
use tinybase::{Batch, Changes, MessageKind, Rest, Value};

use crate::archive::Late;
use crate::entry::{Entry, Key};
use crate::gate::Limits;
use crate::limit;
use crate::list::{Committed, Edit, List, text_value};
use crate::merge::{Bases, History};
use crate::message::{self, Rejection, close};
use crate::presence::Who;
use crate::sheet::Right;
use crate::todos::{Change, Effect, Id, Todo, Todos};

use self::told::{Told, Waiting, When};

mod told;

/// Numbers the WebSockets of one object.
pub type MemberId = u32;

/// Somebody with a WebSocket, as it is attached to that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guest {
    pub right: Right,
    pub who: Who,
    /// The share link that let them in, by its id.
    pub share: Option<String>,
    /// When what let them in expires, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
    pub dialect: Dialect,
}

impl Guest {
    /// When they may no longer be here, in milliseconds since 1970.
    pub fn expires_at(&self) -> Option<u64> {
        self.until.map(|until| until.saturating_mul(1000))
    }

    fn has_expired(&self, now: u64) -> bool {
        self.expires_at().is_some_and(|at| at <= now)
    }
}

/// How a WebSocket is spoken to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// Whole stores, both ways.
    Plain,
    /// TinyBase's synchronizer, by the client of this id.
    Sync(String),
}

struct Member {
    guest: Guest,
    speech: Speech,
}

impl Member {
    fn speaks_plain(&self) -> bool {
        matches!(self.speech, Speech::Plain(_))
    }
}

enum Speech {
    Plain(Bases),
    Sync(Assembler),
}

pub struct Room {
    list: List,
    limits: Limits,
    members: BTreeMap<MemberId, Member>,
    /// There while somebody speaks the plain protocol.
    plain: Option<Plain>,
    told: Told,
}

struct Plain {
    todos: Todos,
    history: History,
}

/// What follows from an event. To be written first, then sent.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Turn {
    pub entries: Vec<Entry>,
    /// What is to be deleted, together with what is written.
    pub gone: Vec<Key>,
    pub mail: Vec<Mail>,
    /// What a member is to be sent after the mail, one message at a time: see [`Room::rest`].
    pub rest: Vec<(MemberId, Rest)>,
    /// What was done to todos that are not in the list, see [`List::watch`].
    pub late: Vec<Late>,
    /// Those who can't stay, and why.
    pub dismissed: Vec<(MemberId, Rejection)>,
    /// When to ask everybody anew, in milliseconds since 1970: somebody's clock is ahead, and what
    /// they did can't be taken before.
    pub ask_again: Option<u64>,
    /// When [`Room::flush`] has something to tell, in milliseconds since 1970.
    pub flush: Option<u64>,
    /// Whether todos or other things that are kept have changed.
    pub changed: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Mail {
    pub to: To,
    /// One WebSocket message after the other.
    pub texts: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum To {
    Members(Vec<MemberId>),
    /// All who speak the synchronizer's protocol, but for one.
    Syncing {
        but: Option<MemberId>,
    },
}

/// Longer messages are sent in parts of this many bytes.
const PART: usize = 512 * 1024;

impl Room {
    pub fn new(list: List, limits: Limits) -> Self {
        Self {
            list,
            limits,
            members: BTreeMap::new(),
            plain: None,
            told: Told::default(),
        }
    }

    pub fn list(&mut self) -> &mut List {
        &mut self.list
    }

    pub fn members(&self) -> usize {
        self.members.len()
    }

    /// Those who speak the synchronizer's protocol, without the one.
    pub fn syncing(&self, but: Option<MemberId>) -> Vec<MemberId> {
        let members = self.members.iter();
        members
            .filter(|(id, member)| Some(**id) != but && matches!(member.speech, Speech::Sync(_)))
            .map(|(id, _)| *id)
            .collect()
    }

    /// Lets in those who were there before the object slept. It sleeps only when nothing is under
    /// way any more, so they hold the present state.
    pub fn resume(&mut self, members: impl IntoIterator<Item = (MemberId, Guest)>, now: u64) {
        for (id, guest) in members {
            self.seat(id, guest, now);
        }
        let here = self.members.values().map(|member| &member.guest.who);
        if self.list.tell_presence(here, now) {
            // They know already.
            let _ = self.list.commit();
        }
    }

    /// Lets somebody in, and says what they are to be sent first.
    pub fn join(&mut self, id: MemberId, guest: Guest, now: u64) -> Turn {
        let dialect = guest.dialect.clone();
        let asks = guest.right >= Right::Write;
        self.seat(id, guest, now);
        let mut turn = self.presence(now);
        match dialect {
            Dialect::Plain => self.send_plain([id], now, &mut turn),
            // Whoever only reads asks by themselves, and is not asked.
            Dialect::Sync(_) if asks => {
                turn.post(To::Members(vec![id]), &self.list.store().opening(), now);
            }
            Dialect::Sync(_) => {}
        }
        turn
    }

    fn seat(&mut self, id: MemberId, guest: Guest, now: u64) {
        let speech = match guest.dialect {
            Dialect::Plain => {
                let plain = self.plain.get_or_insert_with(|| Plain {
                    todos: self.list.todos(),
                    history: History::default(),
                });
                Speech::Plain(Bases::starting(plain.history.version(), now))
            }
            Dialect::Sync(_) => Speech::Sync(Assembler::new(limit::PARTS_MS)),
        };
        self.members.insert(id, Member { guest, speech });
    }

    pub fn leave(&mut self, id: MemberId, now: u64) -> Turn {
        if self.members.remove(&id).is_none() {
            return Turn::default();
        }
        if !self.members.values().any(Member::speaks_plain) {
            self.plain = None;
        }
        self.presence(now)
    }

    /// Turns out whoever came by this share link.
    pub fn revoke(&self, share: &str) -> Turn {
        self.turned_out("the link was revoked", |guest| {
            guest.share.as_deref() == Some(share)
        })
    }

    /// Turns somebody out who came in their own name.
    pub fn expel(&self, who: &Who) -> Turn {
        self.turned_out("you were removed", |guest| {
            guest.who == *who && guest.share.is_none()
        })
    }

    /// Turns out whoever may no longer be here.
    pub fn expire(&self, now: u64) -> Turn {
        self.dismissing(&expired(), |guest| guest.has_expired(now))
    }

    /// When [`Room::expire`] has somebody to turn out, in milliseconds since 1970.
    pub fn expires_at(&self) -> Option<u64> {
        let members = self.members.values();
        members.filter_map(|member| member.guest.expires_at()).min()
    }

    fn turned_out(&self, reason: &str, is_it: impl Fn(&Guest) -> bool) -> Turn {
        self.dismissing(&Rejection::new(close::FORBIDDEN, reason), is_it)
    }

    fn dismissing(&self, why: &Rejection, is_it: impl Fn(&Guest) -> bool) -> Turn {
        let members = self.members.iter();
        let those = members.filter(|(_, member)| is_it(&member.guest));
        let dismissed = those.map(|(id, _)| (*id, why.clone()));
        Turn {
            dismissed: dismissed.collect(),
            ..Turn::default()
        }
    }

    /// Forgets what was deleted so long ago that nobody is waited for who has not heard of it.
    pub fn forget(&mut self, now: u64) -> Turn {
        // What waits is known by its place, and places change.
        let flushed = self.flush(now);
        let before = now.saturating_sub(self.limits.horizon);
        let (gone, entries) = self.list.forget(before);
        Turn {
            entries,
            gone,
            ..flushed
        }
    }

    /// Asks everybody who may write for what they have.
    pub fn ask_again(&self, now: u64) -> Turn {
        let all: Vec<MemberId> = self.members.keys().copied().collect();
        self.ask(&all, now)
    }

    /// Asks those of them who may write for what they have.
    fn ask(&self, members: &[MemberId], now: u64) -> Turn {
        let mut turn = Turn::default();
        let may_tell = |member: &Member| {
            matches!(member.speech, Speech::Sync(_)) && member.guest.right >= Right::Write
        };
        let asked = members.iter().copied();
        let asked = asked.filter(|id| self.members.get(id).is_some_and(may_tell));
        let asked = asked.collect();
        turn.post(To::Members(asked), &self.list.store().opening(), now);
        turn
    }

    /// Takes a message of a member's; `size` is what the database takes, in bytes. One that is
    /// refused changes nothing.
    pub fn hear(
        &mut self,
        id: MemberId,
        text: &str,
        size: u64,
        now: u64,
    ) -> Result<Turn, Rejection> {
        let Some(Member { guest, speech }) = self.members.get_mut(&id) else {
            return Ok(Turn::default());
        };
        if guest.has_expired(now) {
            return Err(expired());
        }
        match speech {
            Speech::Plain(_) => self.hear_plain(id, text, size, now),
            Speech::Sync(parts) => {
                let frame = Frame::parse(text).map_err(bad_frame)?;
                match frame.payload {
                    Payload::Whole(message) => self.hear_sync(id, frame.client, message, size, now),
                    Payload::Part(part) => {
                        let is_last = part.index + 1 == part.total;
                        match parts.push(frame.client, part, now).map_err(bad_frame)? {
                            Some(message) => self.hear_sync(id, frame.client, &message, size, now),
                            // The others were forgotten, or came before the object slept: what the
                            // message told is asked for.
                            None if is_last => Ok(self.ask(&[id], now)),
                            None => Ok(Turn::default()),
                        }
                    }
                }
            }
        }
    }

    /// Makes changes that come from elsewhere: a form, an import, a restore.
    pub fn edit(&mut self, edits: Vec<Edit>, size: u64, now: u64) -> Result<Turn, Rejection> {
        self.list.edit(edits, self.limits, size, now)?;
        Ok(self.settle(None, News::Batch, now))
    }

    /// Takes in what the list was once, with the clocks of then: from a backup.
    pub fn merge(&mut self, changes: Changes<'_>, size: u64, now: u64) -> Result<Turn, Rejection> {
        self.list.merge(changes, self.limits, size, now)?;
        Ok(self.settle(None, News::Batch, now))
    }

    /// Tells everybody where the list stands, so that they ask for what they lack.
    pub fn announce(&self, now: u64) -> Turn {
        let mut turn = Turn::default();
        let all = To::Syncing { but: None };
        turn.post(all, &self.list.store().announcement(), now);
        turn
    }

    fn hear_sync(
        &mut self,
        id: MemberId,
        to: &str,
        message: &str,
        size: u64,
        now: u64,
    ) -> Result<Turn, Rejection> {
        let malformed =
            |wrong: tinybase::Malformed| Rejection::new(close::MALFORMED, wrong.to_string());
        let kind = tinybase::kind(message).map_err(malformed)?;
        let Some(Guest {
            right,
            dialect: Dialect::Sync(client),
            ..
        }) = self.members.get(&id).map(|member| &member.guest)
        else {
            return Ok(Turn::default());
        };
        let (may_write, client) = (*right >= Right::Write, client.clone());
        match kind {
            MessageKind::ContentDiff if !may_write => {
                let reason = "you may read this list, not change it";
                return Err(Rejection::new(close::FORBIDDEN, reason));
            }
            // What readers have to tell is of no use.
            MessageKind::Response | MessageKind::ContentHashes if !may_write => {
                return Ok(Turn::default());
            }
            _ => {}
        }
        if !to.is_empty() && to != SERVER {
            return Ok(self.forward(id, &client, to, message, now));
        }
        let received = if may_write {
            self.list.receive(message, self.limits, size, now)?
        } else {
            let store = self.list.store();
            store.receive_nothing(message).map_err(malformed)?
        };
        // Questions and announcements meant for all are answered here and not passed on: what
        // there is to know is here, and a thousand answers are no better than one.
        let news = if to.is_empty() && received.forwardable {
            News::Frame(frame_of(&client, message, now))
        } else {
            News::Batch
        };
        let mut turn = self.settle(Some(id), news, now);
        for reply in received.replies {
            turn.post(To::Members(vec![id]), &reply, now);
        }
        turn.late = self.list.take_late();
        turn.rest = received.rest.into_iter().map(|rest| (id, rest)).collect();
        if received.applied.ahead.stamps > 0 {
            turn.ask_again = Some(received.applied.ahead.until);
        }
        Ok(turn)
    }

    /// What one of [`Turn::rest`] says.
    pub fn rest(&self, rest: &Rest, now: u64) -> Vec<String> {
        frame_of(SERVER, &self.list.store().rest(rest), now)
    }

    /// Hands a message to the one client that it is for, if that is here.
    fn forward(&self, from: MemberId, client: &str, to: &str, message: &str, now: u64) -> Turn {
        let is_it = |member: &Member| matches!(&member.guest.dialect, Dialect::Sync(client) if client == to);
        let mut members = self.members.iter();
        let mut turn = Turn::default();
        if let Some((id, _)) = members.find(|(id, member)| **id != from && is_it(member)) {
            turn.mail.push(Mail {
                to: To::Members(vec![*id]),
                texts: frame_of(client, message, now),
            });
        }
        turn
    }

    fn hear_plain(
        &mut self,
        id: MemberId,
        text: &str,
        size: u64,
        now: u64,
    ) -> Result<Turn, Rejection> {
        let store = message::read(text)?;
        let Some(Member {
            guest,
            speech: Speech::Plain(bases),
        }) = self.members.get_mut(&id)
        else {
            return Ok(Turn::default());
        };
        let Some(plain) = &self.plain else {
            return Ok(Turn::default());
        };
        let edit = bases.edit(&store, &plain.todos, &plain.history, now);
        let gone = edit.changes.iter();
        let gone = gone.filter(|(id, _)| plain.todos.get(id).is_none());
        let gone: Vec<(Id, Change)> = gone.cloned().collect();
        let effects = plain.todos.effects(edit.changes);
        let may_write = guest.right >= Right::Write;
        if !may_write && !effects.is_empty() {
            let reason = "you may read this list, not change it";
            return Err(Rejection::new(close::FORBIDDEN, reason));
        }
        let edits = self.edits_of(&effects, now);
        self.list.edit(edits, self.limits, size, now)?;
        let mut turn = self.settle(Some(id), News::Batch, now);
        if may_write {
            for (todo, change) in &gone {
                self.list.note_late(|| Late::by_plain(todo, change, now));
            }
            turn.late = self.list.take_late();
        }
        let Some(plain) = &self.plain else {
            return Ok(turn);
        };
        let (todos, version) = (&plain.todos, plain.history.version());
        let same = store.len() == todos.len()
            && (store.iter()).all(|(id, todo)| todos.get(id) == Some(todo));
        if edit.behind || !same {
            self.send_plain([id], now, &mut turn);
        } else if let Some(Member {
            speech: Speech::Plain(bases),
            ..
        }) = self.members.get_mut(&id)
        {
            bases.settled(version, now);
        }
        Ok(turn)
    }

    /// What a plain client did, as edits of the list.
    fn edits_of(&mut self, effects: &[Effect], now: u64) -> Vec<Edit> {
        let mut edits = Vec::with_capacity(effects.len());
        let mut added = Vec::new();
        for Effect { id, before, after } in effects {
            match (before, after) {
                (_, None) => edits.extend(self.list.gone(id)),
                (None, Some(todo)) => added.push((Rc::clone(id), todo.clone())),
                (Some(before), Some(after)) => {
                    edits.extend(self.list.changed(id, changed_cells(before, after)));
                }
            }
        }
        if !added.is_empty() {
            // Nobody else adds todos of these ids: chance has little to add.
            let random = now.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            edits.extend(self.list.added(&added, random));
        }
        edits
    }

    /// Closes what was done: what goes to disk, and what others are told, all but `sender`.
    fn settle(&mut self, sender: Option<MemberId>, news: News, now: u64) -> Turn {
        let committed = self.list.commit();
        let mut turn = Turn::default();
        if committed.batch.is_empty() {
            return turn;
        }
        self.tell_plain(sender, &committed, now, &mut turn);
        self.tell(committed.batch, sender, news, now, &mut turn);
        turn.changed = !committed.entries.is_empty();
        turn.entries = committed.entries;
        if committed.presence {
            // Only the object says who is here.
            let right = self.presence(now);
            turn.mail.extend(right.mail);
            turn.flush = turn.flush.or(right.flush);
        }
        turn
    }

    /// Brings the values up to date that say who is here, and tells everybody.
    fn presence(&mut self, now: u64) -> Turn {
        let mut turn = Turn::default();
        let here = self.members.values().map(|member| &member.guest.who);
        if self.list.tell_presence(here, now) {
            let batch = self.list.commit().batch;
            self.tell(batch, None, News::Batch, now, &mut turn);
        }
        turn
    }

    /// Tells all who sync, now or in a moment.
    fn tell(
        &mut self,
        batch: Batch,
        from: Option<MemberId>,
        news: News,
        now: u64,
        turn: &mut Turn,
    ) {
        match self.told.next(batch, from, self.members.len(), now) {
            When::At(at) => turn.flush = Some(at),
            When::Now(batch) => {
                let texts = match news {
                    News::Frame(texts) => texts,
                    News::Batch => frame_of(SERVER, &self.list.news(&batch), now),
                };
                let to = To::Syncing { but: from };
                turn.mail.push(Mail { to, texts });
            }
        }
    }

    /// Tells what had to wait. [`Turn::flush`] says when.
    pub fn flush(&mut self, now: u64) -> Turn {
        let mut turn = Turn::default();
        if let Some(Waiting { batch, from, .. }) = self.told.take(now) {
            let texts = frame_of(SERVER, &self.list.news(&batch), now);
            let to = To::Syncing { but: from };
            turn.mail.push(Mail { to, texts });
        }
        turn
    }

    /// Sends the store to those who speak the plain protocol, if it is another one for them.
    fn tell_plain(
        &mut self,
        sender: Option<MemberId>,
        committed: &Committed,
        now: u64,
        turn: &mut Turn,
    ) {
        let Some(plain) = &mut self.plain else {
            return;
        };
        let effects: Vec<Effect> = committed
            .todos
            .iter()
            .map(|id| Effect {
                id: Rc::clone(id),
                before: plain.todos.get(id).cloned(),
                after: self.list.todo(id),
            })
            .filter(|effect| effect.before != effect.after)
            .collect();
        let todos = self.list.todos();
        if effects.is_empty() && todos == plain.todos {
            return;
        }
        plain.todos = todos;
        plain.history.record(&effects, now);
        let told: Vec<MemberId> = self
            .members
            .iter()
            .filter(|(id, member)| Some(**id) != sender && member.speaks_plain())
            .map(|(id, _)| *id)
            .collect();
        self.send_plain(told, now, turn);
    }

    fn send_plain(&mut self, to: impl IntoIterator<Item = MemberId>, now: u64, turn: &mut Turn) {
        let Some(plain) = &self.plain else {
            return;
        };
        let version = plain.history.version();
        let to: Vec<MemberId> = to.into_iter().collect();
        if to.is_empty() {
            return;
        }
        let json = plain.todos.to_json();
        if json.len() > limit::MESSAGE {
            let reason = "the list is too long for the plain protocol: use /sync";
            let rejection = Rejection::new(close::TOO_BIG, reason);
            let dismissed = to.into_iter().map(|id| (id, rejection.clone()));
            turn.dismissed.extend(dismissed);
            return;
        }
        for id in &to {
            if let Some(Member {
                speech: Speech::Plain(bases),
                ..
            }) = self.members.get_mut(id)
            {
                bases.sent(version, now);
            }
        }
        turn.mail.push(Mail {
            to: To::Members(to),
            texts: vec![json],
        });
    }
}

/// How others are told what a batch changed.
enum News {
    /// By the sender's own words.
    Frame(Vec<String>),
    /// By the batch.
    Batch,
}

impl Turn {
    /// A message of the store's own.
    fn post(&mut self, to: To, message: &str, now: u64) {
        let texts = frame_of(SERVER, message, now);
        self.mail.push(Mail { to, texts });
    }
}

/// The frame with this message, or its parts if it is long.
fn frame_of(client: &str, message: &str, now: u64) -> Vec<String> {
    if message.len() <= PART {
        return vec![frame::write(client, message)];
    }
    let id = format!("{:016x}", now << 20 ^ u64::from(tinybase::hash(message)));
    frame::write_parts(client, message, &id, PART)
}

fn expired() -> Rejection {
    Rejection::new(close::EXPIRED, "the session has expired: connect again")
}

fn bad_frame(error: FrameError) -> Rejection {
    Rejection::new(error.close_code(), error.close_reason())
}

fn changed_cells(before: &Todo, after: &Todo) -> Vec<(String, Value)> {
    let mut cells = Vec::new();
    if before.text != after.text {
        cells.push(("text".to_owned(), text_value(&after.text)));
    }
    if before.completed != after.completed {
        cells.push(("completed".to_owned(), Value::from(after.completed)));
    }
    cells
}

#[cfg(test)]
mod tests;
