//! What an object counts, and what of it is worth a warning.
//!
//! Counters go on over sleeps: they are kept on disk about once a minute, so that those of the
//! last minute before a sleep may be missing.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::limit;
use crate::times::Times;
use crate::usage::Level;

/// Milliseconds from which on an answer is slow.
pub const SLOW: u32 = 1_000;
/// Share of errors, in percent, from which on there are too many.
pub const ERRORS: u64 = 1;
/// Share of the storage limit, in percent, from which on there is a warning.
pub const STORAGE: u64 = 80;

/// Milliseconds after which counters are due to be kept.
const KEEP: u64 = 60_000;
/// Milliseconds that warnings look back at least, and half of what they look back at most.
const WINDOW: u64 = 300_000;

/// Counted since the object came to be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counters {
    /// By kind.
    pub requests: BTreeMap<String, u64>,
    /// As the worker saw it.
    pub answers: Times,
    /// Messages over WebSockets.
    pub messages_in: u64,
    pub messages_out: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    /// Messages that could not be worked on, though nothing was wrong with them.
    pub failed_messages: u64,
    /// Things that were due and could not be done.
    pub failed_duties: u64,
    pub edits: u64,
    /// The most WebSockets at once.
    pub sockets_most: u64,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Metrics {
    counters: Counters,
    recent: Recent,
    /// What was warned of, by name.
    warned: Vec<String>,
    /// When all this was kept, in milliseconds since 1970.
    kept_at: u64,
    /// What of it was kept.
    #[serde(skip)]
    kept: Counters,
}

/// What warnings look back at: this window and the one before.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Recent {
    started: u64,
    now: Tally,
    before: Tally,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Tally {
    done: u64,
    failed: u64,
    /// Milliseconds of the slowest answer.
    slowest: u32,
}

/// How things stand with an object, and the lists that this is about.
#[derive(Debug, Clone, Copy)]
pub struct Gauges {
    pub sockets: u64,
    pub todos: u64,
    pub completed: u64,
    /// Bytes that the database takes, and may take.
    pub storage: u64,
    pub storage_limit: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Warning,
    Critical,
}

/// Something beyond its threshold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    pub name: &'static str,
    pub severity: Severity,
    pub text: String,
}

impl Severity {
    pub fn name(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "Warning",
            Severity::Critical => "Critical",
        };
        write!(f, "{severity}: {}", self.text)
    }
}

impl Metrics {
    /// As it was kept; what can't be read begins anew.
    pub fn restore(kept: Option<&str>) -> Self {
        let read = kept.and_then(|kept| serde_json::from_str(kept).ok());
        let metrics: Self = read.unwrap_or_default();
        Self {
            kept: metrics.counters.clone(),
            ..metrics
        }
    }

    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    pub fn request(&mut self, kind: &str) {
        match self.counters.requests.get_mut(kind) {
            Some(count) => *count += 1,
            None => {
                self.counters.requests.insert(kind.to_owned(), 1);
            }
        }
    }

    pub fn answers(&mut self, times: &Times, now: u64) {
        self.counters.answers.add(times);
        self.tally(now, |tally| {
            tally.done += times.count;
            tally.failed += times.failed;
            tally.slowest = tally.slowest.max(times.max);
        });
    }

    /// A message came in, of that many bytes.
    pub fn message_in(&mut self, bytes: usize, failed: bool, now: u64) {
        self.counters.messages_in += 1;
        self.counters.bytes_in += bytes as u64;
        self.counters.failed_messages += u64::from(failed);
        self.tally(now, |tally| {
            tally.done += 1;
            tally.failed += u64::from(failed);
        });
    }

    /// A message went out to so many, of that many bytes each.
    pub fn message_out(&mut self, to: usize, bytes: usize) {
        self.counters.messages_out += to as u64;
        self.counters.bytes_out += (to * bytes) as u64;
    }

    pub fn duty(&mut self, failed: bool, now: u64) {
        self.counters.failed_duties += u64::from(failed);
        self.tally(now, |tally| {
            tally.done += 1;
            tally.failed += u64::from(failed);
        });
    }

    pub fn edit(&mut self) {
        self.counters.edits += 1;
    }

    pub fn sockets(&mut self, now: usize) {
        self.counters.sockets_most = self.counters.sockets_most.max(now as u64);
    }

    fn tally(&mut self, now: u64, add: impl FnOnce(&mut Tally)) {
        self.recent.turn(now);
        add(&mut self.recent.now);
    }

    /// Whether it is time to keep what was counted.
    pub fn is_due(&self, now: u64) -> bool {
        now >= self.kept_at + KEEP && self.counters != self.kept
    }

    /// What to keep, and how the counters differ from when that was last done. `None`: only
    /// counters that can't be put into words, of which there are none.
    pub fn keep(&mut self, now: u64) -> (Option<String>, Counters) {
        self.kept_at = now;
        let counted = self.counters.since(&self.kept);
        self.kept = self.counters.clone();
        (serde_json::to_string(self).ok(), counted)
    }

    /// What is beyond its threshold.
    pub fn warnings(&mut self, gauges: Gauges, now: u64) -> Vec<Warning> {
        self.recent.turn(now);
        let mut warnings = Vec::new();
        warnings.extend(storage_warning(gauges));
        let Recent { now, before, .. } = &self.recent;
        let slowest = now.slowest.max(before.slowest);
        if slowest > SLOW {
            warnings.push(Warning {
                name: "response",
                severity: Severity::Warning,
                text: format!("an answer took {} s", seconds(slowest.into())),
            });
        }
        let (done, failed) = (now.done + before.done, now.failed + before.failed);
        if failed * 100 > done * ERRORS {
            warnings.push(Warning {
                name: "errors",
                severity: Severity::Critical,
                text: format!("{failed} of the last {done} requests and messages failed"),
            });
        }
        warnings
    }

    /// Those that there was no word of since they last began.
    pub fn news<'w>(&mut self, warnings: &'w [Warning]) -> Vec<&'w Warning> {
        let key = |warning: &Warning| format!("{} {}", warning.severity.name(), warning.name);
        let new = warnings.iter();
        let new = new.filter(|warning| !self.warned.contains(&key(warning)));
        let new = new.collect();
        self.warned = warnings.iter().map(key).collect();
        new
    }
}

impl Recent {
    /// Brings the windows up to date.
    fn turn(&mut self, now: u64) {
        let age = now.saturating_sub(self.started);
        if age < WINDOW {
            return;
        }
        self.before = if age < 2 * WINDOW {
            self.now
        } else {
            Tally::default()
        };
        self.now = Tally::default();
        self.started = now;
    }
}

impl Counters {
    pub(crate) fn error_ratio(&self) -> f64 {
        let failed = self.answers.failed + self.failed_messages;
        let done = self.answers.count + self.messages_in;
        #[expect(clippy::cast_precision_loss, reason = "a share")]
        let ratio = failed as f64 / done.max(1) as f64;
        ratio
    }

    /// What was counted since.
    fn since(&self, before: &Self) -> Self {
        let requests = self.requests.iter().map(|(kind, count)| {
            let before = before.requests.get(kind).copied().unwrap_or(0);
            (kind.clone(), count - before.min(*count))
        });
        let less = |now: u64, before: u64| now.saturating_sub(before);
        let mut buckets = self.answers.buckets;
        for (bucket, before) in buckets.iter_mut().zip(before.answers.buckets) {
            *bucket = less(*bucket, before);
        }
        Self {
            requests: requests.collect(),
            answers: Times {
                count: less(self.answers.count, before.answers.count),
                failed: less(self.answers.failed, before.answers.failed),
                sum: less(self.answers.sum, before.answers.sum),
                max: self.answers.max,
                buckets,
            },
            messages_in: less(self.messages_in, before.messages_in),
            messages_out: less(self.messages_out, before.messages_out),
            bytes_in: less(self.bytes_in, before.bytes_in),
            bytes_out: less(self.bytes_out, before.bytes_out),
            failed_messages: less(self.failed_messages, before.failed_messages),
            failed_duties: less(self.failed_duties, before.failed_duties),
            edits: less(self.edits, before.edits),
            sockets_most: self.sockets_most,
        }
    }

    /// As a data point's numbers, in the order that docs/app.md tells.
    #[expect(clippy::cast_precision_loss, reason = "counts of a minute")]
    pub fn doubles(&self, gauges: Gauges) -> [f64; 18] {
        let slow: u64 = {
            let bounds = crate::times::BOUNDS.iter();
            let fast = bounds.filter(|bound| **bound <= SLOW).count();
            self.answers.buckets[fast..].iter().sum()
        };
        [
            self.requests.values().sum(),
            self.answers.count,
            self.answers.failed,
            self.answers.sum,
            slow,
            self.answers.max.into(),
            self.messages_in,
            self.messages_out,
            self.bytes_in,
            self.bytes_out,
            self.failed_messages,
            self.failed_duties,
            self.edits,
            gauges.sockets,
            self.sockets_most,
            gauges.todos,
            gauges.storage,
            gauges.storage_limit,
        ]
        .map(|number: u64| number as f64)
    }
}

fn storage_warning(gauges: Gauges) -> Option<Warning> {
    let Gauges {
        storage,
        storage_limit,
        ..
    } = gauges;
    let (severity, text) = if Level::of(storage) == Level::Critical {
        let most = limit::STORAGE_CRITICAL / limit::MEGABYTE;
        let text = format!("the storage is over {most} MB");
        (Severity::Critical, text)
    } else if storage.saturating_mul(100) >= storage_limit.saturating_mul(STORAGE) {
        let text = format!("the storage is {STORAGE} % full");
        (Severity::Warning, text)
    } else {
        return None;
    };
    Some(Warning {
        name: "storage",
        severity,
        text: format!("{text}: delete some todos"),
    })
}

/// Milliseconds as seconds.
pub(crate) fn seconds(ms: u64) -> String {
    let text = format!("{}.{:03}", ms / 1_000, ms % 1_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_764_000_000_000;

    fn gauges(storage: u64) -> Gauges {
        Gauges {
            sockets: 2,
            todos: 3,
            completed: 1,
            storage,
            storage_limit: limit::STORAGE,
        }
    }

    fn answers(count: u64, failed: u64, max: u32) -> Times {
        let mut times = Times {
            count,
            failed,
            sum: count * u64::from(max),
            max,
            ..Times::default()
        };
        let bounds = crate::times::BOUNDS;
        let bucket = bounds.iter().position(|bound| max <= *bound);
        times.buckets[bucket.unwrap_or(bounds.len())] = count;
        times
    }

    fn names(metrics: &mut Metrics, storage: u64, now: u64) -> Vec<(Severity, &'static str)> {
        let warnings = metrics.warnings(gauges(storage), now);
        warnings
            .into_iter()
            .map(|warning| (warning.severity, warning.name))
            .collect()
    }

    #[test]
    fn nothing_is_wrong_with_what_is_quick_small_and_right() {
        let mut metrics = Metrics::default();
        assert!(names(&mut metrics, 0, NOW).is_empty());
        metrics.answers(&answers(200, 2, 1_000), NOW);
        assert!(names(&mut metrics, 100 * limit::MEGABYTE - 1, NOW).is_empty());
    }

    #[test]
    fn each_threshold_has_its_warning() {
        let mut metrics = Metrics::default();
        metrics.answers(&answers(100, 1, 1_001), NOW);
        metrics.message_in(10, true, NOW);
        assert_eq!(
            names(&mut metrics, 100 * limit::MEGABYTE, NOW),
            [
                (Severity::Critical, "storage"),
                (Severity::Warning, "response"),
                (Severity::Critical, "errors"),
            ]
        );
        let low = Gauges {
            storage_limit: 10_000,
            ..gauges(8_000)
        };
        let warnings = Metrics::default().warnings(low, NOW);
        assert_eq!(
            warnings[0].to_string(),
            "Warning: the storage is 80 % full: delete some todos"
        );
    }

    #[test]
    fn what_is_long_ago_is_not_warned_of() {
        let mut metrics = Metrics::default();
        metrics.answers(&answers(1, 1, 5_000), NOW);
        assert_eq!(names(&mut metrics, 0, NOW + WINDOW).len(), 2);
        assert_eq!(names(&mut metrics, 0, NOW + 2 * WINDOW).len(), 0);
        assert_eq!(metrics.counters.answers.failed, 1);
    }

    #[test]
    fn a_warning_is_news_once_until_it_begins_again() {
        let mut metrics = Metrics::default();
        let critical = metrics.warnings(gauges(limit::STORAGE), NOW);
        assert_eq!(metrics.news(&critical).len(), 1);
        assert_eq!(metrics.news(&critical).len(), 0);
        let (kept, _) = metrics.keep(NOW);
        let mut metrics = Metrics::restore(kept.as_deref());
        assert_eq!(metrics.news(&critical).len(), 0);
        assert_eq!(metrics.news(&[]).len(), 0);
        assert_eq!(metrics.news(&critical).len(), 1);
    }

    #[test]
    fn counters_outlive_a_sleep_and_tell_what_is_new_since() {
        let mut metrics = Metrics::restore(None);
        assert!(!metrics.is_due(NOW));
        metrics.request("page");
        metrics.message_out(10, 100);
        metrics.sockets(10);
        assert!(metrics.is_due(NOW));
        let (kept, first) = metrics.keep(NOW);
        assert_eq!(first.bytes_out, 1_000);
        let mut metrics = Metrics::restore(kept.as_deref());
        assert!(!metrics.is_due(NOW + KEEP));
        metrics.request("page");
        metrics.request("json");
        metrics.edit();
        assert!(!metrics.is_due(NOW + KEEP - 1));
        assert!(metrics.is_due(NOW + KEEP));
        let (_, since) = metrics.keep(NOW + KEEP);
        assert_eq!(since.requests["page"], 1);
        assert_eq!((since.edits, since.bytes_out), (1, 0));
        assert_eq!(metrics.counters.requests["page"], 2);
        assert_eq!(since.doubles(gauges(0))[0].to_string(), "2");
    }

    #[test]
    fn what_was_kept_by_another_version_does_no_harm() {
        assert_eq!(Metrics::restore(Some("{}")).counters, Counters::default());
        assert_eq!(Metrics::restore(Some("?")).counters, Counters::default());
    }
}
