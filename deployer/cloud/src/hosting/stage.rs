//! What runs right now, and who uses it. Requests use it side by side; an exchange waits for those
//! in flight, and new ones wait for the exchange.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::body::Body;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tiny_runtime::{Controller, Reach};
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard};
use tokio_util::sync::CancellationToken;

use super::connect::Connect;
use super::routing::Routing;

/// workerd closes a connection that was idle for five seconds; one about to be closed is not used.
const LONGEST_IDLE: Duration = Duration::from_secs(3);

/// How long requests in flight may finish before an exchange breaks them off.
const GRACE: Duration = Duration::from_secs(5);

/// What runs between one exchange and the next.
pub(super) struct Generation {
    pub(super) controller: Controller,
    pub(super) client: Client<Connect, Body>,
    pub(super) ending: Ending,
    pub(super) reach: Reach,
    routing: RwLock<Arc<Routing>>,
}

/// How those who use a generation are told that it ends.
#[derive(Debug, Clone, Default)]
pub(super) struct Ending {
    /// What would go on for ever is to say goodbye.
    pub(super) restart: CancellationToken,
    /// Time is up.
    pub(super) cut: CancellationToken,
}

impl Ending {
    /// None when time was up first. Whoever holds a [`Visit`] must not wait for anything else: an
    /// exchange waits for him.
    pub(super) async fn unless_cut<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = work => Some(done),
            () = self.cut.cancelled() => None,
        }
    }
}

impl Generation {
    pub(super) fn new(controller: Controller, routing: Routing, reach: Reach) -> Self {
        Self {
            controller,
            client: Client::builder(TokioExecutor::new())
                .pool_idle_timeout(LONGEST_IDLE)
                .pool_timer(TokioTimer::new())
                .build(Connect),
            ending: Ending::default(),
            reach,
            routing: RwLock::new(Arc::new(routing)),
        }
    }

    pub(super) fn routing(&self) -> Arc<Routing> {
        Arc::clone(&self.routing.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The same code, reached by other ways.
    pub(super) fn reroute(&self, routing: Routing) {
        *self.routing.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(routing);
    }
}

/// The right to use what runs; an exchange waits until it is dropped.
pub(super) type Visit = OwnedRwLockReadGuard<Option<Generation>, Generation>;

#[derive(Default)]
pub(super) struct Stage(Arc<tokio::sync::RwLock<Option<Generation>>>);

impl Stage {
    /// None while nothing runs.
    pub(super) async fn enter(&self) -> Option<Visit> {
        let guard = Arc::clone(&self.0).read_owned().await;
        OwnedRwLockReadGuard::try_map(guard, Option::as_ref).ok()
    }

    /// Takes what runs off the stage, and keeps everybody out until the answer is dropped.
    pub(super) async fn close(&self) -> OwnedRwLockWriteGuard<Option<Generation>> {
        let ending = match self.enter().await {
            Some(visit) => visit.ending.clone(),
            None => Ending::default(),
        };
        ending.restart.cancel();
        let mut closing = std::pin::pin!(Arc::clone(&self.0).write_owned());
        let mut closed = tokio::select! {
            biased;
            closed = &mut closing => closed,
            () = tokio::time::sleep(GRACE) => {
                ending.cut.cancel();
                closing.await
            }
        };
        *closed = None;
        closed
    }
}
