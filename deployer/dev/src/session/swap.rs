//! The serving half of the loop: the runtime, and how new code takes over from old.

use std::time::{Duration, Instant};

use tiny_runtime::{LogLevel, Prepared, Programs, Runtime, RuntimeEvent};

use super::{Event, Serving, Session, forward};
use crate::assemble::assemble;
use crate::error::DevError;
use crate::event::{DevEvent, Reloaded};
use crate::front::{Failure, Reload, Route, Routes};

/// How long requests in flight may finish before a swap.
const GRACE: Duration = Duration::from_millis(250);
/// A runtime that dies sooner than this after its start has not recovered.
const STABLE: Duration = Duration::from_secs(5);
/// After so many early deaths in a row the code itself is taken to be at fault.
const EARLY_DEATHS: u32 = 3;

/// What a swap is for.
pub(super) struct Cause {
    /// When the first change of it was seen.
    pub(super) since: Instant,
    pub(super) cargo: Duration,
    pub(super) bindgen: Duration,
}

impl Cause {
    /// Of something that needed no build.
    pub(super) fn at(since: Instant) -> Self {
        Self {
            since,
            cargo: Duration::ZERO,
            bindgen: Duration::ZERO,
        }
    }
}

impl Session<'_> {
    /// Finds or fetches the runtime's programs, beside the first build.
    pub(super) fn provision(&self) {
        let provisioner = self.provisioner.clone();
        let near = self.project.stack.root.clone();
        let events = self.events.clone();
        let launcher = self.program.clone();
        tokio::task::spawn_local(async move {
            let programs = async {
                let workerd = provisioner.workerd(&near).await?;
                Ok(Programs {
                    workerd: workerd.path,
                    workerd_date: workerd.version,
                    launcher,
                    simulators: None,
                })
            };
            // The session ended meanwhile.
            let _ = events.send(Event::Provisioned(programs.await));
        });
    }

    pub(super) async fn provisioned(&mut self, programs: Programs) -> Result<(), DevError> {
        let (sender, events) = tokio::sync::mpsc::unbounded_channel();
        forward(events, &self.events, Event::Runtime);
        let runtime = Runtime::new(programs, sender, self.desk.clone()).await?;
        self.desk.set_controller(runtime.controller());
        self.runtime = Some(runtime);
        match self.waiting.take() {
            Some(cause) => self.swap(cause).await,
            None => Ok(()),
        }
    }

    /// Lets the present builds and settings take over.
    pub(super) async fn swap(&mut self, cause: Cause) -> Result<(), DevError> {
        let stack = match assemble(&self.project, &self.builds, &self.options) {
            Ok(stack) => stack,
            Err(mismatch) => {
                let text = format!("{mismatch}\n\n  help: {}", mismatch.help);
                self.fail(&mismatch.message, &text);
                return Ok(());
            }
        };
        let Some(runtime) = &mut self.runtime else {
            self.waiting = Some(cause);
            return Ok(());
        };
        if stack.needs_simulators() {
            runtime.set_simulators(self.provisioner.simulators().await?);
        }
        let prepared = runtime.prepare(&stack).await?;
        let hashes = self
            .builds
            .iter()
            .map(|(id, build)| (id.clone(), build.bundle.hash.clone()))
            .collect();
        self.front.hold(GRACE).await;
        let started = self.start(prepared.clone()).await;
        let Some(runtime) = &self.runtime else {
            return Ok(());
        };
        match started {
            Ok(pause) => {
                self.serving = Some(Serving {
                    prepared,
                    hashes,
                    generation: runtime.generation(),
                });
                self.born = Instant::now();
                self.stale = false;
                self.front.show_failure(None);
                self.front.reload(Reload::Page);
                self.front.release(self.routes());
                self.served(&cause, pause);
            }
            Err(error) => {
                let text = self.symbolise(&error.to_string());
                self.back().await?;
                self.fail("the new code does not start", &text);
            }
        }
        Ok(())
    }

    /// Starts what served before once more, if anything did.
    async fn back(&mut self) -> Result<(), DevError> {
        if let (Some(runtime), Some(serving)) = (&mut self.runtime, &mut self.serving) {
            runtime.swap(Prepared::clone(&serving.prepared)).await?;
            serving.generation = runtime.generation();
            self.born = Instant::now();
            self.front.release(self.routes());
        }
        Ok(())
    }

    fn routes(&self) -> Routes {
        let upstream = |id: &str| self.runtime.as_ref()?.upstream(id);
        Routes {
            workers: self
                .project
                .stack
                .workers
                .iter()
                .filter_map(|worker| {
                    Some(Route {
                        name: worker.id.clone(),
                        upstream: upstream(&worker.id)?,
                        assets: self.project.assets.get(&worker.id).cloned(),
                    })
                })
                .collect(),
            default: 0,
        }
    }

    /// Tells what is served now, and lets the crons follow it.
    fn served(&mut self, cause: &Cause, pause: Duration) {
        let workers = &self.project.stack.workers;
        let crons = workers
            .iter()
            .flat_map(|worker| {
                worker
                    .crons
                    .iter()
                    .map(|cron| (worker.id.clone(), cron.clone()))
            })
            .collect();
        self.crons.set(crons, &self.events, Event::Due);
        if self.ready {
            self.say(DevEvent::Reload(Reloaded {
                cargo: cause.cargo,
                bindgen: cause.bindgen,
                swap: pause,
                total: cause.since.elapsed(),
            }));
            return;
        }
        self.ready = true;
        let others = workers[1..]
            .iter()
            .map(|worker| (worker.id.clone(), self.url.of(&worker.id)))
            .collect();
        self.say(DevEvent::Ready {
            url: self.url.of_default(),
            others,
            elapsed: self.started.elapsed(),
        });
    }

    pub(super) async fn runtime_said(&mut self, event: RuntimeEvent) -> Result<(), DevError> {
        match event {
            RuntimeEvent::Log { level, message, .. } => {
                self.say(DevEvent::Log {
                    level: match level {
                        LogLevel::Debug => "debug",
                        LogLevel::Info => "info",
                        LogLevel::Log => "log",
                        LogLevel::Warn => "warn",
                        LogLevel::Error => "error",
                    }
                    .to_owned(),
                    message: self.symbolise(&message),
                });
                Ok(())
            }
            // Not asked for.
            RuntimeEvent::Trace { .. } => Ok(()),
            RuntimeEvent::Exited {
                generation,
                status,
                stderr,
            } => {
                let current = self
                    .serving
                    .as_ref()
                    .is_some_and(|serving| serving.generation == generation);
                if current {
                    self.died(&status, &stderr).await?;
                }
                Ok(())
            }
        }
    }

    /// The runtime ended by itself: start it again, unless it cannot live.
    async fn died(&mut self, status: &str, stderr: &str) -> Result<(), DevError> {
        self.early_deaths = if self.born.elapsed() < STABLE {
            self.early_deaths + 1
        } else {
            1
        };
        let reason = format!("{status}\n{}", stderr.trim()).trim().to_owned();
        if self.early_deaths > EARLY_DEATHS {
            self.serving = None;
            let title = "the runtime keeps ending by itself";
            self.front.give_up(Failure {
                title: title.to_owned(),
                text: reason.clone(),
            });
            self.fail(title, &reason);
            return Ok(());
        }
        self.say(DevEvent::RuntimeDied { reason });
        self.front.hold(Duration::ZERO).await;
        self.back().await
    }

    pub(super) async fn clear_data(&mut self) -> Result<(), DevError> {
        self.front.hold(GRACE).await;
        if let Some(runtime) = &mut self.runtime {
            runtime.stop().await;
        }
        self.project.clear_data()?;
        self.front.reload(Reload::Page);
        self.back().await?;
        self.say(DevEvent::Cleared);
        Ok(())
    }

    /// Rust names in place of wasm frames, from the worker whose module the frames name.
    fn symbolise(&self, text: &str) -> String {
        let mut builds = self.builds.values();
        builds
            .clone()
            .find(|build| build.symbols.are_of(text))
            .or_else(|| builds.next())
            .map_or_else(|| text.to_owned(), |build| build.symbols.symbolise(text))
    }
}
