//! When the crons of a stack are due. Cloudflare reads them in UTC.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use croner::parser::{CronParser, Seconds, Year};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// The clock may be set, or the machine sleep: never trust one long wait.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// A cron whose time has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    pub worker: String,
    pub cron: String,
    pub at: SystemTime,
}

/// The schedule in force; a new one replaces it.
#[derive(Debug, Default)]
pub struct Crons {
    entries: Vec<(String, String)>,
    waiting: Option<JoinHandle<()>>,
}

impl Crons {
    /// Announces these on `due` from now on.
    pub fn set<T: Send + 'static>(
        &mut self,
        entries: Vec<(String, String)>,
        due: &mpsc::UnboundedSender<T>,
        wrap: fn(Due) -> T,
    ) {
        if entries == self.entries {
            return;
        }
        if let Some(waiting) = self.waiting.take() {
            waiting.abort();
        }
        self.entries.clone_from(&entries);
        if !entries.is_empty() {
            let due = due.clone();
            self.waiting = Some(tokio::spawn(announce(entries, due, wrap)));
        }
    }
}

impl Drop for Crons {
    fn drop(&mut self) {
        if let Some(waiting) = self.waiting.take() {
            waiting.abort();
        }
    }
}

async fn announce<T>(
    entries: Vec<(String, String)>,
    due: mpsc::UnboundedSender<T>,
    wrap: fn(Due) -> T,
) {
    let mut last = Utc::now();
    loop {
        let Some(next) = entries
            .iter()
            .filter_map(|(_, cron)| after(cron, last))
            .min()
        else {
            return;
        };
        loop {
            let wait = (next - Utc::now()).to_std().unwrap_or_default();
            if wait.is_zero() {
                break;
            }
            tokio::time::sleep(wait.min(LONGEST_WAIT)).await;
        }
        for (worker, cron) in &entries {
            if after(cron, last) == Some(next) {
                let event = Due {
                    worker: worker.clone(),
                    cron: cron.clone(),
                    at: next.into(),
                };
                if due.send(wrap(event)).is_err() {
                    return;
                }
            }
        }
        // What a sleeping machine missed stays missed, as it would on a stopped server.
        last = next.max(Utc::now() - chrono::Duration::minutes(1));
    }
}

fn after(cron: &str, time: DateTime<Utc>) -> Option<DateTime<Utc>> {
    // As Cloudflare reads them: five fields, and Sunday is 1.
    let parser = CronParser::builder()
        .seconds(Seconds::Disallowed)
        .year(Year::Disallowed)
        .alternative_weekdays(true)
        .build();
    let cron = parser.parse(cron).ok()?;
    cron.find_next_occurrence(&time, false).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_cron_is_announced_when_its_minute_comes() {
        // Every minute: at most a minute away; the wait itself is what is tested.
        let now = Utc::now();
        let next = after("* * * * *", now).unwrap();
        assert!(next > now && next - now <= chrono::Duration::minutes(1));
        assert_eq!(
            after("0 4 * * *", now).unwrap().format("%H:%M").to_string(),
            "04:00"
        );
        let on_sunday = after("0 4 * * 1", now).unwrap();
        assert_eq!(on_sunday.format("%a").to_string(), "Sun");
        assert_eq!(after("not a cron", now), None);
    }
}
