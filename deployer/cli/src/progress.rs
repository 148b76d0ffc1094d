//! Progress of long work: bars on a terminal, plain lines elsewhere, events with `--json`.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use owo_colors::OwoColorize as _;
use serde_json::json;
use tiny_provision::{Reporter, Task};

use crate::printer::{Printer, Verbosity};

/// Work that ends sooner leaves no line behind.
const WORTH_A_LINE: Duration = Duration::from_secs(1);
/// Without a terminal, how often a line says that the work goes on.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// Shows the tasks of provisioning and building through the printer.
pub(crate) struct Progress {
    printer: Printer,
    bars: bool,
}

impl Progress {
    pub(crate) fn new(printer: Printer) -> Self {
        let bars = shows_bars(&printer);
        Self { printer, bars }
    }
}

/// Bars are for people who watch.
pub(crate) fn shows_bars(printer: &Printer) -> bool {
    std::io::stderr().is_terminal() && !printer.json() && printer.verbosity() > Verbosity::Quiet
}

impl Reporter for Progress {
    fn task(&self, label: &str) -> Box<dyn Task> {
        let bar = self.bars.then(|| {
            let bar = self.printer.bars().add(ProgressBar::new_spinner());
            bar.set_style(spinner());
            bar.set_prefix(label.to_owned());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Box::new(Line {
            printer: self.printer.clone(),
            label: label.to_owned(),
            bar,
            started: Instant::now(),
            spoke: Instant::now(),
            total: None,
            at: 0,
            detail: String::new(),
        })
    }

    fn note(&self, text: &str) {
        self.printer.say(text);
        self.printer
            .event(&json!({"event": "note", "message": text}));
    }
}

struct Line {
    printer: Printer,
    label: String,
    bar: Option<ProgressBar>,
    started: Instant,
    spoke: Instant,
    total: Option<u64>,
    at: u64,
    detail: String,
}

impl Line {
    /// Without a bar: a line now and then, so that a log shows that the work goes on.
    fn heartbeat(&mut self) {
        if self.bar.is_some() || self.spoke.elapsed() < HEARTBEAT {
            return;
        }
        self.spoke = Instant::now();
        let position = match self.total {
            Some(total) => format!(" {}/{total}", self.at),
            None => String::new(),
        };
        let seconds = self.started.elapsed().as_secs();
        self.printer.say(&format!(
            "  … {}{position} {} ({seconds} s)",
            self.label, self.detail
        ));
        self.printer.event(&json!({
            "event": "progress",
            "task": self.label,
            "done": self.at,
            "total": self.total,
        }));
    }
}

impl Task for Line {
    fn total(&mut self, units: u64) {
        self.total = Some(units);
        if let Some(bar) = &self.bar {
            bar.set_length(units);
            bar.set_style(counter());
        }
    }

    fn at(&mut self, units: u64) {
        self.at = units;
        if let Some(bar) = &self.bar {
            bar.set_position(units);
        }
        self.heartbeat();
    }

    fn say(&mut self, text: &str) {
        text.clone_into(&mut self.detail);
        if let Some(bar) = &self.bar {
            bar.set_message(text.to_owned());
        }
        self.heartbeat();
    }

    fn done(mut self: Box<Self>, text: &str) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        let elapsed = self.started.elapsed();
        let line = format!("  {} {text}  {:.1} s", "✔".green(), elapsed.as_secs_f64());
        if elapsed >= WORTH_A_LINE {
            self.printer.say(&line);
        } else {
            self.printer.detail(&line);
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

pub(crate) fn spinner() -> ProgressStyle {
    ProgressStyle::with_template("  {spinner} {prefix}  {wide_msg:.dim}  {elapsed:.dim}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn counter() -> ProgressStyle {
    ProgressStyle::with_template(
        "  {spinner} {prefix}  {bar:24} {pos}/{len}  {wide_msg:.dim}  {elapsed:.dim}",
    )
    .map_or_else(
        |_| ProgressStyle::default_bar(),
        |style| style.progress_chars("━╸ "),
    )
}
