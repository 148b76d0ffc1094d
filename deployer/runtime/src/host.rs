//! What workers ask of this process, over HTTP on a port of this machine: static files, and
//! writing down what some simulators are given.

use std::convert::Infallible;
use std::io::Write as _;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use bytes::Bytes;
use camino::Utf8PathBuf;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::process::{LogLevel, RuntimeEvent};
use crate::token::{TOKEN_HEADER, Token};

/// The largest request that is taken: more than any product allows.
const LARGEST: usize = 128 * 1024 * 1024;

/// Static files of workers.
pub trait AssetHost: Send + Sync {
    /// Answers what `worker` fetches from its assets binding.
    fn fetch(
        &self,
        worker: &str,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Response<Bytes>> + Send>>;
}

/// D1 databases that this process keeps.
pub trait D1Host: Send + Sync {
    /// Answers what a D1 binding asks: `POST /query?resultsFormat=ROWS_AND_COLUMNS` or
    /// `POST /execute?resultsFormat=NONE`, with `{sql, params}` or an array of such as JSON.
    fn fetch(
        &self,
        database: &str,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Response<Bytes>> + Send>>;
}

/// Where this process answers, and what proves that it was asked by one of its own.
#[derive(Debug, Clone)]
pub(crate) struct HostAddress {
    pub(crate) address: SocketAddr,
    pub(crate) token: Token,
}

/// The server; it ends when dropped.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) at: HostAddress,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

struct Shared {
    token: Token,
    assets: Arc<dyn AssetHost>,
    d1: OnceLock<Arc<dyn D1Host>>,
    events: mpsc::UnboundedSender<RuntimeEvent>,
    /// The local data of the stack that runs.
    state: RwLock<Option<Utf8PathBuf>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shared")
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Host {
    pub(crate) async fn start(
        assets: Arc<dyn AssetHost>,
        events: mpsc::UnboundedSender<RuntimeEvent>,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
        let at = HostAddress {
            address: listener.local_addr()?,
            token: Token::new(),
        };
        let shared = Arc::new(Shared {
            token: at.token.clone(),
            assets,
            d1: OnceLock::new(),
            events,
            state: RwLock::default(),
        });
        let serving = tokio::spawn(serve(listener, Arc::clone(&shared)));
        Ok(Self {
            at,
            shared,
            serving,
        })
    }

    /// Who answers for D1 databases; the first that is named stays.
    pub(crate) fn set_d1(&self, d1: Arc<dyn D1Host>) {
        let _ = self.shared.d1.set(d1);
    }

    /// Whose local data is written from now on.
    pub(crate) fn set_state(&self, state: Utf8PathBuf) {
        *self
            .shared
            .state
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Some(state);
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(connection(stream, Arc::clone(&shared)));
            }
            // Out of file descriptors, mostly: some will be free again soon.
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    // Without it small answers wait for the acknowledgement of the one before.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(answer(&shared, request).await.map(Full::new)) }
    });
    // A connection that breaks off concerns the worker at its other end, which is told.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(shared: &Shared, request: Request<Incoming>) -> Response<Bytes> {
    let (parts, body) = request.into_parts();
    if header(&parts.headers, TOKEN_HEADER) != shared.token.as_str() {
        return text(StatusCode::FORBIDDEN, "this port is tiny's own");
    }
    let body = match Limited::new(body, LARGEST).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return text(StatusCode::PAYLOAD_TOO_LARGE, error.to_string()),
    };
    match header(&parts.headers, "x-tiny-call") {
        "assets" => {
            let worker = header(&parts.headers, "x-tiny-worker").to_owned();
            shared
                .assets
                .fetch(&worker, Request::from_parts(parts, body))
                .await
        }
        "d1" => match shared.d1.get() {
            Some(d1) => {
                let database = header(&parts.headers, "x-tiny-database").to_owned();
                d1.fetch(&database, Request::from_parts(parts, body)).await
            }
            None => text(StatusCode::NOT_FOUND, "nobody keeps D1 databases here"),
        },
        "trace" => shared.traces(&body),
        "analytics" => {
            let dataset = header(&parts.headers, "x-tiny-dataset");
            written(shared.data_point(dataset, &body))
        }
        "email" => written(shared.email(&body)),
        // What miniflare's simulators tell.
        _ => match parts.uri.path() {
            "/core/log" => {
                let level = match header(&parts.headers, "mf-log-level") {
                    "1" => LogLevel::Error,
                    "2" => LogLevel::Warn,
                    "3" => LogLevel::Info,
                    _ => LogLevel::Debug,
                };
                shared.log(level, &String::from_utf8_lossy(&body));
                text(StatusCode::NO_CONTENT, "")
            }
            "/core/error" => {
                shared.log(LogLevel::Error, &stack_of(&body));
                text(StatusCode::INTERNAL_SERVER_ERROR, stack_of(&body))
            }
            _ => text(StatusCode::NOT_FOUND, "tiny has no such service"),
        },
    }
}

/// What the tail worker hands on.
#[derive(Deserialize)]
struct Traces {
    worker: String,
    items: Vec<serde_json::Value>,
}

impl Shared {
    fn traces(&self, body: &[u8]) -> Response<Bytes> {
        match serde_json::from_slice(body) {
            Ok(Traces { worker, items }) => {
                for item in items {
                    // Nobody listens any more when the session ends.
                    let _ = self.events.send(RuntimeEvent::Trace {
                        worker: worker.clone(),
                        item,
                    });
                }
                text(StatusCode::NO_CONTENT, "")
            }
            Err(error) => text(StatusCode::BAD_REQUEST, error.to_string()),
        }
    }

    fn log(&self, level: LogLevel, message: &str) {
        // Nobody listens any more when the session ends.
        let _ = self.events.send(RuntimeEvent::Log {
            level,
            message: message.to_owned(),
        });
    }

    fn folder(&self, name: &str) -> std::io::Result<Utf8PathBuf> {
        let state = self
            .state
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let folder = state
            .ok_or_else(|| std::io::Error::other("nothing runs"))?
            .join(name);
        fs_err::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// Adds a line to the dataset's file.
    fn data_point(&self, dataset: &str, line: &[u8]) -> std::io::Result<String> {
        let name: String = dataset
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || "-_".contains(c) {
                    c
                } else {
                    '_'
                }
            })
            .collect();
        let path = self.folder("analytics")?.join(format!("{name}.jsonl"));
        let mut file = fs_err::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)?;
        // One write, so that lines of two requests never mix.
        file.write_all(&[line, b"\n"].concat())?;
        Ok(path.into_string())
    }

    fn email(&self, raw: &[u8]) -> std::io::Result<String> {
        let name = format!(
            "{}-{}.eml",
            chrono::Utc::now().format("%Y%m%dT%H%M%S%3f"),
            uuid::Uuid::new_v4().simple()
        );
        let path = self.folder("email")?.join(name);
        fs_err::write(&path, raw)?;
        Ok(path.into_string())
    }
}

fn written(path: std::io::Result<String>) -> Response<Bytes> {
    match path {
        Ok(path) => text(StatusCode::OK, path),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

fn stack_of(error: &[u8]) -> String {
    let error: serde_json::Value = serde_json::from_slice(error).unwrap_or_default();
    ["stack", "message"]
        .iter()
        .find_map(|part| error[part].as_str())
        .unwrap_or("unknown error")
        .to_owned()
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    response
}
