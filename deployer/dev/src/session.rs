//! The loop: one task that owns the state of the session and takes one stream of events.

mod build;
mod settings;
mod start;
mod swap;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use camino::Utf8Path;
use camino::Utf8PathBuf;
use tiny_builder::{Build, BuildError, Builder, Inputs};
use tiny_provision::{Provisioner, Reporter};
use tiny_runtime::{Crons, Due, Prepared, Runtime, RuntimeEvent};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::control::Desk;
use crate::error::DevError;
use crate::event::{Command, DevEvent};
use crate::front::{Failure, Front, FrontEvent, FrontHandle, FrontOptions, Reload};
use crate::options::DevOptions;
use crate::project::{Claim, Project};
use crate::steps::Steps;
use crate::watch::{Changes, WatchSet, Watcher};

use build::Building;
use settings::Reading;
use swap::Cause;

/// How long putting objects to sleep may take, which the loop waits for.
const HIBERNATION: Duration = Duration::from_secs(5);

/// Everything that can happen to a session.
pub(crate) enum Event {
    Changed(Changes),
    Read {
        number: u64,
        project: Box<Result<Project, DevError>>,
    },
    Built {
        number: u64,
        outcome: Result<BTreeMap<String, Build>, (String, BuildError)>,
    },
    Step {
        number: u64,
        step: usize,
        at: Instant,
        phase: Phase,
    },
    Provisioned(Result<tiny_runtime::Programs, DevError>),
    Runtime(RuntimeEvent),
    Front(FrontEvent),
    Due(Due),
    Fired {
        due: Due,
        outcome: Result<String, String>,
    },
    Command(Command),
}

/// What a build step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Started,
    Ended { well: bool },
}

struct Session<'a> {
    started: Instant,
    options: DevOptions,
    project: Project,
    /// Holds the folder of data for this session.
    _claim: Claim,
    provisioner: Provisioner,
    /// tiny itself, for what it runs in processes of their own.
    program: Utf8PathBuf,
    builder: Arc<Builder>,
    listener: &'a (dyn Fn(DevEvent) + Send + Sync),
    events: mpsc::UnboundedSender<Event>,
    watcher: Watcher,
    front: FrontHandle,
    desk: Arc<Desk>,
    crons: Crons,
    url: Url,
    runtime: Option<Runtime>,
    /// The last good build of each worker.
    builds: BTreeMap<String, Build>,
    /// What the build read that failed last.
    failed_inputs: Inputs,
    steps: Steps,
    /// What is watched without the build steps.
    sources: WatchSet,
    reading: Option<Reading>,
    reading_number: u64,
    building: Option<Building>,
    build_number: u64,
    /// Settings changed: what serves is out of date even where the code is not.
    stale: bool,
    /// A swap that waits for the runtime to be there.
    waiting: Option<Cause>,
    /// How many changes were noticed, beside the loop.
    changes_seen: watch::Receiver<u64>,
    /// How many of them the loop has dealt with.
    changes_handled: u64,
    /// What serves now; the way back when its successor does not start.
    serving: Option<Serving>,
    ready: bool,
    /// When the runtime was last started.
    born: Instant,
    early_deaths: u32,
}

/// The stack that runs, ready to be started again.
struct Serving {
    prepared: Prepared,
    /// The hash of each worker's bundle.
    hashes: BTreeMap<String, String>,
    generation: u64,
}

/// Where the app is.
struct Url {
    host: String,
    port: u16,
}

impl Url {
    fn of_default(&self) -> String {
        format!("http://{}:{}", self.host, self.port)
    }

    fn of(&self, worker: &str) -> String {
        format!("http://{worker}.localhost:{}", self.port)
    }
}

/// Whether `localhost` leads there; to other addresses of the loopback network it does not.
fn is_localhost(host: IpAddr) -> bool {
    host.is_unspecified() || host == Ipv4Addr::LOCALHOST || host == Ipv6Addr::LOCALHOST
}

/// Runs until [`Command::Quit`], or until `commands` closes.
///
/// `listener` is called for each thing that happens, in order.
pub async fn run(
    options: DevOptions,
    provisioner: Provisioner,
    reporter: Arc<dyn Reporter>,
    commands: mpsc::UnboundedReceiver<Command>,
    listener: impl Fn(DevEvent) + Send + Sync,
) -> Result<(), DevError> {
    // Builds and downloads are tasks of this thread: they wait, mostly, and what computes is
    // handed on by themselves. Ending the set ends them with every program that they started.
    tokio::task::LocalSet::new()
        .run_until(run_here(options, provisioner, reporter, commands, listener))
        .await
}

async fn run_here(
    options: DevOptions,
    provisioner: Provisioner,
    reporter: Arc<dyn Reporter>,
    mut commands: mpsc::UnboundedReceiver<Command>,
    listener: impl Fn(DevEvent) + Send + Sync,
) -> Result<(), DevError> {
    let started = Instant::now();
    let program = own_program()?;
    let project = tokio::select! {
        project = Project::load(&options, &provisioner) => project?,
        () = quit(&mut commands) => return Ok(()),
    };
    let (events, mut happened) = mpsc::unbounded_channel();
    let desk = Arc::new(Desk::default());
    let (front_events, requests) = mpsc::unbounded_channel();
    let (host, port) = (project.host(&options), project.port(&options));
    let (front, handle) = Front::bind(
        host,
        port,
        FrontOptions {
            live_reload: options.live_reload,
        },
        front_events,
        Arc::clone(&desk) as Arc<dyn crate::front::Control>,
    )
    .await?;
    let url = Url {
        host: if is_localhost(host) {
            "localhost".to_owned()
        } else {
            front.address().ip().to_string()
        },
        port: front.address().port(),
    };
    let claim = project.claim()?;
    if options.fresh {
        project.clear_data()?;
    }
    forward(requests, &events, Event::Front);
    let (watcher, changes) = Watcher::new().map_err(DevError::Watch)?;
    let (change_count, changes_seen) = watch::channel(0_u64);
    forward(changes, &events, move |changes| {
        change_count.send_modify(|count| *count += 1);
        Event::Changed(changes)
    });
    let quitting = CancellationToken::new();
    obey(commands, &events, quitting.clone().drop_guard());
    let serving = tokio::spawn(front.serve());
    let mut session = Session {
        builder: Arc::new(
            Builder::new(provisioner.clone(), reporter).with_own_process(program.clone()),
        ),
        program,
        crons: Crons::default(),
        started,
        options,
        project,
        _claim: claim,
        provisioner,
        listener: &listener,
        events,
        watcher,
        front: handle,
        desk,
        url,
        runtime: None,
        builds: BTreeMap::new(),
        failed_inputs: Inputs::default(),
        steps: Steps::default(),
        sources: WatchSet::default(),
        reading: None,
        reading_number: 0,
        building: None,
        build_number: 0,
        stale: false,
        waiting: None,
        changes_seen,
        changes_handled: 0,
        serving: None,
        ready: false,
        born: started,
        early_deaths: 0,
    };
    session.front.allow_hosts(session.project.stack.dev_hosts());
    session.desk.set_assets(session.project.assets.clone());
    session
        .steps
        .adopt(&session.project.stack, session.options.stage.as_str());
    session.watch();
    session.complain(&BTreeSet::new());
    session.provision();
    session.build(started);
    let outcome = tokio::select! {
        biased;
        // Also in the middle of an event: code that is being started may never come to an end.
        () = quitting.cancelled() => Ok(()),
        outcome = session.go_on(&mut happened) => outcome,
    };
    if let Some(mut runtime) = session.runtime.take() {
        runtime.stop().await;
    }
    serving.abort();
    outcome
}

/// Resolves once the session is to end; there is nothing yet that other commands could act on.
async fn quit(commands: &mut mpsc::UnboundedReceiver<Command>) {
    while let Some(command) = commands.recv().await {
        if matches!(command, Command::Quit) {
            return;
        }
    }
}

/// The program that runs: tiny, which does some of its work in processes of their own.
pub fn own_program() -> std::io::Result<Utf8PathBuf> {
    Utf8PathBuf::from_path_buf(std::env::current_exe()?)
        .map_err(|_| std::io::Error::other("the path of tiny is not valid UTF-8"))
}

/// Makes one source of events part of the one stream.
fn forward<T: Send + 'static>(
    mut from: mpsc::UnboundedReceiver<T>,
    to: &mpsc::UnboundedSender<Event>,
    wrap: impl Fn(T) -> Event + Send + 'static,
) {
    let to = to.clone();
    tokio::spawn(async move {
        while let Some(item) = from.recv().await {
            if to.send(wrap(item)).is_err() {
                return;
            }
        }
    });
}

/// Makes commands part of the one stream of events. The guard is dropped by [`Command::Quit`],
/// which must not wait for its turn.
fn obey(
    mut commands: mpsc::UnboundedReceiver<Command>,
    events: &mpsc::UnboundedSender<Event>,
    quitting: DropGuard,
) {
    let events = events.clone();
    tokio::spawn(async move {
        let _quitting = quitting;
        while let Some(command) = commands.recv().await {
            if command == Command::Quit || events.send(Event::Command(command)).is_err() {
                return;
            }
        }
    });
}

impl Session<'_> {
    /// Takes one event after the other.
    async fn go_on(
        &mut self,
        happened: &mut mpsc::UnboundedReceiver<Event>,
    ) -> Result<(), DevError> {
        while let Some(event) = happened.recv().await {
            self.handle(event).await?;
        }
        Ok(())
    }

    async fn handle(&mut self, event: Event) -> Result<(), DevError> {
        match event {
            Event::Changed(changes) => self.changed(changes).await?,
            Event::Read { number, project } => self.read(number, *project),
            Event::Built { number, outcome } => self.built(number, outcome).await?,
            Event::Step {
                number,
                step,
                at,
                phase,
            } => self.step(number, step, at, phase).await?,
            Event::Provisioned(programs) => self.provisioned(programs?).await?,
            Event::Runtime(event) => self.runtime_said(event).await?,
            Event::Front(FrontEvent::Request(line)) => self.say(DevEvent::Request(line)),
            Event::Front(FrontEvent::Busy(busy)) => self.say(DevEvent::Busy(busy)),
            Event::Due(due) => self.fire(due),
            Event::Fired { due, outcome } => self.say(DevEvent::Cron {
                worker: due.worker,
                cron: due.cron,
                outcome: outcome.unwrap_or_else(|error| error),
            }),
            // `obey` sees to it.
            Event::Command(Command::Quit) => {}
            Event::Command(Command::Rebuild) => {
                self.stale = true;
                self.steps.repeat();
                self.build(Instant::now());
            }
            Event::Command(Command::Hibernate) => self.hibernate().await,
            Event::Command(Command::ClearData) => self.clear_data().await?,
        }
        Ok(())
    }

    fn say(&self, event: DevEvent) {
        (self.listener)(event);
    }

    /// Shows a failure in pages and to the listener; what served before goes on serving.
    fn fail(&self, title: &str, text: &str) {
        self.fail_as(title, text, false);
    }

    /// `told` says that the reporter has the text already.
    fn fail_as(&self, title: &str, text: &str, told: bool) {
        self.front.show_failure(Some(Failure {
            title: title.to_owned(),
            text: anstream::adapter::strip_str(text).to_string(),
        }));
        self.say(DevEvent::BuildFailed {
            title: title.to_owned(),
            message: text.to_owned(),
            told,
        });
    }

    /// Watches what the project and the last good builds are made of.
    fn watch(&mut self) {
        let mut set = self.project.watch_set(&self.options);
        for build in self.builds.values() {
            set.add_inputs(&build.inputs);
        }
        set.add_inputs(&self.failed_inputs);
        self.sources.clone_from(&set);
        for path in self.steps.watch() {
            set.add(path);
        }
        self.watcher.set(set);
    }

    async fn changed(&mut self, changes: Changes) -> Result<(), DevError> {
        self.changes_handled += 1;
        let changes = self.watcher.relevant(changes);
        if changes.paths.is_empty() {
            return Ok(());
        }
        let touched = self.project.touched(&changes.paths, &self.options);
        let mut by_user = Vec::new();
        for path in &changes.paths {
            if !self.steps.changed(path, changes.seen) {
                by_user.push(path.clone());
            }
        }
        let edited = by_user.iter().any(|path| self.sources.covers(path));
        // A step that failed is due, and must not run again for what it wrote itself.
        let repeat = !by_user.is_empty() && self.steps.any_due();
        if !by_user.is_empty() {
            self.say(DevEvent::Change { paths: by_user });
        }
        if touched.settings {
            self.reread(changes.seen);
        } else if !self.steps.running() && (repeat || (touched.sources && edited)) {
            self.build(changes.seen);
        } else if self.building.is_none() {
            self.settle();
        }
        if touched.assets {
            self.assets_changed(&changes);
        }
        if touched.migrations && !self.builds.is_empty() {
            self.swap(Cause::at(changes.seen)).await?;
        }
        Ok(())
    }

    /// Lets browsers have changed static files without a swap.
    fn assets_changed(&self, changes: &Changes) {
        let known = self.project.asset_complaints();
        let mut urls = Vec::new();
        for assets in self.project.assets.values() {
            match assets.rescan() {
                Ok(touched) => urls.extend(touched),
                Err(error) => {
                    self.say(DevEvent::Note {
                        message: format!("the static files cannot be read: {error}"),
                    });
                }
            }
        }
        self.complain(&known);
        if urls.is_empty() {
            return;
        }
        let is_style = |url: &String| Utf8Path::new(url).extension() == Some("css");
        self.front.reload(if urls.iter().all(is_style) {
            Reload::Css { paths: urls }
        } else {
            Reload::Page
        });
        self.say(DevEvent::AssetsReloaded {
            paths: changes.paths.iter().cloned().collect(),
        });
    }

    /// Tells what of the static files is ignored, apart from what is `known`.
    fn complain(&self, known: &BTreeSet<String>) {
        for message in self.project.asset_complaints().difference(known) {
            self.say(DevEvent::Note {
                message: message.clone(),
            });
        }
    }

    async fn hibernate(&mut self) {
        let Some(runtime) = &self.runtime else { return };
        let event = match tokio::time::timeout(HIBERNATION, runtime.hibernate()).await {
            Ok(Ok(objects)) => DevEvent::Hibernated { objects },
            Ok(Err(error)) => DevEvent::Note {
                message: format!("the objects stay awake: {error}"),
            },
            Err(_) => DevEvent::Note {
                message: "the objects stay awake: the worker is busy with something else"
                    .to_owned(),
            },
        };
        self.say(event);
    }

    /// Lets a cron's handler run beside the loop.
    fn fire(&self, due: Due) {
        let Some(runtime) = &self.runtime else { return };
        let controller = runtime.controller();
        let events = self.events.clone();
        let ticket = self.front.begin_cron(&due.worker, &due.cron);
        tokio::spawn(async move {
            let outcome = controller
                .scheduled(&due.worker, &due.cron, due.at)
                .await
                .map_err(|error| error.to_string());
            drop(ticket);
            // The session ended meanwhile.
            let _ = events.send(Event::Fired { due, outcome });
        });
    }
}
