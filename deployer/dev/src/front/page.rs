//! What the front answers in its own name.

use std::fmt::Write as _;

use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};

use super::body::Body;
use super::gate::Failure;
use super::live::CLIENT_PATH;

/// A short text.
pub(crate) fn text(status: StatusCode, text: impl Into<String>) -> Response<Body> {
    let mut text = text.into();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    answer(status, "text/plain; charset=utf-8", text)
}

/// There is no app yet, and this is why.
pub(crate) fn failure(failure: &Failure, for_a_page: bool) -> Response<Body> {
    let mut response = if for_a_page {
        answer(
            StatusCode::SERVICE_UNAVAILABLE,
            "text/html; charset=utf-8",
            html(failure),
        )
    } else {
        text(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("{}\n\n{}", failure.title, failure.text),
        )
    };
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// The worker was exchanged while it had the request, which may have had its effect.
pub(crate) fn restarted() -> Response<Body> {
    let mut response = text(
        StatusCode::SERVICE_UNAVAILABLE,
        "tiny dev restarted the worker while it handled this request; it may have had its effect",
    );
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

fn answer(status: StatusCode, kind: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn html(failure: &Failure) -> String {
    let (title, text) = (escaped(&failure.title), escaped(&failure.text));
    let mut page = String::with_capacity(text.len() + 1024);
    // Writing to a string does not fail.
    let _ = write!(
        page,
        r#"<!doctype html>
<html lang="en" data-tiny-failure>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ margin: 0; background: #101114; color: #e8e8ea; font: 14px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }}
main {{ box-sizing: border-box; max-width: 72rem; margin: 4vh auto; padding: 1.25rem 1.5rem; background: #1b1c20; border-top: 4px solid #ff5c57; border-radius: 6px; }}
h1 {{ margin: 0 0 0.75rem; font-size: 1.1em; color: #ff8a86; }}
pre {{ margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; }}
p {{ margin: 1rem 0 0; color: #9a9ba3; }}
</style>
<script type="module" src="{CLIENT_PATH}"></script>
</head>
<body>
<main role="alert">
<h1>{title}</h1>
<pre>{text}</pre>
<p>Mend it and save; the app appears here by itself.</p>
</main>
</body>
</html>
"#
    );
    page
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}
