//! Requests to workers, by their host.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, Version};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper_util::client::legacy::connect::capture_connection;
use tiny_runtime::proxy::{self, Progress};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::routing::Behind;
use super::stage::Visit;
use crate::app::App;
use crate::server::Connection;

const CF_CONNECTING_IP: HeaderName = HeaderName::from_static("cf-connecting-ip");
const CF_RAY: HeaderName = HeaderName::from_static("cf-ray");
/// Requests with the same key get the same version.
const VERSION_KEY: &str = "cloudflare-workers-version-key";
/// `script="version id", …`.
const VERSION_OVERRIDES: &str = "cloudflare-workers-version-overrides";

/// What the runtime answers for code that threw.
const THROWN: &[u8] = b"Internal Server Error";

/// Answers a request whose host is a worker's: `<script>.<subdomain>.localhost`, a custom domain,
/// or a host that a route covers.
pub(crate) async fn gateway(app: App, host: &str, mut request: Request) -> Response {
    let visit = match app.hosting.enter().await {
        Ok(visit) => visit,
        Err(error) => return text(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
    };
    let client = request
        .extensions()
        .get::<Connection>()
        .map(|connection| connection.peer.ip().to_canonical());
    let headers = request.headers();
    let routing = visit.routing();
    let found = routing.find(
        host,
        request.uri().path(),
        header(headers, VERSION_KEY),
        |script| wanted_version(header(headers, VERSION_OVERRIDES)?, script),
    );
    let Some((script, served)) = found else {
        return text(
            StatusCode::NOT_FOUND,
            format!(
                "no worker answers at {host}: deploy one, turn its workers.dev address on, or give \
                 it a route or a domain"
            ),
        );
    };
    if matches!(
        request.uri().path(),
        "/cdn-cgi/handler/scheduled" | "/cdn-cgi/local/scheduled" | "/cdn-cgi/mf/scheduled"
    ) {
        if !client.is_some_and(|client| client.is_loopback()) {
            return text(
                StatusCode::FORBIDDEN,
                "/cdn-cgi/ answers this machine only: use http://localhost there",
            );
        }
        return scheduled(&visit, script, request.uri()).await;
    }
    let ray = ray();
    let websocket = proxy::asks_for_websocket(request.method(), request.headers())
        .then(|| hyper::upgrade::on(&mut request));
    let (mut parts, body) = request.into_parts();
    if let Some(assets) = &served.assets
        && let Some(response) = assets.respond(&parts).await
    {
        return with_ray(response.map(Body::from), &ray);
    }
    let address = match &served.code {
        Behind::Worker(address) => *address,
        Behind::Broken(why) => {
            return with_ray(
                text(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    format!("error 1101: worker `{script}` does not start\n{why}"),
                ),
                &ray,
            );
        }
        Behind::Nothing => return with_ray(text(StatusCode::NOT_FOUND, "not found"), &ray),
    };
    let script = script.to_owned();
    prepare(&mut parts, address, client, &ray);
    if websocket.is_some() {
        let headers = &mut parts.headers;
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    }
    let upload = parts.extensions.get::<Progress>().cloned();
    let mut request = Request::from_parts(parts, body);
    let connection = capture_connection(&mut request);
    let sent = visit.ending.unless_cut(visit.client.request(request)).await;
    if upload.is_some_and(|upload| !upload.is_read_by_workerd())
        && let Some(connection) = &*connection.connection_metadata()
    {
        // workerd is about to hang up on a request that it does not read to its end.
        connection.poison();
    }
    let Some(sent) = sent else {
        return with_ray(replaced(&script), &ray);
    };
    let response = match sent {
        Ok(response) => match websocket {
            _ if response.status() != StatusCode::SWITCHING_PROTOCOLS => {
                answered(response, visit, &script).await
            }
            Some(client) => switched(client, response, &visit),
            None => text(
                StatusCode::BAD_GATEWAY,
                "the worker switched protocols without being asked to",
            ),
        },
        Err(error) => text(
            StatusCode::BAD_GATEWAY,
            format!("worker `{script}` did not answer: {error}"),
        ),
    };
    with_ray(response, &ray)
}

/// Makes the request of a client one of Cloudflare's.
fn prepare(parts: &mut Parts, to: SocketAddr, client: Option<IpAddr>, ray: &HeaderValue) {
    proxy::tell_cf(parts.version, &mut parts.headers);
    parts.version = Version::HTTP_11;
    if let Some(authority) = parts.uri.authority() {
        // Written as to a proxy.
        if let Ok(host) = HeaderValue::try_from(authority.as_str()) {
            parts.headers.insert(HOST, host);
        }
    }
    let path = parts
        .uri
        .path_and_query()
        .map_or("/", http::uri::PathAndQuery::as_str);
    // Parsed as a part of a valid URI.
    if let Ok(uri) = Uri::try_from(format!("http://{to}{path}")) {
        parts.uri = uri;
    }
    proxy::strip_hop_by_hop(&mut parts.headers);
    // Only who is on this machine may stand in for others, such as a load test.
    let is_own = client.is_some_and(|client| client.is_loopback());
    if !(is_own && parts.headers.contains_key(CF_CONNECTING_IP))
        && let Some(client) = client
        && let Ok(client) = HeaderValue::try_from(client.to_string())
    {
        parts.headers.insert(CF_CONNECTING_IP, client);
    }
    parts.headers.insert(CF_RAY, ray.clone());
}

async fn answered(response: Response<Incoming>, visit: Visit, script: &str) -> Response {
    let (mut parts, body) = response.into_parts();
    parts.version = Version::HTTP_11;
    proxy::strip_hop_by_hop(&mut parts.headers);
    if may_be_thrown(&parts) {
        use http_body_util::BodyExt as _;
        let body = match visit.ending.unless_cut(body.collect()).await {
            Some(Ok(body)) => body.to_bytes(),
            Some(Err(error)) => return text(StatusCode::BAD_GATEWAY, error.to_string()),
            None => return replaced(script),
        };
        if body == THROWN {
            return text(
                StatusCode::INTERNAL_SERVER_ERROR,
                format!("error 1101: worker `{script}` threw an exception; see its logs"),
            );
        }
        return Response::from_parts(parts, Body::from(body));
    }
    let restart = proxy::is_event_stream(&parts.headers)
        .then(|| Box::pin(visit.ending.restart.clone().cancelled_owned()));
    let cut = Box::pin(visit.ending.cut.clone().cancelled_owned());
    let body = Answer {
        body,
        restart,
        cut,
        _visit: visit,
    };
    Response::from_parts(parts, Body::new(body))
}

/// Whether this can be the runtime's answer for an exception, and not the worker's own.
fn may_be_thrown(parts: &http::response::Parts) -> bool {
    parts.status == StatusCode::INTERNAL_SERVER_ERROR
        && !parts.headers.contains_key(CONTENT_TYPE)
        && parts
            .headers
            .get(CONTENT_LENGTH)
            .is_some_and(|length| length == THROWN.len().to_string().as_str())
}

fn switched(
    client: hyper::upgrade::OnUpgrade,
    mut response: Response<Incoming>,
    visit: &Visit,
) -> Response {
    let worker = hyper::upgrade::on(&mut response);
    let ending = visit.ending.clone();
    // It says goodbye when it is told to, and keeps no exchange waiting.
    tokio::spawn(proxy::tunnel(client, worker, ending.restart, ending.cut));
    response.map(|_| Body::empty())
}

/// The body of a worker's answer; an exchange waits for its end.
struct Answer {
    body: Incoming,
    /// Ends what would never end by itself.
    restart: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    _visit: Visit,
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Some(restart) = &mut self.restart
            && restart.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(None);
        }
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        if self.cut.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err("the worker was replaced".into())));
        }
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Runs a cron by hand: `?cron=`, and `time=` in milliseconds since 1970.
async fn scheduled(visit: &Visit, script: &str, uri: &Uri) -> Response {
    let parameter = |name: &str| {
        let (_, value) = uri
            .query()
            .unwrap_or_default()
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == name)?;
        let spaced = value.replace('+', " ");
        let decoded = percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy();
        Some(decoded.into_owned())
    };
    let at = match parameter("time").map(|time| time.parse()) {
        None => SystemTime::now(),
        Some(Ok(milliseconds)) => SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds),
        Some(Err(_)) => {
            return text(
                StatusCode::BAD_REQUEST,
                "time must be in milliseconds since 1970, such as time=1767225600000",
            );
        }
    };
    let cron = parameter("cron").unwrap_or_default();
    let run = visit.controller.scheduled(script, &cron, at);
    match visit.ending.unless_cut(run).await {
        Some(Ok(outcome)) if outcome == "ok" => text(StatusCode::OK, outcome),
        Some(Ok(outcome)) => text(StatusCode::INTERNAL_SERVER_ERROR, outcome),
        Some(Err(error)) => text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        None => replaced(script),
    }
}

fn replaced(script: &str) -> Response {
    text(
        StatusCode::SERVICE_UNAVAILABLE,
        format!("worker `{script}` was replaced before it answered"),
    )
}

/// The version of `script` that a header of overrides names.
fn wanted_version(overrides: &str, script: &str) -> Option<String> {
    overrides.split(',').find_map(|one| {
        let (name, id) = one.split_once('=')?;
        (name.trim() == script).then(|| id.trim().trim_matches('"').to_owned())
    })
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// As Cloudflare numbers requests.
fn ray() -> HeaderValue {
    HeaderValue::try_from(format!("{:016x}-DFW", fastrand::u64(..)))
        .unwrap_or_else(|_| HeaderValue::from_static("0"))
}

fn with_ray(mut response: Response, ray: &HeaderValue) -> Response {
    response.headers_mut().insert(CF_RAY, ray.clone());
    response
}

fn text(status: StatusCode, text: impl Into<String>) -> Response {
    let mut text: String = text.into();
    text.push('\n');
    (status, text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_override_names_a_version_for_its_script_alone() {
        let overrides = "todo=\"v-1\", other=\"v-2\"";
        assert_eq!(wanted_version(overrides, "todo").as_deref(), Some("v-1"));
        assert_eq!(wanted_version(overrides, "other").as_deref(), Some("v-2"));
        assert_eq!(wanted_version(overrides, "third"), None);
    }
}
