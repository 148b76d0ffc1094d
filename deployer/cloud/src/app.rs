//! What every handler reaches.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::accounts::Account;
use crate::d1::Databases;
use crate::event::CloudEvent;
use crate::hosting::Hosting;
use crate::store::Store;
use crate::workers;

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
    pub(crate) uploads: workers::SentUploads,
    pub(crate) events: mpsc::UnboundedSender<CloudEvent>,
}

impl App {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// Tells whoever watches that a worker answers, and with what is new, where it has an address.
    pub(crate) fn deployed(&self, script: &str) {
        let found = self.store.read(|tx| {
            let is_reachable = workers::live(tx)?
                .iter()
                .any(|worker| worker.script == script && worker.workers_dev);
            Ok::<_, rusqlite::Error>(workers::subdomain(tx)?.filter(|_| is_reachable))
        });
        if let Ok(Some(subdomain)) = found {
            let port = self.address.port();
            // Nobody may be watching.
            let _ = self.events.send(CloudEvent::Deployed {
                script: script.to_owned(),
                url: format!("http://{script}.{subdomain}.localhost:{port}"),
            });
        }
    }
}

impl std::ops::Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
