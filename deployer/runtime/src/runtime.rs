//! The runtime: one workerd at a time, on sockets that stay open from one to the next.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use serde_json::json;
use tokio::sync::mpsc;

use crate::blobs::{self, Blobs};
use crate::config::{self, Config, Surroundings};
use crate::control::Controller;
use crate::error::RuntimeError;
use crate::host::{AssetHost, D1Host, Host};
use crate::migrations::Migrations;
use crate::process::{Launch, PATIENCE, Process, RuntimeEvent, Socket};
use crate::stack::Stack;

/// What a runtime is made of.
#[derive(Debug, Clone)]
pub struct Programs {
    pub workerd: Utf8PathBuf,
    /// workerd's date, which is also the newest compatibility date that it takes.
    pub workerd_date: String,
    /// A program that passes its arguments after `__spawn` to [`crate::spawn_guarded`].
    pub launcher: Utf8PathBuf,
    /// The folder of miniflare's scripts, needed where [`Stack::needs_simulators`].
    pub simulators: Option<Utf8PathBuf>,
}

/// Runs stacks, one after the other.
#[derive(Debug)]
pub struct Runtime {
    programs: Programs,
    events: mpsc::UnboundedSender<RuntimeEvent>,
    host: Host,
    control: Socket,
    /// By worker.
    sockets: BTreeMap<String, Socket>,
    generation: u64,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    process: Process,
    prepared: Prepared,
}

/// A stack that is ready to be swapped in, however often.
#[derive(Debug, Clone)]
pub struct Prepared(Arc<Plan>);

#[derive(Debug)]
struct Plan {
    config: Config,
    workers: Vec<String>,
    /// The unique keys of all classes.
    objects: Vec<String>,
    /// Queues that have a consumer.
    queues: Vec<String>,
    migrations: Vec<Migrations>,
    inspector: Option<SocketAddr>,
    state: Utf8PathBuf,
    run: Utf8PathBuf,
}

impl Runtime {
    /// A runtime that runs nothing yet. What happens in it is told to `events`; `assets` answers
    /// for the static files of workers.
    pub async fn new(
        programs: Programs,
        events: mpsc::UnboundedSender<RuntimeEvent>,
        assets: Arc<dyn AssetHost>,
    ) -> Result<Self, RuntimeError> {
        Ok(Self {
            host: Host::start(assets, events.clone()).await?,
            control: Socket::bind()?,
            sockets: BTreeMap::new(),
            programs,
            events,
            generation: 0,
            running: None,
        })
    }

    /// Names who answers for [`crate::Binding::D1AtHost`], once.
    pub fn set_d1(&self, d1: Arc<dyn D1Host>) {
        self.host.set_d1(d1);
    }

    /// Reaches into whatever runs.
    pub fn controller(&self) -> Controller {
        Controller::new(self.control.address, self.host.at.token.clone())
    }

    /// Names the folder of miniflare's scripts.
    pub fn set_simulators(&mut self, folder: Utf8PathBuf) {
        self.programs.simulators = Some(folder);
    }

    /// Counts the starts of workerd.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Where a worker is reached, from its first [`Self::prepare`] until the swap after the one that
    /// leaves it out.
    pub fn upstream(&self, worker: &str) -> Option<SocketAddr> {
        self.sockets.get(worker).map(|socket| socket.address)
    }

    /// Does all that can be done while another stack still runs.
    #[allow(clippy::unused_async)] // files may come to be written beside the loop
    pub async fn prepare(&mut self, stack: &Stack) -> Result<Prepared, RuntimeError> {
        fs_err::create_dir_all(&stack.state)?;
        let mut blobs = Blobs::within(&stack.run)?;
        let around = Surroundings {
            simulators: self.programs.simulators.as_deref(),
            host: &self.host.at,
            newest_date: &self.programs.workerd_date,
        };
        let config = config::write(stack, &around, &mut blobs)?;
        for worker in &stack.workers {
            if !self.sockets.contains_key(&worker.name) {
                self.sockets.insert(worker.name.clone(), Socket::bind()?);
            }
        }
        let consumers = stack.workers.iter().flat_map(|worker| &worker.consumers);
        Ok(Prepared(Arc::new(Plan {
            config,
            workers: stack
                .workers
                .iter()
                .map(|worker| worker.name.clone())
                .collect(),
            objects: stack
                .workers
                .iter()
                .flat_map(|worker| worker.classes.iter().map(|class| class.unique_key.clone()))
                .collect(),
            queues: consumers.map(|consumer| consumer.queue.clone()).collect(),
            migrations: Migrations::of(stack)?,
            inspector: stack.inspector,
            state: stack.state.clone(),
            run: stack.run.clone(),
        })))
    }

    /// Lets a stack take over from the one that runs, and answers how long nothing ran. Where it
    /// does not start, nothing runs afterwards.
    ///
    /// Two workerd never overlap: they would lock each other out of the Durable Objects' files.
    /// Connections that the one before did not take are closed; those made once it has ended wait
    /// in the sockets.
    pub async fn swap(&mut self, prepared: Prepared) -> Result<Duration, RuntimeError> {
        let plan = Arc::clone(&prepared.0);
        let config = plan.run.join("workerd.capnp");
        write_private(&config, &plan.config.text)?;
        // Here, because the data may have been deleted since the stack was prepared.
        for folder in &plan.config.folders {
            fs_err::create_dir_all(folder)?;
        }
        let started = Instant::now();
        let before = self.running.take();
        let used_before: BTreeSet<String> = before
            .as_ref()
            .map(|running| running.prepared.0.config.blobs.clone())
            .unwrap_or_default();
        let before_workers = before
            .as_ref()
            .map(|running| running.prepared.0.workers.clone())
            .unwrap_or_default();
        let migrated = before.as_ref().is_some_and(|running| {
            running.prepared.0.migrations == plan.migrations
                && running.prepared.0.state == plan.state
        });
        if let Some(running) = before {
            running.process.stop().await;
            self.discard_waiting();
        }
        self.host.set_state(plan.state.clone());
        self.generation += 1;
        let mut sockets = vec![(config::CONTROL.to_owned(), &self.control)];
        for worker in &plan.workers {
            if let Some(socket) = self.sockets.get(worker) {
                sockets.push((config::socket(worker), socket));
            }
        }
        let process = Launch {
            programs: &self.programs,
            config: &config,
            environment: &plan.config.environment,
            sockets,
            inspector: plan.inspector,
            patience: PATIENCE,
            generation: self.generation,
            events: self.events.clone(),
        }
        .start()
        .await?;
        let controller = self.controller();
        if !migrated {
            for migrations in &plan.migrations {
                if let Err(error) = migrations.apply(&controller).await {
                    process.stop().await;
                    return Err(error);
                }
            }
        }
        if !plan.queues.is_empty() {
            let wake = json!({ "call": "wake", "queues": plan.queues });
            // Beside the loop: messages can wait, requests cannot. A worker that breaks off says
            // so in the log.
            tokio::spawn(async move { controller.call(wake).await });
        }
        self.forget_sockets(before_workers.iter().chain(&plan.workers));
        self.running = Some(Running { process, prepared });
        let pause = started.elapsed();
        blobs::prune(&plan.run, &[&plan.config.blobs, &used_before]);
        Ok(pause)
    }

    /// Closes the sockets of workers that neither run nor ran last.
    fn forget_sockets<'a>(&mut self, kept: impl Iterator<Item = &'a String>) {
        let kept: BTreeSet<&String> = kept.collect();
        self.sockets.retain(|worker, _| kept.contains(worker));
    }

    /// Puts every Durable Object out of memory, as idle time would; WebSockets stay open. Answers
    /// how many there are.
    pub async fn hibernate(&self) -> Result<usize, RuntimeError> {
        let running = self.running.as_ref().ok_or(RuntimeError::NotRunning)?;
        let plan = &running.prepared.0;
        let mut objects = Vec::new();
        let mut count = 0;
        for key in &plan.objects {
            let folder = plan.state.join("do").join(key);
            let Ok(entries) = folder.read_dir_utf8() else {
                // No object of the class was ever made.
                continue;
            };
            let ids: Vec<String> = entries
                .flatten()
                .filter_map(|entry| entry.file_name().strip_suffix(".sqlite").map(str::to_owned))
                .filter(|id| id != "metadata")
                .collect();
            count += ids.len();
            objects.push(json!({ "key": key, "ids": ids }));
        }
        self.controller()
            .call(json!({ "call": "hibernate", "objects": objects }))
            .await?;
        Ok(count)
    }

    /// Ends workerd, if it runs.
    pub async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.process.stop().await;
            self.discard_waiting();
        }
    }

    /// Closes connections that the workerd which just ended did not take.
    fn discard_waiting(&self) {
        for socket in self.sockets.values() {
            socket.discard_waiting();
        }
    }
}

/// It holds the token, and values that may be private.
fn write_private(path: &Utf8PathBuf, text: &str) -> std::io::Result<()> {
    fs_err::write(path, "")?;
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    fs_err::write(path, text)
}
