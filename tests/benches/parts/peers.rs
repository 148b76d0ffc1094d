//! `tiny dev` and `wrangler dev` side by side: the same app, the same edits, in turn.

use std::time::{Duration, Instant};

use super::app::{self, Page, USER};
use super::edit::{LOOK, PATIENCE, RATE};
use super::figures::{Figure, Samples, Section, ms, say};
use super::load::{Steady, Target};
use super::processes::{family, memory};
use super::wrangler::{Programs, Project};
use crate::support::Tiny;

const STARTS: usize = 4;
const EDITS: usize = 10;
const EDITS_UNDER_LOAD: usize = 6;
/// Compiling everything, on a slow machine.
const COLD: Duration = Duration::from_mins(15);

/// One of the two, in one figure.
#[derive(Default)]
struct Pair {
    tiny: Samples,
    wrangler: Samples,
}

pub async fn measure() -> Section {
    let wrangler = Project::make().await;
    let programs = Programs::install(&wasm_bindgen(&wrangler)).await;
    let tiny = app::copy("bench-peer").env("TINY_TARGET_DIR", app::target("peer").as_str());
    let mut pages = [Page::of(tiny.root()), Page::of(&wrangler.root)];
    let mut section = Section::new("tiny dev and wrangler dev with worker-build --dev");

    say("starting both with nothing compiled");
    let _ = fs_err::remove_dir_all(app::target("peer"));
    wrangler.clean();
    let (cold_tiny, mut tiny) = start_tiny(tiny).await;
    let cold_wrangler = start_wrangler(&wrangler, &programs).await;
    section
        .row("start → first answer, nothing compiled", cold_tiny)
        .against("wrangler dev", cold_wrangler);

    let mut warm = Pair::default();
    for n in 0..STARTS {
        say(&format!("starting both, {} of {STARTS}", n + 1));
        let took;
        (took, tiny) = start_tiny(tiny).await;
        warm.tiny.push(ms(took));
        warm.wrangler
            .push(ms(start_wrangler(&wrangler, &programs).await));
    }
    warm.row(
        &mut section,
        "start → first answer, all compiled",
        Figure::Ms,
    );

    let dev = tiny.dev().await;
    let peer = wrangler.start(&programs);
    answers(peer.port, COLD).await;
    let ports = [dev.port(), peer.port];
    let mut edits = Pair::default();
    for n in 0..EDITS {
        say(&format!("edit {} of {EDITS}", n + 1));
        for ((page, port), samples) in pages.iter_mut().zip(ports).zip(edits.both()) {
            samples.push(ms(shown(page, port).await));
        }
    }
    edits.row(
        &mut section,
        "edit → first answer with the new text",
        Figure::Ms,
    );

    let (mut gaps, mut counts) = (Pair::default(), Vec::new());
    for ((page, port), samples) in pages.iter_mut().zip(ports).zip(gaps.both()) {
        let steady = Steady::start(Target::get(port, &format!("/todos?userId={USER}")), RATE);
        tokio::time::sleep(Duration::from_secs(1)).await;
        for n in 0..EDITS_UNDER_LOAD {
            say(&format!("edit {} of {EDITS_UNDER_LOAD} under load", n + 1));
            let started = Instant::now();
            shown(page, port).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            samples.push(ms(steady.longest_gap(started, Instant::now())));
        }
        counts.push(steady.counts());
    }
    gaps.row(
        &mut section,
        &format!("longest gap at {RATE} requests/s, of each edit"),
        Figure::Ms,
    );
    section
        .row("  of all", Figure::Ms(gaps.tiny.most()))
        .against("wrangler dev", Figure::Ms(gaps.wrangler.most()));
    #[allow(clippy::cast_precision_loss)] // thousands
    section
        .row("  requests that failed", Figure::Count(counts[0].1 as f64))
        .against("wrangler dev", Figure::Count(counts[1].1 as f64));

    let families = [family(dev.pid()), family(peer.pid())];
    let [ours, theirs] = families.each_ref().map(|pids| {
        pids.iter()
            .map(|pid| memory(*pid))
            .sum::<super::processes::Memory>()
    });
    section
        .row("memory of all processes, resident", Figure::Mb(ours.rss))
        .against("wrangler dev", Figure::Mb(theirs.rss));
    section
        .row("  their share of what is shared", Figure::Mb(ours.pss))
        .against("wrangler dev", Figure::Mb(theirs.pss));
    section.note(format!(
        "edits took {}, with wrangler {}; processes {}, with wrangler {}; answered {}, with wrangler {}",
        edits.tiny.spread(Figure::Ms),
        edits.wrangler.spread(Figure::Ms),
        families[0].len(),
        families[1].len(),
        counts[0].0,
        counts[1].0
    ));
    peer.stop().await;
    section
}

impl Pair {
    fn both(&mut self) -> [&mut Samples; 2] {
        [&mut self.tiny, &mut self.wrangler]
    }

    fn row(&self, section: &mut Section, what: &str, unit: fn(f64) -> Figure) {
        section
            .row(what, unit(self.tiny.median()))
            .against("wrangler dev", unit(self.wrangler.median()));
    }
}

async fn start_tiny(project: Tiny) -> (Duration, Tiny) {
    let started = Instant::now();
    let dev = project.dev_unready().await;
    let took = answers(dev.port(), COLD).await - started;
    let (_, project) = dev.interrupt().await;
    (took, project)
}

async fn start_wrangler(project: &Project, programs: &Programs) -> Duration {
    let started = Instant::now();
    let wrangler = project.start(programs);
    let took = answers(wrangler.port, COLD).await - started;
    wrangler.stop().await;
    took
}

/// When the app answers for the first time.
async fn answers(port: u16, patience: Duration) -> Instant {
    Target::get(port, &format!("/todos?userId={USER}"))
        .until(LOOK, patience, |answer| answer.status == 200)
        .await
}

/// Edits, and waits for the new text.
async fn shown(page: &mut Page, port: u16) -> Duration {
    let look = Target::get(port, &format!("/?userId={USER}"));
    let started = Instant::now();
    let text = page.edit();
    look.until(LOOK, PATIENCE, |answer| answer.contains(&text))
        .await
        - started
}

/// The version of wasm-bindgen that the app is locked to.
fn wasm_bindgen(project: &Project) -> String {
    let lock: toml_edit::DocumentMut = fs_err::read_to_string(project.root.join("Cargo.lock"))
        .unwrap()
        .parse()
        .unwrap();
    let packages = lock["package"].as_array_of_tables().unwrap();
    let package = packages
        .iter()
        .find(|package| package["name"].as_str() == Some("wasm-bindgen"))
        .expect("the app does not use wasm-bindgen");
    package["version"].as_str().unwrap().to_owned()
}
