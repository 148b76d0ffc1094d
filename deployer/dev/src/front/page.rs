//! What the front answers in its own name.

use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};

use super::body::Body;
use super::gate::Failure;
use super::live::STYLE;

/// A short text.
pub(crate) fn text(status: StatusCode, text: impl Into<String>) -> Response<Body> {
    let mut text = text.into();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    answer(status, "text/plain; charset=utf-8", text)
}

/// Who is told that there is no app.
pub(crate) enum Reader<'a> {
    /// A person in front of a browser, whose page loads the client script from this URL.
    Page(Option<&'a str>),
    Program,
}

/// There is no app yet, and this is why.
pub(crate) fn failure(failure: &Failure, reader: &Reader<'_>) -> Response<Body> {
    let mut response = if let Reader::Page(script) = reader {
        answer(
            StatusCode::SERVICE_UNAVAILABLE,
            "text/html; charset=utf-8",
            html(failure, *script),
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

/// The worker broke off.
pub(crate) fn no_answer(error: &(dyn std::error::Error + Send + Sync)) -> Response<Body> {
    text(
        StatusCode::BAD_GATEWAY,
        format!("the worker did not answer: {error}"),
    )
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

fn html(failure: &Failure, script: Option<&str>) -> String {
    let (title, text) = (escaped(&failure.title), escaped(&failure.text));
    let (script, hint) = match script {
        Some(url) => (
            format!("<script type=\"module\" src=\"{url}\"></script>\n"),
            "Mend it and save; the app appears here by itself.",
        ),
        None => (
            String::new(),
            "Mend it and save, then load this page again.",
        ),
    };
    format!(
        r#"<!doctype html>
<html lang="en" data-tiny-failure>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
{STYLE}</style>
{script}</head>
<body class="shade">
<main class="panel" role="alert">
<header><h1>{title}</h1></header>
<pre>{text}</pre>
<p>{hint}</p>
</main>
</body>
</html>
"#
    )
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
