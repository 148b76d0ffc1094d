//! What open pages are told: one event stream a page.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Response;
use hyper::body::{Bytes, Frame};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::body::Body;
use super::gate::Failure;
use super::json;

/// The program of the pages.
const CLIENT: &str = include_str!("client.js");

/// How failures look, in pages and in place of them.
pub(crate) const STYLE: &str = include_str!("overlay.css");

/// Where the pages find it.
pub(crate) const CLIENT_PATH: &str = "/cdn-cgi/tiny/client.js";

/// Between two signs of life: proxies and browsers give up on silent streams.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// What open pages are to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reload {
    /// Load themselves again.
    Page,
    /// Exchange these stylesheets in place.
    Css {
        /// URL paths.
        paths: Vec<String>,
    },
}

/// The open pages.
pub(crate) struct Live {
    /// Tells this session from the one before: a page that outlived it is out of date.
    instance: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Counts what pages were told, so that one that slept knows what it missed.
    version: u64,
    failure: Option<Arc<Failure>>,
    pages: Vec<mpsc::UnboundedSender<Bytes>>,
}

impl Live {
    pub(crate) fn new() -> Self {
        let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
        Self {
            instance: format!("{:x}-{:x}", std::process::id(), since.as_nanos()),
            state: Mutex::default(),
        }
    }

    pub(crate) fn reload(&self, what: Reload) {
        let mut state = self.lock();
        state.version += 1;
        let version = state.version;
        let event = match what {
            Reload::Page => event("reload", &format!("{{\"version\":{version}}}")),
            Reload::Css { paths } => {
                let paths: Vec<_> = paths.into_iter().map(|path| json::string(&path)).collect();
                let paths = paths.join(",");
                event(
                    "css",
                    &format!("{{\"version\":{version},\"paths\":[{paths}]}}"),
                )
            }
        };
        state.tell(&event);
    }

    pub(crate) fn show_failure(&self, failure: Option<Arc<Failure>>) {
        let mut state = self.lock();
        if state.failure == failure {
            return;
        }
        state.failure = failure;
        let event = state.standing();
        state.tell(&event);
    }

    /// What a page that is asked for now has to load, so that it notices when it is out of date.
    ///
    /// To be read before the page is made, and once it is known by whom: a change meanwhile then
    /// shows as one.
    pub(crate) fn script_url(&self) -> String {
        let version = self.lock().version;
        format!(
            "{CLIENT_PATH}?instance={}&amp;version={version}",
            self.instance
        )
    }

    pub(crate) fn client() -> Response<Body> {
        let style = json::string(STYLE);
        let mut response = Response::new(Body::from(format!("const STYLE = {style};\n{CLIENT}")));
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("text/javascript; charset=utf-8"),
        );
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    /// The event stream of one page.
    pub(crate) fn subscribe(&self) -> Response<Body> {
        let (page, events) = mpsc::unbounded_channel();
        let mut state = self.lock();
        let hello = format!(
            "{{\"instance\":{},\"version\":{}}}",
            json::string(&self.instance),
            state.version
        );
        // Both arrive: the receiver is held right here.
        let _ = page.send(event("hello", &hello));
        let _ = page.send(state.standing());
        state.pages.retain(|page| !page.is_closed());
        state.pages.push(page);
        drop(state);
        let mut heartbeat = tokio::time::interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut response =
            Response::new(Body::Events(Box::new(Subscription { events, heartbeat })));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn tell(&mut self, event: &Bytes) {
        self.pages.retain(|page| page.send(event.clone()).is_ok());
    }

    /// How things are: the failure, or that there is none.
    fn standing(&self) -> Bytes {
        match &self.failure {
            None => event("ok", "{}"),
            Some(failure) => event(
                "failure",
                &format!(
                    "{{\"title\":{},\"text\":{}}}",
                    json::string(&failure.title),
                    json::string(&failure.text)
                ),
            ),
        }
    }
}

fn event(name: &str, data: &str) -> Bytes {
    format!("event: {name}\ndata: {data}\n\n").into()
}

/// One page's end of the stream.
pub(crate) struct Subscription {
    events: mpsc::UnboundedReceiver<Bytes>,
    heartbeat: Interval,
}

impl Subscription {
    pub(crate) fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Frame<Bytes>>> {
        if let Poll::Ready(event) = self.events.poll_recv(context) {
            return Poll::Ready(event.map(Frame::data));
        }
        self.heartbeat
            .poll_tick(context)
            .map(|_| Some(Frame::data(Bytes::from_static(b": alive\n\n"))))
    }
}
