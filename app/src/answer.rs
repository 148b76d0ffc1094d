//! Responses, and the headers that keep what is in them from being misused.

use serde::Serialize;
use wasm_bindgen::JsValue;
use worker::js_sys::{Reflect, Uint8Array};
use worker::web_sys::{Headers, Response, ResponseInit};
use worker::{WebSocket, WebSocketPair};

use crate::hop::Ask;
use crate::share::Refused;
use crate::share_page;

pub type Header<'h> = (&'h str, &'h str);

/// A page runs our scripts and styles, speaks to us alone, and stands in nobody's frame.
pub const PAGE: [Header; 7] = [
    ("content-type", "text/html; charset=utf-8"),
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
         connect-src 'self'; worker-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("cross-origin-opener-policy", "same-origin"),
    ("referrer-policy", "same-origin"),
    ("cache-control", "private, no-cache"),
    ("vary", "cookie, authorization"),
    NOSNIFF,
];

pub const JSON: [Header; 5] = [
    ("content-type", "application/json"),
    INERT,
    ("cache-control", "private, no-cache"),
    ("vary", "cookie, authorization"),
    NOSNIFF,
];

pub const TEXT: [Header; 4] = [
    ("content-type", "text/plain; charset=utf-8"),
    INERT,
    ("cache-control", "no-store"),
    NOSNIFF,
];

/// What is no page does nothing, should a browser be led to show it.
pub const INERT: Header = (
    "content-security-policy",
    "default-src 'none'; frame-ancestors 'none'",
);
pub const NOSNIFF: Header = ("x-content-type-options", "nosniff");

/// A WebSocket that is closed as soon as it is open: a browser tells its page neither the status nor
/// the text of an upgrade that is refused, but this.
pub fn closed(code: u16, reason: &str) -> Result<Response, JsValue> {
    let WebSocketPair { client, server } = WebSocketPair::new()?;
    server.accept()?;
    server.close(Some(code), Some(reason))?;
    switched(&client, None)
}

/// The answer to an upgrade: the other end of a WebSocket.
pub fn switched(client: &WebSocket, cookie: Option<&str>) -> Result<Response, JsValue> {
    let init = init(101, cookie.map(|cookie| ("set-cookie", cookie)))?;
    Reflect::set(&init, &"webSocket".into(), client.as_ref())?;
    Response::new_with_opt_str_and_init(None, &init)
}

pub fn init<'h>(
    status: u16,
    headers: impl IntoIterator<Item = Header<'h>>,
) -> Result<ResponseInit, JsValue> {
    let list = Headers::new()?;
    for (name, value) in headers {
        list.append(name, value)?;
    }
    let init = ResponseInit::new();
    init.set_status(status);
    init.set_headers(&list);
    Ok(init)
}

/// A line of text that says what went wrong or where to go.
pub fn text(status: u16, text: &str, headers: &[Header]) -> Result<Response, JsValue> {
    let init = init(status, TEXT.into_iter().chain(headers.iter().copied()))?;
    Response::new_with_opt_str_and_init(Some(text), &init)
}

/// Says why somebody is not let in: in a page to those who asked for one.
pub fn not_let_in(ask: Ask, why: Refused) -> Result<Response, JsValue> {
    match ask {
        Ask::Page => page(why.status(), &share_page::refusal(&why.to_string())),
        _ => text(why.status(), &why.to_string(), &[]),
    }
}

/// A page that is made for this answer alone.
pub fn page(status: u16, page: &str) -> Result<Response, JsValue> {
    Response::new_with_opt_str_and_init(Some(page), &init(status, PAGE)?)
}

/// What a program asked for, or why it can't have it.
pub fn json(status: u16, answer: &impl Serialize) -> Result<Response, JsValue> {
    let json = serde_json::to_string(answer).map_err(|error| error.to_string())?;
    Response::new_with_opt_str_and_init(Some(&json), &init(status, JSON)?)
}

/// The same response, which sets a cookie as well.
pub fn with_cookie(response: Response, cookie: Option<&str>) -> Result<Response, JsValue> {
    if let Some(cookie) = cookie {
        response.headers().append("set-cookie", cookie)?;
    }
    Ok(response)
}

pub fn bytes(bytes: &Uint8Array, init: &ResponseInit) -> Result<Response, JsValue> {
    Response::new_with_opt_buffer_source_and_init(Some(bytes), init)
}
