//! What every handler reaches.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::accounts::Account;
use crate::d1::Databases;
use crate::event::CloudEvent;
use crate::hosting::Hosting;
use crate::store::Store;

/// The running local Cloudflare, as its handlers see it. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct App(Arc<Parts>);

/// Reached through [`App`] as fields.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) account: Account,
    /// Where it listens; workers are at `http://<script>.<subdomain>.localhost:<port>`.
    pub(crate) address: SocketAddr,
    pub(crate) store: Store,
    pub(crate) hosting: Hosting,
    pub(crate) d1: Databases,
    pub(crate) events: mpsc::UnboundedSender<CloudEvent>,
}

impl App {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// Tells whoever watches, if anybody does.
    pub(crate) fn tell(&self, event: CloudEvent) {
        let _ = self.events.send(event);
    }
}

impl std::ops::Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
