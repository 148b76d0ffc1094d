//! What `tiny` and workerd hold after edits and requests.

use std::time::Duration;

use super::app::{self, Page, USER};
use super::edit::{LOOK, PATIENCE};
use super::figures::{Figure, Section, say};
use super::load::{Target, saturate};
use super::processes::{memory, workerd_of};
use super::throughput::{JavaScript, fill};

const EDITS: usize = 5;
const LOAD: Duration = Duration::from_secs(5);
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
    let [todos, html] =
        ["/todos", "/"].map(|path| Target::get(dev.port(), &format!("{path}?userId={USER}")));
    fill(&dev).await;
    say("memory after edits and load");
    for _ in 0..EDITS {
        let text = page.edit();
        html.until(LOOK, PATIENCE, |answer| answer.contains(&text))
            .await;
    }
    let javascript = JavaScript::start(&program, &dev).await;
    for target in [&todos, &html, &javascript.todos, &javascript.page] {
        saturate(target, CLIENTS, LOAD).await;
    }
    let (tiny, workerd) = (memory(dev.pid()), memory(workerd_of(dev.pid())));
    let alone = memory(javascript.pid());

    let mut section = Section::new("Memory after edits and load");
    section
        .row("tiny, resident", Figure::Mb(tiny.rss))
        .below(Figure::Mb(60.0));
    section.row("tiny, its share of what is shared", Figure::Mb(tiny.pss));
    section
        .row(
            "workerd with the todo app, resident",
            Figure::Mb(workerd.rss),
        )
        .against("workerd with the JavaScript worker", Figure::Mb(alone.rss))
        .below(Figure::Mb(150.0));
    section
        .row(
            "workerd, its share of what is shared",
            Figure::Mb(workerd.pss),
        )
        .against("workerd with the JavaScript worker", Figure::Mb(alone.pss));
    section.note(format!(
        "after {EDITS} edits and {} s of GET /todos and GET / each from {CLIENTS} clients",
        LOAD.as_secs()
    ));
    section
}
