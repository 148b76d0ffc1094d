//! JSON's spelling of strings, as `JSON.stringify` chooses it. A *body* is what stands between the
//! quotes, in that spelling; hashes are taken of bodies, so the spelling must be exact.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Appends the body of a plain text.
pub(crate) fn escape_into(out: &mut String, plain: &str) {
    let mut done = 0;
    for (at, byte) in plain.bytes().enumerate() {
        if byte < 0x20 || byte == b'"' || byte == b'\\' {
            out.push_str(&plain[done..at]);
            escape_unit(out, char::from(byte));
            done = at + 1;
        }
    }
    out.push_str(&plain[done..]);
}

/// Appends a plain text with its quotes.
pub(crate) fn quote_into(out: &mut String, plain: &str) {
    out.push('"');
    escape_into(out, plain);
    out.push('"');
}

fn escape_unit(out: &mut String, unit: char) {
    match unit {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\0'..='\u{1f}' => {
            let _ = write!(out, "\\u{:04x}", u32::from(unit));
        }
        _ => out.push(unit),
    }
}

/// One step through a body whose escapes were checked.
enum Unit {
    Plain(char),
    /// Half of a pair without its other half: a JavaScript string can hold it, UTF-8 cannot.
    Lone(u16),
}

fn units(body: &str) -> impl Iterator<Item = Unit> {
    let mut rest = body.chars();
    std::iter::from_fn(move || {
        let first = rest.next()?;
        if first != '\\' {
            return Some(Unit::Plain(first));
        }
        Some(Unit::Plain(match rest.next()? {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let unit = hex4(rest.as_str());
                rest = rest.as_str()[4..].chars();
                if let Some(plain) = char::from_u32(u32::from(unit)) {
                    return Some(Unit::Plain(plain));
                }
                let low = rest.as_str().strip_prefix("\\u").map(hex4);
                match low {
                    Some(low @ 0xdc00..=0xdfff) if unit < 0xdc00 => {
                        rest = rest.as_str()[6..].chars();
                        let pair = [unit, low];
                        let pair = char::decode_utf16(pair).next();
                        pair.and_then(Result::ok)?
                    }
                    _ => return Some(Unit::Lone(unit)),
                }
            }
            other => other,
        }))
    })
}

fn hex4(text: &str) -> u16 {
    text.get(..4)
        .and_then(|digits| u16::from_str_radix(digits, 16).ok())
        .unwrap_or_default()
}

/// The body respelled as `JSON.stringify` would.
pub(crate) fn canonical(body: &str) -> Cow<'_, str> {
    if !body.contains('\\') {
        return Cow::Borrowed(body);
    }
    let mut out = String::with_capacity(body.len());
    for unit in units(body) {
        match unit {
            Unit::Plain(plain) => escape_unit(&mut out, plain),
            Unit::Lone(unit) => {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    Cow::Owned(out)
}

/// The plain text of a body, or nothing when it holds half a pair.
pub(crate) fn unescape(body: &str) -> Option<Cow<'_, str>> {
    if !body.contains('\\') {
        return Some(Cow::Borrowed(body));
    }
    units(body)
        .map(|unit| match unit {
            Unit::Plain(plain) => Some(plain),
            Unit::Lone(_) => None,
        })
        .collect::<Option<String>>()
        .map(Cow::Owned)
}

/// The plain text of a body, with U+FFFD for each half of a pair.
pub(crate) fn unescape_lossy(body: &str) -> Cow<'_, str> {
    if !body.contains('\\') {
        return Cow::Borrowed(body);
    }
    units(body)
        .map(|unit| match unit {
            Unit::Plain(plain) => plain,
            Unit::Lone(_) => char::REPLACEMENT_CHARACTER,
        })
        .collect::<String>()
        .into()
}
