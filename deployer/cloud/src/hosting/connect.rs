//! Connections to the workers.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Uri;
use http::uri::Authority;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tiny_runtime::proxy::AnswerFirst;
use tokio::net::TcpStream;
use tower::Service;

/// Connects to the address that a URL names.
#[derive(Debug, Clone, Copy)]
pub(super) struct Connect;

/// A connection on which an answer counts that comes before the request has ended.
pub(super) struct ToWorker(TokioIo<AnswerFirst<TcpStream>>);

impl Service<Uri> for Connect {
    type Response = ToWorker;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<ToWorker>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, url: Uri) -> Self::Future {
        Box::pin(async move {
            let address = url.authority().map_or("", Authority::as_str);
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok(ToWorker(TokioIo::new(AnswerFirst::new(stream))))
        })
    }
}

impl Connection for ToWorker {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for ToWorker {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl Write for ToWorker {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(context, slices)
    }
}
