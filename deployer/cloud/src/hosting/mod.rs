//! Runs the workers that are deployed.

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use camino::Utf8PathBuf;
use http::StatusCode;

use crate::app::App;
use crate::options::ProgramsProvider;
use crate::store::Files;
use crate::values::{KvKeys, KvValue, R2Object, R2Objects};
use crate::workers::{Code, Compatibility, ProbeError, Probed};

/// The runtime, started when it is first needed.
pub(crate) struct Hosting {
    programs: ProgramsProvider,
    dir: Utf8PathBuf,
}

/// Why a worker, or a simulator, does not answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HostingError {
    #[error("workers do not run: {0}")]
    NotRunning(String),
}

impl Hosting {
    /// `dir` is the folder of the local data and of what workerd is started from.
    pub(crate) fn new(programs: ProgramsProvider, dir: Utf8PathBuf) -> Self {
        Self { programs, dir }
    }

    /// Called once the app is there, before the first request.
    pub(crate) async fn start(&self, _app: &App) {}

    pub(crate) async fn stop(&self) {}

    /// Starts code once, apart from all others, to see what it is.
    pub(crate) async fn probe(
        &self,
        _files: &Files,
        _code: &Code,
        _compatibility: &Compatibility,
    ) -> Result<Probed, ProbeError> {
        Err(ProbeError::NoRuntime("workers do not run".to_owned()))
    }

    /// What the account says of queues' consumers is no longer what runs.
    pub(crate) async fn changed(&self) {}

    pub(crate) async fn kv_get(
        &self,
        _namespace: &str,
        _key: &str,
    ) -> Result<Option<KvValue>, HostingError> {
        Err(HostingError::NotRunning(String::new()))
    }

    pub(crate) async fn kv_put(
        &self,
        _namespace: &str,
        _key: &str,
        _value: KvValue,
    ) -> Result<(), HostingError> {
        Err(HostingError::NotRunning(String::new()))
    }

    pub(crate) async fn kv_delete(&self, _namespace: &str, _key: &str) -> Result<(), HostingError> {
        Err(HostingError::NotRunning(String::new()))
    }

    /// At most 1000 keys at once.
    pub(crate) async fn kv_keys(
        &self,
        _namespace: &str,
        _prefix: &str,
        _limit: u32,
        _cursor: Option<&str>,
    ) -> Result<KvKeys, HostingError> {
        Err(HostingError::NotRunning(String::new()))
    }

    /// Forgets a namespace's values, because the namespace was deleted.
    pub(crate) async fn kv_forget(&self, _namespace: &str) {}

    pub(crate) async fn r2_get(
        &self,
        _bucket: &str,
        _key: &str,
    ) -> Result<Option<R2Object>, HostingError> {
        Err(HostingError::NotRunning(String::new()))
    }

    /// Answers the object's etag.
    pub(crate) async fn r2_put(
        &self,
        _bucket: &str,
        _key: &str,
        _object: R2Object,
    ) -> Result<String, HostingError> {
        Err(HostingError::NotRunning(String::new()))
    }

    pub(crate) async fn r2_delete(&self, _bucket: &str, _key: &str) -> Result<(), HostingError> {
        Err(HostingError::NotRunning(String::new()))
    }

    /// At most 1000 objects at once.
    pub(crate) async fn r2_list(
        &self,
        _bucket: &str,
        _prefix: &str,
        _limit: u32,
        _cursor: Option<&str>,
    ) -> Result<R2Objects, HostingError> {
        Err(HostingError::NotRunning(String::new()))
    }

    /// Whether no object is in it. True without starting anything where none can be.
    pub(crate) async fn r2_is_empty(&self, _bucket: &str) -> Result<bool, HostingError> {
        Ok(true)
    }
}

impl std::fmt::Debug for Hosting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hosting").finish_non_exhaustive()
    }
}

/// Routes beside the API, such as the WebSockets of tails; by convention below `/__tiny/`.
pub(crate) fn routes() -> Router<App> {
    Router::new()
}

/// Answers a request whose host is a worker's: `<script>.<subdomain>.localhost`, a custom domain,
/// or a host that a route covers.
pub(crate) async fn gateway(_app: App, host: &str, _request: Request) -> Response {
    (StatusCode::NOT_FOUND, format!("no worker at {host}\n")).into_response()
}
