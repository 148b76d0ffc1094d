//! The one place that writes to the terminal: results to standard output, progress to standard
//! error, and with `--json` one event a line in place of both.

use std::fmt::Write as _;
use std::sync::Arc;

use indicatif::MultiProgress;
use owo_colors::OwoColorize as _;
use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verbosity {
    Quiet,
    Normal,
    Verbose,
}

/// Cheap to clone; every clone writes around the same progress bars.
#[derive(Debug, Clone)]
pub(crate) struct Printer {
    verbosity: Verbosity,
    json: bool,
    bars: Arc<MultiProgress>,
}

impl Printer {
    pub(crate) fn new(verbosity: Verbosity, json: bool) -> Self {
        Self {
            verbosity,
            json,
            bars: Arc::new(MultiProgress::new()),
        }
    }

    pub(crate) fn json(&self) -> bool {
        self.json
    }

    pub(crate) fn verbosity(&self) -> Verbosity {
        self.verbosity
    }

    pub(crate) fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// A result: what the user asked for. Standard output, unless that belongs to JSON.
    pub(crate) fn result(&self, text: &str) {
        if !self.json {
            self.above_bars(|| write_line(anstream::stdout(), text));
        }
    }

    /// Progress or a remark. Standard error; nothing with `-q`.
    pub(crate) fn say(&self, text: &str) {
        if self.verbosity > Verbosity::Quiet && !self.json {
            self.above_bars(|| write_line(anstream::stderr(), text));
        }
    }

    /// Whether remarks were shown, and with them a text that was `told` line by line.
    pub(crate) fn has_noted(&self, told: bool) -> bool {
        told && self.verbosity > Verbosity::Quiet && !self.json
    }

    /// Said only with `-v`.
    pub(crate) fn detail(&self, text: &str) {
        if self.verbosity == Verbosity::Verbose && !self.json {
            self.above_bars(|| write_line(anstream::stderr(), &text.dimmed().to_string()));
        }
    }

    pub(crate) fn warning(&self, text: &str) {
        self.above_bars(|| {
            write_line(
                anstream::stderr(),
                &format!("{}: {text}", "warning".yellow().bold()),
            );
        });
    }

    pub(crate) fn error(&self, text: &str, help: Option<&str>) {
        self.above_bars(|| {
            let mut block = format!("{}: {text}", "error".red().bold());
            for (index, line) in help.unwrap_or_default().lines().enumerate() {
                let label = if index == 0 { "help:" } else { "     " };
                // Writing to a String cannot fail.
                let _ = write!(block, "\n  {} {line}", label.cyan());
            }
            write_line(anstream::stderr(), &block);
        });
    }

    /// Text that carries its own layout and colours: rustc's messages, diagnostics.
    pub(crate) fn block(&self, text: &str) {
        self.above_bars(|| write_line(anstream::stderr(), text.trim_end_matches('\n')));
    }

    /// One NDJSON event, only with `--json`.
    pub(crate) fn event(&self, event: &impl Serialize) {
        if self.json
            && let Ok(line) = serde_json::to_string(event)
        {
            write_line(std::io::stdout(), &line);
        }
    }

    fn above_bars(&self, write: impl FnOnce()) {
        self.bars.suspend(write);
    }
}

/// A closed pipe (`tiny … | head`) is the reader's choice, not a failure of ours.
fn write_line(mut stream: impl std::io::Write, text: &str) {
    let _ = writeln!(stream, "{text}").and_then(|()| stream.flush());
}
