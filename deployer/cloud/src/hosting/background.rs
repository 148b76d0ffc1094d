//! What happens without a request: crons, messages in queues, alarms, and what the runtime says.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tiny_runtime::{Crons, Due, LogLevel, RuntimeEvent};
use tokio::sync::mpsc;

use super::compile::{Wanted, script_of};
use super::tails::Origin;
use super::{Hosting, HostingError, Inner};
use crate::event::CloudEvent;

/// Deploys come in several calls, and one after the other: they cost one exchange.
const PAUSE: Duration = Duration::from_millis(300);

/// Follows the account. Ends with `inner`, which it does not keep.
pub(super) fn start(inner: &Arc<Inner>) {
    let change = Arc::clone(&inner.change);
    let ended = inner.ended.clone();
    let weak = Arc::downgrade(inner);
    tokio::spawn(async move {
        let (sender, mut due) = mpsc::unbounded_channel();
        let mut crons = Crons::default();
        let mut is_first = true;
        loop {
            let Some(hosting) = upgrade(&weak) else {
                return;
            };
            if let Err(error) = hosting.look(&mut crons, &sender, is_first).await {
                hosting.warn(&error);
            }
            is_first = false;
            drop(hosting);
            loop {
                tokio::select! {
                    () = ended.cancelled() => return,
                    () = change.notified() => break,
                    Some(due) = due.recv() => {
                        if let Some(hosting) = upgrade(&weak) {
                            tokio::spawn(async move { hosting.fire(due).await });
                        }
                    }
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    });
}

/// Passes on what the runtime says.
pub(super) fn hear(inner: &Arc<Inner>, mut events: mpsc::UnboundedReceiver<RuntimeEvent>) {
    let weak = Arc::downgrade(inner);
    tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            let Some(hosting) = upgrade(&weak) else {
                return;
            };
            hosting.heard(event).await;
        }
    });
}

fn upgrade(inner: &Weak<Inner>) -> Option<Hosting> {
    inner.upgrade().map(Hosting)
}

impl Hosting {
    /// Follows the account, and exchanges what runs where something may happen by itself: where
    /// workers run already, or there are messages or objects from before.
    async fn look(
        &self,
        crons: &mut Crons,
        due: &mpsc::UnboundedSender<Due>,
        is_first: bool,
    ) -> Result<(), HostingError> {
        let account = self.0.account()?;
        let wanted = account.store.read(|tx| Wanted::read(tx, self.reach()))?;
        crons.set(wanted.crons(), due, |due| due);
        let has = |folder: &str| {
            self.state()
                .join(folder)
                .read_dir_utf8()
                .is_ok_and(|mut entries| entries.next().is_some())
        };
        let runs = self.0.stage.enter().await.is_some();
        let is_outdated = self.0.is_outdated.load(Ordering::Acquire);
        let has_alarms = is_first && has("do");
        let has_messages = wanted.has_consumers() && has("queues");
        if is_outdated && (runs || has_alarms || has_messages) {
            self.exchange().await?;
        }
        Ok(())
    }

    async fn fire(&self, due: Due) {
        let outcome = match self.enter().await {
            Ok(visit) => {
                let run = visit.controller.scheduled(&due.worker, &due.cron, due.at);
                match visit.ending.unless_cut(run).await {
                    Some(outcome) => outcome.map_err(HostingError::from),
                    None => Err(HostingError::NotRunning(format!(
                        "`{}` of worker `{}` was cut short by a deploy",
                        due.cron, due.worker
                    ))),
                }
            }
            Err(error) => Err(error),
        };
        if let Err(error) = outcome {
            self.warn(&error);
        }
    }

    async fn heard(&self, event: RuntimeEvent) {
        match event {
            RuntimeEvent::Log { level, message } => self.tell(CloudEvent::Log {
                script: None,
                level: level_name(level).to_owned(),
                message,
            }),
            RuntimeEvent::Trace { worker, item } => {
                let (script, at) = script_of(&worker);
                let visit = self.0.stage.enter().await;
                let routing = visit.map(|visit| visit.routing());
                let version = routing
                    .as_ref()
                    .and_then(|routing| routing.scripts.get(script)?.versions.get(at))
                    .map(|version| version.id.as_str());
                self.tails().tell(&Origin { script, version }, item);
            }
            RuntimeEvent::Exited {
                generation,
                status,
                stderr,
            } => {
                if generation == self.0.generation.load(Ordering::Acquire) {
                    self.0.lost().await;
                    self.warn(&format!(
                        "the workers ended by themselves ({status})\n{stderr}"
                    ));
                }
            }
        }
    }

    fn tell(&self, event: CloudEvent) {
        if let Ok(account) = self.0.account() {
            // Nobody has to watch.
            let _ = account.events.send(event);
        }
    }

    fn warn(&self, message: &dyn std::fmt::Display) {
        self.tell(CloudEvent::Warning {
            message: message.to_string(),
        });
    }
}

impl Inner {
    /// What was on stage is no more: the next who comes starts it again.
    async fn lost(&self) {
        self.exchange.lock().await.forget();
        self.is_outdated.store(true, Ordering::Release);
    }
}

fn level_name(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Log => "log",
        LogLevel::Warn => "warn",
        LogLevel::Error => "error",
    }
}
