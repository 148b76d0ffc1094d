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
use tiny_runtime::proxy::{AnswerFirst, Progress};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::body::Outgoing;

/// workerd closes a connection that was idle for five seconds; one about to be closed is not used.
const LONGEST_IDLE: Duration = Duration::from_secs(3);

/// More idle connections than this are closed.
const MOST_IDLE: usize = 1024;

/// A connection whose answer is being read.
pub(crate) struct Returning {
    connection: Connection,
    /// How far the request's body has come, if it has one.
    upload: Option<Progress>,
}

/// Why there is no answer.
pub(crate) enum SendError {
    /// The generation ended before any of the request was sent.
    Unsent(Box<Request<Outgoing>>),
    /// The request was sent, and the connection broke off.
    Lost {
        /// The request once more, where that is harmless.
        again: Option<Box<Request<Outgoing>>>,
        error: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The worker cannot be reached.
    Unreachable(Box<dyn std::error::Error + Send + Sync>),
}

struct Connection {
    sender: SendRequest<Outgoing>,
    /// The worker hung up in the middle of a request.
    hung_up: Arc<AtomicBool>,
}

struct Idle {
    connection: Connection,
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
        let upload = request.body().progress();
        loop {
            let (mut connection, reused) = match self.idle() {
                Some(connection) => (connection, true),
                None => match self.connect().await {
                    Ok(connection) => (connection, false),
                    Err(_) if self.is_cut() => {
                        return Err(SendError::Unsent(Box::new(request)));
                    }
                    Err(error) => return Err(SendError::Unreachable(error)),
                },
            };
            let mut error = match connection.sender.try_send_request(request).await {
                Ok(response) => return Ok((response, Returning { connection, upload })),
                Err(error) => error,
            };
            // What was never written is still whole.
            let unsent = error.take_message();
            match unsent {
                Some(unsent) if self.is_cut() => return Err(SendError::Unsent(Box::new(unsent))),
                // Closed for having been idle, which says nothing about the request.
                Some(unsent) if reused => request = unsent,
                unsent => {
                    let again = unsent.or_else(|| copy.as_ref().and_then(again));
                    match again {
                        Some(again) if reused && !self.is_cut() => request = again,
                        again => {
                            return Err(SendError::Lost {
                                again: again.map(Box::new),
                                error: error.into_error().into(),
                            });
                        }
                    }
                }
            }
        }
    }

    /// Takes back a connection whose answer is read.
    pub(crate) fn put(&self, returning: Returning) {
        let Returning {
            mut connection,
            upload,
        } = returning;
        // workerd is about to hang up on a request that it does not read to its end.
        if upload.is_some_and(|upload| !upload.is_read_by_workerd()) {
            return;
        }
        if connection.is_ready() {
            self.keep(connection);
        } else if !connection.sender.is_closed() && !self.is_cut() {
            // The end of the request, or the connection's task, lags behind.
            let pool = self.clone();
            tokio::spawn(async move {
                if connection.sender.ready().await.is_ok() && connection.is_ready() {
                    pool.keep(connection);
                }
            });
        }
    }

    fn keep(&self, connection: Connection) {
        let mut idle = self.lock();
        if idle.len() < MOST_IDLE && !self.is_cut() {
            idle.push(Idle {
                connection,
                since: Instant::now(),
            });
        }
    }

    fn idle(&self) -> Option<Connection> {
        let mut idle = self.lock();
        while let Some(last) = idle.pop() {
            if last.since.elapsed() > LONGEST_IDLE {
                // All below it were idle even longer.
                idle.clear();
                return None;
            }
            if last.connection.is_ready() {
                return Some(last.connection);
            }
        }
        None
    }

    async fn connect(&self) -> Result<Connection, Box<dyn std::error::Error + Send + Sync>> {
        let cut = &self.shared.cut;
        let stream = tokio::select! {
            stream = TcpStream::connect(self.shared.address) => stream?,
            () = cut.cancelled() => return Err(io::Error::from(io::ErrorKind::Interrupted).into()),
        };
        stream.set_nodelay(true)?;
        let severed = Arc::new(AtomicBool::new(false));
        let stream = AnswerFirst::new(stream);
        let hung_up = stream.hung_up();
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
        Ok(Connection { sender, hung_up })
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

impl Connection {
    fn is_ready(&self) -> bool {
        self.sender.is_ready() && !self.hung_up.load(Ordering::Acquire)
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
    stream: AnswerFirst<TcpStream>,
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
