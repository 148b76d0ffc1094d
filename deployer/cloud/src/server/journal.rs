//! One JSON line for each request: `{"method","path","status","ms","at_ms"}`, and `fault` where one
//! struck. Headers and bodies, where secrets are, are not in it.

use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use camino::Utf8Path;
use serde::Serialize;

use super::faults::Struck;
use crate::error::CloudError;

/// The file. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Journal {
    file: Arc<Mutex<std::fs::File>>,
    began: Instant,
}

#[derive(Serialize)]
struct Line<'a> {
    method: &'a str,
    /// With its query.
    path: &'a str,
    /// None where nothing was done and nothing answered.
    status: Option<u16>,
    /// From the request's arrival to its answer.
    ms: f64,
    /// When it arrived, since the server began: tells what ran beside what.
    at_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
}

impl Journal {
    /// Goes on where the file ends.
    pub(crate) fn open(path: &Utf8Path) -> Result<Self, CloudError> {
        let open = || {
            if let Some(parent) = path.parent() {
                fs_err::create_dir_all(parent)?;
            }
            std::fs::File::options()
                .create(true)
                .append(true)
                .open(path)
        };
        let file = open().map_err(|source| CloudError::Folder {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            file: Arc::new(Mutex::new(file)),
            began: Instant::now(),
        })
    }

    fn write(&self, line: &Line<'_>) {
        let Ok(mut text) = serde_json::to_string(line) else {
            return;
        };
        text.push('\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // A full disk must not break the requests.
        let _ = file.write_all(text.as_bytes());
    }
}

/// Records a request also when it ends without an answer.
struct Entry {
    journal: Journal,
    method: String,
    path: String,
    arrived: Instant,
    struck: Struck,
    status: Option<u16>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        let (fault, status) = self.struck.outcome(self.status);
        self.journal.write(&Line {
            method: &self.method,
            path: &self.path,
            status,
            ms: millis(self.arrived.elapsed()),
            at_ms: millis(self.arrived.duration_since(self.journal.began)),
            fault,
        });
    }
}

/// With three decimals.
fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

pub(super) async fn layer(
    State(journal): State<Journal>,
    mut request: Request,
    next: Next,
) -> Response {
    let struck = Struck::default();
    let path = request
        .extensions()
        .get::<axum::extract::OriginalUri>()
        .map_or_else(|| request.uri().clone(), |uri| uri.0.clone());
    let mut entry = Entry {
        journal,
        method: request.method().to_string(),
        path: path
            .path_and_query()
            .map_or_else(|| path.path().to_owned(), ToString::to_string),
        arrived: Instant::now(),
        struck: struck.clone(),
        status: None,
    };
    request.extensions_mut().insert(struck);
    let response = next.run(request).await;
    entry.status = Some(response.status().as_u16());
    response
}
