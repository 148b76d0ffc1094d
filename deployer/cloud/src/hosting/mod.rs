//! Runs the workers that are deployed: one workerd for the whole account, started by the first
//! request, cron or queue that needs it.
//!
//! `compile` makes a stack for the runtime of what the account has, `exchange` lets it take over
//! from the one before, `stage` is what runs meanwhile and who uses it. `gateway` takes requests to
//! it, `values` the API's calls for KV and R2, `tails` what it tells away from it. `probe` stands
//! apart: it looks at uploads.

mod assets;
mod background;
mod compile;
mod connect;
mod exchange;
mod gateway;
mod probe;
mod routing;
mod stage;
mod tails;
mod values;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::routing::get;
use camino::{Utf8Path, Utf8PathBuf};
use tiny_runtime::{Programs, Reach, RuntimeError};
use tokio::sync::{Mutex, Notify, OnceCell, mpsc};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::app::App;
use crate::d1::D1Bindings;
use crate::event::CloudEvent;
use crate::options::{NoPrograms, ProgramsProvider};
use crate::store::Store;
use exchange::Exchange;
pub(crate) use gateway::gateway;
use stage::{Stage, Visit};
use tails::Tails;

/// What runs, and how it is reached. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Hosting(Arc<Inner>);

struct Inner {
    programs: ProgramsProvider,
    found: OnceCell<Programs>,
    dir: Utf8PathBuf,
    account: OnceLock<Account>,
    stage: Stage,
    /// What runs is not what the account has.
    is_outdated: AtomicBool,
    /// Values were asked for.
    wants_kv: AtomicBool,
    wants_r2: AtomicBool,
    /// The start of workerd that is on stage.
    generation: AtomicU64,
    exchange: Mutex<Exchange>,
    /// The account has changed.
    change: Arc<Notify>,
    tails: Tails,
    /// Held while the runtime is told whom to watch.
    watching: Mutex<()>,
    ended: CancellationToken,
    /// Ends the tasks in the background.
    _end: DropGuard,
}

/// What hosting needs of the account. Not the whole [`App`], which holds this.
struct Account {
    store: Store,
    d1: D1Bindings,
    events: mpsc::UnboundedSender<CloudEvent>,
}

/// Why a worker, or a simulator, does not answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HostingError {
    #[error("workers do not run: {0}")]
    NotRunning(String),
    #[error(transparent)]
    Programs(#[from] NoPrograms),
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    #[error("cannot read what is to run: {0}")]
    Store(#[from] rusqlite::Error),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl Hosting {
    /// `dir` is the folder of the local data and of what workerd is started from.
    pub(crate) fn new(programs: ProgramsProvider, dir: Utf8PathBuf) -> Self {
        let ended = CancellationToken::new();
        Self(Arc::new(Inner {
            programs,
            found: OnceCell::new(),
            dir,
            account: OnceLock::new(),
            stage: Stage::default(),
            is_outdated: AtomicBool::new(true),
            wants_kv: AtomicBool::new(false),
            wants_r2: AtomicBool::new(false),
            generation: AtomicU64::new(0),
            exchange: Mutex::default(),
            change: Arc::default(),
            tails: Tails::default(),
            watching: Mutex::default(),
            _end: ended.clone().drop_guard(),
            ended,
        }))
    }

    /// Called once the app is there, before the first request.
    #[expect(clippy::unused_async, reason = "tasks need the async runtime")]
    pub(crate) async fn start(&self, app: &App) {
        let account = Account {
            store: app.store.clone(),
            d1: D1Bindings::of(app),
            events: app.events.clone(),
        };
        // Of probes that were interrupted.
        let _ = fs_err::remove_dir_all(self.dir().join(probe::FOLDER));
        if self.0.account.set(account).is_ok() {
            background::start(&self.0);
        }
    }

    /// Ends workerd; nothing runs from here on.
    pub(crate) async fn stop(&self) {
        self.0.ended.cancel();
        self.0.exchange.lock().await.stop().await;
    }

    /// The account has changed: what runs is exchanged before the next request, and before long
    /// without one, where something may happen by itself.
    #[expect(
        clippy::unused_async,
        reason = "callers need not know how little it takes"
    )]
    pub(crate) async fn changed(&self) {
        self.outdated();
        self.0.change.notify_one();
    }

    fn outdated(&self) {
        self.0.is_outdated.store(true, Ordering::Release);
    }

    /// Waits until what the account has is what runs, starting it where it does not.
    async fn enter(&self) -> Result<Visit, HostingError> {
        loop {
            if !self.0.is_outdated.load(Ordering::Acquire)
                && let Some(visit) = self.0.stage.enter().await
            {
                return Ok(visit);
            }
            self.exchange().await?;
        }
    }

    /// What this side can do with what runs. Values cost workerd time at its start: they are in
    /// reach once somebody asked for them.
    fn reach(&self) -> Reach {
        Reach {
            kv: self.0.wants_kv.load(Ordering::Acquire),
            r2: self.0.wants_r2.load(Ordering::Acquire),
            traces: true,
        }
    }

    async fn programs(&self) -> Result<&Programs, NoPrograms> {
        self.0.found.get_or_try_init(|| (self.0.programs)()).await
    }

    fn tails(&self) -> &Tails {
        &self.0.tails
    }

    fn dir(&self) -> &Utf8Path {
        &self.0.dir
    }

    /// The folder of the local data.
    fn state(&self) -> Utf8PathBuf {
        self.0.dir.join("state")
    }
}

impl std::fmt::Debug for Hosting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hosting").finish_non_exhaustive()
    }
}

/// Routes beside the API, below `/__tiny/`.
pub(crate) fn routes() -> Router<App> {
    Router::new().route("/__tiny/tails/{id}", get(tails::connect))
}
