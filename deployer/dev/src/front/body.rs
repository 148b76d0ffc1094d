//! The bodies that the front sends: to browsers, and to workers.

use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body as HttpBody, Bytes, Frame, Incoming, SizeHint};
use tiny_runtime::proxy::{Progress, Upload};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::gate::Visit;
use super::inject::Injected;
use super::live::Subscription;
use super::pool::Returning;

/// Why a body broke off; hyper only passes it on.
pub(crate) type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// The body of an answer.
pub(crate) enum Body {
    /// Known whole; `None` when it is empty or sent.
    Whole(Option<Bytes>),
    /// Comes from a worker as it is read.
    Upstream(FromUpstream),
    /// HTML into which the client script is put.
    Injected(Box<Injected>),
    /// The event stream of an open page.
    Events(Box<Subscription>),
}

impl Body {
    pub(crate) fn empty() -> Self {
        Self::Whole(None)
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(bytes: T) -> Self {
        let bytes = bytes.into();
        Self::Whole(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Upstream(body) => body.poll_frame(context),
            Self::Injected(body) => body.poll_frame(context),
            Self::Events(events) => events.poll_frame(context).map(|frame| frame.map(Ok)),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Upstream(body) => body.incoming.is_end_stream(),
            Self::Injected(_) | Self::Events(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Upstream(body) => body.incoming.size_hint(),
            Self::Injected(_) | Self::Events(_) => SizeHint::default(),
        }
    }
}

/// The body of a worker's answer. Read to its end, it gives the connection back.
pub(crate) struct FromUpstream {
    incoming: Incoming,
    ended: bool,
    /// Ends what would never end by itself.
    restart: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    returning: Option<Returning>,
    visit: Visit,
}

impl FromUpstream {
    /// `endless`: its end is for the client to expect, and no reason for a swap to wait.
    pub(crate) fn new(
        incoming: Incoming,
        endless: bool,
        returning: Returning,
        visit: Visit,
    ) -> Self {
        let restart = endless.then(|| visit.generation().restart.clone());
        Self {
            incoming,
            ended: false,
            restart: restart.map(|restart| Box::pin(restart.cancelled_owned())),
            returning: Some(returning),
            visit,
        }
    }

    fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(restart) = &mut self.restart
            && restart.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(None);
        }
        let frame = std::task::ready!(Pin::new(&mut self.incoming).poll_frame(context));
        self.ended = frame.is_none();
        Poll::Ready(frame.map(|frame| frame.map_err(BodyError::from)))
    }
}

impl Drop for FromUpstream {
    fn drop(&mut self) {
        // A body of known length is not asked for its end.
        if (self.ended || self.incoming.is_end_stream())
            && let Some(returning) = self.returning.take()
        {
            self.visit.upstream().pool.put(returning);
        }
    }
}

/// The body of a request to a worker.
pub(crate) enum Outgoing {
    Nothing,
    Stream(Upload),
}

impl Outgoing {
    /// How far the body has come, where there is one.
    pub(crate) fn progress(&self) -> Option<Progress> {
        match self {
            Self::Nothing => None,
            Self::Stream(upload) => Some(upload.progress()),
        }
    }
}

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Nothing => Poll::Ready(None),
            Self::Stream(upload) => Pin::new(upload).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Nothing => true,
            Self::Stream(upload) => upload.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Nothing => SizeHint::with_exact(0),
            Self::Stream(upload) => upload.size_hint(),
        }
    }
}
