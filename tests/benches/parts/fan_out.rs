//! A thousand WebSockets on one object: how long an edit takes to reach all of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;

use super::app;
use super::bare::{Worker, Workerd, provisioner};
use super::clients::{Socket, clock, connect, now, send};
use super::figures::{Figure, Section, say};
use super::processes::cpu;
use crate::support::peers;

const SOCKETS: usize = 1_000;
/// Edits of the steady part, and how often one is made.
const EDITS: usize = 200;
const EVERY: Duration = Duration::from_millis(50);
/// Edits that follow each other as soon as all have heard of the last.
const IN_STEP: usize = 50;
/// Edits of the rush, and how often one is made.
const RUSH: usize = 400;
const RUSH_EVERY: Duration = Duration::from_millis(5);
const PATIENCE: Duration = Duration::from_mins(1);

pub async fn measure() -> Section {
    let project = app::project();
    let ours = Workerd::of_app(&project, &["--release"]).await;
    let program = provisioner().workerd(project.root()).await.unwrap().path;
    let theirs = tinybase(&program).await;

    let ours = Crowd::gather(&ours, "/sync?userId=bench", "ours").await;
    let ours = ours.edits().await;
    let theirs = Crowd::gather(&theirs, "/bench", "TinyBase's").await;
    let theirs = theirs.edits().await;

    let mut section = Section::new("Fan-out: 1000 WebSockets on one object");
    section
        .row(
            "20 edits a second: an edit reaches somebody, p99",
            Figure::Ms(ours.steady.p99),
        )
        .against("TinyBase's", Figure::Ms(theirs.steady.p99))
        .below(Figure::Ms(250.0));
    section
        .row("  median", Figure::Ms(ours.steady.median))
        .against("TinyBase's", Figure::Ms(theirs.steady.median));
    section
        .row("  not delivered", Figure::Count(ours.steady.lost))
        .against("TinyBase's", Figure::Count(theirs.steady.lost))
        .no_more_than(Figure::Count(0.0));
    section
        .row(
            "  workerd's processor time for each message",
            Figure::Us(ours.steady.cost),
        )
        .against("TinyBase's", Figure::Us(theirs.steady.cost));
    section
        .row(
            "400 edits at 200 a second, until all have all: edits",
            Figure::PerSecond(ours.rush.rate),
        )
        .against("TinyBase's", Figure::PerSecond(theirs.rush.rate))
        .at_least(1.5);
    section
        .row(
            "  workerd's processor time for each",
            Figure::Ms(ours.rush.cost),
        )
        .against("TinyBase's", Figure::Ms(theirs.rush.cost));
    section
        .row(
            "each edit when all have heard of the last: edits",
            Figure::PerSecond(ours.in_step.rate),
        )
        .against("TinyBase's", Figure::PerSecond(theirs.in_step.rate));
    section
        .row(
            "  workerd's processor time for each",
            Figure::Ms(ours.in_step.cost),
        )
        .against("TinyBase's", Figure::Ms(theirs.in_step.cost));
    section.note(format!(
        "{SOCKETS} sockets; {EDITS} edits steadily, then {RUSH} in a rush and {IN_STEP} in step; all on the machine that sends and counts"
    ));
    section
}

async fn tinybase(program: &camino::Utf8Path) -> Workerd {
    let modules = peers().modules().join("tinybase");
    let module = |name: &str, path: &str| {
        let body = fs_err::read(modules.join(path).join("index.js")).unwrap();
        (name.to_owned(), body)
    };
    let worker = Worker {
        modules: vec![
            (
                "worker.js".to_owned(),
                include_bytes!("../fixtures/tinybase-server.js").to_vec(),
            ),
            module("mergeable-store.js", "mergeable-store"),
            module(
                "persister.js",
                "persisters/persister-durable-object-sql-storage",
            ),
            module(
                "synchronizer.js",
                "synchronizers/synchronizer-ws-server-durable-object",
            ),
        ],
        object: ("STORE", "Store"),
        vars: Vec::new(),
    };
    Workerd::start(program, &worker).await
}

/// All who listen, and one who edits.
struct Crowd {
    pid: u32,
    editor: futures_util::stream::SplitSink<Socket, Message>,
    heard: mpsc::UnboundedReceiver<Heard>,
    edits: u64,
}

/// Somebody heard of an edit this many microseconds after it was sent.
struct Heard {
    edit: u64,
    after: u64,
}

struct Figures {
    steady: Steady,
    rush: Rush,
    in_step: Rush,
}

struct Steady {
    p99: f64,
    median: f64,
    lost: f64,
    cost: f64,
}

struct Rush {
    rate: f64,
    cost: f64,
}

impl Crowd {
    async fn gather(workerd: &Workerd, path: &str, whose: &str) -> Self {
        say(&format!("{SOCKETS} WebSockets on {whose} object"));
        let url = format!("ws://127.0.0.1:{}{path}", workerd.port);
        let (hear, heard) = mpsc::unbounded_channel();
        let deaf = Arc::new(AtomicUsize::new(0));
        let mut editor = None;
        for number in 0..=SOCKETS {
            let (sink, mut stream) = connect(&url).await.split();
            let (hear, deaf) = (hear.clone(), Arc::clone(&deaf));
            let listens = number < SOCKETS;
            tokio::spawn(async move {
                while let Some(Ok(message)) = stream.next().await {
                    if listens
                        && let Message::Text(text) = message
                        && !Heard::all_of(&text).all(|heard| hear.send(heard).is_ok())
                    {
                        return;
                    }
                }
                deaf.fetch_add(1, Ordering::Relaxed);
            });
            if listens {
                // Kept open by what reads from it.
                std::mem::forget(sink);
            } else {
                editor = Some(sink);
            }
        }
        assert_eq!(deaf.load(Ordering::Relaxed), 0, "sockets were closed");
        Self {
            pid: workerd.pid(),
            editor: editor.unwrap(),
            heard,
            edits: 0,
        }
    }

    async fn edit(&mut self) {
        self.edits += 1;
        let (edit, clock) = (self.edits, clock(self.edits));
        // A todo that is edited again and again among twenty.
        let id = edit % 20;
        let frame = format!(
            "\n[null,3,[[{{\"todos\":[{{\"{id}\":[{{\"text\":[\"edit {edit} sent {} \",\"{clock}\"]}}]}}]}}],[{{}}],1]]",
            now()
        );
        send(&mut self.editor, frame).await;
    }

    async fn edits(mut self) -> Figures {
        // Both are warm when it counts.
        for _ in 0..20 {
            self.edit().await;
            self.all_heard().await;
        }
        let steady = self.steadily().await;
        let rush = self.in_a_rush().await;
        let in_step = self.in_step().await;
        Figures {
            steady,
            rush,
            in_step,
        }
    }

    async fn all_heard(&mut self) {
        let (mut ears, edit) = (0, self.edits);
        while ears < SOCKETS {
            let heard = tokio::time::timeout(PATIENCE, self.heard.recv()).await;
            let heard = heard.expect("somebody never heard of an edit").unwrap();
            ears += usize::from(heard.edit == edit);
        }
    }

    async fn steadily(&mut self) -> Steady {
        let before = cpu(self.pid);
        let mut afters = Vec::with_capacity(EDITS * SOCKETS);
        let mut beat = tokio::time::interval(EVERY);
        for _ in 0..EDITS {
            beat.tick().await;
            self.edit().await;
            while let Ok(Heard { after, .. }) = self.heard.try_recv() {
                afters.push(after);
            }
        }
        let all = EDITS * SOCKETS;
        while afters.len() < all {
            match tokio::time::timeout(Duration::from_secs(10), self.heard.recv()).await {
                Ok(Some(Heard { after, .. })) => afters.push(after),
                _ => break,
            }
        }
        let spent = cpu(self.pid) - before;
        let lost = all - afters.len();
        afters.sort_unstable();
        let at = |share: usize| micros(afters[afters.len() * share / 100]);
        Steady {
            p99: at(99),
            median: at(50),
            lost: count(lost),
            cost: spent * 1_000.0 / count(afters.len()),
        }
    }

    async fn in_a_rush(&mut self) -> Rush {
        let (before, started) = (cpu(self.pid), Instant::now());
        let mut beat = tokio::time::interval(RUSH_EVERY);
        for _ in 0..RUSH {
            beat.tick().await;
            self.edit().await;
        }
        self.all_heard().await;
        self.rush(RUSH, started, before)
    }

    async fn in_step(&mut self) -> Rush {
        let (before, started) = (cpu(self.pid), Instant::now());
        for _ in 0..IN_STEP {
            self.edit().await;
            self.all_heard().await;
        }
        self.rush(IN_STEP, started, before)
    }

    fn rush(&self, edits: usize, started: Instant, cpu_before: f64) -> Rush {
        Rush {
            rate: count(edits) / started.elapsed().as_secs_f64(),
            cost: (cpu(self.pid) - cpu_before) / count(edits),
        }
    }
}

impl Heard {
    /// What a message tells of edits, of which it may bring several.
    fn all_of(text: &str) -> impl Iterator<Item = Self> {
        text.split("edit ").skip(1).filter_map(|text| {
            let mut words = text.split(' ');
            let edit = words.next()?.parse().ok()?;
            let sent: u64 = words.nth(1)?.parse().ok()?;
            let after = now().saturating_sub(sent);
            Some(Self { edit, after })
        })
    }
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap())
}

fn micros(micros: u64) -> f64 {
    f64::from(u32::try_from(micros).unwrap_or(u32::MAX)) / 1_000.0
}
