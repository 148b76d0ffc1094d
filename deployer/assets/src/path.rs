//! Paths of URLs, as browsers write them and as Cloudflare reads them.

use std::borrow::Cow;

use percent_encoding::{
    AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode,
};

/// What a URL's path never has unescaped.
const PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'}');

/// What JavaScript's `encodeURIComponent` escapes.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// `path` as the URL standard has it: no `.` and `..`, no backslashes, nothing unescaped.
pub(crate) fn normalize(path: &str) -> Cow<'_, str> {
    let bytes = path.as_bytes();
    let is_plain = path.starts_with('/')
        && !bytes.windows(2).any(|pair| pair == b"/." || pair == b"/%")
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"/-_.~%".contains(byte));
    if is_plain {
        return Cow::Borrowed(path);
    }
    let slashed = path.replace('\\', "/");
    let mut segments: Vec<&str> = Vec::new();
    let mut rest = slashed
        .strip_prefix('/')
        .unwrap_or(&slashed)
        .split('/')
        .peekable();
    while let Some(segment) = rest.next() {
        let is_last = rest.peek().is_none();
        let dots = segment.to_ascii_lowercase().replace("%2e", ".");
        match dots.as_str() {
            "." | ".." => {
                if dots == ".." {
                    segments.pop();
                }
                if is_last {
                    segments.push("");
                }
            }
            _ => segments.push(segment),
        }
    }
    let path = format!("/{}", segments.join("/"));
    Cow::Owned(utf8_percent_encode(&path, PATH).to_string())
}

/// The path that a file would have: each segment decoded if it can be, no empty ones.
pub(crate) fn decode(path: &str) -> Cow<'_, str> {
    if !path.contains('%') && !path.contains("//") {
        return Cow::Borrowed(path);
    }
    let decoded: Vec<_> = path.split('/').map(decode_segment).collect();
    let mut decoded = decoded.join("/");
    collapse_slashes(&mut decoded);
    Cow::Owned(decoded)
}

pub(crate) fn collapse_slashes(path: &mut String) {
    let mut before = None;
    path.retain(|character| {
        let keep = character != '/' || before != Some('/');
        before = Some(character);
        keep
    });
}

fn decode_segment(segment: &str) -> Cow<'_, str> {
    let is_well_formed = segment.split('%').skip(1).all(|after| {
        after
            .as_bytes()
            .first_chunk::<2>()
            .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    if !is_well_formed {
        return Cow::Borrowed(segment);
    }
    percent_decode_str(segment)
        .decode_utf8()
        .unwrap_or(Cow::Borrowed(segment))
}

/// A decoded path as it stands in a URL.
pub(crate) fn encode(path: &str) -> String {
    let segments: Vec<_> = path
        .split('/')
        .map(|segment| Cow::from(utf8_percent_encode(segment, COMPONENT)))
        .collect();
    segments.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_are_resolved_and_never_lead_out() {
        for (path, normal) in [
            ("/", "/"),
            ("/a/b.css", "/a/b.css"),
            ("/a/../b", "/b"),
            ("/../../etc/passwd", "/etc/passwd"),
            ("/a/%2e%2E/b", "/b"),
            ("/a/.", "/a/"),
            ("/a/b/..", "/a/"),
            ("/a\\..\\b", "/b"),
            ("/ä b", "/%C3%A4%20b"),
            ("/.well-known/x", "/.well-known/x"),
            ("/a/..%2fb", "/a/..%2fb"),
        ] {
            assert_eq!(normalize(path), normal, "{path}");
        }
    }

    #[test]
    fn what_cannot_be_decoded_stays() {
        for (path, decoded) in [
            ("/a%20b", "/a b"),
            ("/%C3%A4", "/ä"),
            ("/%C3", "/%C3"),
            ("/100%/%41", "/100%/A"),
            ("//a///b", "/a/b"),
            ("/a%2Fb", "/a/b"),
        ] {
            assert_eq!(decode(path), decoded, "{path}");
        }
    }

    #[test]
    fn encoding_is_javascripts() {
        assert_eq!(encode("/a b/ä@(1)!.txt"), "/a%20b/%C3%A4%40(1)!.txt");
    }
}
