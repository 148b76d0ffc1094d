//! A reader for JSON whose shape is known: it borrows from the text and never recurses by itself.

use std::borrow::Cow;

use crate::hlc::Hlc;
use crate::text;

/// Where and what was wrong with a text from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} at byte {at}")]
pub struct Malformed {
    /// Offset in the JSON, in bytes.
    pub at: usize,
    pub expected: &'static str,
}

pub(crate) struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(crate) fn wrong<T>(&self, expected: &'static str) -> Result<T, Malformed> {
        Err(Malformed {
            at: self.at,
            expected,
        })
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The next byte that is no white space.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.byte() {
            self.at += 1;
        }
        self.byte()
    }

    /// Steps over this byte if it is next.
    pub(crate) fn accept(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    pub(crate) fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), Malformed> {
        if self.accept(byte) {
            return Ok(());
        }
        self.wrong(expected)
    }

    pub(crate) fn end(&mut self) -> Result<(), Malformed> {
        match self.peek() {
            None => Ok(()),
            Some(_) => self.wrong("the end"),
        }
    }

    /// The body of a string, its escapes checked but as they were spelt.
    pub(crate) fn body(&mut self) -> Result<&'a str, Malformed> {
        self.expect(b'"', "a string")?;
        let start = self.at;
        loop {
            match self.byte() {
                Some(b'"') => {
                    let body = &self.text[start..self.at];
                    self.at += 1;
                    return Ok(body);
                }
                Some(b'\\') => {
                    self.at += 1;
                    match self.byte() {
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {}
                        Some(b'u') => {
                            let digits = self.text.as_bytes().get(self.at + 1..self.at + 5);
                            if !digits.is_some_and(|four| four.iter().all(u8::is_ascii_hexdigit)) {
                                return self.wrong("four hexadecimal digits");
                            }
                            self.at += 4;
                        }
                        _ => return self.wrong("an escape"),
                    }
                    self.at += 1;
                }
                Some(0x20..) => self.at += 1,
                Some(_) => return self.wrong("no control character"),
                None => return self.wrong("the closing quote"),
            }
        }
    }

    /// A string as plain text. Half of a surrogate pair is refused: ids must be text.
    pub(crate) fn string(&mut self) -> Result<Cow<'a, str>, Malformed> {
        let body = self.body()?;
        match text::unescape(body) {
            Some(plain) => Ok(plain),
            None => self.wrong("no half of a surrogate pair before"),
        }
    }

    pub(crate) fn number(&mut self) -> Result<f64, Malformed> {
        self.peek();
        let rest = &self.text.as_bytes()[self.at..];
        let mut end = usize::from(rest.first() == Some(&b'-'));
        let run = |from: usize| {
            rest[from..]
                .iter()
                .take_while(|b| b.is_ascii_digit())
                .count()
        };
        let whole = run(end);
        if whole == 0 || (whole > 1 && rest[end] == b'0') {
            return self.wrong("a number");
        }
        end += whole;
        if rest.get(end) == Some(&b'.') {
            match run(end + 1) {
                0 => return self.wrong("a number"),
                digits => end += 1 + digits,
            }
        }
        if let Some(b'e' | b'E') = rest.get(end) {
            let sign = usize::from(matches!(rest.get(end + 1), Some(b'+' | b'-')));
            match run(end + 1 + sign) {
                0 => return self.wrong("a number"),
                digits => end += 1 + sign + digits,
            }
        }
        match self.text[self.at..self.at + end].parse::<f64>() {
            Ok(number) if number.is_finite() => {
                self.at += end;
                Ok(number)
            }
            _ => self.wrong("a finite number"),
        }
    }

    /// A hash, a revision or a message's number.
    pub(crate) fn whole(&mut self) -> Result<u32, Malformed> {
        self.peek();
        let rest = &self.text.as_bytes()[self.at..];
        let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        match self.text[self.at..self.at + digits].parse() {
            Ok(whole) => {
                self.at += digits;
                Ok(whole)
            }
            Err(_) => self.wrong("a whole number of 32 bits"),
        }
    }

    /// A clock, empty for none.
    pub(crate) fn clock(&mut self) -> Result<Hlc, Malformed> {
        let body = self.body()?;
        match Hlc::parse(body) {
            Ok(clock) => Ok(clock),
            Err(_) => self.wrong("a clock of 16 characters before"),
        }
    }

    pub(crate) fn literal(&mut self, word: &'static str) -> bool {
        self.peek();
        let found = self.text.as_bytes()[self.at..].starts_with(word.as_bytes());
        if found {
            self.at += word.len();
        }
        found
    }

    /// An object: `each` is called after the colon and must read the child.
    pub(crate) fn object(
        &mut self,
        mut each: impl FnMut(&mut Self, Cow<'a, str>) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        self.expect(b'{', "an object")?;
        if self.accept(b'}') {
            return Ok(());
        }
        loop {
            let id = self.string()?;
            self.expect(b':', "a colon")?;
            each(self, id)?;
            if self.accept(b'}') {
                return Ok(());
            }
            self.expect(b',', "a comma or the end of the object")?;
        }
    }
}
