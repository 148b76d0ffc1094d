//! The state in a D1 database of the account: for everybody who deploys, wherever they are.

mod database;
mod lease;
mod versions;

use std::sync::Arc;
use std::time::Duration;

use tiny_cloudflare::Account;
use tiny_manifest::StageName;

use super::store::{Expected, StageSummary, Version};
use super::{Holder, State, StateError};
use database::Database;
use lease::Place;

pub(super) use lease::Lease;

/// How long a lease lasts that nobody renews; it is renewed three times as often.
pub(super) const LEASE: Duration = Duration::from_mins(1);

#[derive(Debug)]
pub(super) struct RemoteStore {
    database: Arc<Database>,
    place: Place,
    /// Of a lease.
    length: Duration,
}

impl RemoteStore {
    pub(super) fn new(account: Account, stack: &str, stage: &str, length: Duration) -> Self {
        Self {
            database: Arc::new(Database::new(account)),
            place: Place {
                stack: stack.to_owned(),
                stage: stage.to_owned(),
            },
            length,
        }
    }

    /// Another stage in the same database.
    pub(super) fn of_stage(&self, stage: &StageName) -> Self {
        Self {
            database: Arc::clone(&self.database),
            place: Place {
                stack: self.place.stack.clone(),
                stage: stage.to_string(),
            },
            length: self.length,
        }
    }

    /// Stack and stage.
    pub(super) fn about(&self) -> (&str, &str) {
        (&self.place.stack, &self.place.stage)
    }

    pub(super) async fn load(&self) -> Result<Option<State>, StateError> {
        versions::load(&self.database, &self.place, None).await
    }

    pub(super) async fn version(&self, serial: u64) -> Result<Option<State>, StateError> {
        versions::load(&self.database, &self.place, Some(serial)).await
    }

    /// Of the present state, even of one that cannot be read.
    pub(super) async fn serial(&self) -> Result<u64, StateError> {
        let history = self.history().await?;
        Ok(history.first().map_or(0, |version| version.recorded.serial))
    }

    pub(super) async fn history(&self) -> Result<Vec<Version>, StateError> {
        versions::history(&self.database, &self.place).await
    }

    pub(super) async fn list(&self) -> Result<Vec<StageSummary>, StateError> {
        versions::list(&self.database, &self.place.stack).await
    }

    pub(super) async fn lock(&self, purpose: &str) -> Result<Lease, StateError> {
        lease::take(&self.database, &self.place, purpose, self.length).await
    }

    pub(super) async fn holder(&self) -> Result<Option<Holder>, StateError> {
        Ok(lease::current(&self.database, &self.place).await?)
    }

    pub(super) async fn unlock(&self, holder: &Holder) -> Result<bool, StateError> {
        match holder.token {
            Some(token) => Ok(lease::remove(&self.database, &self.place, token).await?),
            None => Ok(false),
        }
    }

    pub(super) async fn put(
        &self,
        lease: &Lease,
        expected: &Expected,
        state: &State,
    ) -> Result<(), StateError> {
        self.check_held(lease)?;
        versions::put(&self.database, &self.place, &lease.key, expected, state).await
    }

    pub(super) async fn delete(&self, lease: &Lease) -> Result<(), StateError> {
        self.check_held(lease)?;
        versions::delete(&self.database, &self.place, &lease.key).await
    }

    pub(super) async fn release(&self, lease: Lease) -> Result<(), StateError> {
        lease.stop();
        lease::remove(&self.database, &self.place, lease.key.token).await?;
        Ok(())
    }

    /// Returns when the lease is lost.
    pub(super) async fn until_lost(&self, lease: &Lease) -> StateError {
        self.lost(lease.until_lost().await)
    }

    fn check_held(&self, lease: &Lease) -> Result<(), StateError> {
        lease.lost().map_or(Ok(()), |why| Err(self.lost(why)))
    }

    fn lost(&self, why: String) -> StateError {
        StateError::LockLost {
            stage: self.place.stage.clone(),
            why,
        }
    }
}
