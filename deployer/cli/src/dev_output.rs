//! How a dev session looks in the terminal, and as events with `--json`.

use std::time::{Duration, Instant};

use anstream::adapter::strip_str;
use camino::Utf8PathBuf;
use owo_colors::OwoColorize as _;
use serde_json::json;
use tiny_dev::{BusyWorker, Command, DevEvent, Reloaded, RequestLine, Work};

use crate::figures::time;
use crate::printer::Printer;

/// Request lines a second; a load test would otherwise be slowed down by its own log.
const REQUEST_LINES: u32 = 200;

/// Shows what happens in a session and turns keys into commands.
pub(crate) struct DevOutput {
    printer: Printer,
    keys: bool,
    url: Option<String>,
    /// `c` was pressed and waits for its answer.
    asking: bool,
    second: Instant,
    lines: u32,
    unseen: u32,
}

impl DevOutput {
    pub(crate) fn new(printer: Printer) -> Self {
        Self {
            printer,
            keys: false,
            url: None,
            asking: false,
            second: Instant::now(),
            lines: 0,
            unseen: 0,
        }
    }

    pub(crate) fn printer(&self) -> Printer {
        self.printer.clone()
    }

    pub(crate) fn start(&mut self, keys: bool) {
        self.keys = keys;
    }

    pub(crate) fn show(&mut self, event: DevEvent) {
        if self.printer.json() {
            self.printer.event(&as_json(&event));
        } else {
            self.show_text(event);
        }
    }

    fn show_text(&mut self, event: DevEvent) {
        let printer = self.printer.clone();
        match event {
            DevEvent::Ready {
                url,
                others,
                elapsed,
            } => {
                printer.result(&format!(
                    "\n  {} {}  ready in {}",
                    "➜".green().bold(),
                    url.bold(),
                    time(elapsed)
                ));
                for (name, url) in others {
                    printer.result(&format!("    {url}  {name}"));
                }
                self.url = Some(url);
                if self.keys {
                    printer.say(&format!("  {}\n", KEYS.dimmed()));
                }
            }
            DevEvent::Change { paths } => {
                printer.say(&format!("  {} {}", "changed".dimmed(), names(&paths)));
            }
            DevEvent::BuildFailed {
                title,
                message,
                told,
            } => {
                if !printer.has_noted(told) {
                    printer.block(&message);
                }
                let help = if self.url.is_some() {
                    "still serving the last successful build; save a fix to rebuild"
                } else {
                    "save a fix to rebuild"
                };
                printer.error(&title, Some(help));
            }
            DevEvent::Reload(times) => printer.say(&reloaded(&times)),
            DevEvent::AssetsReloaded { paths } => {
                let noun = if paths.len() == 1 { "file" } else { "files" };
                printer.say(&format!(
                    "  {} {} static {noun}",
                    "updated".green(),
                    paths.len()
                ));
            }
            DevEvent::Unchanged => printer.say(&format!("  {}", "nothing changed".dimmed())),
            DevEvent::ManifestBroken { errors } => {
                let colour = anstream::AutoStream::choice(&std::io::stderr())
                    != anstream::ColorChoice::Never;
                printer.block(&errors.render(colour));
                printer.error(
                    "tiny.toml is not valid",
                    Some("the last good one stays in force; save a fix to go on"),
                );
            }
            DevEvent::Request(line) => self.request_line(&line),
            DevEvent::Busy(busy) => printer.warning(&self.busy(&busy)),
            DevEvent::Warning { message } => printer.block(&message),
            DevEvent::Log { level, message } => {
                let text = message.trim_end();
                match level.as_str() {
                    "error" => printer.block(&format!("{} {text}", "error".red())),
                    "warn" => printer.block(&format!("{} {text}", "warn".yellow())),
                    _ => printer.block(&format!("{} {text}", level.dimmed())),
                }
            }
            DevEvent::Note { message } => printer.say(&format!("  {message}")),
            DevEvent::Cron {
                worker,
                cron,
                outcome,
            } => {
                printer.say(&format!(
                    "  {} {cron} on {worker}  {outcome}",
                    "cron".cyan()
                ));
            }
            DevEvent::Hibernated { objects } => {
                let noun = if objects == 1 {
                    "object sleeps"
                } else {
                    "objects sleep"
                };
                printer.say(&format!("  {objects} durable {noun}"));
            }
            DevEvent::Cleared => printer.say("  local data cleared"),
            DevEvent::RuntimeDied { reason } => {
                printer.warning(&format!("the runtime ended and is started again: {reason}"));
            }
            _ => {}
        }
    }

    fn busy(&self, busy: &BusyWorker) -> String {
        let keys = if self.keys { ", or press r" } else { "" };
        format!(
            "{} has kept the worker busy for {} s\n  help: nothing else is answered meanwhile; \
             save a change{keys} to restart it",
            busy.work,
            busy.elapsed.as_secs()
        )
    }

    fn request_line(&mut self, line: &RequestLine) {
        if self.second.elapsed() >= Duration::from_secs(1) {
            if self.unseen > 0 {
                self.printer.say(&format!(
                    "  {}",
                    format!("… and {} more requests", self.unseen).dimmed()
                ));
            }
            (self.second, self.lines, self.unseen) = (Instant::now(), 0, 0);
        }
        if self.lines >= REQUEST_LINES {
            self.unseen += 1;
            return;
        }
        self.lines += 1;
        let RequestLine {
            method,
            path,
            status,
            ..
        } = line;
        let code = match status {
            500.. => status.red().to_string(),
            400.. => status.yellow().to_string(),
            _ => status.green().to_string(),
        };
        let took = time(line.elapsed);
        self.printer
            .say(&format!("  {method} {path} {code} {}", took.dimmed()));
    }

    /// What a key asks the session to do; the others are dealt with here.
    pub(crate) fn key(&mut self, key: char) -> Option<Command> {
        if std::mem::take(&mut self.asking) {
            if key.eq_ignore_ascii_case(&'y') {
                return Some(Command::ClearData);
            }
            self.printer.say("  kept");
            return None;
        }
        match key {
            'r' => return Some(Command::Rebuild),
            'd' => return Some(Command::Hibernate),
            'q' => return Some(Command::Quit),
            'l' => self.printer.result("\x1b[2J\x1b[3J\x1b[H"),
            'o' => self.open(),
            'c' => {
                self.asking = true;
                self.printer
                    .say("  delete all local data of this project? [y/N]");
            }
            'h' | '?' => self.printer.say(&format!("  {KEYS}")),
            _ => {}
        }
        None
    }

    fn open(&self) {
        let Some(url) = &self.url else {
            self.printer
                .say("  nothing to open yet: the first build is not done");
            return;
        };
        if let Err(error) = open::that_detached(url) {
            self.printer.warning(&format!(
                "cannot open a browser ({error}); the page is at {url}"
            ));
        }
    }

    pub(crate) fn stopped(&self, ok: bool) {
        self.printer.event(&json!({"event": "stopped"}));
        if ok {
            self.printer.event(&json!({"event": "done", "ok": true}));
        }
    }
}

const KEYS: &str = "r rebuild · o open · l clear screen · d hibernate · c clear data · q quit";

/// The first few of them.
fn names(paths: &[Utf8PathBuf]) -> String {
    const SHOWN: usize = 3;
    let names: Vec<_> = paths.iter().filter_map(|path| path.file_name()).collect();
    let shown = names[..names.len().min(SHOWN)].join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn reloaded(times: &Reloaded) -> String {
    let parts = format!(
        "cargo {} · wasm-bindgen {} · pause {}",
        time(times.cargo),
        time(times.bindgen),
        time(times.swap)
    );
    format!(
        "  {} in {}  {}",
        "reloaded".green(),
        time(times.total),
        parts.dimmed()
    )
}

/// The events that scripts read; their names and fields are a promise.
fn as_json(event: &DevEvent) -> serde_json::Value {
    let ms = |duration: &Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    match event {
        DevEvent::Building => json!({"event": "building"}),
        DevEvent::Ready {
            url,
            others,
            elapsed,
        } => {
            let others: serde_json::Map<_, _> = others
                .iter()
                .map(|(name, url)| (name.clone(), json!(url)))
                .collect();
            json!({"event": "ready", "url": url, "ms": ms(elapsed), "others": others})
        }
        DevEvent::Change { paths } => json!({"event": "change", "paths": paths}),
        DevEvent::BuildFailed { title, message, .. } => {
            json!({"event": "build_failed", "title": title, "message": strip_str(message).to_string()})
        }
        DevEvent::Reload(times) => json!({
            "event": "reload",
            "cargo_ms": ms(&times.cargo),
            "bindgen_ms": ms(&times.bindgen),
            "swap_ms": ms(&times.swap),
            "total_ms": ms(&times.total),
        }),
        DevEvent::AssetsReloaded { paths } => json!({"event": "assets", "paths": paths}),
        DevEvent::Unchanged => json!({"event": "unchanged"}),
        DevEvent::ManifestBroken { errors } => {
            json!({"event": "manifest_broken", "message": errors.render(false)})
        }
        DevEvent::Request(line) => json!({
            "event": "request",
            "worker": line.worker,
            "method": line.method,
            "path": line.path,
            "status": line.status,
            "ms": ms(&line.elapsed),
        }),
        DevEvent::Busy(BusyWorker {
            worker,
            work,
            elapsed,
        }) => match work {
            Work::Request { method, path } => json!({
                "event": "busy",
                "worker": worker,
                "method": method,
                "path": path,
                "ms": ms(elapsed),
            }),
            Work::Cron(cron) => {
                json!({"event": "busy", "worker": worker, "cron": cron, "ms": ms(elapsed)})
            }
        },
        DevEvent::Warning { message } => {
            json!({"event": "warning", "message": strip_str(message).to_string()})
        }
        DevEvent::Log { level, message } => {
            json!({"event": "log", "level": level, "message": message})
        }
        DevEvent::Note { message } => json!({"event": "note", "message": message}),
        DevEvent::Cron {
            worker,
            cron,
            outcome,
        } => {
            json!({"event": "cron", "worker": worker, "cron": cron, "outcome": outcome})
        }
        DevEvent::Hibernated { objects } => json!({"event": "hibernated", "objects": objects}),
        DevEvent::Cleared => json!({"event": "cleared"}),
        DevEvent::RuntimeDied { reason } => json!({"event": "runtime_died", "reason": reason}),
        _ => json!({"event": "unknown"}),
    }
}
