//! A folder that is being served.

use std::io;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use camino::{Utf8Path, Utf8PathBuf};
use http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HOST, HeaderMap, HeaderName,
    HeaderValue, IF_NONE_MATCH, LOCATION, RANGE,
};
use http::request::Parts;
use http::{Method, Response, StatusCode};

use crate::headers::{self, Headers};
use crate::lookup::{Intent, Lookup};
use crate::pattern::glob;
use crate::redirects::{self, Redirect, Redirects};
use crate::rules::Problem;
use crate::scan::{Files, scan};
use crate::{AssetsError, Complaint, Config, NotFoundHandling, RunWorkerFirst, path};

const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const CF_CACHE_STATUS: HeaderName = HeaderName::from_static("cf-cache-status");

/// The static files of one worker.
#[derive(Debug)]
pub struct Assets {
    config: Config,
    folder: RwLock<Arc<Folder>>,
}

/// What was in the folder when it was read last.
#[derive(Debug)]
struct Folder {
    files: Files,
    redirects: Redirects,
    headers: Headers,
    complaints: Vec<Complaint>,
}

impl Folder {
    fn read(config: &Config) -> Result<Self, AssetsError> {
        let directory = &config.directory;
        let (files, mut complaints) = scan(directory, &config.packages)?;
        let mut complain = |file: Utf8PathBuf, problems: Vec<Problem>| {
            complaints.extend(problems.into_iter().map(|(line, problem)| Complaint {
                file: file.clone(),
                line: Some(line),
                problem,
            }));
        };
        let file = directory.join(redirects::FILE);
        let (redirects, problems) = Redirects::parse(&text_of(&file)?, config.html_handling);
        complain(file, problems);
        let file = directory.join(headers::FILE);
        let (headers, problems) = Headers::parse(&text_of(&file)?);
        complain(file, problems);
        Ok(Self {
            files,
            redirects,
            headers,
            complaints,
        })
    }
}

/// Empty when there is no such file.
fn text_of(path: &Utf8Path) -> io::Result<String> {
    match fs_err::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error),
    }
}

/// What the files have to say to a request.
enum Decision {
    Answer(Response<Bytes>),
    Serve {
        file: String,
        status: StatusCode,
    },
    /// Nothing.
    None,
}

impl Assets {
    /// Reads which files there are, and the rules about them.
    pub fn load(config: Config) -> Result<Self, AssetsError> {
        let folder = Folder::read(&config)?;
        Ok(Self {
            config,
            folder: RwLock::new(Arc::new(folder)),
        })
    }

    /// Reads the folder again. Answers the URL paths of what changed, sorted.
    pub fn rescan(&self) -> Result<Vec<String>, AssetsError> {
        let new = Folder::read(&self.config)?;
        let old = self.folder();
        let mut changed: Vec<String> = old
            .files
            .keys()
            .filter(|path| !new.files.contains_key(*path))
            .cloned()
            .collect();
        for (path, file) in &new.files {
            match old.files.get(path) {
                Some(before) if !file.differs_from(before) => file.inherit(before),
                _ => changed.push(path.clone()),
            }
        }
        if new.redirects != old.redirects {
            changed.push(format!("/{}", redirects::FILE));
        }
        if new.headers != old.headers {
            changed.push(format!("/{}", headers::FILE));
        }
        changed.sort_unstable();
        *self.folder.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
        Ok(changed)
    }

    /// What is ignored: lines of `_headers` and `_redirects`, and links that lead astray. As of
    /// the last reading.
    pub fn complaints(&self) -> Vec<Complaint> {
        self.folder().complaints.clone()
    }

    /// Answers a request that came from outside, unless it is the worker's: `None`.
    pub async fn respond(&self, request: &Parts) -> Option<Response<Bytes>> {
        let path = path::normalize(request.uri.path());
        let has_worker = self.config.has_worker;
        let is_routed = match &self.config.run_worker_first {
            RunWorkerFirst::Always if has_worker => return None,
            RunWorkerFirst::Always | RunWorkerFirst::Never => false,
            RunWorkerFirst::Paths(paths) => {
                let mut exceptions = paths.iter().filter_map(|path| path.strip_prefix('!'));
                if exceptions.any(|exception| glob(exception, &path)) {
                    return Some(self.fetch(request).await);
                }
                if has_worker && paths.iter().any(|pattern| glob(pattern, &path)) {
                    return None;
                }
                true
            }
        };
        // Of what is no file, only what a browser shows as a page is not the worker's.
        let is_navigation = request
            .headers
            .get(SEC_FETCH_MODE)
            .is_some_and(|mode| mode == "navigate");
        let not_found = if is_routed || is_navigation || !has_worker {
            self.config.not_found_handling
        } else {
            NotFoundHandling::None
        };
        let folder = self.folder();
        match self.decide(&folder, request, &path, not_found) {
            Decision::None if has_worker => None,
            decision => Some(finish(&folder, request, &path, decision).await),
        }
    }

    /// Answers a request of the worker itself, by the ASSETS binding.
    pub async fn fetch(&self, request: &Parts) -> Response<Bytes> {
        let path = path::normalize(request.uri.path());
        let folder = self.folder();
        let decision = self.decide(&folder, request, &path, self.config.not_found_handling);
        finish(&folder, request, &path, decision).await
    }

    fn folder(&self) -> Arc<Folder> {
        Arc::clone(&self.folder.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn decide(
        &self,
        folder: &Folder,
        request: &Parts,
        path: &str,
        not_found: NotFoundHandling,
    ) -> Decision {
        let rewritten = match folder.redirects.find(path) {
            Some(redirect) if redirect.status != StatusCode::OK => {
                return Decision::Answer(redirected(request, &redirect));
            }
            Some(Redirect { to, .. }) => {
                let end = to.find(['?', '#']).unwrap_or(to.len());
                Some(path::normalize(&to[..end]).into_owned())
            }
            None => None,
        };
        let path = rewritten.as_deref().unwrap_or(path);
        let decoded = path::decode(path);
        let lookup = Lookup {
            files: &folder.files,
            html: self.config.html_handling,
            not_found,
        };
        let intent = lookup.intent(&decoded);
        if intent.is_some() && !matches!(request.method, Method::GET | Method::HEAD) {
            return Decision::Answer(empty(StatusCode::METHOD_NOT_ALLOWED));
        }
        match intent {
            Some(Intent::Redirect(to)) => Decision::Answer(moved(request, &path::encode(&to))),
            Some(Intent::Serve { file, status }) => {
                // There is one way to write a path.
                let encoded = path::encode(&decoded);
                if encoded == path {
                    Decision::Serve { file, status }
                } else {
                    Decision::Answer(moved(request, &encoded))
                }
            }
            None if rewritten.is_some() => Decision::Answer(empty(StatusCode::NOT_FOUND)),
            None => Decision::None,
        }
    }
}

async fn finish(
    folder: &Folder,
    request: &Parts,
    path: &str,
    decision: Decision,
) -> Response<Bytes> {
    let mut response = match decision {
        Decision::Answer(response) => response,
        Decision::Serve { file, status } => serve(folder, request, &file, status).await,
        Decision::None => empty(StatusCode::NOT_FOUND),
    };
    let host = host_of(request);
    // Rules are about names; ports are left out. An IPv6 address keeps its brackets.
    let end = host.rfind(':').filter(|end| !host[*end..].contains(']'));
    let host = host[..end.unwrap_or(host.len())].to_ascii_lowercase();
    folder.headers.apply(&host, path, response.headers_mut());
    response
}

async fn serve(
    folder: &Folder,
    request: &Parts,
    file: &str,
    status: StatusCode,
) -> Response<Bytes> {
    let Some(file) = folder.files.get(file) else {
        return empty(StatusCode::NOT_FOUND);
    };
    // Deleted since the folder was read.
    let Ok(read) = file.read().await else {
        return empty(StatusCode::NOT_FOUND);
    };
    let is_known = request
        .headers
        .get(IF_NONE_MATCH)
        .is_some_and(|known| same_etag(known, &read.etag));
    let is_head = request.method == Method::HEAD;
    let mut response = if is_known {
        empty(StatusCode::NOT_MODIFIED)
    } else if is_head {
        empty(status)
    } else if let Ok(bytes) = file.bytes(&read).await {
        Response::new(bytes)
    } else {
        return empty(StatusCode::NOT_FOUND);
    };
    if !is_known {
        *response.status_mut() = status;
    }
    let headers = response.headers_mut();
    headers.insert(ETAG, read.etag.clone());
    if let Some(kind) = file.content_type() {
        headers.insert(CONTENT_TYPE, kind.clone());
    }
    if is_head && !is_known {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(read.length()));
    }
    if !request.headers.contains_key(AUTHORIZATION) && !request.headers.contains_key(RANGE) {
        headers.insert(
            CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=0, must-revalidate"),
        );
    }
    headers.insert(CF_CACHE_STATUS, HeaderValue::from_static("HIT"));
    response
}

fn same_etag(known: &HeaderValue, etag: &HeaderValue) -> bool {
    let known = known.as_bytes();
    known.strip_prefix(b"W/").unwrap_or(known) == etag.as_bytes()
}

fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

/// The page has another path.
fn moved(request: &Parts, path: &str) -> Response<Bytes> {
    let location = match request.uri.query() {
        Some(query) if !query.is_empty() => format!("{path}?{query}"),
        _ => path.to_owned(),
    };
    located(StatusCode::TEMPORARY_REDIRECT, location)
}

/// A rule leads elsewhere; the query comes along, unless the rule has one.
fn redirected(request: &Parts, redirect: &Redirect) -> Response<Bytes> {
    let to = redirect.to.as_str();
    let here = format!("https://{}/", host_of(request));
    let to = match to.strip_prefix(&here) {
        Some(rest) => format!("/{rest}"),
        None => to.to_owned(),
    };
    let (base, fragment) = to.split_at(to.find('#').unwrap_or(to.len()));
    let query = match request.uri.query() {
        Some(query) if !query.is_empty() && !base.contains('?') => format!("?{query}"),
        _ => String::new(),
    };
    located(redirect.status, format!("{base}{query}{fragment}"))
}

fn located(status: StatusCode, location: String) -> Response<Bytes> {
    let mut response = empty(status);
    match HeaderValue::try_from(location) {
        Ok(location) => {
            response.headers_mut().insert(LOCATION, location);
            response
        }
        // A rule with characters that no URL has.
        Err(_) => empty(StatusCode::NOT_FOUND),
    }
}

fn host_of(request: &Parts) -> &str {
    match request.uri.authority() {
        Some(authority) => authority.as_str(),
        None => header(&request.headers, &HOST),
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> &'a str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}
