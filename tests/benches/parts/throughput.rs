//! Requests a second of the todo app and of a small JavaScript worker, in the same workerd.

use std::time::Duration;

use camino::Utf8Path;

use super::app::{self, USER};
use super::bare::{Worker, Workerd, provisioner};
use super::figures::{Figure, Samples, Section, say};
use super::load::{Target, saturate};
use super::processes::{ports_of, workerd_of};
use crate::support::Dev;

const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_millis(1500);
const CLIENTS: usize = 8;
const TODOS: usize = 20;

pub async fn measure() -> Section {
    let project = app::project();
    let program = provisioner().workerd(project.root()).await.unwrap().path;
    let dev = project.dev().await;
    fill(&dev).await;
    let javascript = JavaScript::start(&program, &dev).await;
    let direct = direct_port(&dev).await;

    let mut section = Section::new("Requests a second");
    for (path, baseline) in [("/todos", &javascript.todos), ("/", &javascript.page)] {
        let [through, direct] =
            [dev.port(), direct].map(|port| Target::get(port, &format!("{path}?userId={USER}")));
        let mut rates: [Samples; 3] = Default::default();
        for target in [baseline, &direct, &through] {
            saturate(target, CLIENTS, ROUND).await; // warm up
        }
        for n in 0..ROUNDS {
            say(&format!("GET {path}, round {} of {ROUNDS}", n + 1));
            for (target, rates) in [baseline, &direct, &through].into_iter().zip(&mut rates) {
                rates.push(saturate(target, CLIENTS, ROUND).await);
            }
        }
        let [baseline, direct, through] = &rates;
        section
            .row(
                &format!("GET {path}, straight to workerd"),
                Figure::PerSecond(direct.median()),
            )
            .against("JavaScript worker", Figure::PerSecond(baseline.median()))
            .at_least(0.9);
        section
            .row(
                &format!("GET {path}, through tiny"),
                Figure::PerSecond(through.median()),
            )
            .against("JavaScript worker", Figure::PerSecond(baseline.median()));
        section.note(format!(
            "GET {path}: JavaScript {}, straight {}, through tiny {}",
            baseline.spread(Figure::PerSecond),
            direct.spread(Figure::PerSecond),
            through.spread(Figure::PerSecond)
        ));
    }
    section.note(format!(
        "{CLIENTS} clients, {ROUNDS} rounds in turn, {TODOS} todos: {} bytes of JSON, {} of HTML in both",
        javascript.sizes.0, javascript.sizes.1
    ));
    section
}

/// Gives the user some todos.
pub async fn fill(dev: &Dev) {
    for n in 0..TODOS {
        let form = format!("action=add&text=Todo+number+{n}+%26+what+it+is+about");
        let kind = "application/x-www-form-urlencoded";
        let added = Target::post(dev.port(), &format!("/todos?userId={USER}"), kind, &form);
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
async fn direct_port(dev: &Dev) -> u16 {
    for port in ports_of(workerd_of(dev.pid())) {
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
