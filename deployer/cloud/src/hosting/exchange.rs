//! Lets what the account has take over from what runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tiny_assets::Assets;
use tiny_runtime::{Controller, Runtime, RuntimeError};
use tokio::sync::mpsc;

use super::assets::Shelf;
use super::background;
use super::compile::{Compiled, Wanted, name_of};
use super::routing::{Behind, Routing, Served, Site};
use super::stage::Generation;
use super::{Account, Hosting, HostingError, Inner};
use crate::event::CloudEvent;
use crate::workers;

/// The one who does it; one at a time.
#[derive(Default)]
pub(super) struct Exchange {
    runtime: Option<Runtime>,
    shelf: Arc<Shelf>,
    /// What is on stage.
    wanted: Option<Wanted>,
    assets: BTreeMap<String, Arc<Assets>>,
    /// Workers whose code did not start, with the reason, in the stack that is on stage.
    broken: BTreeMap<String, String>,
}

impl Exchange {
    /// What was on stage ended by itself.
    pub(super) fn forget(&mut self) {
        self.wanted = None;
    }

    pub(super) async fn stop(&mut self) {
        if let Some(mut runtime) = self.runtime.take() {
            runtime.stop().await;
        }
    }
}

impl Hosting {
    /// Does it, unless somebody else just did. It goes on if whoever waits for it goes away: half
    /// of it would leave nothing that runs.
    pub(super) async fn exchange(&self) -> Result<(), HostingError> {
        let hosting = self.clone();
        let work = tokio::spawn(async move {
            let inner = &hosting.0;
            let mut exchange = inner.exchange.lock().await;
            if inner.ended.is_cancelled() {
                return Err(HostingError::NotRunning(
                    "this cloud is stopping".to_owned(),
                ));
            }
            let is_outdated = inner.is_outdated.swap(false, Ordering::AcqRel);
            if !is_outdated && inner.stage.enter().await.is_some() {
                return Ok(());
            }
            let outcome = hosting.perform(&mut exchange).await;
            if outcome.is_err() {
                inner.is_outdated.store(true, Ordering::Release);
            }
            outcome
        });
        work.await
            .map_err(|error| HostingError::NotRunning(error.to_string()))?
    }

    async fn perform(&self, exchange: &mut Exchange) -> Result<(), HostingError> {
        let inner = &self.0;
        let account = inner.account()?;
        let wanted = account.store.read(|tx| Wanted::read(tx, self.reach()))?;
        let store = &account.store;
        if let Some(on_stage) = &exchange.wanted
            && on_stage.runs_like(&wanted)
            && let Some(visit) = inner.stage.enter().await
            && let Some(runtime) = &exchange.runtime
        {
            visit.reroute(route(&wanted, &exchange.assets, &exchange.broken, runtime));
            exchange.wanted = Some(wanted);
            return Ok(());
        }
        if exchange.runtime.is_none() {
            exchange.runtime = Some(self.make_runtime(&exchange.shelf).await?);
        }
        let Some(runtime) = &mut exchange.runtime else {
            // Cannot be: it was put there just now.
            return Err(HostingError::NotRunning("no runtime".to_owned()));
        };
        let mut broken = BTreeMap::new();
        let mut compiled = wanted.compile(store.files(), self.dir(), &broken)?;
        let mut prepared = runtime.prepare(&compiled.stack).await?;
        exchange.wanted = None;
        let mut stage = inner.stage.close().await;
        loop {
            exchange.shelf.set(compiled.assets.clone());
            let Err(error) = runtime.swap(prepared).await else {
                break;
            };
            // One that does not start must not keep the others from it.
            let Some((name, why)) = culprit(&error, &compiled) else {
                return Err(error.into());
            };
            let _ = account.events.send(CloudEvent::Warning {
                message: format!("worker `{name}` does not start: {why}"),
            });
            broken.insert(name, why);
            compiled = wanted.compile(store.files(), self.dir(), &broken)?;
            prepared = runtime.prepare(&compiled.stack).await?;
        }
        inner
            .generation
            .store(runtime.generation(), Ordering::Release);
        let controller = runtime.controller();
        let routing = route(&wanted, &compiled.assets, &broken, runtime);
        watch(&controller, inner, &routing).await;
        *stage = Some(Generation::new(controller, routing, compiled.stack.reach));
        drop(stage);
        self.clean(&wanted, account)?;
        exchange.wanted = Some(wanted);
        exchange.assets = compiled.assets;
        exchange.broken = broken;
        Ok(())
    }

    async fn make_runtime(&self, assets: &Arc<Shelf>) -> Result<Runtime, HostingError> {
        let programs = self.programs().await?.clone();
        let (sender, events) = mpsc::unbounded_channel();
        let runtime = Runtime::new(programs, sender, Arc::clone(assets) as _).await?;
        let account = self.0.account()?;
        runtime.set_d1(Arc::new(account.d1.clone()));
        background::hear(&self.0, events);
        Ok(runtime)
    }

    /// Deletes what belongs to nobody any more.
    fn clean(&self, wanted: &Wanted, account: &Account) -> Result<(), HostingError> {
        let namespaces = account.store.read(workers::object_namespaces)?;
        remove_others(&self.state().join("do"), |name| namespaces.contains(name));
        let versions: Vec<&str> = wanted
            .workers
            .iter()
            .flat_map(|worker| &worker.versions)
            .map(|version| version.id.as_str())
            .collect();
        remove_others(&self.dir().join("assets"), |name| versions.contains(&name));
        Ok(())
    }

    /// Has the runtime tell of those whom somebody listens to.
    pub(super) async fn watch(&self) {
        if let Some(visit) = self.0.stage.enter().await {
            let routing = visit.routing();
            watch(&visit.controller, &self.0, &routing).await;
        }
    }
}

impl Inner {
    pub(super) fn account(&self) -> Result<&Account, HostingError> {
        self.account
            .get()
            .ok_or_else(|| HostingError::NotRunning("this cloud is starting".to_owned()))
    }
}

async fn watch(controller: &Controller, inner: &Inner, routing: &Routing) {
    // One after the other: what an older list says must not come last.
    let _turn = inner.watching.lock().await;
    let names: Vec<String> = inner
        .tails
        .scripts()
        .iter()
        .filter_map(|script| Some((script, routing.scripts.get(script)?)))
        .flat_map(|(script, site)| (0..site.versions.len()).map(|at| name_of(script, at)))
        .collect();
    if let Err(error) = controller.watch(&names).await
        && let Ok(account) = inner.account()
    {
        let message = format!("tails cannot follow the workers: {error}");
        let _ = account.events.send(CloudEvent::Warning { message });
    }
}

/// Which worker it was that did not start, and why.
fn culprit(error: &RuntimeError, compiled: &Compiled) -> Option<(String, String)> {
    let RuntimeError::Start { output, .. } = error else {
        return None;
    };
    compiled.stack.workers.iter().find_map(|worker| {
        let prefix = format!("service user:{}: ", worker.name);
        let at = output.find(&prefix)?;
        let why = &output[at + prefix.len()..];
        // The next service's words are not its own.
        let end = why.find("\nservice ").unwrap_or(why.len());
        Some((worker.name.clone(), why[..end].to_owned()))
    })
}

fn route(
    wanted: &Wanted,
    assets: &BTreeMap<String, Arc<Assets>>,
    broken: &BTreeMap<String, String>,
    runtime: &Runtime,
) -> Routing {
    let mut routing = Routing::default();
    for worker in &wanted.workers {
        let versions = worker
            .versions
            .iter()
            .enumerate()
            .map(|(at, version)| {
                let name = name_of(&worker.script, at);
                let code = match (broken.get(&name), runtime.upstream(&name)) {
                    (Some(why), _) => Behind::Broken(why.clone()),
                    (None, Some(address)) if version.code.is_some() => Behind::Worker(address),
                    _ => Behind::Nothing,
                };
                Served {
                    id: version.id.clone(),
                    percentage: version.percentage,
                    assets: assets.get(&name).cloned(),
                    code,
                }
            })
            .collect();
        routing
            .scripts
            .insert(worker.script.clone(), Site { versions });
        for host in &worker.domains {
            routing.add_host(host.to_ascii_lowercase(), &worker.script);
        }
        for pattern in &worker.routes {
            routing.add_route(pattern, &worker.script);
        }
    }
    if let Some(subdomain) = &wanted.subdomain {
        let host = |label: &str| format!("{label}.{subdomain}.localhost");
        for worker in wanted.workers.iter().filter(|worker| worker.workers_dev) {
            routing.add_host(host(&worker.script), &worker.script);
        }
        for worker in wanted.workers.iter().filter(|worker| worker.previews) {
            for (at, version) in worker.versions.iter().enumerate() {
                let short = version.id.get(..8).unwrap_or(&version.id);
                let label = format!("{short}-{}", worker.script);
                routing.add_preview(host(&label), &worker.script, at);
            }
        }
    }
    routing
}

/// Deletes the folders in `folder` that are not kept. What cannot be deleted is only waste.
fn remove_others(folder: &camino::Utf8Path, is_kept: impl Fn(&str) -> bool) {
    let Ok(entries) = folder.read_dir_utf8() else {
        return;
    };
    for entry in entries.flatten() {
        if !is_kept(entry.file_name()) {
            let _ = fs_err::remove_dir_all(entry.path());
        }
    }
}
