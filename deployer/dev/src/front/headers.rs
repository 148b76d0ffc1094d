//! What a request or an answer asks for.

use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap,
    HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, RANGE,
};
use hyper::{Method, StatusCode};
use tiny_runtime::proxy::tokens;

pub(crate) const GZIP: &str = "gzip";

const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// Whether a browser asks for a page to show, rather than a script for data.
pub(crate) fn is_navigation(method: &Method, headers: &HeaderMap) -> bool {
    if *method != Method::GET {
        return false;
    }
    match headers.get(SEC_FETCH_MODE) {
        Some(mode) => mode == "navigate",
        None => tokens(headers, &ACCEPT).any(|media| {
            let media = media.split(';').next().unwrap_or(media);
            media.trim_end().eq_ignore_ascii_case("text/html")
        }),
    }
}

/// Makes the answer come whole and as it is, so that it can be written into.
pub(crate) fn ask_for_all(headers: &mut HeaderMap) {
    for name in [
        &ACCEPT_ENCODING,
        &IF_MODIFIED_SINCE,
        &IF_NONE_MATCH,
        &IF_RANGE,
        &RANGE,
    ] {
        headers.remove(name);
    }
}

/// Whether an answer is a page that can be written into; it may be gzipped.
pub(crate) fn is_page(status: StatusCode, headers: &HeaderMap) -> bool {
    let kind = content_type(headers);
    // In all other encodings of the web, tags are ASCII.
    let html = is_of_kind(&kind, "text/html") && !kind.contains("utf-16");
    let readable = headers
        .get(CONTENT_ENCODING)
        .is_none_or(|encoding| encoding == "identity" || encoding == GZIP);
    let bodiless = matches!(
        status,
        StatusCode::NO_CONTENT
            | StatusCode::NOT_MODIFIED
            | StatusCode::PARTIAL_CONTENT
            | StatusCode::SWITCHING_PROTOCOLS
    );
    html && readable && !bodiless && !is_download(headers)
}

/// Whether a browser saves the answer to a file rather than showing it.
fn is_download(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_DISPOSITION)
        .map(HeaderValue::as_bytes)
        .and_then(|disposition| disposition.split(|byte| *byte == b';').next())
        .is_some_and(|kind| kind.trim_ascii().eq_ignore_ascii_case(b"attachment"))
}

fn content_type(headers: &HeaderMap) -> String {
    headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default()
        .to_ascii_lowercase()
}

fn is_of_kind(content_type: &str, kind: &str) -> bool {
    content_type.split(';').next().map(str::trim) == Some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        list.iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn a_page_is_what_can_be_written_into() {
        for (status, kind, encoding, expected) in [
            (200, "text/html", "identity", true),
            (404, "Text/HTML; charset=ISO-8859-1", "identity", true),
            (200, "text/html;charset=UTF-16LE", "identity", false),
            (200, "text/html", "gzip", true),
            (200, "text/html", "br", false),
            (200, "text/plain", "identity", false),
            (206, "text/html", "identity", false),
            (304, "text/html", "identity", false),
        ] {
            let headers = headers(&[("content-type", kind), ("content-encoding", encoding)]);
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(is_page(status, &headers), expected, "{status} {kind}");
        }
    }

    #[test]
    fn a_download_is_left_as_it_is() {
        for (disposition, expected) in [
            ("attachment", false),
            ("Attachment; filename=\"report.html\"", false),
            ("inline", true),
            ("inline; filename=attachment.html", true),
        ] {
            let headers = headers(&[
                ("content-type", "text/html"),
                ("content-disposition", disposition),
            ]);
            assert_eq!(is_page(StatusCode::OK, &headers), expected, "{disposition}");
        }
    }

    #[test]
    fn a_navigation_is_told_from_a_fetch() {
        let get = Method::GET;
        assert!(is_navigation(
            &get,
            &headers(&[("accept", "text/html,*/*;q=0.8")])
        ));
        assert!(!is_navigation(&get, &headers(&[("accept", "*/*")])));
        assert!(!is_navigation(
            &get,
            &headers(&[("accept", "text/html"), ("sec-fetch-mode", "cors")])
        ));
        assert!(!is_navigation(
            &Method::POST,
            &headers(&[("accept", "text/html")])
        ));
    }
}
