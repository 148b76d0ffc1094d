//! What a local Cloudflare is made of.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use camino::Utf8PathBuf;
use futures_util::future::BoxFuture;
use tiny_runtime::Programs;

use crate::faults::Fault;

/// How to start one.
#[derive(Clone)]
pub struct Options {
    /// Port 0 takes a free one.
    pub listen: SocketAddr,
    /// The folder that holds everything; made when it is missing.
    pub dir: Utf8PathBuf,
    /// How long each request waits before it is looked at, as one round trip to Cloudflare.
    pub latency: Duration,
    /// Gets one JSON line for each request.
    pub journal: Option<Utf8PathBuf>,
    /// In force from the first request on.
    pub faults: Vec<Fault>,
    /// The names of the account's zones.
    pub zones: Vec<String>,
    /// As Cloudflare's where it is given.
    pub rate_limit: Option<RateLimit>,
    /// Asked when the first worker is to run, since most of the API needs no workerd.
    pub programs: ProgramsProvider,
}

/// How often the API may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    pub requests: u32,
    pub window: Duration,
}

impl RateLimit {
    /// 1200 requests in five minutes.
    pub const CLOUDFLARE: Self = Self {
        requests: 1200,
        window: Duration::from_mins(5),
    };
}

/// Where workerd is; it may have to be fetched first.
pub type ProgramsProvider =
    Arc<dyn Fn() -> BoxFuture<'static, Result<Programs, NoPrograms>> + Send + Sync>;

/// Why workers cannot run.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct NoPrograms(pub String);

impl Options {
    /// On a free port of this machine, with the zone `example.com` and nothing in its way.
    pub fn new(dir: impl Into<Utf8PathBuf>, programs: ProgramsProvider) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            dir: dir.into(),
            latency: Duration::ZERO,
            journal: None,
            faults: Vec::new(),
            zones: vec!["example.com".to_owned()],
            rate_limit: Some(RateLimit::CLOUDFLARE),
            programs,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("listen", &self.listen)
            .field("dir", &self.dir)
            .field("latency", &self.latency)
            .field("journal", &self.journal)
            .field("faults", &self.faults)
            .field("zones", &self.zones)
            .field("rate_limit", &self.rate_limit)
            .finish_non_exhaustive()
    }
}
