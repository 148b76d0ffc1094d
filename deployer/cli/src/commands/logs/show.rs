//! How an invocation looks in the terminal.

use chrono::{DateTime, Local};
use owo_colors::OwoColorize as _;
use tiny_cloudflare::{TailEvent, Trigger, WebSocketPart};

/// Makes lines of events.
pub(super) struct Lines {
    /// Of the names before the lines; none where there is one worker only.
    width: Option<usize>,
}

impl Lines {
    pub(super) fn of<'a>(workers: impl ExactSizeIterator<Item = &'a str>) -> Self {
        let several = workers.len() > 1;
        let width = workers.map(str::len).max().unwrap_or(0);
        Self {
            width: several.then_some(width),
        }
    }

    /// What happened on one line, and what was said below it.
    pub(super) fn of_event(&self, worker: &str, event: &TailEvent) -> Vec<String> {
        let prefix = match self.width {
            Some(width) => format!("{}  ", format!("{worker:width$}").cyan()),
            None => String::new(),
        };
        let at = event
            .at
            .and_then(DateTime::from_timestamp_millis)
            .map_or_else(Local::now, |at| at.with_timezone(&Local));
        let mut lines = vec![format!(
            "{prefix}{}  {}",
            at.format("%H:%M:%S").to_string().dimmed(),
            headline(event)
        )];
        let said = event
            .logs
            .iter()
            .map(|line| (line.level.as_str(), line.text.clone()));
        let thrown = event.exceptions.iter().map(|exception| {
            let text = match &exception.stack {
                // Its first line is the message already.
                Some(stack) if stack.contains(&exception.message) => stack.clone(),
                Some(stack) => format!("{}: {}\n{stack}", exception.name, exception.message),
                None => format!("{}: {}", exception.name, exception.message),
            };
            ("throw", text)
        });
        for (level, text) in said.chain(thrown) {
            for (index, line) in text.lines().enumerate() {
                let label = if index == 0 { level } else { "" };
                lines.push(format!("{prefix}          {} {line}", coloured(label)));
            }
        }
        lines
    }
}

fn headline(event: &TailEvent) -> String {
    let mut line = match &event.trigger {
        Trigger::Request {
            method,
            url,
            status,
        } => {
            let status = match status {
                Some(status @ 500..) => status.red().to_string(),
                Some(status @ 400..) => status.yellow().to_string(),
                Some(status) => status.green().to_string(),
                None => "no answer".yellow().to_string(),
            };
            format!("{method} {url} {status}")
        }
        Trigger::Cron { cron } => format!("cron {cron}"),
        Trigger::Queue { queue, messages } => {
            let noun = if *messages == 1 {
                "message"
            } else {
                "messages"
            };
            format!("queue {queue}, {messages} {noun}")
        }
        Trigger::Alarm => "alarm".to_owned(),
        Trigger::Email { to } => format!("email to {to}"),
        Trigger::Rpc { method } => format!("call of {method}"),
        Trigger::WebSocket(WebSocketPart::Message) => "WebSocket message".to_owned(),
        Trigger::WebSocket(WebSocketPart::Close) => "WebSocket closed".to_owned(),
        Trigger::WebSocket(WebSocketPart::Error) => "WebSocket failed".to_owned(),
        Trigger::Notice { message } => return message.clone(),
        Trigger::Other => "event".to_owned(),
    };
    if let Some(entrypoint) = &event.entrypoint {
        line = format!("{line} in {entrypoint}");
    }
    match event.outcome.as_str() {
        // That nothing went wrong needs no words.
        "" | "ok" => {}
        "canceled" => line = format!("{line}  {}", "canceled".yellow()),
        outcome => line = format!("{line}  {}", outcome.red()),
    }
    if let Some(wall) = event.wall_time {
        line = format!("{line}  {}", format!("{wall:.0} ms").dimmed());
    }
    line
}

fn coloured(level: &str) -> String {
    let padded = format!("{level:5}");
    match level {
        "error" | "throw" => padded.red().to_string(),
        "warn" => padded.yellow().to_string(),
        _ => padded.dimmed().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(workers: &[&str], event: &serde_json::Value) -> String {
        let lines = Lines::of(workers.iter().copied());
        let text = lines.of_event("web", &TailEvent::parse(event)).join("\n");
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn a_request_its_lines_and_its_exception_are_read_from_top_to_bottom() {
        let event = json!({
            "outcome": "exception",
            "eventTimestamp": null,
            "event": {
                "request": {"method": "GET", "url": "https://x.example/a"},
                "response": {"status": 500},
            },
            "wallTime": 12.4,
            "logs": [
                {"message": ["counted", 3], "level": "log"},
                {"message": ["two\nlines"], "level": "warn"},
            ],
            "exceptions": [{"name": "Error", "message": "boom", "stack": "    at todo::page"}],
        });
        let text = shown(&["web"], &event);
        // The time is now, and of this machine.
        insta::assert_snapshot!(&text[8..], @r"
          GET https://x.example/a 500  exception  12 ms
                  log   counted 3
                  warn  two
                        lines
                  throw Error: boom
                            at todo::page
        ");
    }

    #[test]
    fn with_several_workers_each_line_says_whose_it_is() {
        let event = json!({"outcome": "ok", "event": {"cron": "0 4 * * *"}});
        let text = shown(&["web", "second"], &event);
        assert!(text.starts_with("web     "), "{text}");
        assert!(text.ends_with("cron 0 4 * * *"), "{text}");
    }
}
