//! The building half of the loop.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use tiny_builder::{Build, BuildError, BuildRequest, BuildStep, Builder, Inputs, Profile};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::swap::Cause;
use super::{Event, Phase, Session};
use crate::assemble::{build_request, check_products};
use crate::error::DevError;
use crate::event::DevEvent;
use crate::watch::Changes;

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
        self.steps.stopped(Instant::now());
        let steps = self.steps.due();
        let (builder, events) = (Arc::clone(&self.builder), self.events.clone());
        let task = tokio::task::spawn_local(async move {
            let outcome = match run_all(&builder, number, steps, &events).await {
                Ok(()) => build_all(&builder, requests).await,
                Err(error) => Err((String::new(), error)),
            };
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
        // What changed while a build step ran may ask for another build, after this one.
        let (outcome, since) = (outcome, building.since);
        drop(building);
        self.finish(outcome, since).await?;
        self.settle();
        Ok(())
    }

    async fn finish(
        &mut self,
        outcome: Result<BTreeMap<String, Build>, (String, BuildError)>,
        since: Instant,
    ) -> Result<(), DevError> {
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
                    .filter(|rendered| !rendered.is_empty())
                    .map_or_else(|| with_help(&error), str::to_owned);
                self.fail_as(title, &text, error.was_told());
                self.failed_inputs = error.inputs().unwrap_or_default();
                self.watch();
                return Ok(());
            }
        };
        self.failed_inputs = Inputs::default();
        let cause = Cause {
            since,
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
        for worker in &self.project.stack.workers {
            if let Err(mismatch) = check_products(worker) {
                let text = format!("{mismatch}\n\n  help: {}", mismatch.help);
                self.fail(&mismatch.message, &text);
                return Ok(());
            }
        }
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

impl Session<'_> {
    /// A build step started or came to its end.
    pub(super) async fn step(
        &mut self,
        number: u64,
        step: usize,
        at: Instant,
        phase: Phase,
    ) -> Result<(), DevError> {
        if number != self.build_number {
            // Of a build that was given up.
            return Ok(());
        }
        match phase {
            Phase::Started => self.steps.started(step, at),
            Phase::Ended { well } => {
                self.steps.ended(step, at, well);
                self.products().await?;
            }
        }
        Ok(())
    }

    /// Takes in static files that a build step made: the whole folder may be another one.
    async fn products(&mut self) -> Result<(), DevError> {
        let known = self.project.asset_complaints();
        match self.project.load_assets(&self.provisioner).await {
            Ok(false) => {}
            Ok(true) => {
                self.desk.set_assets(self.project.assets.clone());
                // Routes know the assets of their workers.
                self.stale = true;
                self.complain(&known);
            }
            Err(DevError::Provision(error)) => return Err(error.into()),
            Err(error) => self.fail("the static files cannot be read", &with_help(&error)),
        }
        let folders: Vec<_> = self.project.worker_assets().cloned().collect();
        self.watch();
        self.watcher.renew(folders.iter());
        self.assets_changed(&Changes {
            paths: folders.into_iter().collect(),
            seen: Instant::now(),
        });
        Ok(())
    }

    /// Builds again where something changed while a build step ran that it did not make.
    pub(super) fn settle(&mut self) {
        let settled = self.steps.settle();
        if let Some(first) = settled.given_up.first() {
            let first = first
                .strip_prefix(&self.project.stack.root)
                .unwrap_or(first);
            self.say(DevEvent::Note {
                message: format!(
                    "the build step keeps writing to what it watches ({first}); list narrower paths in `watch`"
                ),
            });
        }
        if settled.again {
            self.build(Instant::now());
        }
    }
}

/// Runs build steps, one after the other.
async fn run_all(
    builder: &Builder,
    number: u64,
    steps: Vec<(usize, BuildStep)>,
    events: &mpsc::UnboundedSender<Event>,
) -> Result<(), BuildError> {
    for (step, command) in steps {
        let say = |phase| {
            // The session ended meanwhile.
            let _ = events.send(Event::Step {
                number,
                step,
                at: Instant::now(),
                phase,
            });
        };
        say(Phase::Started);
        let outcome = builder.run_step(&command).await;
        say(Phase::Ended {
            well: outcome.is_ok(),
        });
        outcome?;
    }
    Ok(())
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
