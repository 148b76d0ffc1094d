//! Asks the control worker inside workerd.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::error::RuntimeError;
use crate::token::{TOKEN_HEADER, Token};

/// Longer than Cloudflare lets a scheduled handler run.
const PATIENCE: Duration = Duration::from_mins(16);

/// Reaches into the workers, whichever workerd runs them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Controller {
    pub(crate) address: SocketAddr,
    pub(crate) token: Token,
}

#[derive(Deserialize)]
struct Answer {
    ok: Option<Value>,
    error: Option<String>,
}

impl Controller {
    pub(crate) fn new(address: SocketAddr, token: Token) -> Self {
        Self { address, token }
    }

    /// Runs a worker's scheduled handler and answers its outcome: `ok`, `exception`, ….
    pub async fn scheduled(
        &self,
        worker: &str,
        cron: &str,
        at: SystemTime,
    ) -> Result<String, RuntimeError> {
        let time = at
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_millis();
        let time = u64::try_from(time).unwrap_or(u64::MAX);
        let outcome = self
            .call(json!({ "call": "scheduled", "worker": worker, "cron": cron, "time": time }))
            .await?;
        Ok(outcome.as_str().unwrap_or("unknown").to_owned())
    }

    /// Hands a message to a worker's email handler and answers, in words, what became of it.
    pub async fn email(
        &self,
        worker: &str,
        from: &str,
        to: &str,
        raw: &[u8],
    ) -> Result<String, RuntimeError> {
        use base64::Engine as _;
        let raw = base64::engine::general_purpose::STANDARD.encode(raw);
        let call = json!({ "call": "email", "worker": worker, "from": from, "to": to, "raw": raw });
        let outcome = self.call(call).await?;
        Ok(outcome.as_str().unwrap_or("unknown").to_owned())
    }

    /// Whether the runtime answers within `patience`. All workers share its one thread: while code of
    /// any of them runs without a pause, nothing else does.
    pub async fn responds(&self, patience: Duration) -> bool {
        let ping = self.call(json!({ "call": "ping" }));
        matches!(tokio::time::timeout(patience, ping).await, Ok(Ok(_)))
    }

    /// Names the workers whose invocations are told as [`crate::RuntimeEvent::Trace`]; a new
    /// workerd begins with none. Needs [`crate::Reach::traces`].
    pub async fn watch(&self, workers: &[String]) -> Result<(), RuntimeError> {
        self.call(json!({ "call": "watch", "workers": workers }))
            .await
            .map(drop)
    }

    /// Makes one call; the answer is what the call returns.
    pub(crate) async fn call(&self, call: Value) -> Result<Value, RuntimeError> {
        let answer = tokio::time::timeout(PATIENCE, self.send(call.to_string()))
            .await
            .map_err(|_| RuntimeError::Refused("the workers do not answer".to_owned()))??;
        match answer {
            Answer { ok: Some(ok), .. } => Ok(ok),
            Answer { error, .. } => Err(RuntimeError::Refused(
                error.unwrap_or_else(|| "no answer".to_owned()),
            )),
        }
    }

    async fn send(&self, body: String) -> Result<Answer, RuntimeError> {
        let request = Request::post("/")
            .header(HOST, "tiny")
            .header(CONTENT_TYPE, "application/json")
            .header(TOKEN_HEADER, self.token.as_str())
            .body(Full::new(Bytes::from(body)))
            .map_err(broken)?;
        let answer = exchange(self.address, request).await?;
        serde_json::from_slice(answer.body()).map_err(broken)
    }
}

/// One request on a connection of its own.
pub(crate) async fn exchange(
    address: SocketAddr,
    request: Request<Full<Bytes>>,
) -> Result<Response<Bytes>, RuntimeError> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    // It ends with the answer; how is seen there.
    let connection = tokio::spawn(connection);
    let response = sender.send_request(request).await.map_err(broken)?;
    let (parts, body) = response.into_parts();
    let body = body.collect().await.map_err(broken)?.to_bytes();
    connection.abort();
    Ok(Response::from_parts(parts, body))
}

fn broken(error: impl std::error::Error) -> RuntimeError {
    RuntimeError::Refused(format!("the workers broke off: {error}"))
}
