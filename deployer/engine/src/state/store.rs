//! Where the state of a stage is kept, and the right to change it.

use std::sync::Arc;
use std::time::SystemTime;

use camino::{Utf8Path, Utf8PathBuf};
use tiny_cloudflare::Account;
use tiny_manifest::{Stack, StageName};

use super::local::{FileLock, LocalStore};
use super::remote::{LEASE, Lease, RemoteStore};
use super::surgery::check_push;
use super::{Holder, State, StateError};

/// The state of one stage, and a view of the other stages of its stack. Cheap to clone.
///
/// Reading takes no lock, and sees one whole state or the next. Whoever changes it, or the cloud,
/// takes the [`Guard`] first, then reads, then changes and saves:
///
/// ```no_run
/// # use tiny_engine::{State, StateError, StateStore};
/// # async fn example(store: StateStore, stage: tiny_manifest::StageName) -> Result<(), StateError> {
/// let guard = store.lock("deploy").await?;
/// let mut state = match store.load().await? {
///     Some(state) => state,
///     None => State::new("todo", &stage, Some("4f00…")),
/// };
/// // … record what is about to be made, then:
/// guard.save(&mut state).await?;
/// guard.release().await
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct StateStore {
    stage: StageName,
    backend: Backend,
}

#[derive(Debug, Clone)]
enum Backend {
    Local(Arc<LocalStore>),
    Remote(Arc<RemoteStore>),
}

/// One stage in a list of them.
#[derive(Debug)]
pub struct StageSummary {
    pub stage: String,
    /// None: it is locked, and nothing was recorded yet. An error stands for this stage alone.
    pub recorded: Result<Option<Recorded>, StateError>,
    pub holder: Option<Holder>,
}

/// What a list says of a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    pub serial: u64,
    /// How many.
    pub resources: usize,
    /// When it was saved.
    pub updated: SystemTime,
}

/// A state that is still there: the present one or one before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    pub recorded: Recorded,
    /// A path, or where in the account.
    pub place: String,
}

/// What a write takes for there.
#[derive(Debug, Clone)]
pub(super) enum Expected {
    Nothing,
    At {
        lineage: String,
        serial: u64,
    },
    /// Even what cannot be read.
    Anything,
}

impl Expected {
    /// What `state` was loaded from.
    fn loaded(state: &State) -> Self {
        match state.serial {
            0 => Self::Nothing,
            serial => Self::At {
                lineage: state.lineage.clone(),
                serial,
            },
        }
    }

    pub(super) fn serial(&self) -> u64 {
        match self {
            Self::At { serial, .. } => *serial,
            Self::Nothing | Self::Anything => 0,
        }
    }

    pub(super) fn check(&self, stage: &str, there: Option<&State>) -> Result<(), StateError> {
        let fits = match (self, there) {
            (Self::Anything, _) | (Self::Nothing, None) => true,
            (Self::At { serial, lineage }, Some(there)) => {
                there.serial == *serial && there.lineage == *lineage
            }
            (Self::Nothing, Some(_)) | (Self::At { .. }, None) => false,
        };
        if fits {
            return Ok(());
        }
        Err(StateError::Changed {
            stage: stage.to_owned(),
            expected: self.serial(),
            found: there.map_or_else(
                || "nothing is there".to_owned(),
                |there| format!("serial {} is there", there.serial),
            ),
        })
    }
}

impl StateStore {
    /// In files beside the manifest. Nothing is made before it is locked.
    pub fn local(stack: &Stack) -> Self {
        let tiny_toml = Utf8PathBuf::from(tiny_manifest::FILE_NAME);
        let manifest = stack.sources.first().unwrap_or(&tiny_toml);
        Self::local_in(
            &stack.root.join(tiny_manifest::PRIVATE_FOLDER),
            manifest,
            &stack.name,
            &stack.stage,
        )
    }

    /// The same, where the folder `.tiny` is `private`.
    pub fn local_in(
        private: &Utf8Path,
        manifest: &Utf8Path,
        stack: &str,
        stage: &StageName,
    ) -> Self {
        Self {
            stage: stage.clone(),
            backend: Backend::Local(Arc::new(LocalStore::new(private, manifest, stack, stage))),
        }
    }

    /// In a D1 database of the account. Nothing is made before it is locked.
    pub fn remote(stack: &Stack, account: Account) -> Self {
        Self::remote_of(account, &stack.name, &stack.stage)
    }

    /// The same, for whoever has no manifest.
    pub fn remote_of(account: Account, stack: &str, stage: &StageName) -> Self {
        Self::remote_with(account, stack, stage, LEASE)
    }

    pub(super) fn remote_with(
        account: Account,
        stack: &str,
        stage: &StageName,
        lease: std::time::Duration,
    ) -> Self {
        let store = RemoteStore::new(account, stack, stage.as_str(), lease);
        Self {
            stage: stage.clone(),
            backend: Backend::Remote(Arc::new(store)),
        }
    }

    pub fn stage(&self) -> &StageName {
        &self.stage
    }

    /// What is recorded. None: nothing is.
    pub async fn load(&self) -> Result<Option<State>, StateError> {
        match &self.backend {
            Backend::Local(store) => blocking(store, LocalStore::load).await,
            Backend::Remote(store) => store.load().await,
        }
    }

    /// Takes the stage for this process; `purpose` is the command, for those who find it taken.
    /// Makes what the state needs to be kept, and fails where that cannot be written.
    pub async fn lock(&self, purpose: &str) -> Result<Guard, StateError> {
        let held = match &self.backend {
            Backend::Local(store) => {
                let purpose = purpose.to_owned();
                let lock = blocking(store, move |store| store.lock(&purpose)).await?;
                Held::Local(Arc::clone(store), lock)
            }
            Backend::Remote(store) => Held::Remote(Arc::clone(store), store.lock(purpose).await?),
        };
        Ok(Guard { held })
    }

    /// Who holds the stage at this moment.
    pub async fn holder(&self) -> Result<Option<Holder>, StateError> {
        match &self.backend {
            Backend::Local(store) => blocking(store, |store| Ok(store.holder())).await,
            Backend::Remote(store) => store.holder().await,
        }
    }

    /// Takes the lock from `holder`, as [`StateStore::holder`] told of it. `false`: somebody else
    /// holds it by now, or nobody. A process of this machine keeps its lock as long as it lives.
    pub async fn unlock(&self, holder: &Holder) -> Result<bool, StateError> {
        match &self.backend {
            Backend::Local(_) => match self.holder().await? {
                Some(now) if now == *holder => Err(StateError::Held {
                    stage: self.stage.to_string(),
                    holder: Box::new(now),
                }),
                _ => Ok(false),
            },
            Backend::Remote(store) => store.unlock(holder).await,
        }
    }

    /// The stages of this stack, by name.
    pub async fn list(&self) -> Result<Vec<StageSummary>, StateError> {
        match &self.backend {
            Backend::Local(store) => blocking(store, LocalStore::list).await,
            Backend::Remote(store) => store.list().await,
        }
    }

    /// What is recorded of the other stages of this stack. What cannot be read is left out: it is
    /// told about where that stage is used.
    pub async fn others(&self) -> Result<Vec<State>, StateError> {
        let mut others = Vec::new();
        for summary in self.list().await? {
            let Ok(stage) = StageName::new(&summary.stage) else {
                continue;
            };
            if stage == self.stage || !matches!(summary.recorded, Ok(Some(_))) {
                continue;
            }
            others.extend(self.of_stage(&stage).load().await?);
        }
        Ok(others)
    }

    /// Another stage of the same stack, kept in the same place.
    fn of_stage(&self, stage: &StageName) -> Self {
        Self {
            stage: stage.clone(),
            backend: match &self.backend {
                Backend::Local(store) => Backend::Local(Arc::new(store.of_stage(stage))),
                Backend::Remote(store) => Backend::Remote(Arc::new(store.of_stage(stage))),
            },
        }
    }

    /// The states that can be gone back to, the present one first.
    pub async fn history(&self) -> Result<Vec<Version>, StateError> {
        match &self.backend {
            Backend::Local(store) => blocking(store, LocalStore::history).await,
            Backend::Remote(store) => store.history().await,
        }
    }

    /// The state with this serial, while it is in the history.
    pub async fn version(&self, serial: u64) -> Result<Option<State>, StateError> {
        match &self.backend {
            Backend::Local(store) => blocking(store, move |store| store.version(serial)).await,
            Backend::Remote(store) => store.version(serial).await,
        }
    }
}

/// The right to change a stage: nobody else has one as long as this one is held. Dropped, it is
/// given back, for a remote state only with the end of its lease; [`Guard::release`] does it at
/// once.
#[derive(Debug)]
pub struct Guard {
    held: Held,
}

#[derive(Debug)]
enum Held {
    Local(Arc<LocalStore>, FileLock),
    Remote(Arc<RemoteStore>, Lease),
}

impl Guard {
    /// This process, as others see it.
    pub fn holder(&self) -> &Holder {
        match &self.held {
            Held::Local(_, lock) => &lock.holder,
            Held::Remote(_, lease) => &lease.holder,
        }
    }

    /// Never returns while the stage is held, and says why once it is not: a lease can run out when
    /// the network is gone. From then on nothing is saved, and nothing more should be begun.
    pub async fn lost(&self) -> StateError {
        match &self.held {
            Held::Local(..) => std::future::pending().await,
            Held::Remote(store, lease) => store.until_lost(lease).await,
        }
    }

    /// Proves that `state` could be saved, where that is not known yet. The first save of an intent
    /// proves the same.
    pub async fn prove(&self, state: &State) -> Result<(), StateError> {
        match &self.held {
            Held::Local(store, _) => {
                let state = state.clone();
                blocking(store, move |store| store.prove(&state)).await
            }
            // The lease was written where the state will be.
            Held::Remote(..) => Ok(()),
        }
    }

    /// Records `state`, if what it was loaded from is still what is there, and counts its serial up.
    /// When it returns, it is kept for good.
    ///
    /// The whole state is written each time, so intents that come up together belong into one save:
    /// its cost is two syncs of a disk, or one request, and grows little with what is recorded. Let
    /// it finish: whoever drops it half done has to load again.
    pub async fn save(&self, state: &mut State) -> Result<(), StateError> {
        let next = State {
            schema: super::SCHEMA,
            serial: state.serial + 1,
            ..state.clone()
        };
        *state = self.put(Expected::loaded(state), next).await?;
        Ok(())
    }

    /// Puts a state from elsewhere in place of what is recorded: the same history and not an older
    /// point of it, or anything at all with `force`, over anything that is there. What could not be
    /// read is kept aside. Gives it back as it was saved, with a serial above both.
    pub async fn push(&self, incoming: State, force: bool) -> Result<State, StateError> {
        let (stack, stage) = self.about();
        incoming.check_place("what is pushed", stack, stage)?;
        let (expected, serial) = match self.load().await {
            Ok(Some(recorded)) => {
                if !force {
                    check_push(&recorded, &incoming)?;
                }
                (Expected::loaded(&recorded), recorded.serial)
            }
            Ok(None) => (Expected::Nothing, 0),
            Err(error) if force && error.is_unreadable() => {
                (Expected::Anything, self.unreadable_serial().await?)
            }
            Err(error) => return Err(error),
        };
        let next = State {
            schema: super::SCHEMA,
            serial: serial.max(incoming.serial) + 1,
            ..incoming
        };
        self.put(expected, next).await
    }

    /// Removes the state of a stage of which nothing is left.
    pub async fn delete(&self) -> Result<(), StateError> {
        match &self.held {
            Held::Local(store, _) => blocking(store, LocalStore::delete).await,
            Held::Remote(store, lease) => store.delete(lease).await,
        }
    }

    /// Gives the stage back.
    pub async fn release(self) -> Result<(), StateError> {
        match self.held {
            Held::Local(_, lock) => {
                drop(lock);
                Ok(())
            }
            Held::Remote(store, lease) => store.release(lease).await,
        }
    }

    /// Stack and stage.
    fn about(&self) -> (&str, &str) {
        match &self.held {
            Held::Local(store, _) => store.about(),
            Held::Remote(store, _) => store.about(),
        }
    }

    async fn load(&self) -> Result<Option<State>, StateError> {
        match &self.held {
            Held::Local(store, _) => blocking(store, LocalStore::load).await,
            Held::Remote(store, _) => store.load().await,
        }
    }

    /// Of a state that cannot be read, where its serial is kept apart from it.
    async fn unreadable_serial(&self) -> Result<u64, StateError> {
        match &self.held {
            Held::Local(..) => Ok(0),
            Held::Remote(store, _) => store.serial().await,
        }
    }

    async fn put(&self, expected: Expected, next: State) -> Result<State, StateError> {
        match &self.held {
            Held::Local(store, _) => {
                blocking(store, move |store| {
                    store.put(&expected, &next)?;
                    Ok(next)
                })
                .await
            }
            Held::Remote(store, lease) => {
                store.put(lease, &expected, &next).await?;
                Ok(next)
            }
        }
    }
}

/// On a thread that may wait for a disk.
async fn blocking<T: Send + 'static>(
    store: &Arc<LocalStore>,
    work: impl FnOnce(&LocalStore) -> Result<T, StateError> + Send + 'static,
) -> Result<T, StateError> {
    let path = store.path();
    let store = Arc::clone(store);
    match tokio::task::spawn_blocking(move || work(&store)).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(ended) => Err(StateError::NoAccess {
                path,
                source: std::io::Error::other(ended),
            }),
        },
    }
}
