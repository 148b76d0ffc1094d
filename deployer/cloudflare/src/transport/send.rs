//! One attempt of one call.

use std::error::Error as _;
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use http::HeaderMap;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};

use super::Transport;
use super::call::{Body, Call};
use super::patience::retry_after;
use super::redact::{self, HIDDEN};
use super::trace::{Exchange, Outcome};
use super::verdict::Sent;
use crate::secret::Secret;

impl Transport {
    pub(super) async fn send(&self, call: &Call, attempt: u32) -> Sent {
        let (content_type, body) = match &call.body {
            Body::Empty => (None, Bytes::new()),
            Body::Json(body) => (Some("application/json".to_owned()), body.clone()),
            Body::Multipart(form) => {
                let (content_type, body) = form.encode();
                (Some(content_type), body)
            }
        };
        let token = call.bearer.as_ref().unwrap_or(&self.token);
        let mut request = self
            .http
            .request(call.method.clone(), format!("{}{}", self.base, call.path))
            .timeout(self.patience.answer_within(body.len()))
            .header(AUTHORIZATION, format!("Bearer {}", token.reveal()))
            .header(ACCEPT, "application/json");
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        if let Some(content_type) = &content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        if !matches!(call.body, Body::Empty) {
            request = request.body(body);
        }
        let began = Instant::now();
        let sent = exchange(request).await;
        if let Some(trace) = &self.trace {
            let mut hidden: Vec<Secret> = call.hidden.clone();
            hidden.push(self.token.clone());
            let mut headers = vec![(AUTHORIZATION.to_string(), format!("Bearer {HIDDEN}"))];
            headers.extend(
                content_type
                    .iter()
                    .map(|value| (CONTENT_TYPE.to_string(), value.clone())),
            );
            headers.extend(
                call.headers
                    .iter()
                    .map(|(name, value)| redact::header(name, value, &hidden)),
            );
            trace.exchange(&Exchange {
                operation: redact::scrub(&call.operation, &hidden),
                attempt,
                method: call.method.to_string(),
                path: redact::scrub(&call.path, &hidden),
                request_headers: headers,
                request_body: shown_body(&call.body, &hidden),
                duration: began.elapsed(),
                outcome: shown_outcome(&sent, &hidden),
            });
        }
        sent
    }
}

async fn exchange(request: reqwest::RequestBuilder) -> Sent {
    let response = match request.send().await {
        Ok(response) => response,
        // Without a connection nothing can have been done; after it, anything can.
        Err(error) if error.is_connect() || error.is_builder() => {
            return Sent::NotAtAll { why: words(&error) };
        }
        Err(error) => return Sent::Lost { why: words(&error) },
    };
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    match response.bytes().await {
        Ok(body) => Sent::Answered {
            status,
            retry_after: headers
                .get(RETRY_AFTER)
                .and_then(|value| value.to_str().ok())
                .and_then(|value| retry_after(value, SystemTime::now())),
            headers,
            body,
        },
        Err(error) => Sent::Lost { why: words(&error) },
    }
}

/// The error and its causes, without the URL: the operation says it better.
fn words(error: &reqwest::Error) -> String {
    if error.is_timeout() && !error.is_connect() {
        return "no answer came in time".to_owned();
    }
    let mut text = if error.is_connect() {
        "no connection".to_owned()
    } else {
        "the connection broke".to_owned()
    };
    // The innermost cause is the system's or the protocol's own word.
    let mut cause = error.source();
    let mut last = None;
    while let Some(inner) = cause {
        last = Some(inner.to_string());
        cause = inner.source();
    }
    if let Some(last) = last {
        text.push_str(": ");
        text.push_str(&last);
    }
    text
}

fn shown_body(body: &Body, hidden: &[Secret]) -> String {
    match body {
        Body::Empty => String::new(),
        Body::Json(body) => redact::body(body, hidden),
        Body::Multipart(form) => {
            let lines = form.parts.iter().map(|part| {
                if part.is_file {
                    let (kind, size) = (&part.content_type, part.content.len());
                    redact::scrub(&format!("{}: {kind}, {size} bytes", part.name), hidden)
                } else {
                    format!("{}: {}", part.name, redact::body(&part.content, hidden))
                }
            });
            lines.collect::<Vec<_>>().join("\n")
        }
    }
}

fn shown_outcome(sent: &Sent, hidden: &[Secret]) -> Outcome {
    match sent {
        Sent::Answered {
            status,
            headers,
            body,
            ..
        } => Outcome::Answered {
            status: *status,
            headers: shown_headers(headers, hidden),
            body: redact::body(body, hidden),
        },
        Sent::NotAtAll { why } | Sent::Lost { why } => Outcome::Failed { why: why.clone() },
    }
}

fn shown_headers(headers: &HeaderMap, hidden: &[Secret]) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            redact::header(name.as_str(), &value, hidden)
        })
        .collect()
}
