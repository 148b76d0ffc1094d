//! How long planning takes.

use std::time::{Duration, Instant};

use super::stage::{Stage, d1, worker};
use crate::desired::Spec;
use crate::plan::Plan;

#[test]
fn two_hundred_resources_are_planned_at_once() {
    let mut stage = Stage::empty();
    for number in 0..40 {
        stage.want(&format!("kv.k{number}"), Spec::Kv);
        stage.want(&format!("r2.r{number}"), Spec::R2(crate::R2Spec::default()));
        stage.want(&format!("queue.q{number}"), Spec::Queue);
        stage.want(&format!("d1.d{number}"), d1(&["0001_a.sql", "0002_b.sql"]));
        let next = (number + 1) % 40;
        let binds = [
            format!("kv.k{number}"),
            format!("r2.r{number}"),
            format!("d1.d{number}"),
            format!("worker.w{next}"),
        ];
        let binds: Vec<&str> = binds.iter().map(String::as_str).collect();
        stage.want(&format!("worker.w{number}"), worker("v1", &binds));
    }
    let (plan, first) = timed(&stage);
    stage.apply(&plan);
    let (again, second) = timed(&stage);
    assert!(again.is_empty());
    let most = if cfg!(debug_assertions) {
        // Unoptimised, and the machine may have other work.
        Duration::from_millis(500)
    } else {
        Duration::from_millis(50)
    };
    assert!(first < most && second < most, "{first:?} {second:?}");
}

/// The plan, and the best time of a few.
fn timed(stage: &Stage) -> (Plan, Duration) {
    let mut best = Duration::MAX;
    for _ in 0..3 {
        let started = Instant::now();
        stage.plan().unwrap();
        best = best.min(started.elapsed());
    }
    (stage.plan().unwrap(), best)
}
