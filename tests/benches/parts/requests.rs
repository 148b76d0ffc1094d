//! One worker with a Durable Object: deployed, and deployed again with nothing changed, by `tiny`
//! and by npm's `wrangler`, which gets the bundle that `tiny` built.

use serde_json::json;

use super::figures::{Figure, Samples, Section, ms, say};
use super::trips::{Cost, LATENCY_MS, cloud, cost};
use crate::support::{Cloud, Tiny, Wrangler, workspace_of_tests};

const RUNS: usize = 3;

const MANIFEST: &str = r#"
name = "bench"

[workers.worker]
crate = "."
compatibility_date = "2026-11-01"
vars = { GREETING = "hello" }

[workers.worker.durable_objects]
COUNTER = "Counter"
"#;

/// The same deploy, several times.
#[derive(Default)]
struct Deploys {
    wall: Samples,
    requests: usize,
    trips: usize,
    uploads: usize,
}

impl Deploys {
    fn push(&mut self, cost: &Cost) {
        self.wall.push(ms(cost.wall));
        self.requests = self.requests.max(cost.requests);
        self.trips = self.trips.max(cost.trips);
        self.uploads = self.uploads.max(cost.uploads);
    }

    #[allow(clippy::cast_precision_loss)] // dozens
    fn rows(&self, section: &mut Section, what: &str, peer: &Self, most: [usize; 2]) {
        let count = |n: usize| Figure::Count(n as f64);
        section
            .row(format!("{what}: requests").as_str(), count(self.requests))
            .against("wrangler", count(peer.requests))
            .no_more_than(count(most[0]));
        section
            .row("  round trips", count(self.trips))
            .against("wrangler", count(peer.trips))
            .no_more_than(count(most[1]));
        section
            .row("  uploads", count(self.uploads))
            .against("wrangler", count(peer.uploads));
        section
            .row("  start → end", Figure::Ms(self.wall.median()))
            .against("wrangler", Figure::Ms(peer.wall.median()));
    }
}

pub async fn measure() -> Section {
    let cloud = cloud("bench-deploy").await;
    let account = cloud.account().await;
    let tiny = Tiny::whole("bench-deploy")
        .on(&cloud)
        // As wrangler gets it.
        .env(
            "CLOUDFLARE_ACCOUNT_ID",
            account.strip_prefix("/accounts/").unwrap(),
        )
        .with("tiny.toml", |_| MANIFEST.to_owned());
    let _ = fs_err::remove_dir_all(tiny.root().join(".tiny"));
    let out = workspace_of_tests().join("bench-deploy-bundle");
    let _ = fs_err::remove_dir_all(&out);
    say("building the worker");
    tiny.ran(&["build", "--release", "--out", out.as_str()])
        .exits(0);
    let wrangler = Wrangler::within(&out, &cloud).await;

    let [mut first, mut second, mut peer_first, mut peer_second] =
        std::array::from_fn(|_| Deploys::default());
    for run in 1..=RUNS {
        say(&format!("deploying with both, {run} of {RUNS}"));
        let stage = format!("run{run}");
        first.push(&tiny_deploys(&tiny, &cloud, &stage).await);
        second.push(&tiny_deploys(&tiny, &cloud, &stage).await);
        configure(&wrangler, run);
        peer_first.push(&wrangler_deploys(&wrangler, &cloud).await);
        peer_second.push(&wrangler_deploys(&wrangler, &cloud).await);
    }
    let mut section = Section::new(&format!(
        "one worker with a Durable Object, at {LATENCY_MS} ms latency"
    ));
    first.rows(&mut section, "first deploy", &peer_first, [8, 6]);
    second.rows(&mut section, "nothing changed", &peer_second, [4, 2]);
    #[allow(clippy::cast_precision_loss)] // a few
    section
        .row(
            "nothing changed: uploads",
            Figure::Count(second.uploads as f64),
        )
        .no_more_than(Figure::Count(0.0));
    section.note(format!(
        "first deploys took {}, with wrangler {}; both know the account's id, both have the code \
         built, and neither asks the worker whether it answers",
        first.wall.spread(Figure::Ms),
        peer_first.wall.spread(Figure::Ms)
    ));
    section
}

async fn tiny_deploys(tiny: &Tiny, cloud: &Cloud, stage: &str) -> Cost {
    cost(cloud, async {
        tiny.ran(&["deploy", "--stage", stage, "--yes", "--no-smoke"])
            .exits(0);
    })
    .await
}

async fn wrangler_deploys(wrangler: &Wrangler, cloud: &Cloud) -> Cost {
    cost(cloud, async {
        wrangler.succeeds(&["deploy"]).await;
    })
    .await
}

fn configure(wrangler: &Wrangler, run: usize) {
    wrangler.configure(&json!({
        "name": format!("wrangler-run{run}"),
        "main": "worker/worker.js",
        "no_bundle": true,
        "find_additional_modules": true,
        "rules": [
            { "type": "CompiledWasm", "globs": ["**/*.wasm"], "fallthrough": false },
            { "type": "ESModule", "globs": ["**/*.js"], "fallthrough": false },
        ],
        "compatibility_date": "2026-11-01",
        "workers_dev": true,
        "vars": { "GREETING": "hello" },
        "durable_objects": { "bindings": [{ "name": "COUNTER", "class_name": "Counter" }] },
        "exports": { "Counter": { "type": "durable-object", "storage": "sqlite" } },
    }));
}
