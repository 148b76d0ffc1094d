//! Crons. The call replaces them all, so an empty list stops those that were there.

use std::collections::BTreeSet;

use tiny_cloudflare::Schedule;

use super::{Attaching, Change};

pub(super) fn change(at: Attaching<'_>) -> Option<Change> {
    let wanted: BTreeSet<&String> = at.spec?.crons.iter().collect();
    let facts = at.reading.facts.as_ref();
    let have: BTreeSet<&String> = facts
        .and_then(|facts| facts.crons.as_ref())
        .into_iter()
        .flatten()
        .collect();
    if wanted == have {
        return None;
    }
    let schedules = wanted
        .into_iter()
        .map(|cron| Schedule { cron: cron.clone() })
        .collect();
    Some(Change::Crons(schedules))
}
