//! The building half of the loop.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use tiny_builder::{Build, BuildError, BuildRequest, Builder, Profile};
use tokio::task::JoinHandle;

use super::swap::Cause;
use super::{Event, Session};
use crate::assemble::build_request;
use crate::error::DevError;
use crate::event::DevEvent;

/// A build under way. Dropping it stops cargo.
pub(super) struct Building {
    number: u64,
    task: JoinHandle<()>,
    /// When the first change that asked for it was seen.
    since: Instant,
}

impl Drop for Building {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Session<'_> {
    /// Starts a build in place of the one under way, if there is one.
    pub(super) fn build(&mut self, since: Instant) {
        let since = self
            .building
            .take()
            .map_or(since, |before| before.since.min(since));
        self.build_number += 1;
        let number = self.build_number;
        let requests: Vec<_> = self
            .project
            .stack
            .workers
            .iter()
            .map(|worker| (worker.id.clone(), build_request(worker, Profile::Dev)))
            .collect();
        let (builder, events) = (Arc::clone(&self.builder), self.events.clone());
        let task = tokio::task::spawn_local(async move {
            let outcome = build_all(&builder, requests).await;
            // The session ended meanwhile.
            let _ = events.send(Event::Built { number, outcome });
        });
        self.building = Some(Building {
            number,
            task,
            since,
        });
        self.say(DevEvent::Building);
    }

    /// A build came to its end.
    pub(super) async fn built(
        &mut self,
        number: u64,
        outcome: Result<BTreeMap<String, Build>, (String, BuildError)>,
    ) -> Result<(), DevError> {
        let Some(building) = self.building.take_if(|building| building.number == number) else {
            // Overtaken by a newer one.
            return Ok(());
        };
        let builds = match outcome {
            Ok(builds) => builds,
            Err((_, BuildError::Provision(error))) if self.builds.is_empty() => {
                return Err(error.into());
            }
            Err((_, error)) => {
                let title = error.to_string();
                let title = title.lines().next().unwrap_or_default();
                let text = error
                    .rendered()
                    .map_or_else(|| with_help(&error), str::to_owned);
                self.fail(title, &text);
                return Ok(());
            }
        };
        let cause = Cause {
            since: building.since,
            cargo: builds.values().map(|build| build.timings.cargo).sum(),
            bindgen: builds.values().map(|build| build.timings.bindgen).sum(),
        };
        for build in builds.values() {
            for warning in &build.warnings {
                self.say(DevEvent::Warning {
                    message: warning.clone(),
                });
            }
        }
        let hashes: BTreeMap<_, _> = builds
            .iter()
            .map(|(id, build)| (id.clone(), build.bundle.hash.clone()))
            .collect();
        self.builds = builds;
        self.watch();
        let unchanged = self
            .serving
            .as_ref()
            .is_some_and(|serving| serving.hashes == hashes);
        if unchanged && !self.stale {
            self.front.show_failure(None);
            self.say(DevEvent::Unchanged);
            return Ok(());
        }
        self.swap(cause).await
    }
}

/// The message of an error with its advice, as a terminal shows it.
fn with_help(error: &(impl miette::Diagnostic + ?Sized)) -> String {
    match error.help() {
        Some(help) => format!("{error}\n\n  help: {help}"),
        None => error.to_string(),
    }
}

/// One after the other: cargo would make them wait for each other anyway.
async fn build_all(
    builder: &Builder,
    requests: Vec<(String, BuildRequest)>,
) -> Result<BTreeMap<String, Build>, (String, BuildError)> {
    let mut builds = BTreeMap::new();
    for (worker, request) in requests {
        match builder.build(&request).await {
            Ok(build) => builds.insert(worker, build),
            Err(error) => return Err((worker, error)),
        };
    }
    Ok(builds)
}
