//! Who holds a stage.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use chrono::DateTime;
use serde::{Deserialize, Serialize};

/// Who holds the lock of a stage, for those who find it taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The command: `deploy`, `destroy`, `state mv`, ….
    pub purpose: String,
    pub user: String,
    pub host: String,
    pub pid: u32,
    /// Seconds since 1970: by this machine's clock for a local state, by Cloudflare's for a remote
    /// one.
    pub since: u64,
    /// Of the lease, where the state is remote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<u64>,
}

impl Holder {
    /// This process.
    pub(super) fn this_process(purpose: &str) -> Self {
        let user = ["USER", "LOGNAME", "USERNAME"]
            .into_iter()
            .find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()));
        Self {
            purpose: purpose.to_owned(),
            user: user.unwrap_or_else(nameless),
            host: rustix::system::uname()
                .nodename()
                .to_string_lossy()
                .into_owned(),
            pid: std::process::id(),
            since: unix_seconds(SystemTime::now()),
            token: None,
        }
    }

    /// As a lease tells of it, with Cloudflare's own time.
    pub(super) fn of_lease(text: &str, token: u64, since: u64) -> Self {
        let mut holder = serde_json::from_str(text).unwrap_or_else(|_| Self {
            purpose: "?".to_owned(),
            user: "somebody".to_owned(),
            host: "?".to_owned(),
            pid: 0,
            since,
            token: None,
        });
        holder.since = since;
        holder.token = Some(token);
        holder
    }

    /// When it was taken, where its clock can be read.
    pub fn since(&self) -> SystemTime {
        UNIX_EPOCH + std::time::Duration::from_secs(self.since)
    }
}

/// `tiny deploy` of anna on laptop (pid 4121) since 2026-11-24 18:02:11 UTC
impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            purpose,
            user,
            host,
            pid,
            ..
        } = self;
        write!(f, "`tiny {purpose}` of {user} on {host} (pid {pid})")?;
        match i64::try_from(self.since)
            .ok()
            .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
        {
            Some(since) => write!(f, " since {}", since.format("%Y-%m-%d %H:%M:%S UTC")),
            None => Ok(()),
        }
    }
}

/// A container often has no name for who runs in it.
fn nameless() -> String {
    #[cfg(unix)]
    return format!("uid {}", rustix::process::getuid().as_raw());
    #[cfg(not(unix))]
    return "somebody".to_owned();
}

pub(super) fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
