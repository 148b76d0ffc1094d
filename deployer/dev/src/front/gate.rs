//! Who may go on to the workers, and when: requests pass while a generation of upstreams is
//! released, wait while it is exchanged, and are counted as long as they use it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tiny_assets::Assets;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::hosts::name_of;
use super::pool::Pool;

/// The workers that run, as the front reaches them.
#[derive(Debug, Clone)]
pub struct Routes {
    /// Each worker answers on `<name>.localhost`.
    pub workers: Vec<Route>,
    /// The index of the worker that answers on every other host.
    pub default: usize,
}

/// One worker.
#[derive(Debug, Clone)]
pub struct Route {
    /// Its name in the manifest.
    pub name: String,
    /// Where the runtime listens for it.
    pub upstream: SocketAddr,
    /// Its static files; they are served without asking the worker.
    pub assets: Option<Arc<Assets>>,
}

/// What stands in the way of the app, for people to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// One line.
    pub title: String,
    /// The whole story; plain text, no ANSI codes.
    pub text: String,
}

/// A worker of one generation.
pub(crate) struct Upstream {
    pub(crate) name: String,
    pub(crate) assets: Option<Arc<Assets>>,
    pub(crate) pool: Pool,
}

/// The upstreams between one release and the next.
pub(crate) struct Generation {
    upstreams: Vec<Upstream>,
    default: usize,
    visits: AtomicUsize,
    left: Notify,
    /// WebSockets are to say goodbye.
    pub(crate) restart: CancellationToken,
    /// Time is up: whatever still runs is cut off.
    pub(crate) cut: CancellationToken,
}

impl Generation {
    fn new(routes: Routes) -> Self {
        let cut = CancellationToken::new();
        let upstreams = routes
            .workers
            .into_iter()
            .map(|route| Upstream {
                name: route.name,
                assets: route.assets,
                pool: Pool::new(route.upstream, cut.clone()),
            })
            .collect();
        Self {
            upstreams,
            default: routes.default,
            visits: AtomicUsize::new(0),
            left: Notify::new(),
            restart: CancellationToken::new(),
            cut,
        }
    }

    /// The worker that `host` (a Host header) names, else the default.
    fn index_for(&self, host: Option<&str>) -> usize {
        host.and_then(worker_label)
            .and_then(|label| {
                self.upstreams
                    .iter()
                    .position(|upstream| upstream.name.eq_ignore_ascii_case(label))
            })
            .unwrap_or(self.default)
    }

    async fn empty(&self) {
        loop {
            let left = self.left.notified();
            if self.visits.load(Ordering::Acquire) == 0 {
                return;
            }
            left.await;
        }
    }
}

fn worker_label(host: &str) -> Option<&str> {
    const SUFFIX: &str = ".localhost";
    let name = name_of(host);
    let at = name.len().checked_sub(SUFFIX.len())?;
    let (label, suffix) = name.split_at_checked(at)?;
    suffix.eq_ignore_ascii_case(SUFFIX).then_some(label)
}

/// The right to use a generation; counted until it is dropped.
pub(crate) struct Visit {
    generation: Arc<Generation>,
    index: usize,
}

impl Visit {
    pub(crate) fn upstream(&self) -> &Upstream {
        &self.generation.upstreams[self.index]
    }

    pub(crate) fn generation(&self) -> &Generation {
        &self.generation
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        if self.generation.visits.fetch_sub(1, Ordering::Release) == 1 {
            self.generation.left.notify_waiters();
        }
    }
}

#[derive(Default)]
struct State {
    open: Option<Arc<Generation>>,
    /// Set by a release, until the app is given up.
    released: bool,
    failure: Option<Arc<Failure>>,
}

impl State {
    /// `None`: wait. Runs under the lock of the state, so that whoever closes the gate counts
    /// everybody who got in.
    fn admit(&self, host: Option<&str>) -> Option<Result<Visit, Arc<Failure>>> {
        if let Some(generation) = &self.open {
            generation.visits.fetch_add(1, Ordering::Relaxed);
            let visit = Visit {
                index: generation.index_for(host),
                generation: Arc::clone(generation),
            };
            return Some(Ok(visit));
        }
        // Once there was an app, a failure is a matter of moments: the one before comes back.
        let failure = self.failure.as_ref().filter(|_| !self.released)?;
        Some(Err(Arc::clone(failure)))
    }
}

#[derive(Default)]
pub(crate) struct Gate {
    state: watch::Sender<State>,
}

impl Gate {
    /// Waits until requests may pass. An error: there is no app, and this is why.
    pub(crate) async fn enter(&self, host: Option<&str>) -> Result<Visit, Arc<Failure>> {
        if let Some(admitted) = self.state.borrow().admit(host) {
            return admitted;
        }
        let mut changes = self.state.subscribe();
        loop {
            if let Some(admitted) = changes.borrow_and_update().admit(host) {
                return admitted;
            }
            if changes.changed().await.is_err() {
                // Cannot be: the sender is a field of `self`. Waiting is what a closed gate means.
                std::future::pending::<()>().await;
            }
        }
    }

    pub(crate) async fn hold(&self, grace: Duration) {
        let mut closed = None;
        self.state.send_modify(|state| closed = state.open.take());
        let Some(generation) = closed else { return };
        generation.restart.cancel();
        // An error means that time is up, which is what `grace` is for.
        let _ = tokio::time::timeout(grace, generation.empty()).await;
        generation.cut.cancel();
    }

    pub(crate) fn release(&self, routes: Routes) {
        let generation = Arc::new(Generation::new(routes));
        self.state.send_modify(|state| {
            state.open = Some(generation);
            state.released = true;
        });
    }

    /// There is no app any more, and none comes back by itself: those who wait, and those to come,
    /// get `failure`, until the next release.
    pub(crate) fn give_up(&self, failure: Arc<Failure>) {
        let mut closed = None;
        self.state.send_modify(|state| {
            closed = state.open.take();
            state.released = false;
            state.failure = Some(failure);
        });
        if let Some(generation) = closed {
            generation.restart.cancel();
            generation.cut.cancel();
        }
    }

    pub(crate) fn show_failure(&self, failure: Option<Arc<Failure>>) {
        self.state.send_modify(|state| state.failure = failure);
    }

    /// The front is gone: so is everything that stood on it.
    pub(crate) fn end(&self) {
        let mut closed = None;
        self.state.send_modify(|state| closed = state.open.take());
        if let Some(generation) = closed {
            generation.cut.cancel();
        }
    }
}
