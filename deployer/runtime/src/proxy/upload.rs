//! The body of a client's request, and how far it has come.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use hyper::StatusCode;
use hyper::body::{Body as HttpBody, Bytes, Frame, Incoming, SizeHint};

use super::early::Unread;

/// The longest body that workerd reads to its end where the worker does not; it hangs up on a
/// longer one, after the answer.
const READ_BY_WORKERD: u64 = 64 * 1024;

/// A request's body as it arrives.
#[derive(Debug)]
pub struct Upload {
    incoming: Incoming,
    progress: Progress,
    /// Of the connection that it comes on.
    unread: Unread,
}

/// How much of an [`Upload`] was read. Clones share the count.
#[derive(Debug, Clone)]
pub struct Progress(Arc<Count>);

#[derive(Debug)]
struct Count {
    bytes: AtomicU64,
    has_ended: AtomicBool,
    /// So short that it is worth reading to keep the connection.
    is_short: bool,
}

impl Upload {
    pub fn new(incoming: Incoming, unread: Unread) -> Self {
        let length = incoming.size_hint().exact();
        let count = Count {
            bytes: AtomicU64::new(0),
            has_ended: AtomicBool::new(incoming.is_end_stream()),
            is_short: length.is_some_and(|length| length <= READ_BY_WORKERD),
        };
        Self {
            incoming,
            progress: Progress(Arc::new(count)),
            unread,
        }
    }

    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }
}

impl Progress {
    /// Whether the body was read to its end.
    pub fn has_ended(&self) -> bool {
        self.0.has_ended.load(Ordering::Acquire)
    }

    /// Whether workerd reads all of it, even where the worker does not.
    pub fn is_read_by_workerd(&self) -> bool {
        self.has_ended() && self.0.bytes.load(Ordering::Relaxed) <= READ_BY_WORKERD
    }

    /// Whether an answer with this status is the last one on its connection. Told that it was
    /// refused, a client need not send the rest of a long request; a success may take all of it.
    pub fn ends_connection(&self, status: StatusCode) -> bool {
        !self.has_ended() && !self.0.is_short && !status.is_success() && !status.is_informational()
    }

    fn end(&self, has_ended: bool) {
        if has_ended {
            self.0.has_ended.store(true, Ordering::Release);
        }
    }
}

impl HttpBody for Upload {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.incoming).poll_frame(context));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            self.progress
                .0
                .bytes
                .fetch_add(data.len() as u64, Ordering::Relaxed);
        }
        // A body of known length is not asked for its end.
        self.progress
            .end(frame.is_none() || self.incoming.is_end_stream());
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.progress.has_ended() {
            self.unread.note();
        }
    }
}
