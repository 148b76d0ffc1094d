//! `tiny dev` with everything compiled and fetched, until it is ready.

use std::time::Instant;

use super::app;
use super::bare::Cargo;
use super::figures::{Figure, Samples, Section, ms, say};

const STARTS: usize = 8;

pub async fn measure() -> Section {
    let cargo = Cargo::warm().await;
    // The first one compiles what an earlier section edited.
    let (_, mut project) = app::project().dev().await.interrupt().await;
    let (mut starts, mut idle, mut versions) = <(Samples, Samples, Samples)>::default();
    let mut told = Samples::default();
    for n in 0..STARTS {
        say(&format!("start {} of {STARTS}", n + 1));
        idle.push(ms(cargo.build().await));
        let started = Instant::now();
        let output = project.run(&["--version"]);
        versions.push(ms(started.elapsed()));
        assert!(output.status.success());
        let started = Instant::now();
        let mut dev = project.dev_unready().await;
        let ready = dev.ready().await;
        starts.push(ms(started.elapsed()));
        told.push(ready["ms"].as_f64().unwrap());
        (_, project) = dev.interrupt().await;
    }
    let mut section = Section::new("`tiny dev` with everything compiled and fetched");
    section
        .row("start → ready", Figure::Ms(starts.median()))
        .against("cargo build with nothing to do", Figure::Ms(idle.median()));
    section
        .row(
            "  beyond cargo's share",
            Figure::Ms(starts.median() - idle.median()),
        )
        .below(Figure::Ms(1000.0));
    section.row("  as `ready` tells it", Figure::Ms(told.median()));
    section
        .row(
            "`tiny --version`, start → end",
            Figure::Ms(versions.median()),
        )
        .below(Figure::Ms(20.0));
    section.note(format!(
        "{STARTS} starts took {}, cargo alone {}",
        starts.spread(Figure::Ms),
        idle.spread(Figure::Ms)
    ));
    section
}
