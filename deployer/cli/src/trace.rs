//! What `--trace-http` shows: every exchange with Cloudflare's API, on standard error.

use std::fmt::Write as _;

use owo_colors::OwoColorize as _;
use tiny_cloudflare::{Exchange, Outcome, Trace, Waiting};

use crate::figures::time;
use crate::printer::Printer;

/// Bodies are cut here; lists of an account can be long.
const SHOWN: usize = 4000;

pub(crate) struct HttpTrace(pub(crate) Printer);

impl Trace for HttpTrace {
    fn exchange(&self, exchange: &Exchange) {
        let mut text = format!(
            "{} {} {}",
            "→".cyan(),
            exchange.method.bold(),
            exchange.path.bold()
        );
        if exchange.attempt > 1 {
            let _ = write!(text, "  (attempt {})", exchange.attempt);
        }
        headers(&mut text, &exchange.request_headers);
        body(&mut text, &exchange.request_body);
        let took = time(exchange.duration);
        match &exchange.outcome {
            Outcome::Answered {
                status,
                headers: answered,
                body: answer,
            } => {
                let code = if *status < 400 {
                    status.green().to_string()
                } else {
                    status.red().to_string()
                };
                let _ = write!(text, "\n{} {code} in {took}", "←".cyan());
                headers(&mut text, answered);
                body(&mut text, answer);
            }
            Outcome::Failed { why } => {
                let _ = write!(text, "\n{} {why} after {took}", "←".red());
            }
        }
        self.0.block(&text);
    }

    fn waiting(&self, waiting: &Waiting<'_>) {
        self.0.block(&format!(
            "{} attempt {} to {}: {}; again in {}",
            "…".yellow(),
            waiting.attempt,
            waiting.operation,
            waiting.why,
            time(waiting.pause)
        ));
    }
}

fn headers(text: &mut String, headers: &[(String, String)]) {
    for (name, value) in headers {
        // Writing to a String cannot fail, here and below.
        let _ = write!(text, "\n    {}", format!("{name}: {value}").dimmed());
    }
}

fn body(text: &mut String, body: &str) {
    if body.is_empty() {
        return;
    }
    let shown: String = body.chars().take(SHOWN).collect();
    for line in shown.lines() {
        let _ = write!(text, "\n    {line}");
    }
    if shown.len() < body.len() {
        let _ = write!(text, "\n    … of {} bytes", body.len());
    }
}
