//! Updates of a worker that end anywhere, in which everything changes that can.

use serde_json::json;
use tiny_cloudflare::ConsumerSettings;
use tiny_engine::{ClassSpec, ConsumerSpec, Goal, SecretSpec, Spec, WorkerSpec};

use crate::changes::{objects, site};
use crate::interruptions::{ends_at, way};
use crate::support::{World, worker};

const WEB: &str = "shop-prod-web";

fn consumer(batch_size: u32) -> ConsumerSpec {
    ConsumerSpec {
        settings: ConsumerSettings {
            batch_size: Some(batch_size),
            ..ConsumerSettings::default()
        },
        dead_letter_queue: None,
    }
}

fn before(is_tagged: bool) -> WorkerSpec {
    let mut spec = worker("one", &["Chat", "Gone", "Stays"]);
    spec.tagged_migrations = is_tagged;
    spec.url = true;
    spec.vars.insert("MODE".to_owned(), json!("one"));
    spec.crons = vec!["0 4 * * *".to_owned()];
    spec.routes.insert("example.com/one/*".to_owned(), None);
    spec.domains.insert("one.example.com".to_owned());
    spec.consumers.insert("jobs".to_owned(), consumer(10));
    spec.consumers.insert("dropped".to_owned(), consumer(10));
    spec.assets = Some(site(&[("/index.html", "one")]));
    spec
}

fn after(is_tagged: bool) -> WorkerSpec {
    let mut spec = worker("two", &["New", "Room", "Stays"]);
    let renamed = ClassSpec {
        renamed_from: Some("Chat".to_owned()),
        transferred_from: None,
    };
    spec.classes.insert("Room".to_owned(), renamed);
    spec.tagged_migrations = is_tagged;
    spec.vars.insert("MODE".to_owned(), json!({ "two": true }));
    spec.secrets
        .insert("SESSION".to_owned(), SecretSpec::Generate);
    spec.routes.insert("example.com/two/*".to_owned(), None);
    spec.domains.insert("two.example.com".to_owned());
    spec.consumers.insert("jobs".to_owned(), consumer(50));
    spec.assets = Some(site(&[("/index.html", "two"), ("/more.html", "more")]));
    spec
}

async fn an_update_may_end_anywhere(is_tagged: bool) {
    let mut world = World::new().await;
    world
        .want("queue.jobs", Spec::Queue)
        .want("queue.dropped", Spec::Queue);
    let mut points = 0;
    for number in 1.. {
        let way = way(number);
        world.want_worker("web", before(is_tagged));
        world.deploy().await.unwrap();
        let chat = objects(&world, WEB, "Chat").await;
        let stays = objects(&world, WEB, "Stays").await;
        world.want_worker("web", after(is_tagged));
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
        let left: Vec<_> = plan.changes().collect();
        assert!(left.is_empty(), "{when}: {left:#?}");
        assert_eq!(objects(&world, WEB, "Room").await, chat, "{when}");
        assert_eq!(objects(&world, WEB, "Stays").await, stays, "{when}");
        assert_eq!(objects(&world, WEB, "Gone").await, None, "{when}");
        attached(&world, &when).await;
        world.destroy().await.unwrap();
    }
    assert!(points >= 15, "{points}");
}

async fn attached(world: &World, when: &str) {
    let account = &world.account;
    assert!(account.schedules(WEB).await.unwrap().is_empty(), "{when}");
    let zone = account.zones().await.unwrap().remove(0);
    let routes = account.routes(&zone.id).await.unwrap();
    let patterns: Vec<&str> = routes.iter().map(|route| route.pattern.as_str()).collect();
    assert_eq!(patterns, ["example.com/two/*"], "{when}");
    let domains = account.domains().await.unwrap();
    let hosts: Vec<&str> = domains
        .iter()
        .map(|domain| domain.hostname.as_str())
        .collect();
    assert_eq!(hosts, ["two.example.com"], "{when}");
    for queue in account.queues().await.unwrap() {
        let sizes: Vec<_> = queue
            .consumers
            .iter()
            .map(|consumer| consumer.settings.batch_size)
            .collect();
        match queue.queue_name.as_str() {
            "shop-prod-jobs" => assert_eq!(sizes, [Some(50)], "{when}"),
            _ => assert_eq!(sizes, [], "{when}"),
        }
    }
    let secrets = account.secrets(WEB).await.unwrap();
    assert_eq!(secrets.len(), 1, "{when}");
}

#[tokio::test]
async fn an_update_with_declared_classes_may_end_anywhere() {
    an_update_may_end_anywhere(false).await;
}

#[tokio::test]
async fn an_update_with_tagged_migrations_may_end_anywhere() {
    an_update_may_end_anywhere(true).await;
}

/// The client repeats what may be repeated; of the rest the engine looks what came of it.
async fn a_lost_answer_is_made_good(is_update: bool) {
    let mut world = World::new().await;
    world
        .want("queue.jobs", Spec::Queue)
        .want("queue.dropped", Spec::Queue);
    let mut points = 0;
    for number in 1.. {
        let is_tagged = number % 2 == 0;
        if is_update {
            world.want_worker("web", before(is_tagged));
            world.deploy().await.unwrap();
        }
        world.want_worker("web", after(is_tagged));
        world.breaks(&[&format!("**#{number}=drop-after")]);
        let outcome = world.deploy().await;
        let struck = world.cloud.faults().report().struck > 0;
        world.breaks(&[]);
        if !struck {
            break;
        }
        points += 1;
        outcome.unwrap_or_else(|error| panic!("at request {number}: {error}"));
        assert!(world.plan().await.is_empty(), "at request {number}");
        attached(&world, &format!("at request {number}")).await;
        world.destroy().await.unwrap();
    }
    assert!(points >= 10, "{points}");
}

#[tokio::test]
async fn a_lost_answer_is_made_good_in_the_same_first_run() {
    a_lost_answer_is_made_good(false).await;
}

#[tokio::test]
async fn a_lost_answer_is_made_good_in_the_same_update() {
    a_lost_answer_is_made_good(true).await;
}
