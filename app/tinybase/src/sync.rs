//! The synchronizer's messages, from the side of a server that keeps nothing per peer. A pull is
//! a chain of questions; the question's id tells what its answer is, and each answer is merged as
//! it comes. So a worker may be evicted between any two messages and lose nothing.

use std::convert::Infallible;
use std::fmt::Write as _;

use crate::batch::Batch;
use crate::changes::Changes;
use crate::diff::Rest;
use crate::json::{Malformed, Reader};
use crate::store::{Applied, Store};
use crate::value::Form;

/// What a message is, as the number in it tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// The answer to a question with the same id.
    Response,
    GetContentHashes,
    /// Where somebody is: who differs may pull.
    ContentHashes,
    /// Changes to be merged: the one kind that changes whom it is sent to.
    ContentDiff,
    GetTableDiff,
    GetRowDiff,
    GetCellDiff,
    GetValueDiff,
}

impl MessageKind {
    const ALL: [Self; 8] = [
        Self::Response,
        Self::GetContentHashes,
        Self::ContentHashes,
        Self::ContentDiff,
        Self::GetTableDiff,
        Self::GetRowDiff,
        Self::GetCellDiff,
        Self::GetValueDiff,
    ];

    pub(crate) fn number(self) -> u8 {
        self as u8
    }
}

/// What kind a message is, from its head alone: the body is not looked into.
pub fn kind(message: &str) -> Result<MessageKind, Malformed> {
    read_head(&mut Reader::new(message)).map(|(_, kind)| kind)
}

/// The message's id as it is spelt in JSON, without quotes, and its kind.
fn read_head<'a>(reader: &mut Reader<'a>) -> Result<(Option<&'a str>, MessageKind), Malformed> {
    reader.expect(b'[', "a message")?;
    let id = if reader.literal("null") {
        None
    } else {
        Some(reader.body()?)
    };
    reader.expect(b',', "the message's number")?;
    let number = reader.whole()?;
    let Some(kind) = MessageKind::ALL.get(number as usize) else {
        return reader.wrong("a message numbered 0 to 7 before");
    };
    reader.expect(b',', "the message's body")?;
    Ok((id, *kind))
}

/// What we ask a peer for, and under which id.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Question {
    Hashes,
    Tables,
    Rows,
    Cells,
    Values,
}

impl Question {
    const ALL: [Self; 5] = [
        Self::Hashes,
        Self::Tables,
        Self::Rows,
        Self::Cells,
        Self::Values,
    ];

    /// What its id in messages is, or begins with.
    fn id(self) -> &'static str {
        match self {
            Self::Hashes => "pull.hashes",
            Self::Tables => "pull.tables",
            Self::Rows => "pull.rows",
            Self::Cells => "pull.cells",
            Self::Values => "pull.values",
        }
    }

    fn kind(self) -> MessageKind {
        match self {
            Self::Hashes => MessageKind::GetContentHashes,
            Self::Tables => MessageKind::GetTableDiff,
            Self::Rows => MessageKind::GetRowDiff,
            Self::Cells => MessageKind::GetCellDiff,
            Self::Values => MessageKind::GetValueDiff,
        }
    }
}

/// What a message led to. Commit the store afterwards to see what changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Received {
    /// Messages to send back to whom it came from, in this order.
    pub replies: Vec<String>,
    /// What the replies had no room for. To be sent after them, as [`Store::rest`] writes it.
    pub rest: Vec<Rest>,
    pub applied: Applied,
    /// Whether the message carried changes meant for all, so that whoever sent it has told the
    /// others already or counts on us to do so. False for an answer to a pull of ours: its news
    /// is known to us alone.
    pub broadcast: bool,
    /// Whether the frame, forwarded untouched, tells the others exactly what was news here: all of
    /// it was taken. If not, send them the batch, when that holds anything.
    pub forwardable: bool,
}

/// Why a message changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused<E> {
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// What the check answered.
    #[error("{0}")]
    Refused(E),
}

/// A message that was read to its end, and nothing done yet.
#[derive(Default)]
struct Understood<'a> {
    changes: Changes<'a>,
    broadcast: bool,
    replies: Vec<String>,
    rest: Vec<Rest>,
    /// Tables, and the peer's hashes of them, whose rows this is all about.
    asked: Vec<(usize, u32)>,
}

impl Store {
    /// Takes in one message (the JSON without the frame's address). A malformed one changes
    /// nothing. `now` is the wall clock in milliseconds since 1970.
    pub fn receive(&mut self, message: &str, now: u64) -> Result<Received, Malformed> {
        let received = self.receive_checked(message, now, |_, _| Ok::<(), Infallible>(()));
        received.map_err(|refused| match refused {
            Refused::Malformed(malformed) => malformed,
            Refused::Refused(never) => match never {},
        })
    }

    /// As [`Store::receive`], but nothing is merged that `check` refuses. It sees the store as it
    /// is and all that the message wants changed, whether that would be news or not: broadcasts
    /// and answers to our questions alike. It is not asked when a message changes nothing.
    pub fn receive_checked<E>(
        &mut self,
        message: &str,
        now: u64,
        check: impl FnOnce(&Self, &Changes<'_>) -> Result<(), E>,
    ) -> Result<Received, Refused<E>> {
        let Understood {
            changes,
            broadcast,
            mut replies,
            rest,
            asked,
        } = self.understand(message)?;
        let offered = changes.len();
        if offered == 0 {
            return Ok(Received {
                replies,
                rest,
                broadcast,
                ..Received::default()
            });
        }
        check(self, &changes).map_err(Refused::Refused)?;
        let verbatim = !changes.nested;
        let intake = self.take_in(changes, now);
        let applied = intake.applied;
        if applied == Applied::default() && replies.is_empty() {
            self.learn(&asked, &intake);
        }
        if applied.stale > 0 {
            replies.push(self.refusal(&intake.stale));
        }
        Ok(Received {
            replies,
            rest,
            applied,
            broadcast,
            forwardable: broadcast && verbatim && applied.taken == offered,
        })
    }

    /// As [`Store::receive`], from a peer that may change nothing, and so nothing of it is merged.
    /// Its questions are answered, and it is told to let go of what was deleted while it was away
    /// for too long to find out by itself.
    pub fn receive_nothing(&self, message: &str) -> Result<Received, Malformed> {
        let Understood {
            changes,
            mut replies,
            rest,
            ..
        } = self.understand(message)?;
        let stale = self.stale_in(&changes);
        if stale.len() > 0 {
            replies.push(self.refusal(&stale));
        }
        Ok(Received {
            replies,
            rest,
            ..Received::default()
        })
    }

    fn understand<'a>(&self, message: &'a str) -> Result<Understood<'a>, Malformed> {
        let mut reader = Reader::new(message);
        let (id, kind) = read_head(&mut reader)?;
        let mut understood = Understood::default();
        match kind {
            MessageKind::Response => {
                // Others' answers are not ours to check.
                if let Some((question, asked)) = id.and_then(read_id) {
                    understood.asked = asked;
                    self.read_answer(question, &mut reader, &mut understood)?;
                    end(&mut reader)?;
                }
            }
            MessageKind::ContentHashes => {
                self.start_pull(read_hashes(&mut reader)?, &mut understood.replies);
                end(&mut reader)?;
            }
            MessageKind::ContentDiff => {
                understood.changes = Changes::read(&mut reader)?;
                understood.broadcast = true;
                end(&mut reader)?;
            }
            question => {
                let (answer, rest) = self.answer(id, question, &mut reader)?;
                understood.replies.push(answer);
                understood.rest = rest;
            }
        }
        Ok(understood)
    }

    /// The first message to a new peer: asks for its hashes, to pull what we lack.
    pub fn opening(&self) -> String {
        self.question(Question::Hashes)
    }

    /// Tells where we are, so that peers pull what they lack.
    pub fn announcement(&self) -> String {
        let [tables, values] = self.hashes();
        let number = MessageKind::ContentHashes.number();
        format!("[null,{number},[{tables},{values}]]")
    }

    /// A batch as a message to all.
    pub fn broadcast(&self, batch: &Batch) -> String {
        let mut out = format!("[null,{},", MessageKind::ContentDiff.number());
        self.write_changes(&mut out, batch, Form::Encoded);
        out.push(']');
        out
    }

    fn answer(
        &self,
        id: Option<&str>,
        question: MessageKind,
        reader: &mut Reader<'_>,
    ) -> Result<(String, Vec<Rest>), Malformed> {
        let number = MessageKind::Response.number();
        let mut rest = Vec::new();
        let mut out = match id {
            Some(id) => format!("[\"{id}\",{number},"),
            None => format!("[null,{number},"),
        };
        match question {
            MessageKind::GetContentHashes => {
                if !reader.literal("\"\"") {
                    return reader.wrong("an empty text");
                }
                let [tables, values] = self.hashes();
                let _ = write!(out, "[{tables},{values}]");
            }
            MessageKind::GetTableDiff => rest = self.answer_tables(reader, &mut out)?,
            MessageKind::GetRowDiff => rest = self.answer_rows(reader, &mut out)?,
            MessageKind::GetCellDiff => self.answer_cells(reader, &mut out)?,
            MessageKind::GetValueDiff => self.answer_values(reader, &mut out)?,
            MessageKind::Response | MessageKind::ContentHashes | MessageKind::ContentDiff => {
                return reader.wrong("a question");
            }
        }
        end(reader)?;
        out.push(']');
        Ok((out, rest))
    }

    /// Asks for whatever of the peer's hashes is not ours, now or in the past.
    fn start_pull(&self, [tables, values]: [u32; 2], replies: &mut Vec<String>) {
        if tables != self.tables_hash && self.tables_marks.find(tables).is_none() {
            replies.push(self.question(Question::Tables));
        }
        if values != self.values.hash && self.values_marks.find(values).is_none() {
            replies.push(self.question(Question::Values));
        }
    }

    /// A question that does not follow from an answer.
    fn question(&self, question: Question) -> String {
        let mut out = begin(question, &[]);
        match question {
            Question::Tables => self.ask_tables(&mut out),
            Question::Values => self.ask_values(&mut out),
            Question::Hashes | Question::Rows | Question::Cells => out.push_str("\"\""),
        }
        out.push(']');
        out
    }

    /// Reads an answer, and asks on where the peer's hashes differ.
    fn read_answer<'a>(
        &self,
        question: Question,
        reader: &mut Reader<'a>,
        understood: &mut Understood<'a>,
    ) -> Result<(), Malformed> {
        let Understood {
            changes, replies, ..
        } = understood;
        match question {
            Question::Hashes => {
                self.start_pull(read_hashes(reader)?, replies);
                return Ok(());
            }
            Question::Cells => return changes.read_tables(reader),
            Question::Values => return changes.read_values(reader),
            Question::Tables | Question::Rows => {}
        }
        reader.expect(b'[', "[new, differing]")?;
        changes.read_tables(reader)?;
        reader.expect(b',', "[new, differing]")?;
        // What is new is in other tables and rows than those asked on about.
        if question == Question::Tables {
            let differing = self.differing_tables(reader)?;
            if !differing.is_empty() {
                replies.push(self.question_of_rows(&differing));
            }
        } else {
            let mut out = begin(Question::Cells, &[]);
            if self.ask_cells(reader, &mut out)? {
                out.push(']');
                replies.push(out);
            }
        }
        reader.expect(b']', "the end of [new, differing]")
    }

    fn question_of_rows(&self, differing: &[(usize, u32)]) -> String {
        let mut out = begin(Question::Rows, differing);
        self.ask_rows(&mut out, differing);
        out.push(']');
        out
    }
}

/// A question up to its body. The id of one for rows has which tables it is about, by their
/// places in the store, and the peer's hashes of them, so that its answer can be weighed.
fn begin(question: Question, tables: &[(usize, u32)]) -> String {
    let mut out = format!("[\"{}", question.id());
    for (at, hash) in tables {
        let _ = write!(out, ".{at}.{hash}");
    }
    let _ = write!(out, "\",{},", question.kind().number());
    out
}

/// What the id of an answer tells of its question.
fn read_id(id: &str) -> Option<(Question, Vec<(usize, u32)>)> {
    let mut parts = id.split('.').skip(2);
    let all = Question::ALL.into_iter();
    let question = all.rev().find(|question| {
        let rest = id.strip_prefix(question.id());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })?;
    let mut tables = Vec::new();
    while let (Some(at), Some(hash)) = (parts.next(), parts.next()) {
        tables.push((at.parse().ok()?, hash.parse().ok()?));
    }
    Some((question, tables))
}

fn read_hashes(reader: &mut Reader<'_>) -> Result<[u32; 2], Malformed> {
    reader.expect(b'[', "[tables hash, values hash]")?;
    let tables = reader.whole()?;
    reader.expect(b',', "[tables hash, values hash]")?;
    let values = reader.whole()?;
    reader.expect(b']', "the end of [tables hash, values hash]")?;
    Ok([tables, values])
}

fn end(reader: &mut Reader<'_>) -> Result<(), Malformed> {
    reader.expect(b']', "the end of the message")?;
    reader.end()
}
