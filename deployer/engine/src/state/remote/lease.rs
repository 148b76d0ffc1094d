//! The lock of a remote state: a row that runs out by Cloudflare's clock, with a token that counts
//! up. Each save names the token, so that whoever lost the lease writes nothing any more.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tiny_cloudflare::CloudflareError;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::database::{self, Database, statement};
use crate::state::{Holder, StateError};

/// How often something whose outcome is unclear is looked at and tried again.
const ATTEMPTS: u32 = 3;

/// Which stage of which stack.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) stack: String,
    pub(super) stage: String,
}

/// A lease that is renewed until it is dropped.
#[derive(Debug)]
pub(in crate::state) struct Lease {
    pub(in crate::state) holder: Holder,
    pub(super) key: Key,
    lost: watch::Receiver<Option<String>>,
    renewal: AbortHandle,
}

/// What a statement has to name to be the holder's.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) token: u64,
    pub(super) lease_id: String,
}

/// A lease as the database has it.
#[derive(Debug, Deserialize)]
pub(super) struct Row {
    token: u64,
    lease_id: String,
    holder: String,
    acquired_at: u64,
}

impl Row {
    pub(super) fn holder(&self) -> Holder {
        Holder::of_lease(&self.holder, self.token, self.acquired_at)
    }
}

/// Takes the stage for `length` at a time, or says who has it.
pub(super) async fn take(
    database: &Arc<Database>,
    place: &Place,
    purpose: &str,
    length: Duration,
) -> Result<Lease, StateError> {
    let mut holder = Holder::this_process(purpose);
    let lease_id = Uuid::new_v4().to_string();
    // Counted from before it was asked for: it does not run out earlier than that.
    let (row, asked) = acquire(database, place, &holder, &lease_id, length).await?;
    holder.since = row.acquired_at;
    holder.token = Some(row.token);
    let key = Key {
        token: row.token,
        lease_id,
    };
    let (tell, lost) = watch::channel(None);
    let database = Arc::clone(database);
    let renewal = tokio::spawn({
        let key = key.clone();
        async move {
            let why = keep(&database, &key, asked, length).await;
            tell.send_replace(Some(why));
        }
    });
    Ok(Lease {
        holder,
        key,
        lost,
        renewal: renewal.abort_handle(),
    })
}

/// Who has the stage, if anybody does.
pub(super) async fn current(
    database: &Database,
    place: &Place,
) -> Result<Option<Holder>, CloudflareError> {
    let rows: Option<Vec<Row>> = database.read(&query(place)).await?;
    Ok(rows.and_then(|rows| rows.first().map(Row::holder)))
}

/// Ends the lease with this token. `false`: there is none.
pub(super) async fn remove(
    database: &Database,
    place: &Place,
    token: u64,
) -> Result<bool, CloudflareError> {
    let batch = [statement(
        "DELETE FROM leases WHERE stack = ?1 AND stage = ?2 AND token = ?3 RETURNING token",
        &[&place.stack, &place.stage, &token],
    )];
    let mut attempts = 0;
    loop {
        attempts += 1;
        match database.run::<Value>(&batch).await {
            Ok(results) => {
                let gone = results.first().is_some_and(|one| !one.results.is_empty());
                // After an unclear attempt it may well have been this one.
                return Ok(gone || attempts > 1);
            }
            // No token is given twice, so this can be said as often as one likes.
            Err(error) if error.is_unclear() && attempts < ATTEMPTS => {}
            Err(error) => return Err(error),
        }
    }
}

impl Lease {
    /// Why it is no longer held.
    pub(super) fn lost(&self) -> Option<String> {
        self.lost.borrow().clone()
    }

    /// Returns when it is lost, with the reason.
    pub(super) async fn until_lost(&self) -> String {
        let mut lost = self.lost.clone();
        loop {
            if let Some(why) = lost.borrow_and_update().clone() {
                return why;
            }
            if lost.changed().await.is_err() {
                // Only with the runtime that renewed it.
                return "its renewal ended".to_owned();
            }
        }
    }

    /// Stops to renew it.
    pub(super) fn stop(&self) {
        self.renewal.abort();
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What is there and has not run out. A second counts as not over until the next one begins.
fn query(place: &Place) -> tiny_cloudflare::D1Statement {
    statement(
        "SELECT token, lease_id, holder, acquired_at FROM leases \
         WHERE stack = ?1 AND stage = ?2 AND expires_at >= unixepoch()",
        &[&place.stack, &place.stage],
    )
}

async fn acquire(
    database: &Database,
    place: &Place,
    holder: &Holder,
    lease_id: &str,
    length: Duration,
) -> Result<(Row, Instant), StateError> {
    let batch: Vec<_> = database::tables()
        .chain([
            statement(
                format!(
                    "INSERT OR REPLACE INTO leases \
                       (stack, stage, lease_id, holder, acquired_at, expires_at) \
                     SELECT ?1, ?2, ?3, ?4, unixepoch(), unixepoch() + ?5 \
                     WHERE {} AND NOT EXISTS (SELECT 1 FROM leases WHERE stack = ?1 AND stage = ?2 \
                       AND expires_at >= unixepoch())",
                    database::layout_is_known()
                ),
                &[
                    &place.stack,
                    &place.stage,
                    &lease_id,
                    &serde_json::to_string(holder).unwrap_or_default(),
                    &length.as_secs(),
                ],
            ),
            query(place),
        ])
        .collect();
    let mut attempts = 0;
    loop {
        attempts += 1;
        let asked = Instant::now();
        let row: Option<Row> = match database.run::<Value>(&batch).await {
            Ok(results) => results
                .into_iter()
                .next_back()
                .and_then(|last| last.results.into_iter().next())
                .and_then(|row| serde_json::from_value(row).ok()),
            // Whether it was this call that made it shows in its id; a late arrival of the call
            // finds a lease and does nothing.
            Err(error) if error.is_unclear() => {
                let rows: Vec<Row> = database.read(&query(place)).await?.unwrap_or_default();
                match rows.into_iter().next() {
                    None if attempts < ATTEMPTS => continue,
                    None => return Err(error.into()),
                    row => row,
                }
            }
            Err(error) => return Err(error.into()),
        };
        return match row {
            Some(row) if row.lease_id == lease_id => Ok((row, asked)),
            Some(row) => Err(StateError::Locked {
                stage: place.stage.clone(),
                holder: Some(Box::new(row.holder())),
            }),
            None => {
                database
                    .check_layout(&Database::place(&place.stack, &place.stage))
                    .await?;
                // It ran out between two statements.
                Err(StateError::Locked {
                    stage: place.stage.clone(),
                    holder: None,
                })
            }
        };
    }
}

/// Renews the lease as long as that works; says why it does not any more.
async fn keep(database: &Database, key: &Key, asked: Instant, length: Duration) -> String {
    let mut ends = asked + length;
    let mut pause = length / 3;
    loop {
        sleep(pause.min(ends.saturating_duration_since(Instant::now()))).await;
        let asked = Instant::now();
        if asked >= ends {
            return format!(
                "it could not be renewed for {} seconds, and so it ran out",
                length.as_secs()
            );
        }
        match timeout(length / 4, renew(database, key, length)).await {
            Ok(Ok(true)) => {
                ends = asked + length;
                pause = length / 3;
            }
            Ok(Ok(false)) => return "somebody else removed it or took it over".to_owned(),
            // Renewing twice is renewing once.
            Ok(Err(_)) | Err(_) => pause = length / 20,
        }
    }
}

async fn renew(database: &Database, key: &Key, length: Duration) -> Result<bool, CloudflareError> {
    let batch = [statement(
        "UPDATE leases SET expires_at = unixepoch() + ?1 WHERE token = ?2 AND lease_id = ?3 \
         RETURNING token",
        &[&length.as_secs(), &key.token, &key.lease_id],
    )];
    let results = database.run::<Value>(&batch).await?;
    Ok(results.first().is_some_and(|one| !one.results.is_empty()))
}
