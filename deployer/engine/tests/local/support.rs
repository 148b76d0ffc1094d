//! A stage on a local Cloudflare of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use camino::{Utf8Path, Utf8PathBuf};
use tiny_cloud::{NoPrograms, Options, ProgramsProvider};
use tiny_cloudflare::{
    Account, Cloudflare, CodeUpdate, Exchange, Module, ModuleKind, Patience, Secret, Settings,
    Trace, Waiting,
};
use tiny_engine::{
    Actual, Address, Apply, ApplyOptions, ClassSpec, Code, D1Spec, Depth, Desired, EngineError,
    Event, Goal, Kind, Plan, PlanOptions, Progress, Scope, Silent, Spec, SqlMigration, State,
    StateStore, Want, WorkerSpec, plan, refresh,
};
use tiny_manifest::{Lifecycle, StageName};
use tiny_provision::Provisioner;
use tiny_runtime::Programs;

/// What goes over the wire.
#[derive(Default)]
pub(crate) struct Wire {
    calls: Mutex<Vec<String>>,
    /// When each call began and ended.
    times: Mutex<Vec<(Instant, Instant)>>,
}

impl Trace for Wire {
    fn exchange(&self, exchange: &Exchange) {
        let call = format!("{} {}", exchange.method, exchange.path);
        self.calls.lock().unwrap().push(call);
        let end = Instant::now();
        let began = end.checked_sub(exchange.duration).unwrap();
        self.times.lock().unwrap().push((began, end));
    }

    fn waiting(&self, _: &Waiting<'_>) {}
}

pub(crate) struct World {
    pub(crate) cloud: tiny_cloud::Cloud,
    pub(crate) account: Account,
    pub(crate) store: StateStore,
    pub(crate) desired: Desired,
    pub(crate) folder: Utf8PathBuf,
    wire: Arc<Wire>,
    _temporary: tempfile::TempDir,
}

pub(crate) fn at(text: &str) -> Address {
    text.parse().unwrap()
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with_latency(Duration::ZERO).await
    }

    pub(crate) async fn with_latency(latency: Duration) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Utf8PathBuf::from_path_buf(temporary.path().to_owned()).unwrap();
        let programs = programs(&folder);
        let cloud = tiny_cloud::start(Options {
            latency,
            rate_limit: None,
            ..Options::new(folder.join("cloud"), programs)
        })
        .await
        .unwrap();
        let wire = Arc::new(Wire::default());
        let settings = Settings {
            base_url: cloud.base_url(),
            token: Secret::new("token"),
            account_id: Some(cloud.account_id().to_owned()),
            patience: Patience {
                attempts: 3,
                first_pause: Duration::from_millis(5),
                longest_pause: Duration::from_millis(20),
                answer: Duration::from_secs(20),
                ..Patience::default()
            },
            trace: Some(Arc::clone(&wire) as Arc<dyn Trace>),
        };
        let account = Cloudflare::new(settings).unwrap().account().await.unwrap();
        let stage = StageName::new("prod").unwrap();
        let store = StateStore::local_in(
            &folder.join(".tiny"),
            &folder.join("tiny.toml"),
            "shop",
            &stage,
        );
        Self {
            cloud,
            account,
            store,
            desired: Desired {
                stack: "shop".to_owned(),
                stage,
                protect: false,
                resources: BTreeMap::new(),
                external: Vec::new(),
                complaints: Vec::new(),
            },
            folder,
            wire,
            _temporary: temporary,
        }
    }

    pub(crate) fn want(&mut self, address: &str, spec: Spec) -> &mut Self {
        self.want_after(address, spec, &[])
    }

    pub(crate) fn want_after(
        &mut self,
        address: &str,
        spec: Spec,
        depends_on: &[&str],
    ) -> &mut Self {
        let address = at(address);
        let want = Want {
            name: format!("shop-prod-{}", address.id),
            spec,
            depends_on: depends_on.iter().map(|address| at(address)).collect(),
            lifecycle: Lifecycle::default(),
        };
        self.desired.resources.insert(address, want);
        self
    }

    pub(crate) fn lifecycle(&mut self, address: &str) -> &mut Lifecycle {
        let want = self.desired.resources.get_mut(&at(address)).unwrap();
        &mut want.lifecycle
    }

    /// The resource has another id in the manifest from now on.
    pub(crate) fn rename(&mut self, from: &str, to: &str) {
        let mut want = self.desired.resources.remove(&at(from)).unwrap();
        want.name = format!("shop-prod-{}", at(to).id);
        want.lifecycle.was = Some(at(from).id);
        self.desired.resources.insert(at(to), want);
    }

    pub(crate) fn drop(&mut self, address: &str) {
        self.desired.resources.remove(&at(address));
    }

    /// From now on these requests are broken.
    pub(crate) fn breaks(&self, faults: &[&str]) {
        let faults = faults.iter().map(|fault| fault.parse().unwrap()).collect();
        self.cloud.faults().set(faults);
    }

    pub(crate) async fn state(&self) -> State {
        let loaded = self.store.load().await.unwrap();
        loaded.unwrap_or_else(|| State::new("shop", self.store.stage(), Some(self.account.id())))
    }

    pub(crate) fn scope(&self) -> Scope {
        Scope::from(&self.desired)
    }

    pub(crate) async fn read(&self, goal: Goal<'_>) -> Actual {
        let state = self.state().await;
        refresh(&self.account, goal, &state, Depth::Full)
            .await
            .unwrap()
    }

    pub(crate) async fn plan(&self) -> Plan {
        self.plan_for(Goal::Deploy(&self.desired)).await
    }

    pub(crate) async fn plan_for(&self, goal: Goal<'_>) -> Plan {
        let actual = self.read(goal).await;
        let state = self.state().await;
        plan(goal, &state, &actual, &PlanOptions::default()).unwrap()
    }

    pub(crate) async fn deploy(&self) -> Result<(), EngineError> {
        self.deploy_with(&Silent, ApplyOptions::default()).await
    }

    pub(crate) async fn deploy_with(
        &self,
        progress: &dyn Progress,
        options: ApplyOptions,
    ) -> Result<(), EngineError> {
        self.run(Goal::Deploy(&self.desired), progress, options)
            .await
    }

    pub(crate) async fn destroy(&self) -> Result<(), EngineError> {
        let scope = self.scope();
        self.run(Goal::Destroy(&scope), &Silent, ApplyOptions::default())
            .await
    }

    pub(crate) async fn run(
        &self,
        goal: Goal<'_>,
        progress: &dyn Progress,
        options: ApplyOptions,
    ) -> Result<(), EngineError> {
        let guard = self.store.lock("test").await?;
        let mut state = self.state().await;
        let actual = refresh(&self.account, goal, &state, Depth::Full).await?;
        let plan = plan(goal, &state, &actual, &PlanOptions::default())?;
        let outcome = Apply {
            cloud: &self.account,
            goal,
            actual: &actual,
            plan: &plan,
            guard: &guard,
            progress,
            options,
        }
        .run(&mut state)
        .await;
        guard.release().await?;
        outcome
    }

    /// What went over the wire since the last time, `GET` left out unless `reads`.
    pub(crate) fn calls(&self, reads: bool) -> Vec<String> {
        let calls = std::mem::take(&mut *self.wire.calls.lock().unwrap());
        let prefix = format!("/accounts/{}", self.account.id());
        calls
            .into_iter()
            .filter(|call| reads || !call.starts_with("GET "))
            .map(|call| call.replacen(&prefix, "", 1))
            .collect()
    }

    /// The most calls since the last time of which each began when the one before it had ended: how
    /// often somebody waited for an answer before going on, however long a busy machine took.
    pub(crate) fn round_trips(&self) -> usize {
        let mut times = std::mem::take(&mut *self.wire.times.lock().unwrap());
        times.sort_by_key(|(_, end)| *end);
        let mut last: Option<Instant> = None;
        let mut count = 0;
        for (start, end) in times {
            if last.is_none_or(|last| last <= start) {
                last = Some(end);
                count += 1;
            }
        }
        count
    }

    /// The names of everything simple that the account has.
    pub(crate) async fn names(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        let kv = self.account.kv_namespaces().await.unwrap();
        names.extend(kv.into_iter().map(|kv| format!("kv {}", kv.title)));
        let d1 = self.account.d1_databases().await.unwrap();
        names.extend(d1.into_iter().map(|d1| format!("d1 {}", d1.name)));
        for place in [None, Some("eu")] {
            let r2 = self.account.r2_buckets(place).await.unwrap();
            names.extend(r2.into_iter().map(|r2| format!("r2 {}", r2.name)));
        }
        let queues = self.account.queues().await.unwrap();
        names.extend(
            queues
                .into_iter()
                .map(|queue| format!("queue {}", queue.queue_name)),
        );
        names
    }

    /// An object, as anybody may put it.
    pub(crate) async fn put_object(&self, bucket: &str, key: &str) {
        // Whoever is first; the client may have chosen one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let base = self.cloud.base_url();
        let account = self.cloud.account_id();
        let url = format!("{base}/accounts/{account}/r2/buckets/{bucket}/objects/{key}");
        let put = reqwest::Client::new().put(url).bearer_auth("token");
        let answer = put.body("text").send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
    }

    pub(crate) async fn is_deployed(&self) -> bool {
        let plan = self.plan().await;
        plan.is_empty() && plan.drift.is_empty()
    }
}

/// The real workerd, to see what an upload is.
fn programs(folder: &Utf8Path) -> ProgramsProvider {
    let folder = folder.to_owned();
    Arc::new(move || {
        let folder = folder.clone();
        let runtime = tokio::runtime::Handle::current();
        let found = tokio::task::spawn_blocking(move || runtime.block_on(find_programs(&folder)));
        Box::pin(async { found.await.unwrap() })
    })
}

async fn find_programs(folder: &Utf8Path) -> Result<Programs, NoPrograms> {
    let told = |error: tiny_provision::ProvisionError| NoPrograms(error.to_string());
    let provisioner = Provisioner::from_env(Arc::new(tiny_provision::Silent)).map_err(told)?;
    let workerd = provisioner.workerd(folder).await.map_err(told)?;
    // What `tiny __spawn` is, without the guard.
    let launcher = folder.join("launcher.sh");
    std::fs::write(&launcher, "#!/bin/sh\nshift\nexec \"$@\"\n").unwrap();
    std::fs::set_permissions(&launcher, std::fs::Permissions::from_mode(0o755)).unwrap();
    Ok(Programs {
        workerd: workerd.path,
        workerd_date: workerd.version,
        launcher,
        simulators: Some(provisioner.simulators().await.map_err(told)?),
    })
}

/// Remembers what it was told.
#[derive(Default)]
pub(crate) struct Told {
    lines: Mutex<Vec<String>>,
    running: Mutex<(usize, usize)>,
    on_start: Option<Box<dyn Fn() + Send + Sync>>,
}

impl Progress for Told {
    fn event(&self, event: Event<'_>) {
        let mut running = self.running.lock().unwrap();
        let line = match event {
            Event::Started { step } => {
                running.0 += 1;
                running.1 = running.1.max(running.0);
                if let Some(on_start) = &self.on_start {
                    on_start();
                }
                format!("started {}", step.address)
            }
            Event::Says { step, text } => format!("{} says {text}", step.address),
            Event::Done { step, note, .. } => {
                running.0 -= 1;
                format!("done {} {}", step.address, note.unwrap_or_default())
            }
            Event::Failed { step, error, .. } => {
                running.0 -= 1;
                format!("failed {}: {error}", step.address)
            }
            _ => return,
        };
        self.lines.lock().unwrap().push(line.trim_end().to_owned());
    }
}

impl Told {
    /// Calls this when a step starts.
    pub(crate) fn when_one_starts(on_start: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            on_start: Some(Box::new(on_start)),
            ..Self::default()
        }
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// The most steps that were under way at once.
    pub(crate) fn most_at_once(&self) -> usize {
        self.running.lock().unwrap().1
    }
}

pub(crate) fn d1(files: &[(&str, &str)]) -> Spec {
    let migrations = files
        .iter()
        .map(|(name, sql)| SqlMigration {
            name: (*name).to_owned(),
            sql: (*sql).to_owned(),
        })
        .collect();
    Spec::D1(D1Spec {
        migrations,
        ..D1Spec::default()
    })
}

/// A worker that answers requests with `text`, takes messages and runs on time, and exports these
/// Durable Object classes.
pub(crate) fn worker(text: &str, classes: &[&str]) -> WorkerSpec {
    let exported: Vec<String> = classes
        .iter()
        .map(|class| format!("export class {class} extends DurableObject {{}}\n"))
        .collect();
    let code = format!(
        "import {{ DurableObject }} from 'cloudflare:workers';\n{}\
         export default {{ fetch() {{ return new Response({text:?}) }}, queue() {{}}, scheduled() {{}} }}",
        exported.concat()
    );
    WorkerSpec {
        code: Code {
            main: "index.js".to_owned(),
            hash: format!("hash of {code}"),
            modules: vec![Module {
                name: "index.js".to_owned(),
                kind: ModuleKind::EsModule,
                content: Bytes::from(code),
            }],
        },
        compatibility_date: "2026-11-01".to_owned(),
        compatibility_flags: Vec::new(),
        vars: BTreeMap::new(),
        secrets: BTreeMap::new(),
        bindings: BTreeMap::new(),
        classes: classes
            .iter()
            .map(|class| ((*class).to_owned(), ClassSpec::default()))
            .collect(),
        tagged_migrations: false,
        code_update: CodeUpdate::Immediate,
        assets: None,
        url: false,
        crons: Vec::new(),
        routes: BTreeMap::new(),
        domains: BTreeSet::new(),
        consumers: BTreeMap::new(),
        observability: None,
        limits: None,
        placement: None,
        logpush: false,
        tail_consumers: Vec::new(),
    }
}

impl World {
    /// What it depends on is what it binds and consumes.
    pub(crate) fn want_worker(&mut self, id: &str, spec: WorkerSpec) {
        let depends_on = spec.depends_on(id);
        let want = Want {
            name: format!("shop-prod-{id}"),
            spec: Spec::Worker(Box::new(spec)),
            depends_on,
            lifecycle: Lifecycle::default(),
        };
        let address = Address::new(Kind::Worker, id);
        self.desired.resources.insert(address, want);
    }

    /// The names of all workers of the account.
    pub(crate) async fn scripts(&self) -> BTreeSet<String> {
        let scripts = self.account.scripts().await.unwrap();
        scripts.into_iter().map(|script| script.id).collect()
    }
}
