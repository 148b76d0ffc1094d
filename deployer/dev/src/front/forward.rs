//! A request's way to the worker and back.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body as _, Incoming};
use hyper::header::{CONNECTION, HOST, HeaderName, HeaderValue, UPGRADE};
use hyper::http::request::Parts;
use hyper::http::uri::Uri;
use hyper::upgrade::OnUpgrade;
use hyper::{Request, Response, StatusCode, Version};
use tiny_runtime::proxy::{self, Upload};

use super::body::{Body, FromUpstream, Outgoing};
use super::busy::Work;
use super::gate::{Failure, Visit};
use super::page::Reader;
use super::pool::{Returning, SendError};
use super::{Peer, Shared, headers, inject, local, page};

const CF_CONNECTING_IP: HeaderName = HeaderName::from_static("cf-connecting-ip");

/// An answer, and who gave it.
pub(crate) struct Answer {
    /// `None` while there are no workers.
    pub(crate) worker: Option<String>,
    pub(crate) response: Response<Body>,
}

/// Takes `request` to its worker, once there is one.
pub(crate) async fn forward(
    front: &Arc<Shared>,
    peer: &Peer,
    mut request: Request<Upload>,
) -> Answer {
    let websocket = proxy::asks_for_websocket(request.method(), request.headers())
        .then(|| hyper::upgrade::on(&mut request));
    let for_a_page = headers::is_navigation(request.method(), request.headers());
    // Through a tunnel, say, the page could not load what is put into it.
    let live_page = for_a_page && front.options.live_reload && local::is_for_here(&request, peer);
    let (mut parts, body) = request.into_parts();
    prepare(front, peer, &mut parts);
    if websocket.is_some() {
        parts
            .headers
            .insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        parts
            .headers
            .insert(UPGRADE, HeaderValue::from_static("websocket"));
    }
    if live_page {
        headers::ask_for_all(&mut parts.headers);
    }
    let mut body = if body.is_end_stream() {
        Outgoing::Nothing
    } else {
        Outgoing::Stream(body)
    };
    let work = local::work(&parts.method, parts.uri.path());
    // A request is sent to the next runtime at most once: it may be the one that ends them.
    let mut was_lost = false;
    loop {
        let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
        let entered = front.gate.enter(host).await;
        let script = live_page.then(|| front.live.script_url());
        let visit = match entered {
            Ok(visit) => visit,
            Err(failure) => {
                return Answer {
                    worker: None,
                    response: page::failure(&failure, &reader(for_a_page, script.as_deref())),
                };
            }
        };
        let worker = Some(visit.upstream().name.clone());
        if let Some(assets) = &visit.upstream().assets
            && let Some(response) = assets.respond(&parts).await
        {
            return Answer {
                worker,
                response: finish(response.map(Body::from), script.as_deref()),
            };
        }
        let ticket = front.in_flight.begin(&visit.upstream().name, work.clone());
        let sent = visit
            .upstream()
            .pool
            .send(Request::from_parts(parts, body))
            .await;
        drop(ticket);
        let response = match sent {
            Ok((response, returning)) => {
                front.in_flight.answered();
                match websocket {
                    _ if response.status() != StatusCode::SWITCHING_PROTOCOLS => {
                        finish(stream(response, returning, visit), script.as_deref())
                    }
                    Some(client) => switch(client, response, visit),
                    None => page::text(
                        StatusCode::BAD_GATEWAY,
                        "the worker switched protocols without being asked to",
                    ),
                }
            }
            // The next generation gets it.
            Err(SendError::Unsent(unsent)) => {
                (parts, body) = unsent.into_parts();
                continue;
            }
            Err(SendError::Lost { again, error }) => match (again, has_ended(visit).await) {
                (Some(again), true) if !was_lost => {
                    was_lost = true;
                    (parts, body) = again.into_parts();
                    continue;
                }
                (Some(_), true) => {
                    page::failure(&lost_twice(&work), &reader(for_a_page, script.as_deref()))
                }
                (None, true) => page::restarted(),
                (_, false) => page::no_answer(&*error),
            },
            Err(SendError::Unreachable(error)) => page::no_answer(&*error),
        };
        return Answer { worker, response };
    }
}

/// How long it may take until it is known that the runtime has ended.
const NEWS: Duration = Duration::from_secs(1);

/// Whether the runtime ended, rather than only the connection to it.
async fn has_ended(visit: Visit) -> bool {
    let cut = visit.generation().cut.clone();
    drop(visit);
    tokio::time::timeout(NEWS, cut.cancelled()).await.is_ok()
}

/// What becomes of a request that was sent to two runtimes, neither of which answered.
fn lost_twice(work: &Work) -> Failure {
    Failure {
        title: format!("{work} was not answered"),
        text: "The worker ended, or was restarted, twice while it handled this request. \
               It is not sent a third time."
            .to_owned(),
    }
}

fn reader(for_a_page: bool, script: Option<&str>) -> Reader<'_> {
    if for_a_page {
        Reader::Page(script)
    } else {
        Reader::Program
    }
}

/// Makes the request of the browser one of the front.
fn prepare(front: &Shared, peer: &Peer, parts: &mut Parts) {
    proxy::tell_cf(parts.version, &mut parts.headers);
    parts.version = Version::HTTP_11;
    if let Some(authority) = parts.uri.authority() {
        // Written as to a proxy. Both are valid as they come out of a valid URI.
        let host = authority.as_str();
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        if let Ok(host) = HeaderValue::try_from(host) {
            parts.headers.insert(HOST, host);
        }
        parts.uri = parts
            .uri
            .path_and_query()
            .map_or_else(|| Uri::from_static("/"), |path| Uri::from(path.clone()));
    } else if !parts.headers.contains_key(HOST) {
        parts.headers.insert(HOST, front.host.clone());
    }
    proxy::strip_hop_by_hop(&mut parts.headers);
    // Only who is on this machine may stand in for others, such as a load test.
    if !(peer.is_loopback && parts.headers.contains_key(CF_CONNECTING_IP)) {
        parts.headers.insert(CF_CONNECTING_IP, peer.address.clone());
    }
}

fn stream(response: Response<Incoming>, returning: Returning, visit: Visit) -> Response<Body> {
    let endless = proxy::is_event_stream(response.headers());
    response.map(|incoming| Body::Upstream(FromUpstream::new(incoming, endless, returning, visit)))
}

/// `script`: what a page is to load in addition.
fn finish(mut response: Response<Body>, script: Option<&str>) -> Response<Body> {
    *response.version_mut() = Version::HTTP_11;
    proxy::strip_hop_by_hop(response.headers_mut());
    match script {
        Some(url) if headers::is_page(response.status(), response.headers()) => {
            inject::inject(response, url)
        }
        _ => response,
    }
}

fn switch(client: OnUpgrade, mut response: Response<Incoming>, visit: Visit) -> Response<Body> {
    let worker = hyper::upgrade::on(&mut response);
    tokio::spawn(async move {
        let generation = visit.generation();
        let (restart, cut) = (generation.restart.clone(), generation.cut.clone());
        // It counts as a visit until it ends.
        proxy::tunnel(client, worker, restart, cut).await;
    });
    response.map(|_| Body::empty())
}
