//! One edited line, until a client sees it; and what a client feels meanwhile.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::app::{self, Page, USER};
use super::bare::{Cargo, Workerd};
use super::figures::{Figure, Samples, Section, ms, say};
use super::load::{Steady, Target};

const EDITS: usize = 15;
const EDITS_UNDER_LOAD: usize = 10;
/// Requests a second of the client that watches for gaps.
pub const RATE: u32 = 50;
/// How often it is asked for the new text.
pub const LOOK: Duration = Duration::from_millis(10);
pub const PATIENCE: Duration = Duration::from_mins(1);

pub async fn measure() -> Section {
    let project = app::project();
    let mut page = Page::of(project.root());
    let mut cargo = Cargo::warm().await;
    let workerd = Workerd::of_app(&project, &[]).await;
    let mut dev = project.dev().await;
    let look = Target::get(dev.port(), &format!("/?userId={USER}"));

    let mut bare = Samples::default();
    let (mut whole, mut events) = (Samples::default(), Vec::new());
    for n in 0..EDITS {
        say(&format!("edit {} of {EDITS}", n + 1));
        cargo.page.edit();
        bare.push(ms(cargo.build().await));
        let started = Instant::now();
        let text = page.edit();
        let shown = look
            .until(LOOK, PATIENCE, |answer| answer.contains(&text))
            .await;
        whole.push(ms(shown - started));
        events.push(dev.event("reload").await);
    }

    let mut section = Section::new("An edited line of the todo app");
    section
        .row(
            "edit → first answer with the new text",
            Figure::Ms(whole.median()),
        )
        .against("cargo build alone", Figure::Ms(bare.median()))
        .at_most(1.6);
    section
        .row("  the fastest", Figure::Ms(whole.least()))
        .against("the fastest", Figure::Ms(bare.least()));
    for (what, field) in [
        ("  of which cargo", "cargo_ms"),
        ("  of which wasm-bindgen and bundle", "bindgen_ms"),
        ("  of which nobody listens", "swap_ms"),
        ("  change seen → serving, in all", "total_ms"),
    ] {
        section.row(what, Figure::Ms(median_of(&events, field)));
    }

    pauses(&mut section, &mut page, dev.port(), workerd).await;
    section.note(format!(
        "{EDITS} edits took {}, cargo alone {}",
        whole.spread(Figure::Ms),
        bare.spread(Figure::Ms)
    ));
    section
}

/// The same edits under a steady load.
async fn pauses(section: &mut Section, page: &mut Page, port: u16, mut workerd: Workerd) {
    let look = Target::get(port, &format!("/?userId={USER}"));
    let steady = Steady::start(Target::get(port, &format!("/todos?userId={USER}")), RATE);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let calm_from = Instant::now();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let calm = steady.longest_gap(calm_from, Instant::now());
    let (mut gaps, mut slowest, mut restarts) = <(Samples, Samples, Samples)>::default();
    for n in 0..EDITS_UNDER_LOAD {
        say(&format!("edit {} of {EDITS_UNDER_LOAD} under load", n + 1));
        restarts.push(ms(workerd.kill_to_listen().await));
        let started = Instant::now();
        let text = page.edit();
        look.until(LOOK, PATIENCE, |answer| answer.contains(&text))
            .await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        gaps.push(ms(steady.longest_gap(started, Instant::now())));
        slowest.push(ms(steady.slowest(started, Instant::now())));
    }
    let (fine, failed) = steady.counts();
    section
        .row(
            &format!("pause of a swap at {RATE} requests/s"),
            Figure::Ms(gaps.median()),
        )
        .against("workerd killed → listening", Figure::Ms(restarts.median()))
        .below(Figure::Ms(100.0));
    section
        .row("  the longest", Figure::Ms(gaps.most()))
        .against("the longest", Figure::Ms(restarts.most()));
    section
        .row(
            "  the slowest request, median",
            Figure::Ms(slowest.median()),
        )
        .against("gap with no edit", calm);
    #[allow(clippy::cast_precision_loss)] // thousands
    section
        .row("  requests that failed", Figure::Count(failed as f64))
        .against("answered", Figure::Count(fine as f64));
}

fn median_of(events: &[Value], field: &str) -> f64 {
    let values: Vec<_> = events
        .iter()
        .filter_map(|event| event[field].as_f64())
        .collect();
    Samples::from(values).median()
}
