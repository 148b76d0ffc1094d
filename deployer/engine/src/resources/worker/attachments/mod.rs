//! What is attached to a worker and is no part of a version: its workers.dev address, crons,
//! routes, domains and queues. Each is compared by itself, what the manifest dropped is removed,
//! and only what differs is called.

mod change;
mod consumers;
mod crons;
mod domains;
mod routes;
mod url;

use std::collections::BTreeSet;

use futures_util::future::join_all;
use tiny_cloudflare::Account;

use super::error::WorkerError;
use super::facts::Reading;
use super::references::References;
use crate::{Goal, Kind, Spec, WorkerSpec};

pub(super) use change::Change;

/// The worker that things are attached to, and the stage around it.
#[derive(Clone, Copy)]
pub(super) struct Attaching<'a> {
    /// Its id in the manifest.
    pub(super) id: &'a str,
    /// Its physical name.
    pub(super) script: &'a str,
    /// None when the worker goes, and everything with it.
    pub(super) spec: Option<&'a WorkerSpec>,
    pub(super) reading: &'a Reading,
    pub(super) references: &'a References,
    pub(super) goal: Goal<'a>,
    /// The physical names of all workers of the stage: what is attached to one of them may move.
    pub(super) scripts: &'a BTreeSet<&'a str>,
}

impl Attaching<'_> {
    /// Whether another worker of the stage wants it, and so takes it over by itself.
    fn wanted_elsewhere(&self, wants: impl Fn(&WorkerSpec) -> bool) -> bool {
        self.goal.wants().any(|(address, want)| {
            let is_other = address.kind == Kind::Worker && address.id != self.id;
            is_other && matches!(&want.spec, Spec::Worker(spec) if wants(spec))
        })
    }

    fn is_of_this_stage(&self, script: &str) -> bool {
        self.scripts.contains(script)
    }
}

/// What has to be called. What belongs to somebody else is refused. Pure.
pub(super) fn changes(at: Attaching<'_>) -> Result<Vec<Change>, WorkerError> {
    let mut changes = Vec::new();
    changes.extend(url::change(at)?);
    changes.extend(crons::change(at));
    changes.extend(routes::changes(at)?);
    changes.extend(domains::changes(at)?);
    changes.extend(consumers::changes(at)?);
    Ok(changes)
}

/// Calls all of it at once. What is under way finishes when something fails.
pub(super) async fn attach(
    cloud: &Account,
    script: &str,
    changes: &[Change],
) -> Result<(), WorkerError> {
    let calls = changes.iter().map(|change| change.make(cloud, script));
    join_all(calls).await.into_iter().collect()
}
