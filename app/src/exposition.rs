//! How metrics are told: to Prometheus, and as JSON.

use std::fmt::{self, Write as _};

use serde_json::{Value as Json, json};

use crate::metrics::{Counters, Gauges, Metrics, Severity, Warning, seconds};
use crate::usage::Level;

impl Metrics {
    pub fn to_json(&self, gauges: Gauges, warnings: &[Warning]) -> Json {
        let Counters {
            requests,
            answers,
            messages_in,
            messages_out,
            bytes_in,
            bytes_out,
            failed_messages,
            failed_duties,
            edits,
            sockets_most,
        } = self.counters();
        let buckets = answers.cumulative();
        let buckets: Vec<Json> = buckets
            .map(|(bound, count)| json!({ "ms": bound, "count": count }))
            .collect();
        json!({
            "requests": requests,
            "responses": {
                "count": answers.count,
                "failed": answers.failed,
                "sum_ms": answers.sum,
                "max_ms": answers.max,
                "until": buckets,
            },
            "messages": {
                "in": messages_in,
                "out": messages_out,
                "bytes_in": bytes_in,
                "bytes_out": bytes_out,
                "failed": failed_messages,
            },
            "duties": { "failed": failed_duties },
            "edits": edits,
            "sockets": { "now": gauges.sockets, "most": sockets_most },
            "todos": { "all": gauges.todos, "completed": gauges.completed },
            "storage": {
                "bytes": gauges.storage,
                "limit": gauges.storage_limit,
                "level": Level::of(gauges.storage).name(),
            },
            "error_ratio": self.counters().error_ratio(),
            "warnings": warnings,
        })
    }

    /// In Prometheus' text format, version 0.0.4.
    pub fn to_prometheus(&self, gauges: Gauges, warnings: &[Warning]) -> String {
        let counters = self.counters();
        let mut text = Exposition::default();
        text.family("requests_total", "counter", "Requests by kind.");
        for (kind, count) in &counters.requests {
            text.labelled("requests_total", "kind", kind, *count);
        }
        text.family(
            "response_seconds",
            "histogram",
            "Time from the worker's question to the object's answer.",
        );
        let answers = &counters.answers;
        for (bound, count) in answers.cumulative() {
            let bound = seconds(bound.into());
            text.labelled("response_seconds_bucket", "le", &bound, count);
        }
        text.labelled("response_seconds_bucket", "le", "+Inf", answers.count);
        text.line("response_seconds_sum", seconds(answers.sum));
        text.line("response_seconds_count", answers.count);
        text.family("response_seconds_max", "gauge", "The slowest answer.");
        text.line("response_seconds_max", seconds(answers.max.into()));
        let messages = [
            (
                "websocket_messages_total",
                "Messages over WebSockets.",
                [counters.messages_in, counters.messages_out],
            ),
            (
                "websocket_bytes_total",
                "Bytes of messages over WebSockets.",
                [counters.bytes_in, counters.bytes_out],
            ),
        ];
        for (name, help, [received, sent]) in messages {
            text.family(name, "counter", help);
            text.labelled(name, "direction", "in", received);
            text.labelled(name, "direction", "out", sent);
        }
        text.family("failures_total", "counter", "What failed, by kind.");
        text.labelled("failures_total", "kind", "response", answers.failed);
        text.labelled(
            "failures_total",
            "kind",
            "message",
            counters.failed_messages,
        );
        text.labelled("failures_total", "kind", "duty", counters.failed_duties);
        text.family(
            "error_ratio",
            "gauge",
            "Share of requests and messages that failed.",
        );
        text.line("error_ratio", counters.error_ratio());
        text.family("edits_total", "counter", "Edits that changed a list.");
        text.line("edits_total", counters.edits);
        let singles = [
            ("sockets", "WebSockets that are open.", gauges.sockets),
            (
                "sockets_most",
                "The most WebSockets at once.",
                counters.sockets_most,
            ),
            ("todos", "Todos of the list.", gauges.todos),
            (
                "todos_completed",
                "Completed todos of the list.",
                gauges.completed,
            ),
            (
                "storage_bytes",
                "Bytes that the object's database takes.",
                gauges.storage,
            ),
            (
                "storage_limit_bytes",
                "Bytes that it may take.",
                gauges.storage_limit,
            ),
        ];
        for (name, help, value) in singles {
            text.family(name, "gauge", help);
            text.line(name, value);
        }
        text.family("storage_level", "gauge", "How full the storage is.");
        let level = Level::of(gauges.storage).name();
        for name in ["ok", "high", "critical"] {
            text.labelled("storage_level", "level", name, u64::from(name == level));
        }
        text.family("warning", "gauge", "Thresholds that are exceeded.");
        for (name, severity) in [
            ("storage", Severity::Warning),
            ("storage", Severity::Critical),
            ("response", Severity::Warning),
            ("errors", Severity::Critical),
        ] {
            let is_it = |warning: &Warning| warning.name == name && warning.severity == severity;
            let value = u64::from(warnings.iter().any(is_it));
            text.warning(name, severity.name(), value);
        }
        text.0
    }
}

/// Text for Prometheus. Nothing in it needs escapes: labels are our own words.
#[derive(Default)]
struct Exposition(String);

impl Exposition {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(
            self.0,
            "# HELP todo_{name} {help}\n# TYPE todo_{name} {kind}"
        );
    }

    fn line(&mut self, name: &str, value: impl fmt::Display) {
        let _ = writeln!(self.0, "todo_{name} {value}");
    }

    fn labelled(&mut self, name: &str, label: &str, is: &str, value: u64) {
        let _ = writeln!(self.0, "todo_{name}{{{label}=\"{is}\"}} {value}");
    }

    fn warning(&mut self, name: &str, severity: &str, value: u64) {
        let labels = format!("threshold=\"{name}\",severity=\"{severity}\"");
        let _ = writeln!(self.0, "todo_warning{{{labels}}} {value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit;
    use crate::times::Times;

    const NOW: u64 = 1_764_000_000_000;

    /// Answers that took as long as each other.
    fn answers(count: u64, failed: u64, ms: u32, bucket: usize) -> Times {
        let mut times = Times {
            count,
            failed,
            sum: count * u64::from(ms),
            max: ms,
            ..Times::default()
        };
        times.buckets[bucket] = count;
        times
    }

    #[test]
    fn it_is_told_to_prometheus_and_as_json() {
        let mut metrics = Metrics::default();
        metrics.request("page");
        metrics.request("sync");
        metrics.answers(&answers(3, 0, 40, 3), NOW);
        metrics.answers(&answers(1, 1, 1_500, 8), NOW);
        metrics.message_in(120, false, NOW);
        metrics.message_out(2, 60);
        metrics.sockets(2);
        metrics.edit();
        let gauges = Gauges {
            sockets: 2,
            todos: 3,
            completed: 1,
            storage: 12_288,
            storage_limit: limit::STORAGE,
        };
        let warnings = metrics.warnings(gauges, NOW);
        insta::assert_snapshot!("prometheus", metrics.to_prometheus(gauges, &warnings));
        let json = serde_json::to_string_pretty(&metrics.to_json(gauges, &warnings)).unwrap();
        insta::assert_snapshot!("json", json);
    }
}
