//! Carrying a plan out: as many steps at once as do not wait for each other, each recorded before
//! the first call it makes and again when it is done. A run that ends anywhere, by whatever, leaves
//! a record from which the next one goes on.

pub(crate) mod journal;
mod schedule;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tiny_cloudflare::Account;
use tokio_util::sync::CancellationToken;

use crate::error::{EngineError, Failure};
use crate::plan::{Action, Plan, Step};
use crate::progress::{Event, Progress};
use crate::resources::{self, Made, Work};
use crate::state::{Guard, State, StateError};
use crate::{Actual, Goal};

pub(crate) use journal::input_hash;
use schedule::Schedule;

/// How a plan is carried out.
#[derive(Debug, Clone)]
pub struct ApplyOptions {
    /// Steps at once, at most.
    pub parallel: usize,
    /// Begin nothing more; what is under way finishes.
    pub stop: CancellationToken,
    /// Do not even wait for that: its outcome stays unclear, and the next run looks.
    pub abandon: CancellationToken,
}

impl Default for ApplyOptions {
    fn default() -> Self {
        Self {
            parallel: 10,
            stop: CancellationToken::new(),
            abandon: CancellationToken::new(),
        }
    }
}

/// One run.
pub struct Apply<'a> {
    pub cloud: &'a Account,
    /// What the plan was made for.
    pub goal: Goal<'a>,
    /// What it was made of.
    pub actual: &'a Actual,
    pub plan: &'a Plan,
    /// Keeps the state; held as long as the run lasts.
    pub guard: &'a Guard,
    pub progress: &'a dyn Progress,
    pub options: ApplyOptions,
}

/// A step that ended.
struct Ended {
    place: usize,
    took: Duration,
    outcome: Result<Made, EngineError>,
}

impl Apply<'_> {
    /// Does all of it, or as much as can be done. `state` is what the plan was made with, and
    /// afterwards what is recorded, also when the run failed.
    pub async fn run(&self, state: &mut State) -> Result<(), EngineError> {
        crate::lifecycle::follow(state, self.goal)?;
        let before = state.clone();
        let shared = Mutex::new(state.clone());
        let outcome = self.carry_out(&before, &shared).await;
        *state = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
        outcome
    }

    async fn carry_out(&self, before: &State, state: &Mutex<State>) -> Result<(), EngineError> {
        let steps = &self.plan.steps;
        let mut schedule = Schedule::new(steps);
        let mut running = FuturesUnordered::new();
        let mut failures: Vec<Failure> = Vec::new();
        let mut ended: Vec<Ended> = Vec::new();
        // What the record and the account agree on needs no step, but may need to be written down.
        let mut unsaved =
            journal::settle(&mut lock(state), self.plan, self.actual, self.cloud.id());
        unsaved |= !self.plan.moves.is_empty();
        let mut unwritable: Option<StateError> = None;
        loop {
            for end in ended.drain(..) {
                let step = &steps[end.place];
                unsaved = true;
                self.tell(step, &end);
                match end.outcome {
                    Ok(made) => {
                        journal::done(&mut lock(state), step, made);
                        schedule.done(end.place);
                    }
                    Err(error) => {
                        let earlier = before.resources.get(&step.address);
                        journal::failed(&mut lock(state), step, earlier, &error);
                        failures.push(Failure {
                            step: Box::new(step.clone()),
                            error,
                        });
                    }
                }
            }
            let goes_on = failures.is_empty()
                && unwritable.is_none()
                && !self.options.stop.is_cancelled()
                && !self.options.abandon.is_cancelled();
            let room = self.options.parallel.max(1).saturating_sub(running.len());
            let next = if goes_on {
                schedule.take(room)
            } else {
                Vec::new()
            };
            if (unsaved || !next.is_empty()) && unwritable.is_none() {
                // One write for all that ended and all that begins. Nothing begins without it.
                let mut written = lock(state).clone();
                for place in &next {
                    let step = &steps[*place];
                    journal::begin(&mut written, step, self.actual.resources.get(&step.address));
                }
                let saved = {
                    let save = self.guard.save(&mut written);
                    alongside(save, &mut running, &mut ended).await
                };
                match saved {
                    Ok(()) => {
                        *lock(state) = written;
                        unsaved = false;
                        for place in next {
                            running.push(self.step(before, state, place));
                        }
                    }
                    Err(error) => unwritable = Some(error),
                }
            }
            if running.is_empty() && ended.is_empty() {
                break;
            }
            if ended.is_empty() {
                tokio::select! {
                    end = running.next() => ended.extend(end),
                    () = self.options.abandon.cancelled() => break,
                }
            }
            // What ended in the same moment goes into the same write.
            while let Some(Some(end)) = futures_util::FutureExt::now_or_never(running.next()) {
                ended.push(end);
            }
        }
        if let Some(error) = unwritable {
            return Err(error.into());
        }
        match failures.len() {
            0 if schedule.is_done() => Ok(()),
            0 => Err(EngineError::Interrupted {
                left: schedule.left(),
                all: self.plan.changes().count(),
            }),
            1 => Err(EngineError::Step(Box::new(failures.remove(0)))),
            _ => Err(EngineError::Several { failures }),
        }
    }

    /// Carries out one step.
    async fn step(&self, before: &State, state: &Mutex<State>, place: usize) -> Ended {
        let step = &self.plan.steps[place];
        self.progress.event(Event::Started { step });
        let started = Instant::now();
        let work = Work {
            cloud: self.cloud,
            goal: self.goal,
            step,
            actual: self.actual,
            state,
            before: before.resources.get(&step.address),
            progress: self.progress,
        };
        let outcome = match (step.action, self.goal.want(&step.address)) {
            // Gone already, or somebody else's by now: only the record goes.
            (Action::Delete, _) if !journal::is_ours(self.actual, before, &step.address) => {
                Ok(Made::default())
            }
            (Action::Delete, _) => resources::delete(&work).await.map(|()| Made::default()),
            (_, Some(want)) => resources::make(&work, want).await,
            (_, None) => Err(EngineError::Unexpected {
                address: step.address.clone(),
                why: "the plan wants it, and the manifest does not".to_owned(),
            }),
        };
        Ended {
            place,
            took: started.elapsed(),
            outcome,
        }
    }

    fn tell(&self, step: &Step, end: &Ended) {
        let took = end.took;
        self.progress.event(match &end.outcome {
            Ok(made) => Event::Done {
                step,
                took,
                note: made.note.as_deref(),
            },
            Err(error) => Event::Failed { step, took, error },
        });
    }
}

/// Waits for `work` while what runs goes on.
async fn alongside<T>(
    work: impl Future<Output = T>,
    running: &mut FuturesUnordered<impl Future<Output = Ended>>,
    ended: &mut Vec<Ended>,
) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            Some(end) = running.next(), if !running.is_empty() => ended.push(end),
        }
    }
}

/// Nobody panics while holding the state, and a poisoned one is still whole.
fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
