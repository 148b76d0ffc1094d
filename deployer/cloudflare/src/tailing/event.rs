//! What a tail says of one invocation.

use serde::Deserialize;
use serde_json::Value;

use crate::transport::envelope::null_is_default;

/// One invocation of a worker. Only what people read is taken out; `raw` has all of it.
#[derive(Debug, Clone, PartialEq)]
pub struct TailEvent {
    /// As it came.
    pub raw: Value,
    pub trigger: Trigger,
    /// `ok`, `canceled`, `exception`, `exceededCpu`, `exceededMemory`, `unknown`, ….
    pub outcome: String,
    pub script: Option<String>,
    /// Of the worker's versions, the one that ran.
    pub version: Option<String>,
    /// Where it is not the default one: a named entrypoint, or a Durable Object class.
    pub entrypoint: Option<String>,
    /// Milliseconds since 1970.
    pub at: Option<i64>,
    /// Milliseconds.
    pub wall_time: Option<f64>,
    pub logs: Vec<LogLine>,
    pub exceptions: Vec<TailException>,
}

/// What made the worker run.
#[derive(Debug, Clone, PartialEq)]
pub enum Trigger {
    Request {
        method: String,
        url: String,
        /// None while there was no answer.
        status: Option<u16>,
    },
    Cron {
        cron: String,
    },
    Queue {
        queue: String,
        messages: u64,
    },
    Alarm,
    Email {
        to: String,
    },
    Rpc {
        method: String,
    },
    /// Of a Durable Object that slept.
    WebSocket(WebSocketPart),
    /// The tail itself has something to say, such as that it leaves out events.
    Notice {
        message: String,
    },
    /// What Cloudflare added since.
    Other,
}

/// Which event of a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebSocketPart {
    Message,
    Close,
    Error,
}

/// A call of `console`.
#[derive(Debug, Clone, PartialEq)]
pub struct LogLine {
    /// `log`, `debug`, `info`, `warn`, `error`.
    pub level: String,
    /// Its arguments, as a terminal shows them.
    pub text: String,
}

/// What was thrown and not caught.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TailException {
    #[serde(default, deserialize_with = "null_is_default")]
    pub name: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub message: String,
    pub stack: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    #[serde(default, deserialize_with = "null_is_default")]
    outcome: String,
    script_name: Option<String>,
    script_version: Option<WireVersion>,
    entrypoint: Option<String>,
    event_timestamp: Option<i64>,
    wall_time: Option<f64>,
    #[serde(default, deserialize_with = "null_is_default")]
    event: Value,
    #[serde(default, deserialize_with = "null_is_default")]
    logs: Vec<WireLog>,
    #[serde(default, deserialize_with = "null_is_default")]
    exceptions: Vec<TailException>,
}

#[derive(Deserialize)]
struct WireVersion {
    id: Option<String>,
}

#[derive(Deserialize)]
struct WireLog {
    #[serde(default, deserialize_with = "null_is_default")]
    message: Value,
    #[serde(default, deserialize_with = "null_is_default")]
    level: String,
}

impl TailEvent {
    /// Never fails: a message of a shape that we do not know is still shown, as it is.
    pub fn parse(raw: &Value) -> Self {
        let Ok(wire) = Wire::deserialize(raw) else {
            return Self {
                raw: raw.clone(),
                trigger: Trigger::Notice {
                    message: raw.to_string(),
                },
                outcome: String::new(),
                script: None,
                version: None,
                entrypoint: None,
                at: None,
                wall_time: None,
                logs: Vec::new(),
                exceptions: Vec::new(),
            };
        };
        Self {
            raw: raw.clone(),
            trigger: Trigger::parse(&wire.event),
            outcome: wire.outcome,
            script: wire.script_name,
            version: wire.script_version.and_then(|version| version.id),
            entrypoint: wire.entrypoint.filter(|name| name != "default"),
            at: wire.event_timestamp,
            wall_time: wire.wall_time,
            logs: wire
                .logs
                .into_iter()
                .map(|line| LogLine {
                    level: line.level,
                    text: text(&line.message),
                })
                .collect(),
            exceptions: wire.exceptions,
        }
    }
}

impl TailEvent {
    /// Rewrites every text that the worker's code made: log lines, and what exceptions say.
    pub fn map_texts(&mut self, rewrite: impl Fn(&str) -> String) {
        for line in &mut self.logs {
            line.text = rewrite(&line.text);
        }
        for exception in &mut self.exceptions {
            exception.message = rewrite(&exception.message);
            exception.stack = exception.stack.as_deref().map(&rewrite);
        }
        for part in ["logs", "exceptions"] {
            if let Some(part) = self.raw.get_mut(part) {
                map_strings(part, &rewrite);
            }
        }
    }
}

fn map_strings(value: &mut Value, rewrite: &impl Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = rewrite(text),
        Value::Array(parts) => parts.iter_mut().for_each(|part| map_strings(part, rewrite)),
        Value::Object(fields) => fields
            .values_mut()
            .for_each(|field| map_strings(field, rewrite)),
        _ => {}
    }
}

impl Trigger {
    /// The event has no field that says what it is: it is told by what it carries.
    fn parse(event: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let has = |name: &str| event.get(name).is_some_and(|value| !value.is_null());
        if has("request") {
            let request = &event["request"];
            Self::Request {
                method: text(&request["method"]),
                url: text(&request["url"]),
                status: event["response"]["status"]
                    .as_u64()
                    .and_then(|status| u16::try_from(status).ok()),
            }
        } else if has("cron") {
            Self::Cron {
                cron: text(&event["cron"]),
            }
        } else if has("queue") {
            Self::Queue {
                queue: text(&event["queue"]),
                messages: event["batchSize"].as_u64().unwrap_or_default(),
            }
        } else if has("rpcMethod") {
            Self::Rpc {
                method: text(&event["rpcMethod"]),
            }
        } else if has("getWebSocketEvent") {
            Self::WebSocket(
                match event["getWebSocketEvent"]["webSocketEventType"].as_str() {
                    Some("close") => WebSocketPart::Close,
                    Some("error") => WebSocketPart::Error,
                    _ => WebSocketPart::Message,
                },
            )
        } else if has("rcptTo") {
            Self::Email {
                to: text(&event["rcptTo"]),
            }
        } else if has("message") {
            Self::Notice {
                message: text(&event["message"]),
            }
        } else if has("scheduledTime") {
            // Crons have it too, and something more.
            Self::Alarm
        } else {
            Self::Other
        }
    }
}

/// The arguments of a call of `console`, as it joins them: texts bare, all else as JSON.
fn text(message: &Value) -> String {
    match message {
        Value::Array(parts) => parts.iter().map(text_of).collect::<Vec<_>>().join(" "),
        other => text_of(other),
    }
}

fn text_of(part: &Value) -> String {
    match part {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_with_its_lines_and_its_exception_is_taken_apart() {
        let raw = json!({
            "outcome": "exception",
            "scriptName": "todo",
            "scriptVersion": {"id": "v1"},
            "entrypoint": "default",
            "eventTimestamp": 1_700_000_000_000_i64,
            "wallTime": 12.5,
            "event": {
                "request": {"method": "GET", "url": "https://x.example/a", "headers": {}},
                "response": {"status": 500},
            },
            "logs": [{"message": ["counted", 3, {"a": true}], "level": "warn", "timestamp": 1}],
            "exceptions": [{"name": "Error", "message": "boom", "timestamp": 1}],
        });
        let event = TailEvent::parse(&raw);
        assert_eq!(
            event.trigger,
            Trigger::Request {
                method: "GET".to_owned(),
                url: "https://x.example/a".to_owned(),
                status: Some(500),
            }
        );
        assert_eq!(event.logs[0].text, "counted 3 {\"a\":true}");
        assert_eq!(event.exceptions[0].message, "boom");
        assert_eq!(event.version.as_deref(), Some("v1"));
        assert_eq!(event.entrypoint, None);
        assert_eq!(event.raw, raw);
    }

    #[test]
    fn what_made_it_run_is_told_by_what_the_event_carries() {
        for (event, expected) in [
            (
                json!({"cron": "0 4 * * *", "scheduledTime": 1}),
                Trigger::Cron {
                    cron: "0 4 * * *".to_owned(),
                },
            ),
            (
                json!({"scheduledTime": "2026-01-01T00:00:00Z"}),
                Trigger::Alarm,
            ),
            (
                json!({"queue": "orders", "batchSize": 7}),
                Trigger::Queue {
                    queue: "orders".to_owned(),
                    messages: 7,
                },
            ),
            (
                json!({"getWebSocketEvent": {"webSocketEventType": "close", "code": 1000}}),
                Trigger::WebSocket(WebSocketPart::Close),
            ),
            (
                json!({"type": "overload", "message": "sampling"}),
                Trigger::Notice {
                    message: "sampling".to_owned(),
                },
            ),
            (json!({"somethingNew": 1}), Trigger::Other),
            (json!(null), Trigger::Other),
        ] {
            let parsed = TailEvent::parse(&json!({"outcome": "ok", "event": event}));
            assert_eq!(parsed.trigger, expected);
        }
    }

    #[test]
    fn a_message_of_an_unknown_shape_is_shown_as_it_is() {
        let event = TailEvent::parse(&json!(["what", "is", "this"]));
        assert_eq!(
            event.trigger,
            Trigger::Notice {
                message: r#"["what","is","this"]"#.to_owned()
            }
        );
    }
}
