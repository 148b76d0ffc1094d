//! The port of the app: one HTTP server for the whole session, in front of runtimes that come and
//! go. While they are exchanged it makes requests wait instead of failing them.
//!
//! In come requests, [`Routes`] and what pages are to be told; out go answers and a
//! [`FrontEvent`] for each. Called by the loop of this crate.

mod body;
mod busy;
mod csp;
mod forward;
mod gate;
mod headers;
mod hosts;
mod inject;
mod json;
mod live;
mod local;
mod page;
mod pool;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tiny_listen::{ListenError, Listeners};
use tiny_manifest::AllowedHosts;
use tiny_runtime::proxy::{Lingering, Unread, Upload};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use body::Body;
pub use busy::{BusyWorker, Work};
use busy::{InFlight, Ticket};
use gate::Gate;
pub use gate::{Failure, Route, Routes};
use hosts::Hosts;
use live::Live;
pub use live::Reload;

/// How long to wait when the system has no file descriptor left for a connection.
const OUT_OF_FILES: Duration = Duration::from_millis(20);

/// How the front is to behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrontOptions {
    /// Pages get a script that reloads them.
    pub live_reload: bool,
}

/// One request that was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestLine {
    /// Who answered; empty while there is no app.
    pub worker: String,
    /// `GET`, ...
    pub method: String,
    /// Without the query, which may hold secrets.
    pub path: String,
    /// Of the answer.
    pub status: u16,
    /// Until the head of the answer was there, waiting for a build or a swap included.
    pub elapsed: Duration,
}

/// What happens at the front.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrontEvent {
    /// A request was answered.
    Request(RequestLine),
    /// A worker has kept the runtime from everything else for some seconds.
    Busy(BusyWorker),
}

/// What a request can make the session do.
pub trait Control: Send + Sync {
    /// Runs a worker's scheduled handler now. `time`: what it is told, in milliseconds since 1970.
    /// The outcome is shown as it is; an error as well.
    fn scheduled(
        &self,
        worker: String,
        cron: String,
        time: Option<u64>,
    ) -> Pin<Box<dyn Future<Output = Result<String, String>> + Send>>;

    /// Hands a message to a worker's email handler. Answered in words, as above.
    fn email(
        &self,
        worker: String,
        mail: Mail,
    ) -> Pin<Box<dyn Future<Output = Result<String, String>> + Send>>;

    /// Whether the runtime answers within `patience`.
    fn responds(&self, patience: Duration) -> Pin<Box<dyn Future<Output = bool> + Send>>;
}

/// A message for a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The sender of the envelope.
    pub from: String,
    /// Its recipient.
    pub to: String,
    /// Headers and body, as they were received.
    pub raw: Bytes,
}

/// The bound port.
pub struct Front {
    listeners: Listeners,
    shared: Arc<Shared>,
}

/// Steers a [`Front`].
#[derive(Clone)]
pub struct FrontHandle {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    gate: Gate,
    hosts: Hosts,
    in_flight: Arc<InFlight>,
    live: Live,
    options: FrontOptions,
    control: Arc<dyn Control>,
    events: mpsc::UnboundedSender<FrontEvent>,
    /// For clients so old that they name no host.
    host: HeaderValue,
}

/// Who is at the other end of a connection.
pub(crate) struct Peer {
    address: HeaderValue,
    is_loopback: bool,
    /// The address of this machine that was connected to.
    local: IpAddr,
}

impl Front {
    /// Takes the port on `host`; on `[::1]` as well where that means this machine by IPv4.
    ///
    /// Requests wait from here on, until [`FrontHandle::release`].
    #[expect(clippy::unused_async, reason = "the sockets are the async runtime's")]
    pub async fn bind(
        host: IpAddr,
        port: u16,
        options: FrontOptions,
        events: mpsc::UnboundedSender<FrontEvent>,
        control: Arc<dyn Control>,
    ) -> Result<(Self, FrontHandle), ListenError> {
        let listeners = Listeners::bind(host, port, "tiny dev")?;
        let address = listeners.address();
        let shared = Arc::new(Shared {
            gate: Gate::default(),
            hosts: Hosts::default(),
            in_flight: Arc::default(),
            live: Live::new(),
            options,
            control,
            events,
            host: header(&address),
        });
        let handle = FrontHandle {
            shared: Arc::clone(&shared),
        };
        Ok((Self { listeners, shared }, handle))
    }

    /// Where the front listens.
    pub fn address(&self) -> SocketAddr {
        self.listeners.address()
    }

    /// Serves until dropped, which ends all connections.
    pub async fn serve(self) {
        let ending = Ending(Arc::clone(&self.shared));
        let mut connections = JoinSet::new();
        let Shared {
            in_flight,
            control,
            events,
            ..
        } = &*ending.0;
        let mut watch = std::pin::pin!(busy::watch(in_flight, &**control, events));
        loop {
            tokio::select! {
                () = &mut watch => {}
                accepted = self.listeners.accept() => match accepted {
                    Ok((stream, peer)) => {
                        connections.spawn(connection(stream, peer, Arc::clone(&ending.0)));
                    }
                    // The client is gone already, or there are too many of them.
                    Err(_) => tokio::time::sleep(OUT_OF_FILES).await,
                },
                Some(_) = connections.join_next() => {}
            }
        }
    }
}

impl FrontHandle {
    /// Makes new requests wait, until [`Self::release`].
    ///
    /// Those in flight may take `grace` to finish. Then a GET, HEAD or OPTIONS without an answer
    /// waits as well, and others are answered with 503. WebSockets are closed with 1012 at once.
    pub async fn hold(&self, grace: Duration) {
        self.shared.gate.hold(grace).await;
    }

    /// Lets requests pass, to `routes` from now on. [`Self::reload`] comes before it, so that pages
    /// which waited here do not count as old.
    pub fn release(&self, routes: Routes) {
        self.shared.in_flight.answered();
        self.shared.gate.release(routes);
    }

    /// Answers every request with `failure`, until the next [`Self::release`]: there is no app, and
    /// none will come back by itself.
    pub fn give_up(&self, failure: Failure) {
        let failure = Arc::new(failure);
        self.shared.gate.give_up(Arc::clone(&failure));
        self.shared.live.show_failure(Some(failure));
    }

    /// Answers requests for `hosts` from now on, besides those for `localhost` and IP addresses.
    pub fn allow_hosts(&self, hosts: AllowedHosts) {
        self.shared.hosts.allow(hosts);
    }

    /// Counts a cron as something that the worker is busy with, until the answer is dropped.
    pub(crate) fn begin_cron(&self, worker: &str, cron: &str) -> Ticket {
        let work = Work::Cron(cron.to_owned());
        self.shared.in_flight.begin(worker, work)
    }

    /// Shows pages what is wrong; `None`: nothing any more.
    pub fn show_failure(&self, failure: Option<Failure>) {
        let failure = failure.map(Arc::new);
        self.shared.gate.show_failure(failure.clone());
        self.shared.live.show_failure(failure);
    }

    /// Tells open pages that they are out of date.
    pub fn reload(&self, what: Reload) {
        self.shared.live.reload(what);
    }
}

/// Ends what outlives the connections' tasks.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.gate.end();
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, shared: Arc<Shared>) {
    let peer_ip = peer.ip().to_canonical();
    let Ok(local) = stream.local_addr() else {
        return;
    };
    let peer = Arc::new(Peer {
        address: header(&peer_ip),
        is_loopback: peer_ip.is_loopback(),
        local: local.ip().to_canonical(),
    });
    // Without it small answers are only slower.
    let _ = stream.set_nodelay(true);
    let unread = Unread::default();
    let stream = Lingering::new(stream, unread.clone());
    let service = service_fn(move |request: Request<Incoming>| {
        let (shared, peer) = (Arc::clone(&shared), Arc::clone(&peer));
        let request = request.map(|body| Upload::new(body, unread.clone()));
        async move { Ok::<_, Infallible>(answer(&shared, &peer, request).await) }
    });
    // A connection that breaks is the client's affair.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
}

async fn answer(shared: &Arc<Shared>, peer: &Peer, request: Request<Upload>) -> Response<Body> {
    let upload = request.body().progress();
    let mut response = answer_request(shared, peer, request).await;
    if upload.ends_connection(response.status()) {
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn answer_request(
    shared: &Arc<Shared>,
    peer: &Peer,
    request: Request<Upload>,
) -> Response<Body> {
    if let Some(refusal) = shared.hosts.refuse(&request) {
        return refusal;
    }
    if request.method() == Method::CONNECT {
        return page::text(StatusCode::METHOD_NOT_ALLOWED, "this is no proxy");
    }
    let since = Instant::now();
    let method = request.method().as_str().to_owned();
    let path = request.uri().path().to_owned();
    let local = if path.starts_with(local::PREFIX) {
        local::answer(shared, peer, request).await
    } else {
        Err(request)
    };
    let (worker, response) = match local {
        // Not the app's business: kept out of its log.
        Ok(local::Local {
            response,
            worker: None,
        }) => return response,
        Ok(local) => (local.worker, local.response),
        Err(request) => {
            let answer = forward::forward(shared, peer, request).await;
            (answer.worker, answer.response)
        }
    };
    // An error means that nobody listens.
    let _ = shared.events.send(FrontEvent::Request(RequestLine {
        worker: worker.unwrap_or_default(),
        method,
        path,
        status: response.status().as_u16(),
        elapsed: since.elapsed(),
    }));
    response
}

/// Addresses consist of characters that headers may hold.
fn header(address: &impl ToString) -> HeaderValue {
    HeaderValue::try_from(address.to_string()).unwrap_or_else(|_| HeaderValue::from_static(""))
}
