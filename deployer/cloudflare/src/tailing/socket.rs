//! The WebSocket of a tail.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::time::{Interval, MissedTickBehavior, interval_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Error, Message};
use url::Url;

use crate::secret::Secret;

/// The subprotocol of tails.
const PROTOCOL: &str = "trace-v1";
/// How often the other end must show that it is there. Connections that carry nothing are cut
/// somewhere on the way without a word.
const PING: Duration = Duration::from_secs(10);
/// How long opening may take.
const OPEN: Duration = Duration::from_secs(20);

/// Messages of a tail, as long as the other end answers.
pub(super) struct Socket {
    stream: WebSocketStream<reqwest::Upgraded>,
    pings: Interval,
    unanswered: bool,
}

impl Socket {
    /// Through the client's own connections, so that its proxy and its certificates count here too.
    pub(super) async fn open(http: &reqwest::Client, url: &Secret) -> Result<Self, String> {
        let opening = Self::shake_hands(http, url);
        match tokio::time::timeout(OPEN, opening).await {
            Ok(opened) => opened,
            Err(_) => Err(format!("no connection within {} s", OPEN.as_secs())),
        }
    }

    async fn shake_hands(http: &reqwest::Client, url: &Secret) -> Result<Self, String> {
        let key = generate_key();
        let request = http
            .get(over_http(url)?)
            .header(http::header::CONNECTION, "Upgrade")
            .header(http::header::UPGRADE, "websocket")
            .header(http::header::SEC_WEBSOCKET_VERSION, "13")
            .header(http::header::SEC_WEBSOCKET_KEY, &key)
            .header(http::header::SEC_WEBSOCKET_PROTOCOL, PROTOCOL);
        // The URL is a secret: errors must not show it.
        let told = |error: reqwest::Error| {
            let error = error.without_url();
            std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string)
        };
        let response = request.send().await.map_err(told)?;
        if response.status() != http::StatusCode::SWITCHING_PROTOCOLS {
            return Err(format!(
                "the tail answered {} in place of a WebSocket",
                response.status()
            ));
        }
        let accepted = response.headers().get(http::header::SEC_WEBSOCKET_ACCEPT);
        if accepted.is_none_or(|accepted| accepted != &derive_accept_key(key.as_bytes())) {
            return Err("the tail's WebSocket is not ours".to_owned());
        }
        let upgraded = response.upgrade().await.map_err(told)?;
        let stream = WebSocketStream::from_raw_socket(upgraded, Role::Client, None).await;
        let mut pings = interval_at(tokio::time::Instant::now() + PING, PING);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut socket = Self {
            stream,
            pings,
            unanswered: false,
        };
        socket.send(Message::text(r#"{"debug":false}"#)).await?;
        Ok(socket)
    }

    /// The next message; fails with the reason when there will be none.
    pub(super) async fn next(&mut self) -> Result<Value, String> {
        loop {
            tokio::select! {
                received = self.stream.next() => {
                    let bytes = match received {
                        Some(Ok(Message::Text(text))) => Bytes::from(text),
                        Some(Ok(Message::Binary(bytes))) => bytes,
                        Some(Ok(Message::Close(frame))) => return Err(closed(frame.as_ref())),
                        Some(Ok(_)) => {
                            self.unanswered = false;
                            continue;
                        }
                        Some(Err(error)) => return Err(reason(&error)),
                        None => return Err("the connection was closed".to_owned()),
                    };
                    self.unanswered = false;
                    // Messages that are none are nobody's loss.
                    if let Ok(message) = serde_json::from_slice(&bytes) {
                        return Ok(message);
                    }
                }
                _ = self.pings.tick() => {
                    if self.unanswered {
                        return Err(format!("no answer for {} s", PING.as_secs()));
                    }
                    self.send(Message::Ping(Bytes::from_static(b"tiny"))).await?;
                    self.unanswered = true;
                }
            }
        }
    }

    async fn send(&mut self, message: Message) -> Result<(), String> {
        self.stream
            .send(message)
            .await
            .map_err(|error| reason(&error))
    }
}

fn closed(frame: Option<&tokio_tungstenite::tungstenite::protocol::CloseFrame>) -> String {
    match frame {
        Some(frame) if !frame.reason.is_empty() => {
            format!("closed with {}: {}", u16::from(frame.code), frame.reason)
        }
        Some(frame) => format!("closed with {}", u16::from(frame.code)),
        None => "closed".to_owned(),
    }
}

fn reason(error: &Error) -> String {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => "the connection was closed".to_owned(),
        error => error.to_string(),
    }
}

/// `wss://…` as the HTTP client spells it.
fn over_http(url: &Secret) -> Result<Url, String> {
    let wrong = || "the address of the tail is no WebSocket's".to_owned();
    let mut url = Url::parse(url.reveal()).map_err(|_| wrong())?;
    let scheme = match url.scheme() {
        "wss" | "https" => "https",
        "ws" | "http" => "http",
        _ => return Err(wrong()),
    };
    url.set_scheme(scheme).map_err(|()| wrong())?;
    Ok(url)
}
