//! What `tiny` and workerd hold after edits and requests.

use std::time::Duration;

use super::app::{self, Page, USER};
use super::edit::{LOOK, PATIENCE, RATE};
use super::figures::{Figure, Section, say};
use super::load::{Steady, Target, saturate};
use super::processes::{Memory, memory, workerd_of};
use super::throughput::{JavaScript, fill};
use crate::support::Dev;

const EDITS: usize = 5;
/// What a developer and a few open pages ask for.
const CALM: Duration = Duration::from_secs(10);
/// As much as can be answered.
const RUSH: Duration = Duration::from_secs(5);
const CLIENTS: usize = 8;

pub async fn measure() -> Section {
    let project = app::project();
    let mut page = Page::of(project.root());
    let program = super::bare::provisioner()
        .workerd(project.root())
        .await
        .unwrap()
        .path;
    let dev = project.dev().await;
    fill(dev.port()).await;
    let paths = ["/todos", "/"].map(|path| format!("{path}?userId={USER}"));
    let ours = paths.clone().map(|path| Target::get(dev.port(), &path));
    say("memory after edits and requests");
    for _ in 0..EDITS {
        let text = page.edit();
        ours[1]
            .until(LOOK, PATIENCE, |answer| answer.contains(&text))
            .await;
    }
    let javascript = JavaScript::start(&program, &dev).await;
    let theirs = [&javascript.todos, &javascript.page];

    let mut section = Section::new("Memory");
    let steady: Vec<_> = ours
        .iter()
        .chain(theirs)
        .map(|target| Steady::start(target.clone(), RATE))
        .collect();
    tokio::time::sleep(CALM).await;
    drop(steady);
    let now = Held::by(&dev, &javascript);
    section
        .row("tiny", Figure::Mb(now.tiny.rss))
        .below(Figure::Mb(60.0));
    section
        .row("workerd with the todo app", Figure::Mb(now.workerd.rss))
        .against("JavaScript worker", Figure::Mb(now.javascript.rss))
        .below(Figure::Mb(150.0));
    for target in ours.iter().chain(theirs) {
        saturate(target, CLIENTS, RUSH).await;
    }
    let then = Held::by(&dev, &javascript);
    section.row("after a rush: tiny", Figure::Mb(then.tiny.rss));
    section
        .row("after a rush: workerd", Figure::Mb(then.workerd.rss))
        .against("JavaScript worker", Figure::Mb(then.javascript.rss));
    section.note(format!(
        "resident; proportional (PSS): tiny {}, workerd {}, JavaScript {}; after the rush {}, {}, {}",
        Figure::Mb(now.tiny.pss),
        Figure::Mb(now.workerd.pss),
        Figure::Mb(now.javascript.pss),
        Figure::Mb(then.tiny.pss),
        Figure::Mb(then.workerd.pss),
        Figure::Mb(then.javascript.pss),
    ));
    section.note(format!(
        "after {EDITS} edits and {} s of {RATE} requests/s each to /todos and /; the rush is {} s each of {CLIENTS} clients without a pause",
        CALM.as_secs(),
        RUSH.as_secs()
    ));
    section
}

/// What the processes hold at one moment.
struct Held {
    tiny: Memory,
    workerd: Memory,
    javascript: Memory,
}

impl Held {
    fn by(dev: &Dev, javascript: &JavaScript) -> Self {
        Self {
            tiny: memory(dev.pid()),
            workerd: memory(workerd_of(dev.pid())),
            javascript: memory(javascript.pid()),
        }
    }
}
