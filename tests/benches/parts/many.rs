//! A stack of 200 resources: planned without a network, and made.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Instant;

use tiny_cloudflare::{Account, Cloudflare, Module, ModuleKind, Settings};
use tiny_engine::{
    Actual, Code, Depth, Desired, Goal, Plan, PlanOptions, State, StateStore, plan, refresh,
};
use tiny_manifest::{LoadOptions, Stack, StageName};

use super::figures::{Figure, Samples, Section, ms, say};
use super::trips::{LATENCY_MS, cloud, cost};
use crate::support::{Cloud, Tiny};

/// How many of each kind, beside one worker.
const KINDS: [(&str, usize); 4] = [("kv", 50), ("r2", 50), ("queues", 50), ("d1", 49)];
const WORKER: &str = r#"
name = "many"
[workers.worker]
crate = "."
compatibility_date = "2026-11-01"
"#;
const STAGE: &str = "many";
/// What `tiny deploy` runs at once unless it is told otherwise.
const PARALLEL: f64 = 10.0;
const PLANS: usize = 20;

pub async fn measure() -> Section {
    let cloud = cloud("bench-many").await;
    let mut manifest = WORKER.to_owned();
    for (kind, count) in KINDS {
        for n in 0..count {
            writeln!(manifest, "[{kind}.r{n}]").unwrap();
        }
    }
    let tiny = Tiny::whole("bench-many")
        .on(&cloud)
        .with("tiny.toml", |_| manifest);
    let _ = fs_err::remove_dir_all(tiny.root().join(".tiny"));
    let resources = KINDS.iter().map(|(_, count)| count).sum::<usize>() + 1;

    let stack = stack(&tiny);
    let code = BTreeMap::from([("worker".to_owned(), other_code())]);
    let desired = Desired::of(&stack, code, &BTreeMap::new(), &|_| None).unwrap();
    assert_eq!(desired.resources.len(), resources);
    let nothing = State::new(&stack.name, &stack.stage, None);
    let fresh = planning(&desired, &nothing, &Actual::default(), resources);

    say("building the worker");
    tiny.ran(&["build", "--release"]).exits(0);
    say(&format!("making {resources} resources"));
    let made = cost(&cloud, async {
        tiny.ran(&["deploy", "--stage", STAGE, "--yes", "--no-smoke"])
            .exits(0);
    })
    .await;
    let account = account(&cloud).await;
    let recorded = StateStore::local(&stack).load().await.unwrap().unwrap();
    let actual = refresh(&account, Goal::Deploy(&desired), &recorded, Depth::Full)
        .await
        .unwrap();
    let edited = planning(&desired, &recorded, &actual, 1);
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
        ("planning them, the worker edited", &edited),
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

/// Not what is deployed, as after an edit.
fn other_code() -> Code {
    Code {
        main: "index.js".to_owned(),
        modules: vec![Module {
            name: "index.js".to_owned(),
            kind: ModuleKind::EsModule,
            content: "export default { fetch: () => new Response() };".into(),
        }],
        hash: "0".repeat(64),
    }
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
