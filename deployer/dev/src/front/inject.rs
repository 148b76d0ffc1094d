//! Puts the client script into a page while it streams by.

use std::io::{self, Write as _};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use flate2::write::GzDecoder;
use hyper::Response;
use hyper::body::{Body as HttpBody, Bytes, Frame};
use hyper::header::{ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LENGTH, HeaderValue};

use super::body::{Body, BodyError};
use super::csp;
use super::headers::GZIP;

/// A `<head>` further down than this is not a page's head.
const HEAD_WITHIN: usize = 64 * 1024;

/// The longest start tag of a head that is waited for.
const LONGEST_TAG: usize = 4096;

/// Makes `response`, a page, load the client script from `url`.
pub(crate) fn inject(mut response: Response<Body>, url: &str) -> Response<Body> {
    let nonce = csp::admit_client(response.headers_mut());
    let nonce = nonce.map_or_else(String::new, |nonce| format!(" nonce=\"{nonce}\""));
    let script = format!("<script type=\"module\" src=\"{url}\"{nonce}></script>");
    let headers = response.headers_mut();
    // Asked for it as it is, the worker may have compressed it all the same.
    let gunzip = headers
        .get(CONTENT_ENCODING)
        .is_some_and(|encoding| encoding == GZIP);
    if gunzip {
        headers.remove(CONTENT_ENCODING);
        headers.remove(CONTENT_LENGTH);
    }
    let length = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if let Some(length) = length {
        // The script goes in exactly once, wherever that is.
        headers.insert(
            CONTENT_LENGTH,
            HeaderValue::from(length + script.len() as u64),
        );
    }
    // Ranges of what the browser got would not fit what the worker has.
    headers.remove(ACCEPT_RANGES);
    response.map(|body| {
        Body::Injected(Box::new(Injected {
            body,
            gunzip: gunzip.then(|| GzDecoder::new(Vec::new())),
            inserter: Inserter::new(script.into()),
            ready: Vec::new(),
            ended: false,
        }))
    })
}

/// A page's body with the script in it.
pub(crate) struct Injected {
    body: Body,
    gunzip: Option<GzDecoder<Vec<u8>>>,
    inserter: Inserter,
    /// What is to be sent next, last one first.
    ready: Vec<Bytes>,
    ended: bool,
}

impl Injected {
    pub(crate) fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        loop {
            if let Some(bytes) = self.ready.pop() {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            if self.ended {
                return Poll::Ready(None);
            }
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) => self.data(bytes)?,
                    // Trailers come last; the script must not come after them.
                    Err(_) => self.end()?,
                },
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => self.end()?,
            }
            self.ready.reverse();
        }
    }

    fn data(&mut self, mut bytes: Bytes) -> io::Result<()> {
        if let Some(gunzip) = &mut self.gunzip {
            gunzip.write_all(&bytes)?;
            // A page that streams is not to wait for its end.
            gunzip.flush()?;
            bytes = std::mem::take(gunzip.get_mut()).into();
        }
        if !bytes.is_empty() {
            self.inserter.push(bytes, &mut self.ready);
        }
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        self.ended = true;
        if let Some(mut gunzip) = self.gunzip.take() {
            gunzip.try_finish()?;
            let rest = std::mem::take(gunzip.get_mut());
            self.inserter.push(rest.into(), &mut self.ready);
        }
        self.inserter.finish(&mut self.ready);
        Ok(())
    }
}

/// Finds the place of the script.
struct Inserter {
    /// `None` once it is in.
    script: Option<Bytes>,
    /// The end of what was seen, if it may be the beginning of a tag.
    held: Bytes,
    seen: usize,
}

enum Place {
    /// The script goes before this offset.
    At(usize),
    /// Everything from this offset on may be part of a tag.
    Perhaps(usize),
    Nowhere,
}

impl Inserter {
    fn new(script: Bytes) -> Self {
        Self {
            script: Some(script),
            held: Bytes::new(),
            seen: 0,
        }
    }

    fn push(&mut self, bytes: Bytes, out: &mut Vec<Bytes>) {
        if self.script.is_none() {
            out.push(bytes);
            return;
        }
        let mut bytes = if self.held.is_empty() {
            bytes
        } else {
            [std::mem::take(&mut self.held), bytes].concat().into()
        };
        match place(&bytes, self.seen < HEAD_WITHIN) {
            Place::At(offset) => {
                push_some(bytes.split_to(offset), out);
                out.extend(self.script.take());
            }
            Place::Perhaps(offset) => {
                self.held = bytes.split_off(offset);
            }
            Place::Nowhere => {}
        }
        self.seen += bytes.len();
        push_some(bytes, out);
    }

    fn finish(&mut self, out: &mut Vec<Bytes>) {
        push_some(std::mem::take(&mut self.held), out);
        out.extend(self.script.take());
    }
}

fn push_some(bytes: Bytes, out: &mut Vec<Bytes>) {
    if !bytes.is_empty() {
        out.push(bytes);
    }
}

fn place(html: &[u8], head_counts: bool) -> Place {
    let mut from = 0;
    while let Some(found) = memchr::memchr(b'<', &html[from..]) {
        let at = from + found;
        let rest = &html[at..];
        match starts_with(rest, b"<!--") {
            Some(true) => match memchr::memmem::find(rest, b"-->") {
                Some(end) => {
                    from = at + end + b"-->".len();
                    continue;
                }
                // A tag in there is none. What is longer than any comment goes on as it is.
                None if rest.len() < HEAD_WITHIN => return Place::Perhaps(at),
                None => {}
            },
            None => return Place::Perhaps(at),
            Some(false) => {}
        }
        if head_counts {
            match tag(rest, b"<head") {
                Tag::Whole(end) => return Place::At(at + end),
                Tag::Partly => return Place::Perhaps(at),
                Tag::Other => {}
            }
        }
        match starts_with(rest, b"</body") {
            Some(true) => return Place::At(at),
            None => return Place::Perhaps(at),
            Some(false) => {}
        }
        from = at + 1;
    }
    Place::Nowhere
}

enum Tag {
    /// The tag ends before this offset.
    Whole(usize),
    Partly,
    Other,
}

/// Whether `html` begins with the start tag `open`, which may have attributes.
fn tag(html: &[u8], open: &[u8]) -> Tag {
    match starts_with(html, open) {
        None => return Tag::Partly,
        Some(false) => return Tag::Other,
        Some(true) => {}
    }
    match html.get(open.len()) {
        None => return Tag::Partly,
        Some(b'>' | b'/') => {}
        Some(byte) if byte.is_ascii_whitespace() => {}
        // <header>
        Some(_) => return Tag::Other,
    }
    let mut quote = None;
    for (offset, byte) in html.iter().enumerate().take(LONGEST_TAG) {
        match (quote, byte) {
            (None, b'>') => return Tag::Whole(offset + 1),
            (None, b'"' | b'\'') => quote = Some(*byte),
            (Some(open), byte) if open == *byte => quote = None,
            _ => {}
        }
    }
    if html.len() < LONGEST_TAG {
        Tag::Partly
    } else {
        Tag::Other
    }
}

/// `None`: it does so far, but is too short to tell.
fn starts_with(html: &[u8], prefix: &[u8]) -> Option<bool> {
    let common = html.len().min(prefix.len());
    if !html[..common].eq_ignore_ascii_case(&prefix[..common]) {
        Some(false)
    } else if common < prefix.len() {
        None
    } else {
        Some(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn injected(chunks: &[&str]) -> String {
        let mut inserter = Inserter::new("SCRIPT".into());
        let mut out = Vec::new();
        for chunk in chunks {
            inserter.push(Bytes::copy_from_slice(chunk.as_bytes()), &mut out);
        }
        inserter.finish(&mut out);
        String::from_utf8(out.concat()).unwrap()
    }

    #[test]
    fn the_script_is_the_first_thing_in_the_head() {
        assert_eq!(
            injected(&["<!doctype html><html><HEAD data-x='a>b' ><title>t</title>"]),
            "<!doctype html><html><HEAD data-x='a>b' >SCRIPT<title>t</title>"
        );
    }

    #[test]
    fn without_a_head_it_comes_before_the_end_of_the_body() {
        assert_eq!(
            injected(&["<header>h</header><body>b</body></html>"]),
            "<header>h</header><body>bSCRIPT</body></html>"
        );
        assert_eq!(injected(&["<p>a fragment"]), "<p>a fragmentSCRIPT");
        assert_eq!(injected(&[]), "SCRIPT");
    }

    #[test]
    fn a_tag_may_be_torn_anywhere() {
        let html = "<html><head lang=en><body></body>";
        for cut in 0..html.len() {
            let (before, after) = html.split_at(cut);
            assert_eq!(
                injected(&[before, after]),
                "<html><head lang=en>SCRIPT<body></body>",
                "cut at {cut}"
            );
        }
    }

    #[test]
    fn a_tag_in_a_comment_is_none() {
        let html = "<!-- <head> --><html><!-- </body> --><head><title>t</title>";
        for cut in 0..html.len() {
            let (before, after) = html.split_at(cut);
            assert_eq!(
                injected(&[before, after]),
                "<!-- <head> --><html><!-- </body> --><head>SCRIPT<title>t</title>",
                "cut at {cut}"
            );
        }
        let endless = format!("<!-- {}", "x".repeat(HEAD_WITHIN));
        assert_eq!(
            injected(&[&endless, "</body>"]),
            format!("{endless}SCRIPT</body>")
        );
    }

    #[test]
    fn what_is_no_tag_is_not_held_back() {
        let mut inserter = Inserter::new("SCRIPT".into());
        let mut out = Vec::new();
        inserter.push(Bytes::from_static(b"<p>one</p> <hea"), &mut out);
        assert_eq!(out.concat(), b"<p>one</p> ");
    }

    #[test]
    fn a_late_head_is_no_head() {
        let long = format!("{}<head>", "x".repeat(HEAD_WITHIN));
        assert_eq!(
            injected(&[&long[..HEAD_WITHIN], "<head>"]),
            format!("{long}SCRIPT")
        );
    }
}
