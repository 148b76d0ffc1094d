//! How carrying out a plan looks: a line for each step that is done, and what is under way below
//! them, on a terminal.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::ProgressBar;
use owo_colors::OwoColorize as _;
use serde_json::{Value, json};
use tiny_engine::{Address, Event, Part, Plan, Progress, Step};

use crate::figures::time;
use crate::plan_view::{Columns, doing};
use crate::printer::Printer;
use crate::progress::{shows_bars, spinner};

pub(crate) struct ApplyView {
    printer: Printer,
    columns: Columns,
    /// What is under way. None where bars are not shown.
    bars: Option<Mutex<BTreeMap<(Address, Part), ProgressBar>>>,
}

impl ApplyView {
    pub(crate) fn new(printer: &Printer, plan: &Plan) -> Self {
        Self {
            printer: printer.clone(),
            columns: Columns::of(plan.changes()),
            bars: shows_bars(printer).then(Mutex::default),
        }
    }

    fn with_bar(
        &self,
        step: &Step,
        act: impl FnOnce(&mut BTreeMap<(Address, Part), ProgressBar>, (Address, Part)),
    ) {
        if let Some(bars) = &self.bars {
            let mut bars = bars.lock().unwrap_or_else(PoisonError::into_inner);
            act(&mut bars, (step.address.clone(), step.part));
        }
    }

    fn started(&self, step: &Step) {
        self.with_bar(step, |bars, key| {
            let bar = self.printer.bars().add(ProgressBar::new_spinner());
            bar.set_style(spinner());
            bar.set_prefix(format!("{} {}", doing(step), step.address));
            bar.enable_steady_tick(Duration::from_millis(120));
            bars.insert(key, bar);
        });
        self.printer.event(&told(step, "started", json!({})));
    }

    fn ended(&self, step: &Step) {
        self.with_bar(step, |bars, key| {
            if let Some(bar) = bars.remove(&key) {
                bar.finish_and_clear();
            }
        });
    }

    /// `✔ d1 archive  0.4 s`
    fn line(&self, mark: &str, step: &Step, took: Duration) -> String {
        let address = self.columns.address(&step.address);
        let pass = match step.part {
            Part::Whole => String::new(),
            Part::Groundwork | Part::Migrations => format!("  {}", doing(step)),
        };
        format!("  {mark} {address}  {:>6}{pass}", time(took))
    }
}

impl Progress for ApplyView {
    fn event(&self, event: Event<'_>) {
        let ms = |took: Duration| u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        match event {
            Event::Started { step } => self.started(step),
            Event::Says { step, text } => {
                self.with_bar(step, |bars, key| {
                    if let Some(bar) = bars.get(&key) {
                        bar.set_message(text.to_owned());
                    }
                });
                self.printer.detail(&format!("  {}: {text}", step.address));
            }
            Event::Done { step, took, note } => {
                self.ended(step);
                let line = self.line(&"✔".green().to_string(), step, took);
                let note_text = note.map_or_else(String::new, |note| format!("  {note}"));
                self.printer.say(&format!("{line}{note_text}"));
                self.printer
                    .event(&told(step, "done", json!({"ms": ms(took), "note": note})));
            }
            Event::Failed { step, took, error } => {
                self.ended(step);
                self.printer
                    .say(&self.line(&"✘".red().to_string(), step, took));
                self.printer.event(&told(
                    step,
                    "failed",
                    json!({"ms": ms(took), "message": error.to_string()}),
                ));
            }
            _ => {}
        }
    }
}

impl Drop for ApplyView {
    fn drop(&mut self) {
        if let Some(bars) = &self.bars {
            for bar in bars.lock().unwrap_or_else(PoisonError::into_inner).values() {
                bar.finish_and_clear();
            }
        }
    }
}

fn told(step: &Step, state: &str, more: Value) -> Value {
    let mut event = json!({
        "event": "step",
        "state": state,
        "action": step.action,
        "kind": step.address.kind,
        "id": step.address.id,
        "name": step.name,
    });
    if let (Value::Object(event), Value::Object(more)) = (&mut event, more) {
        event.extend(more);
    }
    event
}
