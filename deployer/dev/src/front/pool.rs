//! Kept-alive connections to one upstream.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::body::Outgoing;

/// workerd closes a connection that was idle for five seconds; one about to be closed is not used.
const LONGEST_IDLE: Duration = Duration::from_secs(3);

/// More idle connections than this are closed.
const MOST_IDLE: usize = 1024;

/// A connection that may serve the next request.
pub(crate) type Returning = SendRequest<Outgoing>;

/// Why there is no answer.
pub(crate) enum SendError {
    /// The generation ended. `Some`: the request may be sent again to the next one.
    Cut(Option<Box<Request<Outgoing>>>),
    /// The worker cannot be reached, or broke off.
    Failed(Box<dyn std::error::Error + Send + Sync>),
}

struct Idle {
    sender: Returning,
    since: Instant,
}

#[derive(Clone)]
pub(crate) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    address: SocketAddr,
    cut: CancellationToken,
    /// The last one used is at the end.
    idle: Mutex<Vec<Idle>>,
}

impl Pool {
    pub(crate) fn new(address: SocketAddr, cut: CancellationToken) -> Self {
        Self {
            shared: Arc::new(Shared {
                address,
                cut,
                idle: Mutex::default(),
            }),
        }
    }

    /// Sends `request`, again if the kept-alive connection turns out to be closed.
    pub(crate) async fn send(
        &self,
        mut request: Request<Outgoing>,
    ) -> Result<(Response<Incoming>, Returning), SendError> {
        // A copy of the head, in case that the first one is lost: headers share their bytes.
        let copy = again(&request);
        loop {
            let (mut sender, reused) = match self.idle() {
                Some(sender) => (sender, true),
                None => match self.connect().await {
                    Ok(sender) => (sender, false),
                    Err(_) if self.is_cut() => {
                        return Err(SendError::Cut(Some(Box::new(request))));
                    }
                    Err(error) => return Err(SendError::Failed(error)),
                },
            };
            let mut error = match sender.try_send_request(request).await {
                Ok(response) => return Ok((response, sender)),
                Err(error) => error,
            };
            // What was never written is still whole.
            let unsent = error
                .take_message()
                .or_else(|| copy.as_ref().and_then(again));
            if self.is_cut() {
                return Err(SendError::Cut(unsent.map(Box::new)));
            }
            match unsent {
                Some(unsent) if reused => request = unsent,
                _ => return Err(SendError::Failed(error.into_error().into())),
            }
        }
    }

    /// Takes back a connection whose answer is read.
    pub(crate) fn put(&self, mut sender: Returning) {
        if sender.is_ready() {
            self.keep(sender);
        } else if !sender.is_closed() && !self.is_cut() {
            // The end of the request, or the connection's task, lags behind.
            let pool = self.clone();
            tokio::spawn(async move {
                if sender.ready().await.is_ok() {
                    pool.keep(sender);
                }
            });
        }
    }

    fn keep(&self, sender: Returning) {
        let mut idle = self.lock();
        if idle.len() < MOST_IDLE && !self.is_cut() {
            idle.push(Idle {
                sender,
                since: Instant::now(),
            });
        }
    }

    fn idle(&self) -> Option<Returning> {
        let mut idle = self.lock();
        while let Some(last) = idle.pop() {
            if last.since.elapsed() > LONGEST_IDLE {
                // All below it were idle even longer.
                idle.clear();
                return None;
            }
            if last.sender.is_ready() {
                return Some(last.sender);
            }
        }
        None
    }

    async fn connect(&self) -> Result<Returning, Box<dyn std::error::Error + Send + Sync>> {
        let cut = &self.shared.cut;
        let stream = tokio::select! {
            stream = TcpStream::connect(self.shared.address) => stream?,
            () = cut.cancelled() => return Err(io::Error::from(io::ErrorKind::Interrupted).into()),
        };
        stream.set_nodelay(true)?;
        let severed = Arc::new(AtomicBool::new(false));
        let io = Severable {
            stream,
            severed: Arc::clone(&severed),
        };
        let (sender, connection) = http1::handshake(TokioIo::new(io)).await?;
        let cut = cut.clone();
        tokio::spawn(async move {
            let mut connection = std::pin::pin!(connection.with_upgrades());
            tokio::select! {
                biased;
                // How it ended is told to whoever waits for the answer.
                _ = &mut connection => return,
                () = cut.cancelled() => {}
            }
            // Polled once more, it reads the error below and hands it to the body that it was
            // busy with; a connection merely dropped would look like the body's regular end.
            severed.store(true, Ordering::Relaxed);
            let _ = connection.await;
        });
        Ok(sender)
    }

    fn is_cut(&self) -> bool {
        self.shared.cut.is_cancelled()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.shared
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same request once more, where that is harmless.
fn again(request: &Request<Outgoing>) -> Option<Request<Outgoing>> {
    let harmless = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    ) && matches!(request.body(), Outgoing::Nothing);
    if !harmless {
        return None;
    }
    let mut copy = Request::new(Outgoing::Nothing);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    Some(copy)
}

/// A stream whose reading end can be made to fail.
struct Severable {
    stream: TcpStream,
    severed: Arc<AtomicBool>,
}

impl AsyncRead for Severable {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.severed.load(Ordering::Relaxed) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Severable {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
