//! A run that ends at any request, before or after Cloudflare did what it asked for, and a run after
//! it that knows nothing but what was written down.

use std::collections::BTreeSet;
use std::time::Duration;

use tiny_engine::{ApplyOptions, Goal, Spec, Status};
use tokio_util::sync::CancellationToken;

use crate::support::{Told, World, at, d1};

/// As an end of the process would do it: nothing that was under way is heard of again.
pub(crate) const WAYS: [&str; 2] = ["hang-before", "hang-after"];

/// Before one request is much as after the one before it, so taking turns covers all of it.
pub(crate) fn way(number: u64) -> &'static str {
    WAYS[usize::from(number.is_multiple_of(2))]
}

const MIGRATIONS: [(&str, &str); 2] = [
    ("0001_create.sql", "CREATE TABLE todos (text TEXT)"),
    ("0002_fill.sql", "INSERT INTO todos VALUES ('one')"),
];

async fn world() -> World {
    let mut world = World::new().await;
    let files = tiny_engine::R2Spec {
        jurisdiction: Some("eu".to_owned()),
    };
    world
        .want("kv.sessions", Spec::Kv)
        .want("r2.files", Spec::R2(files))
        .want("queue.jobs", Spec::Queue)
        .want_after("queue.mail", Spec::Queue, &["kv.sessions"])
        .want_after("d1.archive", d1(&MIGRATIONS), &["queue.jobs"]);
    world
}

/// Starts a run that ends at its `number`th request. `false`: it made no such request.
pub(crate) async fn ends_at(world: &World, goal: Goal<'_>, number: u64, way: &str) -> bool {
    world.breaks(&[&format!("**#{number}={way}")]);
    let abandon = CancellationToken::new();
    let options = ApplyOptions {
        abandon: abandon.clone(),
        parallel: 2,
        ..ApplyOptions::default()
    };
    let told = Told::default();
    let struck = {
        let mut run = std::pin::pin!(world.run(goal, &told, options));
        let struck = tokio::select! {
            biased;
            outcome = &mut run => {
                outcome.unwrap();
                false
            }
            () = world.cloud.faults().wait_for_strikes(1) => true,
        };
        if struck && !told.lines().is_empty() {
            // Steps are under way: what happens to them nobody hears, but a write to the disk that
            // was begun is not to go on behind the back of the next run.
            abandon.cancel();
            run.await.unwrap_err();
        }
        struck
    };
    world.breaks(&[]);
    // Broken connections take a moment to be noticed by the server, and what it had begun for them
    // is not to go on behind the back of the next run.
    // The server may not notice it at all where it has not read the whole request.
    let idle = world.cloud.faults().wait_until_idle();
    let _ = tokio::time::timeout(Duration::from_secs(5), idle).await;
    struck
}

async fn is_whole(world: &World, when: &str) {
    assert!(world.is_deployed().await, "{when}");
    let state = world.state().await;
    assert!(
        state
            .resources
            .values()
            .all(|record| record.status == Status::Ready),
        "{when}"
    );
    let names: BTreeSet<String> = world
        .desired
        .resources
        .iter()
        .map(|(address, want)| format!("{} {}", address.kind, want.name))
        .collect();
    assert_eq!(world.names().await, names, "{when}");
}

#[tokio::test]
async fn an_update_may_end_anywhere() {
    let mut points = 0;
    let mut world = world().await;
    let first = world.desired.clone();
    for way in WAYS {
        for number in 1.. {
            world.destroy().await.unwrap();
            world.desired = first.clone();
            world.deploy().await.unwrap();
            world.drop("r2.files");
            world.drop("queue.mail");
            world.want("kv.more", Spec::Kv);
            let more = [
                MIGRATIONS[0],
                MIGRATIONS[1],
                ("0003.sql", "INSERT INTO todos VALUES ('two')"),
            ];
            world.want("d1.archive", d1(&more));
            let goal = Goal::Deploy(&world.desired);
            if !ends_at(&world, goal, number, way).await {
                break;
            }
            points += 1;
            let when = format!("{way} at request {number}");
            world
                .deploy()
                .await
                .unwrap_or_else(|error| panic!("{when}: {error}"));
            is_whole(&world, &when).await;
            let state = world.state().await;
            let applied = &state.resources[&at("d1.archive")].properties["migrations"];
            assert_eq!(applied.as_object().unwrap().len(), 3, "{when}");
        }
    }
    assert!(points >= 14, "{points}");
}
