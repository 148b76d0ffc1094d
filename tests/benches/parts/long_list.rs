//! A list of 100 000 todos in one object: what it takes, and how soon its page is there.

use std::time::{Duration, Instant};

use super::app;
use super::bare::Workerd;
use super::clients::{Socket, clock, connect, hear, send};
use super::figures::{Figure, Samples, Section, ms, say};
use super::load::Target;
use super::processes::memory;

const TODOS: usize = 100_000;
/// By then the object has kept the first page, for when it wakes.
const KEPT: Duration = Duration::from_secs(8);
/// Todos that one message brings.
const AT_ONCE: usize = 1_000;
const PAGES: usize = 11;

pub async fn measure() -> Section {
    let project = app::project();
    let mut workerd = Workerd::of_app(&project, &["--release"]).await;
    let path = "/?userId=long";
    say(&format!("a list of {TODOS} todos"));
    let filled = fill(&workerd).await;
    let usage = Target::get(workerd.port, "/usage?userId=long");
    let usage: serde_json::Value =
        serde_json::from_slice(&usage.ask().await.unwrap().body).unwrap();
    assert_eq!(usage["todos"], TODOS);
    let stored = usage["storage"]["bytes"].as_f64().unwrap() / 1_048_576.0;

    // Anew, so that nothing counts that only filling it took.
    tokio::time::sleep(KEPT).await;
    workerd.kill_to_listen().await;
    let other = Target::get(workerd.port, "/?userId=short");
    other.ask().await.unwrap();
    let before = memory(workerd.pid()).rss;
    let page = Target::get(workerd.port, path);
    let started = Instant::now();
    let answer = page.ask().await.unwrap();
    let cold = started.elapsed();
    assert_eq!(answer.status, 200);
    // Any other page needs the list.
    let started = Instant::now();
    let other = Target::get(workerd.port, "/?userId=long&filter=active");
    assert_eq!(other.ask().await.unwrap().status, 200);
    let read = started.elapsed();
    let after = memory(workerd.pid()).rss;

    let mut warm = Samples::default();
    let mut socket = connect(&format!("ws://127.0.0.1:{}/sync?userId=long", workerd.port)).await;
    for number in 0..PAGES {
        // Otherwise the object keeps the page.
        edit(&mut socket, number).await;
        let started = Instant::now();
        page.ask().await.unwrap();
        warm.push(ms(started.elapsed()));
    }

    let mut section = Section::new("A list of 100 000 todos");
    section
        .row(
            "memory that it takes, with its page",
            Figure::Mb(after - before),
        )
        .below(Figure::Mb(96.0));
    section.row("storage", Figure::Mb(stored));
    section
        .row(
            "page, the object awake, after an edit",
            Figure::Ms(warm.median()),
        )
        .below(Figure::Ms(200.0));
    section
        .row("first page, the object asleep", cold)
        .below(Figure::Ms(200.0));
    section.row("another page, for which the list is read", read);
    section.row("filling it, 1000 todos a message", filled);
    section.note(format!(
        "the page has {} kB; pages {}",
        answer.body.len() / 1024,
        warm.spread(Figure::Ms)
    ));
    section
}

async fn fill(workerd: &Workerd) -> Duration {
    let mut socket = connect(&format!("ws://127.0.0.1:{}/sync?userId=long", workerd.port)).await;
    let started = Instant::now();
    for first in (0..TODOS).step_by(AT_ONCE) {
        let clock = clock(0);
        let rows: Vec<String> = (first..first + AT_ONCE)
            .map(|number| {
                let completed = number % 3 == 0;
                format!(
                    "\"{}-abc{number}\":[{{\"text\":[\"todo number {number} of a long list\",\"{clock}\"],\"completed\":[{completed},\"{clock}\"],\"order\":[\"V{number:08}\",\"{clock}\"],\"due\":[\"2026-12-24\",\"{clock}\"]}}]",
                    1_764_000_000_000_usize + number * 7
                )
            })
            .collect();
        let rows = rows.join(",");
        send(
            &mut socket,
            format!("\n[null,3,[[{{\"todos\":[{{{rows}}}]}}],[{{}}],1]]"),
        )
        .await;
    }
    settle(&mut socket).await;
    started.elapsed()
}

async fn edit(socket: &mut Socket, number: usize) {
    let clock = clock(u64::try_from(number).unwrap());
    let frame = format!(
        "\n[null,3,[[{{\"todos\":[{{\"1764000000000-abc0\":[{{\"text\":[\"edit {number}\",\"{clock}\"]}}]}}]}}],[{{}}],1]]"
    );
    send(socket, frame).await;
    settle(socket).await;
}

/// Until all that was sent is answered for.
async fn settle(socket: &mut Socket) {
    send(socket, "S\n[\"done?\",1,\"\"]".to_owned()).await;
    while !hear(socket).await.starts_with("S\n[\"done?\",0,") {}
}
