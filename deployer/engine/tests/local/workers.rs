//! Stages with workers.

use std::time::Duration;

use tiny_cloudflare::ConsumerSettings;
use tiny_engine::{
    ApplyOptions, BindingSpec, ClassSpec, ConsumerSpec, Goal, Spec, State, plan, recover, verify,
};
use tokio_util::sync::CancellationToken;

use crate::interruptions::{WAYS, ends_at, way};
use crate::support::{Told, World, at, d1, worker};

fn service(worker: &str) -> BindingSpec {
    BindingSpec::Service {
        worker: worker.to_owned(),
        entrypoint: None,
        props: None,
    }
}

fn object(class: &str, worker: Option<&str>) -> BindingSpec {
    BindingSpec::DurableObject {
        class: class.to_owned(),
        worker: worker.map(str::to_owned),
    }
}

/// A stage with every kind, and two workers that bind each other.
async fn everything() -> World {
    let mut world = World::new().await;
    world
        .want("kv.sessions", Spec::Kv)
        .want("r2.files", Spec::R2(tiny_engine::R2Spec::default()))
        .want("queue.jobs", Spec::Queue)
        .want("queue.failed", Spec::Queue)
        .want(
            "d1.archive",
            d1(&[("0001.sql", "CREATE TABLE todos (text TEXT)")]),
        );
    let mut web = worker("web", &["Room"]);
    web.url = true;
    web.crons = vec!["0 4 * * *".to_owned()];
    web.routes.insert("example.com/api/*".to_owned(), None);
    web.domains.insert("shop.example.com".to_owned());
    web.bindings.extend([
        (
            "SESSIONS".to_owned(),
            BindingSpec::Kv {
                id: "sessions".to_owned(),
            },
        ),
        (
            "ARCHIVE".to_owned(),
            BindingSpec::D1 {
                id: "archive".to_owned(),
            },
        ),
        ("ROOM".to_owned(), object("Room", None)),
        ("BACK".to_owned(), service("back")),
        ("MYSELF".to_owned(), service("web")),
    ]);
    world.want_worker("web", web);
    let mut back = worker("back", &[]);
    back.bindings.extend([
        (
            "FILES".to_owned(),
            BindingSpec::R2 {
                id: "files".to_owned(),
                jurisdiction: None,
            },
        ),
        ("ROOM".to_owned(), object("Room", Some("web"))),
        ("WEB".to_owned(), service("web")),
        (
            "JOBS".to_owned(),
            BindingSpec::Queue {
                id: "jobs".to_owned(),
                delivery_delay: None,
            },
        ),
    ]);
    back.consumers.insert(
        "jobs".to_owned(),
        ConsumerSpec {
            settings: ConsumerSettings {
                batch_size: Some(10),
                max_wait_time_ms: Some(5000),
                max_retries: Some(3),
                ..ConsumerSettings::default()
            },
            dead_letter_queue: Some("failed".to_owned()),
        },
    );
    world.want_worker("back", back);
    world
}

async fn is_whole(world: &World, when: &str) {
    let plan = world.plan().await;
    assert!(
        plan.is_empty(),
        "{when}: {:#?}",
        plan.changes().collect::<Vec<_>>()
    );
    assert_eq!(world.names().await.len(), 5, "{when}");
    let scripts: Vec<String> = world.scripts().await.into_iter().collect();
    assert_eq!(scripts, ["shop-prod-back", "shop-prod-web"], "{when}");
}

async fn is_gone(world: &World, before: &State, when: &str) {
    verify(&world.account, &world.scope(), before)
        .await
        .unwrap_or_else(|error| panic!("{when}: {error}"));
    assert!(world.names().await.is_empty(), "{when}");
    assert!(world.scripts().await.is_empty(), "{when}");
    assert!(world.state().await.resources.is_empty(), "{when}");
}

#[tokio::test]
async fn a_stage_with_everything_comes_and_goes() {
    let world = everything().await;
    world.deploy().await.unwrap();
    is_whole(&world, "deployed").await;
    assert!(world.plan().await.drift.is_empty());
    let before = world.state().await;
    world.destroy().await.unwrap();
    is_gone(&world, &before, "destroyed").await;
}

/// The client knows its account here; asking for it is one request and one round trip more.
#[tokio::test]
async fn one_worker_takes_few_requests_and_round_trips() {
    let mut world = World::with_latency(Duration::from_millis(500)).await;
    let mut web = worker("web", &["Room"]);
    web.url = true;
    web.bindings.insert("ROOM".to_owned(), object("Room", None));
    world.want_worker("web", web);
    world.round_trips();
    world.deploy().await.unwrap();
    assert!(world.round_trips() <= 5);
    let first = world.calls(true);
    assert!(first.len() <= 7, "{first:#?}");
    world.deploy().await.unwrap();
    assert_eq!(world.round_trips(), 1);
    let second = world.calls(true);
    assert!(second.len() <= 3, "{second:#?}");
    assert!(
        second.iter().all(|call| call.starts_with("GET ")),
        "{second:#?}"
    );
}

#[tokio::test]
async fn a_first_deploy_of_everything_may_end_anywhere() {
    let world = everything().await;
    let mut points = 0;
    for number in 1.. {
        let way = way(number);
        if !ends_at(&world, Goal::Deploy(&world.desired), number, way).await {
            break;
        }
        points += 1;
        let when = format!("{way} at request {number}");
        world
            .deploy()
            .await
            .unwrap_or_else(|error| panic!("{when}: {error}"));
        is_whole(&world, &when).await;
        let before = world.state().await;
        world.destroy().await.unwrap();
        is_gone(&world, &before, &when).await;
    }
    assert!(points >= 25, "{points}");
}

#[tokio::test]
async fn a_destruction_of_everything_may_end_anywhere() {
    let world = everything().await;
    let mut points = 0;
    for number in 1.. {
        world.deploy().await.unwrap();
        let before = world.state().await;
        let scope = world.scope();
        let way = way(number);
        if !ends_at(&world, Goal::Destroy(&scope), number, way).await {
            break;
        }
        points += 1;
        let when = format!("{way} at request {number}");
        world
            .destroy()
            .await
            .unwrap_or_else(|error| panic!("{when}: {error}"));
        is_gone(&world, &before, &when).await;
    }
    assert!(points >= 15, "{points}");
}

#[tokio::test]
async fn a_transfer_may_end_anywhere() {
    let mut world = World::new().await;
    let mut points = 0;
    for way in WAYS {
        for number in 1.. {
            world.drop("worker.new");
            world.want_worker("old", worker("old", &["Board"]));
            world.deploy().await.unwrap();
            world.want_worker("old", worker("old", &[]));
            let mut new = worker("new", &["Board"]);
            let from = ClassSpec {
                renamed_from: None,
                transferred_from: Some(("old".to_owned(), "Board".to_owned())),
            };
            new.classes.insert("Board".to_owned(), from);
            new.bindings
                .insert("BOARD".to_owned(), object("Board", None));
            world.want_worker("new", new);
            let namespace = namespace_of(&world, "shop-prod-old").await.unwrap();
            if !ends_at(&world, Goal::Deploy(&world.desired), number, way).await {
                break;
            }
            points += 1;
            let when = format!("{way} at request {number}");
            world
                .deploy()
                .await
                .unwrap_or_else(|error| panic!("{when}: {error}"));
            let plan = world.plan().await;
            assert!(
                plan.is_empty(),
                "{when}: {:#?}",
                plan.changes().collect::<Vec<_>>()
            );
            // The very objects, not new ones.
            assert_eq!(
                namespace_of(&world, "shop-prod-new").await.as_ref(),
                Some(&namespace),
                "{when}"
            );
            world.destroy().await.unwrap();
        }
        world.destroy().await.unwrap();
    }
    assert!(points >= 8, "{points}");
}

async fn namespace_of(world: &World, script: &str) -> Option<String> {
    let namespaces = world.account.durable_object_namespaces().await.unwrap();
    namespaces
        .into_iter()
        .find(|namespace| namespace.script.as_deref() == Some(script))
        .map(|namespace| namespace.id)
}

#[tokio::test]
async fn a_lost_state_is_rebuilt_from_tags_and_from_what_our_workers_bind() {
    let mut world = everything().await;
    world.deploy().await.unwrap();
    let guard = world.store.lock("test").await.unwrap();
    guard.delete().await.unwrap();
    guard.release().await.unwrap();

    let goal = Goal::Deploy(&world.desired);
    let actual = world.read(goal).await;
    let mut state = world.state().await;
    let lost = plan(goal, &state, &actual, &tiny_engine::PlanOptions::default()).unwrap();
    // The dead letter queue is bound by nobody: a consumer's setting proves it.
    assert_eq!(lost.summary().create, 0, "{lost:#?}");
    assert!(lost.data_loss().is_empty());

    state = recover(&state, goal, &actual);
    let guard = world.store.lock("test").await.unwrap();
    guard.save(&mut state).await.unwrap();
    guard.release().await.unwrap();
    world.deploy().await.unwrap();
    is_whole(&world, "recovered").await;

    // Lost again, with a worker that the manifest no longer has: its tags tell.
    let guard = world.store.lock("test").await.unwrap();
    guard.delete().await.unwrap();
    guard.release().await.unwrap();
    let scope = world.scope();
    world.drop("worker.web");
    let before = world.state().await;
    world
        .run(
            Goal::Destroy(&scope),
            &tiny_engine::Silent,
            tiny_engine::ApplyOptions::default(),
        )
        .await
        .unwrap();
    is_gone(&world, &before, "destroyed without a state").await;
}

#[tokio::test]
async fn another_stages_worker_is_never_overwritten() {
    let mut world = World::new().await;
    world.want_worker("web", worker("web", &[]));
    world.deploy().await.unwrap();
    let mut state = State::new("other", world.store.stage(), None);
    let mut desired = world.desired.clone();
    desired.stack = "other".to_owned();
    let goal = Goal::Deploy(&desired);
    let actual = tiny_engine::refresh(&world.account, goal, &state, tiny_engine::Depth::Unsettled)
        .await
        .unwrap();
    let options = tiny_engine::PlanOptions::default();
    let error = plan(goal, &state, &actual, &options).unwrap_err();
    assert!(
        error.to_string().contains("belongs to stack `shop`"),
        "{error}"
    );
    // Nor does a state that claims it help.
    state.resources = world.state().await.resources;
    let actual = tiny_engine::refresh(&world.account, goal, &state, tiny_engine::Depth::Full)
        .await
        .unwrap();
    assert!(plan(goal, &state, &actual, &options).is_err());
    assert!(
        world
            .state()
            .await
            .resources
            .contains_key(&at("worker.web"))
    );
}

#[tokio::test]
async fn a_running_ring_loses_no_binding_between_two_passes() {
    let mut world = World::new().await;
    let ring = |world: &mut World, classes: &[&str]| {
        for (own, other, class) in [("a", "b", "Door"), ("b", "a", "Room")] {
            let own_class: Vec<&str> = classes.iter().copied().filter(|it| *it != class).collect();
            let mut spec = worker(own, &own_class);
            spec.bindings.insert("OTHER".to_owned(), service(other));
            if classes.contains(&class) {
                spec.bindings
                    .insert("CLASS".to_owned(), object(class, Some(other)));
            }
            world.want_worker(own, spec);
        }
    };
    ring(&mut world, &[]);
    world.deploy().await.unwrap();

    // Now each gets a class that the other one binds.
    ring(&mut world, &["Room", "Door"]);
    let stop = CancellationToken::new();
    let told = Told::when_one_starts({
        let stop = stop.clone();
        move || stop.cancel()
    });
    let options = ApplyOptions {
        parallel: 1,
        stop,
        ..ApplyOptions::default()
    };
    let interrupted = world.deploy_with(&told, options).await.unwrap_err();
    assert!(interrupted.to_string().contains("3 of 4"), "{interrupted}");
    let settings = world.account.worker_settings("shop-prod-a").await.unwrap();
    let names: Vec<String> = settings
        .unwrap()
        .bindings
        .into_iter()
        .map(|binding| binding.name)
        .collect();
    assert_eq!(names, ["OTHER"]);
    world.deploy().await.unwrap();
    assert!(world.is_deployed().await);
    world.destroy().await.unwrap();
    assert!(world.scripts().await.is_empty());
}
