//! Answers that come before their request has ended.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// How long a closing connection waits for more of a request.
const QUIET: Duration = Duration::from_secs(5);

/// How long a closing connection reads at most.
const LONGEST: Duration = Duration::from_mins(1);

/// What one read of a request that nobody wants takes.
const SCRAP: usize = 16 * 1024;

/// A connection to a worker. When the worker hangs up on a request in the middle of its body, the
/// rest is discarded: a failed write would hide the answer that came before it.
#[derive(Debug)]
pub struct AnswerFirst<S> {
    stream: S,
    hung_up: Arc<AtomicBool>,
}

impl<S> AnswerFirst<S> {
    pub fn new(stream: S) -> Self {
        Self {
            stream,
            hung_up: Arc::default(),
        }
    }

    /// Set once something was discarded: nothing else is to be sent here.
    pub fn hung_up(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.hung_up)
    }

    /// The connection below.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// What a write of `length` bytes comes to.
    fn outcome(&self, written: io::Result<usize>, length: usize) -> io::Result<usize> {
        match written {
            Err(error) if is_hang_up(&error) => {
                self.hung_up.store(true, Ordering::Release);
                Ok(length)
            }
            other => other,
        }
    }

    fn has_hung_up(&self) -> bool {
        self.hung_up.load(Ordering::Acquire)
    }
}

fn is_hang_up(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
    )
}

impl<S: AsyncRead + Unpin> AsyncRead for AnswerFirst<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for AnswerFirst<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.has_hung_up() {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        written.map(|written| self.outcome(written, bytes.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = slices.iter().map(|slice| slice.len()).sum();
        if self.has_hung_up() {
            return Poll::Ready(Ok(length));
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        written.map(|written| self.outcome(written, length))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// A client's connection. Closed in the middle of a request, it first reads what still arrives: the
/// kernel would answer that with a reset, which can overtake the answer.
#[derive(Debug)]
pub struct Lingering<S> {
    stream: S,
    unread: Unread,
    closing: Option<Closing>,
}

/// Whether a request on a connection was not read to its end.
#[derive(Debug, Clone, Default)]
pub struct Unread(Arc<AtomicBool>);

#[derive(Debug)]
struct Closing {
    /// Over when nothing has arrived for long enough.
    quiet: Pin<Box<Sleep>>,
    until: Instant,
}

impl Unread {
    /// Notes that the rest of a request stays unread.
    pub fn note(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_noted(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl<S> Lingering<S> {
    pub fn new(stream: S, unread: Unread) -> Self {
        Self {
            stream,
            unread,
            closing: None,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lingering<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lingering<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
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

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self {
            stream,
            unread,
            closing,
        } = &mut *self;
        if closing.is_none() {
            std::task::ready!(Pin::new(&mut *stream).poll_shutdown(context))?;
            if !unread.is_noted() {
                return Poll::Ready(Ok(()));
            }
        }
        let closing = closing.get_or_insert_with(|| {
            let now = Instant::now();
            Closing {
                quiet: Box::pin(tokio::time::sleep_until(now + QUIET)),
                until: now + LONGEST,
            }
        });
        let mut scrap = [0; SCRAP];
        loop {
            let mut buffer = ReadBuf::new(&mut scrap);
            match Pin::new(&mut *stream).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    let now = Instant::now();
                    if now >= closing.until {
                        return Poll::Ready(Ok(()));
                    }
                    closing.quiet.as_mut().reset(now + QUIET);
                }
                // The client has hung up, which is what was waited for.
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => return closing.quiet.as_mut().poll(context).map(Ok),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (one, other) = tokio::join!(TcpStream::connect(address), listener.accept());
        (one.unwrap(), other.unwrap().0)
    }

    #[tokio::test]
    async fn an_answer_outlives_the_hang_up_after_it() {
        let (proxy, mut worker) = pair().await;
        let mut proxy = AnswerFirst::new(proxy);
        proxy.write_all(b"the beginning").await.unwrap();
        worker.write_all(b"enough").await.unwrap();
        // With something unread, which makes it a reset.
        worker.readable().await.unwrap();
        drop(worker);
        let chunk = [b'x'; SCRAP];
        for _ in 0..64 {
            proxy.write_all(&chunk).await.unwrap();
        }
        assert!(proxy.has_hung_up());
        let mut answer = [0; 6];
        proxy.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"enough");
    }

    #[tokio::test]
    async fn a_request_cut_short_is_read_on_while_its_connection_closes() {
        let (mut client, server) = pair().await;
        let unread = Unread::default();
        unread.note();
        let closing = tokio::spawn(async move {
            let mut server = Lingering::new(server, unread);
            server.write_all(b"too much").await.unwrap();
            server.shutdown().await.unwrap();
        });
        let chunk = [b'x'; SCRAP];
        // More than the kernel keeps.
        for _ in 0..1024 {
            client.write_all(&chunk).await.unwrap();
        }
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "too much");
        drop(client);
        closing.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_client_is_not_waited_for_long() {
        let (client, server) = tokio::io::duplex(64);
        let unread = Unread::default();
        unread.note();
        let mut server = Lingering::new(server, unread);
        let since = Instant::now();
        server.shutdown().await.unwrap();
        assert_eq!(since.elapsed(), QUIET);
        drop(client);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_was_read_costs_no_time() {
        let (client, server) = tokio::io::duplex(64);
        let mut server = Lingering::new(server, Unread::default());
        let since = Instant::now();
        server.shutdown().await.unwrap();
        assert_eq!(since.elapsed(), Duration::ZERO);
        drop(client);
    }
}
