//! Plans that are carried out on a local Cloudflare, with everything that can go wrong on the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use tiny_cloudflare::D1Statement;
use tiny_engine::{
    Action, ApplyOptions, EngineError, FailureClass, Goal, Spec, Status, import, recover, verify,
};
use tokio_util::sync::CancellationToken;

use crate::support::{Told, World, at, d1};

const CREATE: (&str, &str) = (
    "0001_create.sql",
    "CREATE TABLE todos (id INTEGER PRIMARY KEY, text TEXT NOT NULL);",
);
const FILL: (&str, &str) = (
    "0002_fill.sql",
    "INSERT INTO todos (text) VALUES ('it''s; here'); -- the first one",
);

async fn data() -> World {
    let mut world = World::new().await;
    world
        .want("kv.sessions", Spec::Kv)
        .want("r2.files", Spec::R2(tiny_engine::R2Spec::default()))
        .want("queue.jobs", Spec::Queue)
        .want("d1.archive", d1(&[CREATE, FILL]));
    world
}

async fn rows(world: &World, sql: &str) -> Vec<Value> {
    let database = world
        .account
        .d1_database_named("shop-prod-archive")
        .await
        .unwrap()
        .unwrap();
    let statement = D1Statement {
        sql: sql.to_owned(),
        params: Vec::new(),
    };
    let results = world
        .account
        .read_d1::<Value>(&database.uuid, &statement)
        .await
        .unwrap();
    results
        .into_iter()
        .flat_map(|result| result.results)
        .collect()
}

#[tokio::test]
async fn a_stage_is_deployed_needs_nothing_more_and_is_destroyed_whole() {
    let world = data().await;
    world.deploy().await.unwrap();
    let names: Vec<String> = world.names().await.into_iter().collect();
    assert_eq!(
        names,
        [
            "d1 shop-prod-archive",
            "kv shop-prod-sessions",
            "queue shop-prod-jobs",
            "r2 shop-prod-files"
        ]
    );
    assert_eq!(rows(&world, "SELECT text FROM todos").await.len(), 1);
    assert!(world.is_deployed().await);

    world.calls(true);
    let serial = world.state().await.serial;
    world.deploy().await.unwrap();
    let calls = world.calls(false);
    assert!(
        calls.len() == 1 && calls[0].ends_with("/query"),
        "only the table of migrations was read: {calls:?}"
    );
    assert_eq!(world.state().await.serial, serial, "nothing was written");

    let before = world.state().await;
    let remaining = verify(&world.account, &world.scope(), &before)
        .await
        .unwrap_err();
    assert!(
        remaining.to_string().contains("shop-prod-files"),
        "{remaining}"
    );
    world.destroy().await.unwrap();
    verify(&world.account, &world.scope(), &before)
        .await
        .unwrap();
    assert!(world.names().await.is_empty());
    assert!(world.state().await.resources.is_empty());
}

#[tokio::test]
async fn the_migrations_table_is_wranglers() {
    let world = data().await;
    world.deploy().await.unwrap();
    let applied = rows(&world, "SELECT id, name, applied_at FROM d1_migrations").await;
    assert_eq!(applied.len(), 2);
    assert_eq!(applied[0]["id"], 1);
    assert_eq!(applied[1]["name"], "0002_fill.sql");
    let schema = rows(
        &world,
        "SELECT sql FROM sqlite_master WHERE name = 'd1_migrations'",
    )
    .await;
    assert_eq!(
        schema[0]["sql"],
        "CREATE TABLE d1_migrations(\n\t\tid         INTEGER PRIMARY KEY AUTOINCREMENT,\n\t\tname       TEXT UNIQUE,\n\t\tapplied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL\n)"
    );
}

#[tokio::test]
async fn a_wrong_migration_names_its_file_and_leaves_nothing_behind() {
    let mut world = data().await;
    let wrong = (
        "0003_wrong.sql",
        "CREATE TABLE tags (name TEXT);\nINSERT INTO nowhere VALUES (1);",
    );
    world.want("d1.archive", d1(&[CREATE, FILL, wrong]));
    let error = world.deploy().await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("0003_wrong.sql") && text.contains("no such table: nowhere"),
        "{text}"
    );
    assert_eq!(
        rows(&world, "SELECT name FROM d1_migrations").await.len(),
        2
    );
    assert!(
        rows(&world, "SELECT 1 FROM sqlite_master WHERE name = 'tags'")
            .await
            .is_empty()
    );

    let mended = ("0003_wrong.sql", "CREATE TABLE tags (name TEXT)");
    world.want("d1.archive", d1(&[CREATE, FILL, mended]));
    world.deploy().await.unwrap();
    assert_eq!(
        rows(&world, "SELECT name FROM d1_migrations").await.len(),
        3
    );
    assert!(world.is_deployed().await);
}

#[tokio::test]
async fn what_somebody_else_applied_is_not_applied_again() {
    let mut world = data().await;
    world.want("d1.archive", d1(&[CREATE]));
    world.deploy().await.unwrap();
    world.want("d1.archive", d1(&[CREATE, FILL]));
    assert_eq!(world.plan().await.summary().migrate, 1);
    let database = world
        .account
        .d1_database_named("shop-prod-archive")
        .await
        .unwrap()
        .unwrap();
    let by_hand = D1Statement {
        sql: "INSERT INTO d1_migrations (name) VALUES ('0002_fill.sql')".to_owned(),
        params: Vec::new(),
    };
    world
        .account
        .run_d1::<Value>(&database.uuid, &by_hand)
        .await
        .unwrap();
    let plan = world.plan().await;
    assert!(plan.is_empty());
    assert_eq!(plan.drift.len(), 1);
    world.deploy().await.unwrap();
    assert!(rows(&world, "SELECT * FROM todos").await.is_empty());
    assert!(world.is_deployed().await);
}

#[tokio::test]
async fn steps_run_at_once_up_to_the_limit() {
    let mut world = World::with_latency(Duration::from_millis(40)).await;
    for number in 0..20 {
        world.want(&format!("kv.k{number}"), Spec::Kv);
    }
    for parallel in [5, 10] {
        let told = Told::default();
        let options = ApplyOptions {
            parallel,
            ..ApplyOptions::default()
        };
        world.round_trips();
        world.deploy_with(&told, options).await.unwrap();
        let trips = world.round_trips();
        assert_eq!(told.most_at_once(), parallel);
        // One list, then 20 calls in groups; twice that, as the promise for many resources says.
        assert!(trips <= 2 * (1 + 20 / parallel), "{trips}");
        world.destroy().await.unwrap();
    }
}

#[tokio::test]
async fn what_depends_on_something_waits_for_it() {
    let mut world = data().await;
    world.want_after("kv.sessions", Spec::Kv, &["d1.archive", "queue.jobs"]);
    let told = Told::default();
    world
        .deploy_with(&told, ApplyOptions::default())
        .await
        .unwrap();
    let lines = told.lines();
    let place = |line: &str| {
        lines
            .iter()
            .position(|other| other.starts_with(line))
            .unwrap()
    };
    assert!(
        place("started kv.sessions") > place("done d1.archive 2 migrations"),
        "{lines:?}"
    );
    assert!(
        place("started kv.sessions") > place("done queue.jobs"),
        "{lines:?}"
    );
}

#[tokio::test]
async fn a_failure_stops_the_run_and_the_next_one_goes_on() {
    let mut world = data().await;
    // Nothing that depends on the bucket begins.
    world.want_after("kv.sessions", Spec::Kv, &["r2.files"]);
    world.breaks(&["POST /accounts/*/r2/buckets#1=error:10015:403"]);
    let error = world.deploy().await.unwrap_err();
    assert_eq!(error.class(), FailureClass::Failed);
    assert!(
        error
            .to_string()
            .starts_with("create r2.files: cannot create R2 bucket"),
        "{error}"
    );
    let state = world.state().await;
    // What was under way beside it is recorded, what was refused is not.
    assert_eq!(state.resources[&at("queue.jobs")].status, Status::Ready);
    assert!(!state.resources.contains_key(&at("r2.files")));
    assert!(!state.resources.contains_key(&at("kv.sessions")));

    world.deploy().await.unwrap();
    assert!(world.is_deployed().await);
    assert_eq!(world.names().await.len(), 4);
}

#[tokio::test]
async fn all_failures_are_told() {
    let world = data().await;
    world.breaks(&[
        "POST /accounts/*/r2/buckets=error:10015:403",
        "POST /accounts/*/queues=error:10015:403",
    ]);
    let error = world.deploy().await.unwrap_err();
    let EngineError::Several { failures } = &error else {
        panic!("{error}")
    };
    let mut of: Vec<String> = failures
        .iter()
        .map(|failure| failure.step.address.to_string())
        .collect();
    of.sort();
    assert_eq!(of, ["queue.jobs", "r2.files"]);
}

#[tokio::test]
async fn a_lost_answer_is_resolved_by_looking() {
    for fault in ["drop-after", "drop-before", "502"] {
        let world = data().await;
        let faults = [
            format!("POST /accounts/*/storage/kv/namespaces#1={fault}"),
            format!("POST /accounts/*/r2/buckets#1={fault}"),
            format!("POST /accounts/*/queues#1={fault}"),
            format!("POST /accounts/*/d1/database#1={fault}"),
        ];
        world.breaks(&faults.each_ref().map(String::as_str));
        world.deploy().await.unwrap();
        assert_eq!(world.names().await.len(), 4, "{fault}");
        assert!(world.is_deployed().await, "{fault}");
    }
}

#[tokio::test]
async fn a_migration_whose_answer_was_lost_is_not_applied_twice() {
    // The first two calls of the step read the table and apply the first file.
    for (call, applied) in [(2, true), (3, true)] {
        let world = data().await;
        world.breaks(&[&format!(
            "POST /accounts/*/d1/database/*/query#{call}=drop-after"
        )]);
        world.deploy().await.unwrap();
        assert_eq!(rows(&world, "SELECT * FROM todos").await.len(), 1, "{call}");
        assert_eq!(world.is_deployed().await, applied);
    }
    let world = data().await;
    world.breaks(&["POST /accounts/*/d1/database/*/query#2=drop-before"]);
    let error = world.deploy().await.unwrap_err();
    assert!(
        error.to_string().contains("cannot tell whether it did"),
        "{error}"
    );
    world.deploy().await.unwrap();
    assert_eq!(rows(&world, "SELECT * FROM todos").await.len(), 1);
}

#[tokio::test]
async fn an_interrupted_run_begins_nothing_more_and_goes_on_later() {
    let mut world = World::with_latency(Duration::from_millis(20)).await;
    for number in 0..12 {
        world.want(&format!("kv.k{number}"), Spec::Kv);
    }
    let stop = CancellationToken::new();
    let started = Arc::new(AtomicUsize::new(0));
    let told = Told::when_one_starts({
        let (stop, started) = (stop.clone(), Arc::clone(&started));
        move || {
            if started.fetch_add(1, Ordering::SeqCst) == 4 {
                stop.cancel();
            }
        }
    });
    let options = ApplyOptions {
        parallel: 2,
        stop,
        ..ApplyOptions::default()
    };
    let error = world.deploy_with(&told, options).await.unwrap_err();
    assert_eq!(error.class(), FailureClass::Interrupted);
    let begun = started.load(Ordering::SeqCst);
    assert!(begun < 12);
    assert!(
        error
            .to_string()
            .contains(&format!("with {} of 12", 12 - begun)),
        "{error}"
    );
    let state = world.state().await;
    assert_eq!(state.resources.len(), begun);
    assert!(
        state
            .resources
            .values()
            .all(|record| record.status == Status::Ready)
    );
    world.deploy().await.unwrap();
    assert_eq!(world.names().await.len(), 12);
}

#[tokio::test]
async fn what_is_abandoned_is_looked_at_by_the_next_run() {
    for fault in ["hang-before", "hang-after"] {
        let world = data().await;
        world.breaks(&[&format!("POST /accounts/*/r2/buckets#1={fault}")]);
        let abandon = CancellationToken::new();
        let options = ApplyOptions {
            abandon: abandon.clone(),
            ..ApplyOptions::default()
        };
        let told = Told::default();
        let impatient = async {
            // One hangs, and the others are through.
            world.cloud.faults().wait_for_strikes(1).await;
            let done = || {
                let lines = told.lines();
                lines.iter().filter(|line| line.starts_with("done")).count()
            };
            while done() < 3 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            abandon.cancel();
        };
        let (outcome, ()) = tokio::join!(world.deploy_with(&told, options), impatient);
        assert_eq!(outcome.unwrap_err().class(), FailureClass::Interrupted);
        let state = world.state().await;
        assert_eq!(state.resources[&at("r2.files")].status, Status::Creating);
        world.breaks(&[]);
        let expected = match fault {
            "hang-before" => Action::Create,
            _ => Action::Adopt,
        };
        let plan = world.plan().await;
        let step = plan
            .steps
            .iter()
            .find(|step| step.address == at("r2.files"))
            .unwrap();
        assert_eq!(step.action, expected, "{fault}");
        world.deploy().await.unwrap();
        assert!(world.is_deployed().await, "{fault}");
    }
}

#[tokio::test]
async fn nothing_is_called_when_nothing_can_be_written_down() {
    let world = data().await;
    let guard = world.store.lock("test").await.unwrap();
    let mut state = world.state().await;
    let goal = Goal::Deploy(&world.desired);
    let actual = world.read(goal).await;
    let plan = world.plan().await;
    let folder = world.folder.join(".tiny/state");
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::write(&folder, "no folder").unwrap();
    world.calls(true);
    let error = tiny_engine::Apply {
        cloud: &world.account,
        goal,
        actual: &actual,
        plan: &plan,
        guard: &guard,
        progress: &tiny_engine::Silent,
        options: ApplyOptions::default(),
    }
    .run(&mut state)
    .await
    .unwrap_err();
    assert!(matches!(error, EngineError::State(_)), "{error}");
    assert!(world.calls(true).is_empty());
    assert!(state.resources.is_empty());
}

#[tokio::test]
async fn a_bucket_goes_with_its_objects() {
    let world = data().await;
    world.deploy().await.unwrap();
    for number in 0..3 {
        world
            .put_object("shop-prod-files", &format!("a/{number} ü.txt"))
            .await;
    }
    world.destroy().await.unwrap();
    assert!(world.names().await.is_empty());
}

#[tokio::test]
async fn a_bucket_that_stays_full_is_named_and_the_destruction_goes_on_later() {
    let world = data().await;
    world.deploy().await.unwrap();
    world.breaks(&["DELETE /accounts/*/r2/buckets/*#1=error:10008:409"]);
    let error = world.destroy().await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("R2 bucket `shop-prod-files` cannot be emptied"),
        "{error}"
    );
    assert!(
        miette::Diagnostic::help(&error)
            .unwrap()
            .to_string()
            .contains("lock rules")
    );
    assert_eq!(
        world.state().await.resources[&at("r2.files")].status,
        Status::Deleting
    );
    world.destroy().await.unwrap();
    assert!(world.names().await.is_empty());
}

#[tokio::test]
async fn a_deletion_whose_answer_was_lost_is_finished_by_the_same_run() {
    let world = data().await;
    world.deploy().await.unwrap();
    world.breaks(&[
        "DELETE /accounts/*/storage/kv/namespaces/*#1=drop-after",
        "DELETE /accounts/*/r2/buckets/*#1=503",
        "DELETE /accounts/*/queues/*#1=drop-before",
        "DELETE /accounts/*/d1/database/*#1=drop-after",
    ]);
    world.destroy().await.unwrap();
    assert!(world.names().await.is_empty());
    assert!(world.state().await.resources.is_empty());
}

#[tokio::test]
async fn a_lost_state_is_rebuilt_by_importing() {
    let world = data().await;
    world.deploy().await.unwrap();
    let known = world.state().await;
    let guard = world.store.lock("test").await.unwrap();
    guard.delete().await.unwrap();
    guard.release().await.unwrap();

    let goal = Goal::Deploy(&world.desired);
    let lost = world.state().await;
    let mut state = lost.clone();
    for (address, record) in &known.resources {
        let by_name = import(&world.account, goal, &lost, address, &record.name)
            .await
            .unwrap()
            .unwrap();
        let by_id = import(&world.account, goal, &lost, address, &record.outputs["id"])
            .await
            .unwrap()
            .unwrap();
        assert_eq!(by_name, by_id);
        assert_eq!(by_name.outputs, record.outputs);
        state.resources.insert(address.clone(), by_name);
    }
    assert!(
        import(&world.account, goal, &lost, &at("kv.sessions"), "nothing")
            .await
            .unwrap()
            .is_none()
    );
    let guard = world.store.lock("test").await.unwrap();
    guard.save(&mut state).await.unwrap();
    guard.release().await.unwrap();
    assert!(world.is_deployed().await);
}

#[tokio::test]
async fn a_refreshed_state_is_what_the_account_shows() {
    let world = data().await;
    world.deploy().await.unwrap();
    let queue = world
        .account
        .queue_named("shop-prod-jobs")
        .await
        .unwrap()
        .unwrap();
    world.account.delete_queue(&queue.queue_id).await.unwrap();
    let goal = Goal::Deploy(&world.desired);
    let plan = world.plan().await;
    assert_eq!(plan.drift.len(), 1);
    let state = recover(&world.state().await, goal, &world.read(goal).await);
    assert!(!state.resources.contains_key(&at("queue.jobs")));
    assert_eq!(state.resources.len(), 3);
    world.deploy().await.unwrap();
    assert_eq!(world.names().await.len(), 4);
}

#[tokio::test]
async fn many_resources_are_read_with_a_few_lists() {
    let mut world = World::new().await;
    for number in 0..50 {
        world
            .want(&format!("kv.k{number}"), Spec::Kv)
            .want(
                &format!("r2.r{number}"),
                Spec::R2(tiny_engine::R2Spec::default()),
            )
            .want(&format!("queue.q{number}"), Spec::Queue)
            .want(&format!("d1.d{number}"), d1(&[]));
    }
    world.deploy().await.unwrap();
    world.calls(true);
    assert!(world.is_deployed().await);
    let calls = world.calls(true);
    assert!(calls.len() <= 8, "{calls:#?}");
}

#[tokio::test]
async fn without_a_refresh_only_what_is_not_settled_is_read() {
    let mut world = data().await;
    world.deploy().await.unwrap();
    world.want("kv.more", Spec::Kv);
    world.calls(true);
    let goal = Goal::Deploy(&world.desired);
    let state = world.state().await;
    let actual = tiny_engine::refresh(&world.account, goal, &state, tiny_engine::Depth::Unsettled)
        .await
        .unwrap();
    assert_eq!(world.calls(true).len(), 1);
    let plan = tiny_engine::plan(goal, &state, &actual, &tiny_engine::PlanOptions::default());
    let plan = plan.unwrap();
    let changed: Vec<_> = plan
        .changes()
        .map(|step| step.address.to_string())
        .collect();
    assert_eq!(changed, ["kv.more"]);
}

#[tokio::test]
async fn what_somebody_made_anew_under_our_name_is_not_ours() {
    let mut world = World::new().await;
    world.want("kv.sessions", Spec::Kv);
    world.deploy().await.unwrap();
    let id = world.state().await.resources[&at("kv.sessions")].outputs["id"].clone();
    world.account.delete_kv_namespace(&id).await.unwrap();
    world
        .account
        .create_kv_namespace("shop-prod-sessions")
        .await
        .unwrap();
    let error = world.deploy().await.unwrap_err();
    assert_eq!(error.class(), FailureClass::Unsafe);
    let before = world.state().await;
    world.destroy().await.unwrap();
    assert_eq!(world.names().await.len(), 1);
    verify(&world.account, &world.scope(), &before)
        .await
        .unwrap();
}
