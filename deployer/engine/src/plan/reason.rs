//! Why something is done, in a few words that complete "because".

use crate::Live;
use serde_json::Value;

use crate::properties::{Change, Properties, changes};
use crate::state::{Record, Status};

pub(super) const IMPORTED: &str = "the manifest imports it";

/// `changes in code and vars`
pub(super) fn updated(record: &Record, live: &Live, changed: &[Change]) -> String {
    let mut names: Vec<&str> = changed.iter().map(|change| top(&change.path)).collect();
    names.dedup();
    let outside = names.iter().all(|name| !undisturbed(record, live, name));
    let place = if outside { " outside of tiny" } else { "" };
    format!("changes{place} in {}", enumerated(&names))
}

pub(super) fn deleted(record: Option<&Record>, live: Option<&Live>, destroys: bool) -> String {
    let reason = match (record.map(|record| record.status), live, destroys) {
        (_, None, _) => "it is gone already, and forgotten",
        (None, Some(_), _) => "it belongs to this stage, but is neither recorded nor wanted",
        (Some(Status::Deleting), ..) => "an earlier run was interrupted deleting it",
        (Some(_), _, true) => "the stage is destroyed",
        (Some(_), _, false) => "it is not in the manifest any more",
    };
    reason.to_owned()
}

/// Nobody but us touched this property since it was recorded.
fn undisturbed(record: &Record, live: &Live, name: &str) -> bool {
    match live.properties.get(name) {
        None => true,
        told => told == record.properties.get(name),
    }
}

fn top(path: &str) -> &str {
    path.split('.').next().unwrap_or(path)
}

/// `a`, `a and b`, `a, b and c`
pub(super) fn enumerated(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [all @ .., last] => format!("{} and {last}", all.join(", ")),
    }
}

/// The files that stand in `after` and not in `before`, each as a change of its own.
pub(super) fn files(before: &Properties, after: &Properties) -> (Vec<Change>, String) {
    let mut before = before.clone();
    for (name, value) in after {
        if value.is_object() {
            let none = || Value::Object(Properties::new());
            before.entry(name.clone()).or_insert_with(none);
        }
    }
    let found = changes(&before, after);
    let reason = match found.len() {
        1 => "1 SQL migration is pending".to_owned(),
        count => format!("{count} SQL migrations are pending"),
    };
    (found, reason)
}
