//! A stack of 200 resources: planned without a network, and made.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Instant;

use tiny_cloudflare::{Account, Cloudflare, Settings};
use tiny_engine::{
    Actual, Depth, Desired, Goal, Plan, PlanOptions, State, StateStore, plan, refresh,
};
use tiny_manifest::{LoadOptions, Stack, StageName};

use super::figures::{Figure, Samples, Section, ms, say};
use super::trips::{LATENCY_MS, cloud, cost};
use crate::support::{Cloud, Tiny};

const OF_EACH: usize = 50;
const KINDS: [&str; 4] = ["kv", "r2", "queues", "d1"];
const STAGE: &str = "many";
/// What `tiny deploy` runs at once unless it is told otherwise.
const PARALLEL: f64 = 10.0;
const PLANS: usize = 20;

pub async fn measure() -> Section {
    let cloud = cloud("bench-many").await;
    let mut manifest = "name = \"many\"\n".to_owned();
    for kind in KINDS {
        for n in 0..OF_EACH {
            writeln!(manifest, "[{kind}.r{n}]").unwrap();
        }
    }
    let tiny = Tiny::empty("bench-many", &[("tiny.toml", &manifest)]).on(&cloud);
    let resources = OF_EACH * KINDS.len();

    let stack = stack(&tiny);
    let desired = Desired::of(&stack, BTreeMap::new(), &|_| None).unwrap();
    assert_eq!(desired.resources.len(), resources);
    let nothing = State::new(&stack.name, &stack.stage, None);
    let fresh = planning(&desired, &nothing, &Actual::default(), resources);

    say(&format!("making {resources} resources"));
    let made = cost(&cloud, async {
        tiny.ran(&["deploy", "--stage", STAGE, "--yes"]).exits(0);
    })
    .await;
    let account = account(&cloud).await;
    let recorded = StateStore::local(&stack).load().await.unwrap().unwrap();
    let actual = refresh(&account, Goal::Deploy(&desired), &recorded, Depth::Full)
        .await
        .unwrap();
    let unchanged = planning(&desired, &recorded, &actual, 0);
    say(&format!("taking {resources} resources down"));
    let gone = cost(&cloud, async {
        tiny.ran(&["destroy", "--stage", STAGE, "--yes"]).exits(0);
    })
    .await;

    let mut section = Section::new(&format!(
        "{resources} resources, at {LATENCY_MS} ms latency"
    ));
    for (what, samples) in [
        ("planning them, nothing there yet", &fresh),
        ("planning them, all there", &unchanged),
    ] {
        section
            .row(what, Figure::Us(samples.median()))
            .below(Figure::Us(50_000.0));
    }
    for (what, cost) in [("making them", &made), ("taking them down", &gone)] {
        #[allow(clippy::cast_precision_loss)] // hundreds
        let ideal = cost.requests as f64 / PARALLEL * f64::from(LATENCY_MS);
        let row = section.row(what, Figure::Ms(ms(cost.wall)));
        row.against("requests ÷ 10 × latency", Figure::Ms(ideal));
        row.at_most(2.0);
        section.note(format!(
            "{what} took {} requests in {} round trips",
            cost.requests, cost.trips
        ));
    }
    section
}

/// How long planning takes, in microseconds; the plan must have so many changes.
fn planning(desired: &Desired, recorded: &State, actual: &Actual, changes: usize) -> Samples {
    let mut samples = Samples::default();
    for _ in 0..PLANS {
        let started = Instant::now();
        let plan: Plan = plan(
            Goal::Deploy(desired),
            recorded,
            actual,
            &PlanOptions::default(),
        )
        .unwrap();
        samples.push(ms(started.elapsed()) * 1000.0);
        assert_eq!(plan.changes().count(), changes);
    }
    samples
}

fn stack(tiny: &Tiny) -> Stack {
    tiny_manifest::load(
        &tiny.root().join("tiny.toml"),
        &LoadOptions {
            stage: StageName::new(STAGE).unwrap(),
            env: &|_| None,
        },
    )
    .unwrap_or_else(|_| panic!("the manifest of {} is wrong", tiny.root()))
}

async fn account(cloud: &Cloud) -> Account {
    let env: BTreeMap<String, String> = cloud.env().into_iter().collect();
    let settings = Settings::from_lookup(|name| env.get(name).cloned()).unwrap();
    Cloudflare::new(settings).unwrap().account().await.unwrap()
}
