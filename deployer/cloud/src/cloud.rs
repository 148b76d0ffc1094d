//! A running local Cloudflare.

use std::net::SocketAddr;
use std::time::Duration;

use tiny_listen::Listeners;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::accounts::Account;
use crate::app::{App, Parts};
use crate::error::CloudError;
use crate::event::CloudEvent;
use crate::faults::FaultControl;
use crate::home::{Announced, Home};
use crate::hosting::Hosting;
use crate::options::Options;
use crate::store::{Schema, Store};
use crate::{accounts, d1, kv, queues, r2, server, workers, zones};

/// The tables of the account.
const SCHEMAS: &[Schema] = &[
    accounts::SCHEMA,
    zones::SCHEMA,
    kv::SCHEMA,
    r2::SCHEMA,
    d1::SCHEMA,
    queues::SCHEMA,
    workers::SCHEMA,
];

/// How long the end waits for requests that are under way.
const PATIENCE: Duration = Duration::from_secs(5);

/// Serves until it is stopped or dropped.
#[derive(Debug)]
pub struct Cloud {
    app: App,
    faults: FaultControl,
    events: Option<mpsc::UnboundedReceiver<CloudEvent>>,
    stop: CancellationToken,
    server: JoinHandle<()>,
    /// Ends when no request is under way any more.
    last_request: mpsc::Receiver<()>,
    _home: Home,
}

/// Starts one on its folder; all that was there before is there again.
pub async fn start(options: Options) -> Result<Cloud, CloudError> {
    let home = Home::take(&options.dir).await?;
    let store = Store::open(&options.dir, SCHEMAS)?;
    let account = Account::open(&store, &options.dir)?;
    zones::add(&store, &options.dir, &options.zones)?;
    let journal = options
        .journal
        .as_deref()
        .map(server::Journal::open)
        .transpose()?;
    let listeners = Listeners::bind(options.listen.ip(), options.listen.port(), "tiny cloud")?;
    let address = listeners.address();
    let (sender, events) = mpsc::unbounded_channel();
    let app = App::new(Parts {
        account,
        address,
        hosting: Hosting::new(options.programs, options.dir.join("hosting")),
        uploads: workers::SentUploads::default(),
        d1: d1::Databases::within(options.dir.join("d1"))?,
        store,
        events: sender,
    });
    app.hosting.start(&app).await;
    let faults = FaultControl::new(options.faults);
    let stop = CancellationToken::new();
    let (under_way, last_request) = mpsc::channel(1);
    let router = server::router(
        &app,
        server::Layers {
            journal,
            latency: options.latency,
            faults: faults.clone(),
            rate_limit: options.rate_limit,
            under_way,
        },
    );
    let server = tokio::spawn(server::serve(listeners, app.clone(), router, stop.clone()));
    home.announce(&Announced {
        address,
        base_url: base_url(address),
        account_id: app.account.id.clone(),
        pid: std::process::id(),
    })?;
    Ok(Cloud {
        app,
        faults,
        events: Some(events),
        stop,
        server,
        last_request,
        _home: home,
    })
}

/// A name would do for browsers; not every client finds `localhost` where this one listens.
fn base_url(address: SocketAddr) -> String {
    format!("http://{}/client/v4", server::reachable(address))
}

impl Cloud {
    pub fn address(&self) -> SocketAddr {
        self.app.address
    }

    /// For `CLOUDFLARE_API_BASE_URL`; ends with `/client/v4`.
    pub fn base_url(&self) -> String {
        base_url(self.app.address)
    }

    pub fn account_id(&self) -> &str {
        &self.app.account.id
    }

    /// Breaks chosen requests, from the next one on.
    pub fn faults(&self) -> &FaultControl {
        &self.faults
    }

    /// What happens in it; whoever asks first gets it.
    pub fn events(&mut self) -> Option<mpsc::UnboundedReceiver<CloudEvent>> {
        self.events.take()
    }

    /// Ends it: connections are broken off, what their requests began is done, workers end, the
    /// folder is free.
    pub async fn stop(mut self) {
        self.stop.cancel();
        // It ends by itself once it is told to.
        let _ = (&mut self.server).await;
        // A request that does not end must not keep the whole from ending.
        let _ = tokio::time::timeout(PATIENCE, self.last_request.recv()).await;
        self.app.hosting.stop().await;
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
