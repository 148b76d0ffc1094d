//! Text frames of the WebSocket: `<client id>\n<message>`, or one part of a long message.

use std::collections::HashMap;

/// Whom a frame is for (from a client) or from (to a client) when it is the server's own store.
pub const SERVER: &str = "S";

const MAX_PARTS: usize = 1000;
const MAX_ASSEMBLIES: usize = 100;
pub(crate) const MAX_BYTES: usize = 16 * 1024 * 1024;
const PART_ID_LENGTH: usize = 16;

/// A frame taken apart. Routing needs only this: [`Frame::remainder`] is forwarded untouched
/// behind another client id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Empty for everyone, [`SERVER`] for the server, else another client.
    pub client: &'a str,
    /// All after the client id.
    pub remainder: &'a str,
    pub payload: Payload<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload<'a> {
    /// A message's JSON, not looked into yet.
    Whole(&'a str),
    Part(Part<'a>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// 16 characters that the parts of one message share.
    pub id: &'a str,
    pub index: usize,
    /// How many there are.
    pub total: usize,
    pub text: &'a str,
}

/// Why a socket is to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error("the frame has neither a message nor a part of one behind a client id")]
    Malformed,
    #[error("the frame is longer than 16 MiB")]
    TooLong,
    #[error("parts of messages exceed 1000 a message, 100 messages or 16 MiB")]
    TooManyParts,
    #[error("channels exceed 100 a socket or 1024 bytes an id")]
    TooManyChannels,
}

impl FrameError {
    /// The WebSocket close code that TinyBase's clients know.
    pub fn close_code(self) -> u16 {
        match self {
            Self::Malformed => 1007,
            Self::TooLong | Self::TooManyParts | Self::TooManyChannels => 1013,
        }
    }

    /// The close reason that TinyBase's clients know.
    pub fn close_reason(self) -> &'static str {
        match self {
            Self::Malformed => "tinybase:14",
            Self::TooLong => "tinybase:15:socket",
            Self::TooManyParts => "tinybase:15:fragments",
            Self::TooManyChannels => "tinybase:15:channels",
        }
    }
}

impl<'a> Frame<'a> {
    pub fn parse(frame: &'a str) -> Result<Self, FrameError> {
        if frame.len() > MAX_BYTES {
            return Err(FrameError::TooLong);
        }
        let (client, remainder) = frame.split_once('\n').ok_or(FrameError::Malformed)?;
        // A part's id cannot begin with a bracket.
        let payload = if remainder.trim_start().starts_with('[') {
            Payload::Whole(remainder)
        } else {
            Payload::Part(Part::parse(remainder)?)
        };
        Ok(Self {
            client,
            remainder,
            payload,
        })
    }
}

impl<'a> Part<'a> {
    fn parse(remainder: &'a str) -> Result<Self, FrameError> {
        let mut fields = remainder.splitn(4, '\n');
        let mut field = || fields.next().ok_or(FrameError::Malformed);
        let (id, index, total, text) = (field()?, field()?, field()?, field()?);
        let in_alphabet = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if id.len() != PART_ID_LENGTH || !id.bytes().all(in_alphabet) {
            return Err(FrameError::Malformed);
        }
        let index = number(index)?;
        let total = number(total)?;
        if total > MAX_PARTS {
            return Err(FrameError::TooManyParts);
        }
        if index >= total {
            return Err(FrameError::Malformed);
        }
        Ok(Self {
            id,
            index,
            total,
            text,
        })
    }
}

fn number(digits: &str) -> Result<usize, FrameError> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(FrameError::Malformed);
    }
    // Digits that overflow are a number all the same.
    Ok(digits.parse().unwrap_or(usize::MAX))
}

/// The frame with this message, to or from this client.
pub fn write(client: &str, message: &str) -> String {
    [client, "\n", message].concat()
}

/// The frames with this message, its parts at most `part_bytes` long (more when there would be
/// over 1000). `id` is 16 random characters of `[-0-9A-Z_a-z]`; a short message needs none of it.
pub fn write_parts(client: &str, message: &str, id: &str, part_bytes: usize) -> Vec<String> {
    // A part may end up to three bytes early, so as not to split a character.
    let longest = part_bytes.max(message.len().div_ceil(MAX_PARTS) + 3);
    let mut parts = Vec::new();
    let mut rest = message;
    while !rest.is_empty() {
        let (part, others) = rest.split_at(rest.floor_char_boundary(longest));
        parts.push(part);
        rest = others;
    }
    let total = parts.len();
    if total < 2 {
        return vec![write(client, message)];
    }
    let parts = parts.into_iter().enumerate();
    parts
        .map(|(index, part)| format!("{client}\n{id}\n{index}\n{total}\n{part}"))
        .collect()
}

/// Puts the parts that arrive on one socket together.
#[derive(Debug)]
pub struct Assembler {
    keep_ms: u64,
    bytes: usize,
    messages: HashMap<(String, String), Assembly>,
}

#[derive(Debug)]
struct Assembly {
    parts: Vec<Option<String>>,
    lacking: usize,
    bytes: usize,
    since: u64,
}

impl Default for Assembler {
    /// Keeps parts for a second, as TinyBase does.
    fn default() -> Self {
        Self::new(1000)
    }
}

impl Assembler {
    /// Forgets a message that is not complete this long after its first part.
    pub fn new(keep_ms: u64) -> Self {
        Self {
            keep_ms,
            bytes: 0,
            messages: HashMap::new(),
        }
    }

    /// Takes a part in, and gives the message once it is complete. `now` is in milliseconds.
    pub fn push(
        &mut self,
        client: &str,
        part: Part<'_>,
        now: u64,
    ) -> Result<Option<String>, FrameError> {
        self.forget(now);
        let key = (client.to_owned(), part.id.to_owned());
        let size = part.text.len() + PART_ID_LENGTH;
        let new = !self.messages.contains_key(&key);
        if self.bytes + size > MAX_BYTES || (new && self.messages.len() == MAX_ASSEMBLIES) {
            return Err(FrameError::TooManyParts);
        }
        let assembly = self
            .messages
            .entry(key.clone())
            .or_insert_with(|| Assembly {
                parts: vec![None; part.total],
                lacking: part.total,
                bytes: 0,
                since: now,
            });
        if part.total != assembly.parts.len() {
            return Err(FrameError::Malformed);
        }
        let Some(slot @ None) = assembly.parts.get_mut(part.index) else {
            return Err(FrameError::Malformed);
        };
        *slot = Some(part.text.to_owned());
        assembly.lacking -= 1;
        assembly.bytes += size;
        self.bytes += size;
        if assembly.lacking > 0 {
            return Ok(None);
        }
        let whole = self.messages.remove(&key).map(|assembly| {
            self.bytes -= assembly.bytes;
            assembly.parts.into_iter().flatten().collect()
        });
        Ok(whole)
    }

    fn forget(&mut self, now: u64) {
        let Self {
            keep_ms,
            bytes,
            messages,
        } = self;
        messages.retain(|_, assembly| {
            let keep = now < assembly.since + *keep_ms;
            if !keep {
                *bytes -= assembly.bytes;
            }
            keep
        });
    }
}
