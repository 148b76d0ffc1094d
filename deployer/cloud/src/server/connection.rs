//! Connections, each of which a fault can break off.

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::HeaderValue;
use http::header::CONNECTION;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tiny_listen::Listeners;
use tiny_runtime::proxy::{Lingering, Unread, Upload};
use tokio::net::TcpStream;
use tokio_util::sync::{CancellationToken, DropGuard};
use tower::ServiceExt as _;

use super::host;
use crate::app::App;
use crate::hosting;

/// The connection that a request came on.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    pub(crate) peer: SocketAddr,
    /// Closes it, without an answer to what is under way.
    pub(super) close: CancellationToken,
    /// Cancelled once it is closed, whoever did it.
    pub(super) closed: CancellationToken,
}

/// Serves until it is told to stop; what is under way then is broken off.
pub(crate) async fn serve(listeners: Listeners, app: App, router: Router, stop: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listeners.accept() => accepted,
        };
        // A connection that broke at once, or too many open files: the next may do.
        let Ok((stream, peer)) = accepted else {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            continue;
        };
        // Nothing depends on it.
        let _ = stream.set_nodelay(true);
        let closed = CancellationToken::new();
        let connection = Connection {
            peer,
            close: stop.child_token(),
            closed: closed.clone(),
        };
        let work = converse(
            stream,
            connection,
            closed.drop_guard(),
            app.clone(),
            router.clone(),
        );
        tokio::spawn(work);
    }
}

async fn converse(
    stream: TcpStream,
    connection: Connection,
    _closed: DropGuard,
    app: App,
    router: Router,
) {
    let close = connection.close.clone();
    let unread = Unread::default();
    let stream = Lingering::new(stream, unread.clone());
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let request = request.map(|body| Upload::new(body, unread.clone()));
        let upload = request.body().progress();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(connection.clone());
        request.extensions_mut().insert(upload.clone());
        let app = app.clone();
        let router = router.clone();
        async move {
            let mut response = answer(app, router, request).await;
            if upload.ends_connection(response.status()) {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(CONNECTION, close);
            }
            Ok::<_, Infallible>(response)
        }
    });
    let conversation = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::select! {
        biased;
        () = close.cancelled() => {}
        // Whatever broke, nobody is left to be told.
        _ = conversation => {}
    }
}

async fn answer(app: App, router: Router, request: Request) -> Response {
    let host = host::of(&request);
    if host::is_own(&host) {
        match router.oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    } else {
        hosting::gateway(app, &host, request).await
    }
}
