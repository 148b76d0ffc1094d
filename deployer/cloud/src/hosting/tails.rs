//! Tails: what invocations of a worker did, as they end, over a WebSocket.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::app::App;
use crate::workers::{self, Tail, TailFilter, TailOutcome};

const PROTOCOL: &str = "trace-v1";

/// How often a tail is looked up: whether it was ended, or is too old.
const LOOK: Duration = Duration::from_secs(1);

/// Messages that wait for a client that does not keep up; more are lost.
const BACKLOG: usize = 1024;

/// Everybody who listens.
#[derive(Default)]
pub(super) struct Tails(Mutex<Vec<Listener>>);

struct Listener {
    tail: Tail,
    messages: mpsc::Sender<String>,
}

/// Whose invocation it was.
pub(super) struct Origin<'a> {
    pub(super) script: &'a str,
    pub(super) version: Option<&'a str>,
}

impl Tails {
    /// The scripts that somebody listens to.
    pub(super) fn scripts(&self) -> Vec<String> {
        let mut scripts: Vec<_> = self
            .lock()
            .iter()
            .filter(|listener| !listener.messages.is_closed())
            .map(|listener| listener.tail.script.clone())
            .collect();
        scripts.sort_unstable();
        scripts.dedup();
        scripts
    }

    fn listen(&self, tail: Tail) -> mpsc::Receiver<String> {
        let (messages, receiver) = mpsc::channel(BACKLOG);
        let mut listeners = self.lock();
        listeners.retain(|listener| !listener.messages.is_closed());
        listeners.push(Listener { tail, messages });
        receiver
    }

    /// Hands an invocation to those who want it. `item`: as the runtime tells it.
    pub(super) fn tell(&self, origin: &Origin<'_>, mut item: Value) {
        item["scriptName"] = json!(origin.script);
        if let Some(version) = origin.version {
            item["scriptVersion"] = json!({ "id": version });
        }
        let text = item.to_string();
        for listener in self.lock().iter() {
            let wants = listener.tail.script == origin.script
                && listener
                    .tail
                    .filters
                    .iter()
                    .all(|filter| matches(filter, &item));
            if wants {
                // Whoever does not read, or is gone, misses it.
                let _ = listener.messages.try_send(text.clone());
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Listener>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn matches(filter: &TailFilter, item: &Value) -> bool {
    let request = &item["event"]["request"];
    let header = |name: &str| {
        let headers = request["headers"].as_object()?;
        let (_, value) = headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        value.as_str()
    };
    if let Some(rate) = filter.sampling_rate
        && fastrand::f64() >= rate
    {
        return false;
    }
    if let Some(outcomes) = &filter.outcome
        && !outcomes
            .iter()
            .any(|outcome| item["outcome"] == name_of(*outcome))
    {
        return false;
    }
    if let Some(methods) = &filter.method
        && !request["method"].as_str().is_some_and(|method| {
            methods
                .iter()
                .any(|wanted| wanted.eq_ignore_ascii_case(method))
        })
    {
        return false;
    }
    if let Some(wanted) = &filter.header
        && !header(&wanted.key).is_some_and(|value| {
            wanted
                .query
                .as_ref()
                .is_none_or(|query| value.contains(query.as_str()))
        })
    {
        return false;
    }
    if let Some(addresses) = &filter.client_ip
        && !header("cf-connecting-ip").is_some_and(|client| {
            // Whoever tails a local worker is on this machine.
            let is_self = client
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback());
            addresses
                .iter()
                .any(|wanted| wanted == client || (wanted == "self" && is_self))
        })
    {
        return false;
    }
    if let Some(query) = &filter.query
        && !item["logs"]
            .as_array()
            .is_some_and(|logs| logs.iter().any(|log| says(&log["message"], query)))
    {
        return false;
    }
    filter
        .script_version
        .as_ref()
        .is_none_or(|version| item["scriptVersion"]["id"] == **version)
}

fn says(message: &Value, query: &str) -> bool {
    match message {
        Value::String(text) => text.contains(query),
        Value::Array(parts) => parts.iter().any(|part| says(part, query)),
        other => other.to_string().contains(query),
    }
}

fn name_of(outcome: TailOutcome) -> &'static str {
    match outcome {
        TailOutcome::Ok => "ok",
        TailOutcome::Canceled => "canceled",
        TailOutcome::Exception => "exception",
        TailOutcome::ExceededCpu => "exceededCpu",
        TailOutcome::ExceededMemory => "exceededMemory",
        TailOutcome::Unknown => "unknown",
    }
}

/// The WebSocket at the address that the API gave.
pub(super) async fn connect(
    State(app): State<App>,
    Path(id): Path<String>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let found = app.store.read(|tx| workers::tail(tx, &id));
    match found {
        Ok(Some(tail)) => {
            let id = tail.id.clone();
            // Before the answer: what happens after it is told.
            let messages = app.hosting.tails().listen(tail);
            app.hosting.watch().await;
            upgrade
                .protocols([PROTOCOL])
                // wrangler masks none of its frames, against RFC 6455; Cloudflare takes them.
                .accept_unmasked_frames(true)
                .on_upgrade(move |socket| serve(app, id, messages, socket))
        }
        Ok(None) => (StatusCode::NOT_FOUND, "there is no such tail\n").into_response(),
        Err(error) => {
            let error: rusqlite::Error = error;
            (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response()
        }
    }
}

async fn serve(app: App, id: String, mut messages: mpsc::Receiver<String>, mut socket: WebSocket) {
    let mut look = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            message = messages.recv() => {
                let Some(message) = message else { break };
                if socket.send(Message::text(message)).await.is_err() {
                    break;
                }
            }
            // What the client says, `{"debug":false}` and pings, needs no answer from here.
            said = socket.recv() => match said {
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                Some(Ok(_)) => {}
            },
            _ = look.tick() => {
                let there: Result<_, rusqlite::Error> =
                    app.store.read(|tx| workers::tail(tx, &id));
                if !matches!(there, Ok(Some(_))) {
                    let goodbye = CloseFrame { code: 1000, reason: "the tail ended".into() };
                    // Whoever is gone needs none.
                    let _ = socket.send(Message::Close(Some(goodbye))).await;
                    break;
                }
            }
        }
    }
    drop(messages);
    app.hosting.watch().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item() -> Value {
        json!({
            "outcome": "exception",
            "scriptVersion": { "id": "v1" },
            "logs": [{ "message": ["user", { "name": "ada" }], "level": "log" }],
            "event": { "request": {
                "method": "POST",
                "url": "http://a.test/",
                "headers": { "cf-connecting-ip": "127.0.0.1", "X-Mine": "one two" },
            } },
        })
    }

    fn wants(filter: Value) -> bool {
        let filter = serde_json::from_value(filter).unwrap();
        matches(&filter, &item())
    }

    #[test]
    fn each_filter_decides_by_what_it_names() {
        for (filter, expected) in [
            (json!({ "sampling_rate": 1.0 }), true),
            (json!({ "outcome": ["ok", "exception"] }), true),
            (json!({ "outcome": ["ok"] }), false),
            (json!({ "method": ["post"] }), true),
            (json!({ "method": ["GET"] }), false),
            (json!({ "header": { "key": "x-mine" } }), true),
            (
                json!({ "header": { "key": "x-mine", "query": "two" } }),
                true,
            ),
            (
                json!({ "header": { "key": "x-mine", "query": "three" } }),
                false,
            ),
            (json!({ "header": { "key": "x-other" } }), false),
            (json!({ "client_ip": ["127.0.0.1"] }), true),
            (json!({ "client_ip": ["self"] }), true),
            (json!({ "client_ip": ["10.0.0.1"] }), false),
            (json!({ "query": "ada" }), true),
            (json!({ "query": "bob" }), false),
            (json!({ "scriptVersion": "v1" }), true),
            (json!({ "scriptVersion": "v2" }), false),
        ] {
            assert_eq!(wants(filter.clone()), expected, "{filter}");
        }
    }

    #[test]
    fn a_cron_matches_no_filter_of_requests() {
        let cron = json!({ "outcome": "ok", "event": { "cron": "* * * * *" }, "logs": [] });
        let filter = serde_json::from_value(json!({ "method": ["GET"] })).unwrap();
        assert!(!matches(&filter, &cron));
    }
}
