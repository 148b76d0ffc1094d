//! Requests a second of the todo app and of a small JavaScript worker, in the same workerd.

use std::time::Duration;

use camino::Utf8Path;

use super::app::{self, USER};
use super::bare::{Worker, Workerd, provisioner};
use super::figures::{Figure, Samples, Section, say};
use super::load::{Target, saturate};
use super::processes::{cpu, ports_of, workerd_of};
use crate::support::Dev;

const ROUNDS: usize = 9;
const ROUND: Duration = Duration::from_millis(1500);
const CLIENTS: usize = 8;
const TODOS: usize = 20;

pub async fn measure() -> Section {
    let project = app::project();
    let program = provisioner().workerd(project.root()).await.unwrap().path;
    let alone = Workerd::of_app(&project, &["--release"]).await;
    fill(alone.port).await;
    let dev = project.dev().await;
    fill(dev.port()).await;
    let javascript = JavaScript::start(&program, &dev).await;
    let workerd = workerd_of(dev.pid());
    let direct = direct_port(workerd).await;

    let mut section = Section::new("Requests a second");
    for (path, baseline) in [("/todos", &javascript.todos), ("/", &javascript.page)] {
        let ours = |port| Target::get(port, &format!("{path}?userId={USER}"));
        let mut javascript = Subject::new(baseline.clone(), javascript.pid());
        let mut release = Subject::new(ours(alone.port), alone.pid());
        let mut straight = Subject::new(ours(direct), workerd);
        let mut through = Subject::new(ours(dev.port()), dev.pid());
        for n in 0..=ROUNDS {
            if n > 0 {
                say(&format!("GET {path}, round {n} of {ROUNDS}"));
            }
            for subject in [&mut javascript, &mut release, &mut straight, &mut through] {
                subject.round(n > 0).await;
            }
        }
        section
            .row(
                &format!("GET {path}, release, workerd alone"),
                release.rate(),
            )
            .against("JavaScript worker", javascript.rate())
            .at_least(0.9);
        section
            .row("  workerd's processor time for each", release.cost())
            .against("JavaScript worker", javascript.cost());
        section
            .row(
                &format!("GET {path}, dev, straight to workerd"),
                straight.rate(),
            )
            .against("JavaScript worker", javascript.rate());
        section
            .row("  workerd's processor time for each", straight.cost())
            .against("JavaScript worker", javascript.cost());
        section
            .row(&format!("GET {path}, through tiny"), through.rate())
            .against("JavaScript worker", javascript.rate());
        section
            .row("  tiny's processor time for each", through.cost())
            .against("JavaScript worker", javascript.cost());
        section.note(format!(
            "GET {path}: JavaScript {}, release {}, dev straight {}, through tiny {}",
            javascript.rates.spread(Figure::PerSecond),
            release.rates.spread(Figure::PerSecond),
            straight.rates.spread(Figure::PerSecond),
            through.rates.spread(Figure::PerSecond)
        ));
    }
    section.note(format!(
        "{CLIENTS} clients, {ROUNDS} rounds in turn, {TODOS} todos: {} bytes of JSON, {} of HTML in both",
        javascript.sizes.0, javascript.sizes.1
    ));
    section
}

/// One of those that take turns.
struct Subject {
    target: Target,
    /// The process whose time counts.
    pid: u32,
    rates: Samples,
    answered: f64,
    cpu: f64,
}

impl Subject {
    fn new(target: Target, pid: u32) -> Self {
        Self {
            target,
            pid,
            rates: Samples::default(),
            answered: 0.0,
            cpu: 0.0,
        }
    }

    /// One more round; the first one only warms up.
    async fn round(&mut self, counts: bool) {
        let before = cpu(self.pid);
        let rush = saturate(&self.target, CLIENTS, ROUND).await;
        if counts {
            self.cpu += cpu(self.pid) - before;
            self.answered += rush.answered;
            self.rates.push(rush.per_second);
        }
    }

    fn rate(&self) -> Figure {
        Figure::PerSecond(self.rates.median())
    }

    fn cost(&self) -> Figure {
        Figure::Us(self.cpu * 1000.0 / self.answered)
    }
}

/// Gives the user some todos.
pub async fn fill(port: u16) {
    for n in 0..TODOS {
        let form = format!("action=add&text=Todo+number+{n}+%26+what+it+is+about");
        let kind = "application/x-www-form-urlencoded";
        let added = Target::post(port, &format!("/todos?userId={USER}"), kind, &form);
        let answer = added.ask().await.unwrap();
        assert_eq!(
            answer.status,
            303,
            "{}",
            String::from_utf8_lossy(&answer.body)
        );
    }
}

/// Where workerd itself answers for the app.
async fn direct_port(workerd: u32) -> u16 {
    for port in ports_of(workerd) {
        let asked = Target::get(port, &format!("/todos?userId={USER}"))
            .ask()
            .await;
        if asked.is_ok_and(|answer| answer.status == 200 && answer.contains("\"todos\"")) {
            return port;
        }
    }
    panic!("no port of workerd answers for the app");
}

/// The worker to compare with, holding the same todos as the app.
pub struct JavaScript {
    workerd: Workerd,
    pub todos: Target,
    pub page: Target,
    /// Bytes of JSON and of HTML.
    sizes: (usize, usize),
}

impl JavaScript {
    pub async fn start(program: &Utf8Path, dev: &Dev) -> Self {
        let app = async |path: &str| {
            let target = Target::get(dev.port(), &format!("{path}?userId={USER}"));
            target.ask().await.unwrap().body
        };
        let (store, html) = (app("/todos").await, app("/").await);
        let worker = Worker {
            modules: vec![(
                "worker.js".to_owned(),
                include_bytes!("../fixtures/baseline.js").to_vec(),
            )],
            object: ("STORE", "Store"),
            vars: vec![("PAGE_LENGTH", html.len().to_string())],
        };
        let workerd = Workerd::start(program, &worker).await;
        let [todos, page] =
            ["/todos", "/"].map(|path| Target::get(workerd.port, &format!("{path}?userId={USER}")));
        let store = String::from_utf8(store).unwrap();
        Target::post(
            workerd.port,
            &format!("/todos?userId={USER}"),
            "application/json",
            &store,
        )
        .ask()
        .await
        .unwrap();
        let ours = async |target: &Target| target.ask().await.unwrap().body.len();
        let sizes = (ours(&todos).await, ours(&page).await);
        assert_eq!(
            sizes,
            (store.len(), html.len()),
            "the two workers answer at different lengths"
        );
        Self {
            workerd,
            todos,
            page,
            sizes,
        }
    }

    pub fn pid(&self) -> u32 {
        self.workerd.pid()
    }
}
