//! A folder that is being served.

use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Response};

use crate::scan::{Files, scan};
use crate::{AssetsError, Config};

/// The body of an answer.
pub type Body = http_body_util::Full<Bytes>;

/// The static files of one worker.
#[derive(Debug)]
pub struct Assets {
    config: Config,
    files: RwLock<Arc<Files>>,
}

impl Assets {
    /// Reads which files there are.
    pub fn load(config: Config) -> Result<Self, AssetsError> {
        let files = scan(&config.directory)?;
        Ok(Self {
            config,
            files: RwLock::new(Arc::new(files)),
        })
    }

    /// Answers what a file answers; `None`: the request is the worker's.
    pub async fn respond(&self, request: &Parts) -> Option<Response<Body>> {
        if !matches!(request.method, Method::GET | Method::HEAD) {
            return None;
        }
        let files = Arc::clone(&self.files.read().unwrap_or_else(PoisonError::into_inner));
        let file = files.get(request.uri.path())?;
        let body = fs_err::tokio::read(&file.path).await.ok()?;
        Some(Response::new(Body::from(body)))
    }
}
