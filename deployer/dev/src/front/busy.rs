//! Notices work that keeps the runtime from everything else. All workers share one thread: while a
//! handler runs in an endless loop, no request is answered.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::{Control, FrontEvent};

/// How long the runtime may be silent before it is asked whether it still answers.
const SILENCE: Duration = Duration::from_secs(3);

/// How long it may take to say so: a busy machine is not an endless loop.
const PATIENCE: Duration = Duration::from_secs(2);

/// Something that a worker was given to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// A request.
    Request {
        /// `GET`, ...
        method: String,
        /// Without the query, which may hold secrets.
        path: String,
    },
    /// A cron that fired.
    Cron(String),
}

impl std::fmt::Display for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Request { method, path } => write!(f, "{method} {path}"),
            Self::Cron(cron) => write!(f, "the cron `{cron}`"),
        }
    }
}

/// Work that keeps the runtime busy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusyWorker {
    /// The worker that has it to do.
    pub worker: String,
    /// What it is.
    pub work: Work,
    /// Since the work began, or since the last sign of life after that.
    pub elapsed: Duration,
}

/// What the runtime has to do and has not answered yet.
pub(crate) struct InFlight {
    state: Mutex<State>,
    begun: Notify,
}

struct State {
    /// In the order in which they began.
    entries: BTreeMap<u64, Entry>,
    next: u64,
    /// When the runtime last answered anything.
    answered: Instant,
}

struct Entry {
    worker: String,
    work: Work,
    since: Instant,
}

/// One piece of work, until it is dropped.
pub(crate) struct Ticket {
    in_flight: Arc<InFlight>,
    number: u64,
}

impl Default for InFlight {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                entries: BTreeMap::new(),
                next: 0,
                answered: Instant::now(),
            }),
            begun: Notify::new(),
        }
    }
}

impl InFlight {
    pub(crate) fn begin(self: &Arc<Self>, worker: &str, work: Work) -> Ticket {
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        let entry = Entry {
            worker: worker.to_owned(),
            work,
            since: Instant::now(),
        };
        state.entries.insert(number, entry);
        drop(state);
        self.begun.notify_one();
        Ticket {
            in_flight: Arc::clone(self),
            number,
        }
    }

    /// The runtime answered something, or is a new one.
    pub(crate) fn answered(&self) {
        self.lock().answered = Instant::now();
    }

    /// What keeps the runtime busy, if that is silent since then.
    fn suspect_since(&self, silent_since: Instant) -> Option<BusyWorker> {
        let state = self.lock();
        if state.silent_since() == Some(silent_since) {
            state.suspect()
        } else {
            None
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Since when something waits and nothing was answered.
    fn silent_since(&self) -> Option<Instant> {
        let (_, oldest) = self.entries.first_key_value()?;
        Some(oldest.since.max(self.answered))
    }

    /// What most likely keeps the runtime busy: the first that began after it last answered. What
    /// began before may have been waiting for something else.
    fn suspect(&self) -> Option<BusyWorker> {
        let entry = self
            .entries
            .values()
            .find(|entry| entry.since > self.answered)
            .or_else(|| self.entries.values().next())?;
        Some(BusyWorker {
            worker: entry.worker.clone(),
            work: entry.work.clone(),
            elapsed: entry.since.max(self.answered).elapsed(),
        })
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.in_flight.lock().entries.remove(&self.number);
    }
}

/// Tells, once for each time, what keeps the runtime busy. Never ends.
pub(crate) async fn watch(
    in_flight: &InFlight,
    control: &dyn Control,
    events: &mpsc::UnboundedSender<FrontEvent>,
) {
    // The silence that was told of already.
    let mut told = None;
    loop {
        let silent_since = in_flight.lock().silent_since();
        let Some(silent_since) = silent_since else {
            in_flight.begun.notified().await;
            continue;
        };
        tokio::time::sleep_until(silent_since + SILENCE).await;
        if in_flight.lock().silent_since() != Some(silent_since) {
            continue;
        }
        if control.responds(PATIENCE).await {
            in_flight.answered();
            continue;
        }
        if told == Some(silent_since) {
            tokio::time::sleep(SILENCE).await;
        } else if let Some(suspect) = in_flight.suspect_since(silent_since) {
            told = Some(silent_since);
            // An error means that nobody listens.
            let _ = events.send(FrontEvent::Busy(suspect));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::super::Mail;
    use super::*;

    type Outcome = Pin<Box<dyn Future<Output = Result<String, String>> + Send>>;

    /// A runtime that answers or keeps silent, and does nothing else.
    #[derive(Default)]
    struct Runtime(AtomicBool);

    impl Control for Runtime {
        fn scheduled(&self, _: String, _: String, _: Option<u64>) -> Outcome {
            Box::pin(async { Err("not here".to_owned()) })
        }

        fn email(&self, _: String, _: Mail) -> Outcome {
            Box::pin(async { Err("not here".to_owned()) })
        }

        fn responds(&self, patience: Duration) -> Pin<Box<dyn Future<Output = bool> + Send>> {
            let is_silent = self.0.load(Ordering::SeqCst);
            Box::pin(async move {
                if is_silent {
                    tokio::time::sleep(patience).await;
                }
                !is_silent
            })
        }
    }

    struct Watched {
        in_flight: Arc<InFlight>,
        runtime: Arc<Runtime>,
        events: mpsc::UnboundedReceiver<FrontEvent>,
    }

    fn watched() -> Watched {
        let (sender, events) = mpsc::unbounded_channel();
        let in_flight = Arc::<InFlight>::default();
        let runtime = Arc::<Runtime>::default();
        let (entries, control) = (Arc::clone(&in_flight), Arc::clone(&runtime));
        tokio::spawn(async move { watch(&entries, &*control, &sender).await });
        Watched {
            in_flight,
            runtime,
            events,
        }
    }

    impl Watched {
        fn begin(&self, path: &str) -> Ticket {
            let work = Work::Request {
                method: "GET".to_owned(),
                path: path.to_owned(),
            };
            self.in_flight.begin("todo", work)
        }

        fn hang(&self) {
            self.runtime.0.store(true, Ordering::SeqCst);
        }

        async fn told(&mut self) -> String {
            match self.events.recv().await.unwrap() {
                FrontEvent::Busy(busy) => format!("{} {:?}", busy.work, busy.elapsed),
                other => panic!("{other:?}"),
            }
        }

        fn is_quiet(&mut self) -> bool {
            self.events.try_recv().is_err()
        }
    }

    async fn seconds(count: u64) {
        tokio::time::sleep(Duration::from_secs(count)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_request_since_the_last_sign_of_life_is_named_once() {
        let mut watched = watched();
        let _waiting = watched.begin("/waiting");
        seconds(1).await;
        watched.in_flight.answered();
        watched.hang();
        seconds(1).await;
        let _culprit = watched.begin("/loop");
        let _victim = watched.begin("/other");
        assert_eq!(watched.told().await, "GET /loop 4s");
        seconds(60).await;
        assert!(watched.is_quiet());
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_waits_for_something_else_hangs_nothing() {
        let mut watched = watched();
        let _waiting = watched.begin("/waiting");
        seconds(60).await;
        assert!(watched.is_quiet());
        watched.hang();
        assert!(watched.told().await.starts_with("GET /waiting "));
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_hang_is_told_as_well() {
        let mut watched = watched();
        watched.hang();
        let first = watched.begin("/first");
        assert_eq!(watched.told().await, "GET /first 5s");
        drop(first);
        watched.in_flight.answered();
        let second = watched.begin("/second");
        assert!(watched.told().await.starts_with("GET /second "));
        drop(second);
        let quick = watched.begin("/quick");
        seconds(1).await;
        drop(quick);
        seconds(60).await;
        assert!(watched.is_quiet());
    }

    #[tokio::test(start_paused = true)]
    async fn a_cron_is_named_as_one() {
        let mut watched = watched();
        watched.hang();
        let work = Work::Cron("* * * * *".to_owned());
        let _ticket = watched.in_flight.begin("todo", work);
        assert_eq!(watched.told().await, "the cron `* * * * *` 5s");
    }
}
