//! The synchronizer's messages, from the side of a server that keeps nothing per peer. A pull is
//! a chain of questions; the question's id tells what its answer is, and each answer is merged as
//! it comes. So a worker may be evicted between any two messages and lose nothing.

use std::fmt::Write as _;

use crate::batch::Batch;
use crate::changes::Changes;
use crate::json::{Malformed, Reader};
use crate::store::{Applied, Store};
use crate::value::Form;

const RESPONSE: u32 = 0;
const GET_CONTENT_HASHES: u32 = 1;
const CONTENT_HASHES: u32 = 2;
const CONTENT_DIFF: u32 = 3;
const GET_TABLE_DIFF: u32 = 4;
const GET_ROW_DIFF: u32 = 5;
const GET_CELL_DIFF: u32 = 6;
const GET_VALUE_DIFF: u32 = 7;

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

    /// `"pull.hashes"` and so on, as JSON.
    fn id(self) -> &'static str {
        match self {
            Self::Hashes => "\"pull.hashes\"",
            Self::Tables => "\"pull.tables\"",
            Self::Rows => "\"pull.rows\"",
            Self::Cells => "\"pull.cells\"",
            Self::Values => "\"pull.values\"",
        }
    }

    fn message(self) -> u32 {
        match self {
            Self::Hashes => GET_CONTENT_HASHES,
            Self::Tables => GET_TABLE_DIFF,
            Self::Rows => GET_ROW_DIFF,
            Self::Cells => GET_CELL_DIFF,
            Self::Values => GET_VALUE_DIFF,
        }
    }
}

/// What a message led to. Commit the store afterwards to see what changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Received {
    /// Messages to send back to whom it came from, in this order.
    pub replies: Vec<String>,
    pub applied: Applied,
    /// Whether the message carried changes meant for all, which the others should get too.
    pub broadcast: bool,
}

impl Store {
    /// Takes in one message (the JSON without the frame's address). A malformed one changes
    /// nothing. `now` is the wall clock in milliseconds since 1970.
    pub fn receive(&mut self, message: &str, now: u64) -> Result<Received, Malformed> {
        let mut reader = Reader::new(message);
        reader.expect(b'[', "a message")?;
        let id = if reader.literal("null") {
            None
        } else {
            Some(reader.body()?)
        };
        reader.expect(b',', "the message's number")?;
        let number = reader.hash()?;
        reader.expect(b',', "the message's body")?;
        let mut received = Received::default();
        match number {
            RESPONSE => {
                let question = id.and_then(|id| {
                    let mut all = Question::ALL.into_iter();
                    all.find(|question| question.id().trim_matches('"') == id)
                });
                // Others' answers are not ours to check.
                if let Some(question) = question {
                    self.take_answer(question, &mut reader, now, &mut received)?;
                }
            }
            CONTENT_HASHES => {
                let hashes = read_hashes(&mut reader)?;
                end(&mut reader)?;
                self.start_pull(hashes, &mut received);
            }
            CONTENT_DIFF => {
                let changes = Changes::read(&mut reader)?;
                end(&mut reader)?;
                received.applied = self.apply(changes, now);
                received.broadcast = true;
            }
            _ => received.replies.push(self.answer(id, number, &mut reader)?),
        }
        Ok(received)
    }

    /// The first message to a new peer: asks for its hashes, to pull what we lack.
    pub fn opening(&self) -> String {
        self.question(Question::Hashes)
    }

    /// Tells where we are, so that peers pull what they lack.
    pub fn announcement(&self) -> String {
        let [tables, values] = self.hashes();
        format!("[null,{CONTENT_HASHES},[{tables},{values}]]")
    }

    /// A batch as a message to all.
    pub fn broadcast(&self, batch: &Batch) -> String {
        let mut out = format!("[null,{CONTENT_DIFF},");
        self.write_changes(&mut out, batch, Form::Encoded);
        out.push(']');
        out
    }

    fn answer(
        &self,
        id: Option<&str>,
        number: u32,
        reader: &mut Reader<'_>,
    ) -> Result<String, Malformed> {
        let mut out = match id {
            Some(id) => format!("[\"{id}\",{RESPONSE},"),
            None => format!("[null,{RESPONSE},"),
        };
        match number {
            GET_CONTENT_HASHES => {
                if !reader.literal("\"\"") {
                    return reader.wrong("an empty text");
                }
                let [tables, values] = self.hashes();
                let _ = write!(out, "[{tables},{values}]");
            }
            GET_TABLE_DIFF => self.answer_tables(reader, &mut out)?,
            GET_ROW_DIFF => self.answer_rows(reader, &mut out)?,
            GET_CELL_DIFF => self.answer_cells(reader, &mut out)?,
            GET_VALUE_DIFF => self.answer_values(reader, &mut out)?,
            _ => return reader.wrong("a message numbered 0 to 7 before"),
        }
        end(reader)?;
        out.push(']');
        Ok(out)
    }

    /// Asks for whatever of the peer's hashes is not ours, now or in the past.
    fn start_pull(&self, [tables, values]: [u32; 2], received: &mut Received) {
        if tables != self.tables_hash && self.tables_marks.find(tables).is_none() {
            received.replies.push(self.question(Question::Tables));
        }
        if values != self.values.hash && self.values_marks.find(values).is_none() {
            received.replies.push(self.question(Question::Values));
        }
    }

    /// A question that does not follow from an answer.
    fn question(&self, question: Question) -> String {
        let mut out = begin(question);
        match question {
            Question::Tables => self.ask_tables(&mut out),
            Question::Values => self.ask_values(&mut out),
            Question::Hashes | Question::Rows | Question::Cells => out.push_str("\"\""),
        }
        out.push(']');
        out
    }

    /// Merges an answer and asks on where the peer's hashes differ.
    fn take_answer(
        &mut self,
        question: Question,
        reader: &mut Reader<'_>,
        now: u64,
        received: &mut Received,
    ) -> Result<(), Malformed> {
        let mut changes = Changes::default();
        let next = match question {
            Question::Hashes => {
                let hashes = read_hashes(reader)?;
                end(reader)?;
                self.start_pull(hashes, received);
                return Ok(());
            }
            Question::Cells => {
                changes.read_tables(reader)?;
                None
            }
            Question::Values => {
                changes.read_values(reader)?;
                None
            }
            Question::Tables => Some(Question::Rows),
            Question::Rows => Some(Question::Cells),
        };
        if let Some(next) = next {
            reader.expect(b'[', "[new, differing]")?;
            changes.read_tables(reader)?;
            reader.expect(b',', "[new, differing]")?;
            let mut out = begin(next);
            // What is new is in other tables and rows than those asked on about.
            let any = match next {
                Question::Rows => self.ask_rows(reader, &mut out)?,
                _ => self.ask_cells(reader, &mut out)?,
            };
            reader.expect(b']', "the end of [new, differing]")?;
            if any {
                out.push(']');
                received.replies.push(out);
            }
        }
        end(reader)?;
        received.applied = self.apply(changes, now);
        Ok(())
    }
}

fn begin(question: Question) -> String {
    format!("[{},{},", question.id(), question.message())
}

fn read_hashes(reader: &mut Reader<'_>) -> Result<[u32; 2], Malformed> {
    reader.expect(b'[', "[tables hash, values hash]")?;
    let tables = reader.hash()?;
    reader.expect(b',', "[tables hash, values hash]")?;
    let values = reader.hash()?;
    reader.expect(b']', "the end of [tables hash, values hash]")?;
    Ok([tables, values])
}

fn end(reader: &mut Reader<'_>) -> Result<(), Malformed> {
    reader.expect(b']', "the end of the message")?;
    reader.end()
}
