//! What a cell or a value can be, as TinyBase 10 has it.

use std::borrow::Cow;

use crate::fnv::Fnv;
use crate::hlc::Hlc;
use crate::json::{Malformed, Reader};
use crate::nested;
use crate::number::write_number;
use crate::text;

/// Stands for undefined in JSON, so no text may be it.
const UNDEFINED: &str = "\u{fffc}";
/// Begins an array or object on the wire, so no text may.
const ENCODED: char = '\u{fffd}';

/// A cell or a value: what [`Kind`] tells, kept small.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Value(Held);

#[derive(Clone, Debug, Default, PartialEq)]
enum Held {
    #[default]
    Undefined,
    Null,
    Bool(bool),
    Number(f64),
    /// The body of a JSON string in JavaScript's spelling, which is what is hashed and sent. An
    /// array or object is one that begins with [`ENCODED`].
    Text(Box<str>),
}

/// What a [`Value`] is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind<'a> {
    /// Deleted, a tombstone.
    Undefined,
    Null,
    Bool(bool),
    Number(f64),
    /// Half a surrogate pair, which Rust's strings cannot hold, shows as U+FFFD.
    Text(Cow<'a, str>),
    /// An array or object, as JSON.
    Json(Cow<'a, str>),
}

/// A value that TinyBase cannot hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoValue {
    #[error("a number must be finite")]
    NotFinite,
    #[error("a text must not be U+FFFC nor begin with U+FFFD: TinyBase reserves them")]
    Reserved,
    #[error("not a JSON array or object: {0}")]
    NotJson(#[from] Malformed),
}

/// How arrays and objects are written: as themselves, which is what `getMergeableContent` shows,
/// or as the encoded texts that are stored, hashed and sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Plain,
    Encoded,
}

impl Value {
    pub const UNDEFINED: Self = Self(Held::Undefined);
    pub const NULL: Self = Self(Held::Null);

    pub fn number(number: f64) -> Result<Self, NoValue> {
        if !number.is_finite() {
            return Err(NoValue::NotFinite);
        }
        // JSON has no −0.
        Ok(Self(Held::Number(number + 0.0)))
    }

    pub fn text(plain: &str) -> Result<Self, NoValue> {
        if plain == UNDEFINED || plain.starts_with(ENCODED) {
            return Err(NoValue::Reserved);
        }
        let mut body = String::with_capacity(plain.len());
        text::escape_into(&mut body, plain);
        Ok(Self(Held::Text(body.into())))
    }

    /// An array or object given as JSON.
    pub fn json(json: &str) -> Result<Self, NoValue> {
        let mut reader = Reader::new(json);
        let value = Self::read_nested(&mut reader)?;
        reader.end()?;
        Ok(value)
    }

    pub fn kind(&self) -> Kind<'_> {
        match &self.0 {
            Held::Undefined => Kind::Undefined,
            Held::Null => Kind::Null,
            Held::Bool(bool) => Kind::Bool(*bool),
            Held::Number(number) => Kind::Number(*number),
            Held::Text(body) => match body.strip_prefix(ENCODED) {
                Some(encoded) => Kind::Json(text::unescape_lossy(encoded)),
                None => Kind::Text(text::unescape_lossy(body)),
            },
        }
    }

    /// About how long its JSON is, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        match &self.0 {
            Held::Undefined | Held::Null | Held::Bool(_) => 5,
            Held::Number(_) => 24,
            Held::Text(body) => body.len() + 2,
        }
    }

    pub fn is_undefined(&self) -> bool {
        self.0 == Held::Undefined
    }

    /// Appends the value as JSON; undefined is the text U+FFFC.
    pub fn write(&self, out: &mut String, form: Form) {
        match &self.0 {
            Held::Undefined => text::quote_into(out, UNDEFINED),
            Held::Null => out.push_str("null"),
            Held::Bool(bool) => out.push_str(if *bool { "true" } else { "false" }),
            Held::Number(number) => write_number(out, *number),
            Held::Text(body) => match body.strip_prefix(ENCODED) {
                Some(encoded) if form == Form::Plain => {
                    out.push_str(&text::unescape_lossy(encoded));
                }
                _ => {
                    out.push('"');
                    out.push_str(body);
                    out.push('"');
                }
            },
        }
    }

    /// Reads a cell in either form.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self(match reader.peek() {
            Some(b'"') => {
                let body = text::canonical(reader.body()?);
                if body == UNDEFINED {
                    Held::Undefined
                } else {
                    if let Some(encoded) = body.strip_prefix(ENCODED) {
                        // Stock clients would throw at every read of it.
                        if Self::json(&text::unescape_lossy(encoded)).is_err() {
                            return reader.wrong("JSON of an array or object after U+FFFD before");
                        }
                    }
                    Held::Text(body.into())
                }
            }
            Some(b'{' | b'[') => return Self::read_nested(reader),
            Some(b'-' | b'0'..=b'9') => {
                return Self::number(reader.number()?).or_else(|_| reader.wrong("a finite number"));
            }
            _ if reader.literal("null") => Held::Null,
            _ if reader.literal("true") => Held::Bool(true),
            _ if reader.literal("false") => Held::Bool(false),
            _ => return reader.wrong("a cell or value"),
        }))
    }

    fn read_nested(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        if !matches!(reader.peek(), Some(b'{' | b'[')) {
            return reader.wrong("an array or object");
        }
        let mut json = String::new();
        nested::copy(reader, &mut json)?;
        let mut body = String::with_capacity(json.len() + ENCODED.len_utf8());
        body.push(ENCODED);
        text::escape_into(&mut body, &json);
        Ok(Self(Held::Text(body.into())))
    }

    /// The hash of this value stamped with this clock: of its JSON, a colon, and the clock.
    pub(crate) fn hash(&self, clock: Hlc) -> u32 {
        let start = Fnv::START;
        let json = match &self.0 {
            Held::Undefined | Held::Null => start.bytes(b"null"),
            Held::Bool(true) => start.bytes(b"true"),
            Held::Bool(false) => start.bytes(b"false"),
            Held::Number(number) => {
                let mut json = String::new();
                write_number(&mut json, *number);
                start.bytes(json.as_bytes())
            }
            Held::Text(body) => start.bytes(b"\"").bytes(body.as_bytes()).bytes(b"\""),
        };
        clock.hash_into(json.bytes(b":")).0
    }

    /// Which of two values without clocks stays: any order will do that all agree on.
    pub(crate) fn outranks(&self, other: &Self) -> bool {
        let spelt = |value: &Self| {
            let mut json = String::new();
            value.write(&mut json, Form::Encoded);
            json
        };
        match (self.is_undefined(), other.is_undefined()) {
            (true, _) => false,
            (false, true) => true,
            (false, false) => spelt(self) > spelt(other),
        }
    }
}

impl From<bool> for Value {
    fn from(bool: bool) -> Self {
        Self(Held::Bool(bool))
    }
}
