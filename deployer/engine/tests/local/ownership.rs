//! What was there before the stage, what outlives it, and what never was its own.

use tiny_cloudflare::{
    Binding, BindingKind, Classes, MigrationStep, Migrations, NewD1Database, NewR2Bucket,
};
use tiny_engine::{
    Action, BindingSpec, EngineError, External, ExternalKind, Goal, PlanError, PlanOptions, R2Spec,
    Spec, WorkerSpec, plan, verify,
};

use crate::changes::{by_another_tool, objects};
use crate::support::{World, at, d1, worker};

/// What somebody made with other tools: a worker `shop` under tagged migrations that binds a
/// namespace, a database, a bucket and a queue.
struct Elsewhere {
    kv: String,
    d1: String,
}

const BUCKET: &str = "uploads";
const QUEUE: &str = "mail";

async fn made_elsewhere(world: &World) -> Elsewhere {
    let account = &world.account;
    let kv = account.create_kv_namespace("Sessions").await.unwrap().id;
    let database = NewD1Database {
        name: "main".to_owned(),
        ..NewD1Database::default()
    };
    let d1 = account.create_d1_database(&database).await.unwrap().uuid;
    let bucket = NewR2Bucket {
        name: BUCKET.to_owned(),
        ..NewR2Bucket::default()
    };
    account.create_r2_bucket(&bucket, None).await.unwrap();
    account.create_queue(QUEUE).await.unwrap();
    let upload = by_another_tool(&worker("one", &["Room"]), |metadata| {
        metadata.classes = Some(Classes::Migrations(Migrations {
            old_tag: None,
            new_tag: "v1".to_owned(),
            steps: vec![MigrationStep {
                new_sqlite_classes: vec!["Room".to_owned()],
                ..MigrationStep::default()
            }],
        }));
        let bind = |name: &str, kind| Binding {
            name: name.to_owned(),
            kind,
        };
        metadata.bindings = vec![
            bind(
                "SESSIONS",
                BindingKind::KvNamespace {
                    namespace_id: kv.clone(),
                },
            ),
            bind("DB", BindingKind::D1 { id: d1.clone() }),
        ];
    });
    account.upload_script("shop", &upload).await.unwrap();
    Elsewhere { kv, d1 }
}

fn shop() -> WorkerSpec {
    let mut spec = worker("one", &["Room"]);
    let sessions = BindingSpec::Kv {
        id: "sessions".to_owned(),
    };
    let db = BindingSpec::D1 {
        id: "main".to_owned(),
    };
    spec.bindings.insert("SESSIONS".to_owned(), sessions);
    spec.bindings.insert("DB".to_owned(), db);
    spec
}

fn external(kind: ExternalKind, id: &str, identifier: &str) -> External {
    External {
        kind,
        id: Some(id.to_owned()),
        identifier: identifier.to_owned(),
        jurisdiction: None,
    }
}

fn imports(world: &mut World, elsewhere: &Elsewhere) {
    world.want("kv.sessions", Spec::Kv);
    world.lifecycle("kv.sessions").import = Some(elsewhere.kv.clone());
    world.want("d1.main", d1(&[("0001_a.sql", "CREATE TABLE a (b)")]));
    world.lifecycle("d1.main").import = Some("main".to_owned());
    world.want("r2.files", Spec::R2(R2Spec::default()));
    world.lifecycle("r2.files").import = Some(BUCKET.to_owned());
    world.want("queue.mail", Spec::Queue);
    world.lifecycle("queue.mail").import = Some(QUEUE.to_owned());
    world.want_worker("web", shop());
    world.lifecycle("worker.web").import = Some("shop".to_owned());
}

#[tokio::test]
async fn a_stage_takes_over_what_was_made_with_other_tools() {
    let mut world = World::new().await;
    let elsewhere = made_elsewhere(&world).await;
    let account = &world.account;
    world.put_object(BUCKET, "kept.txt").await;
    let before = objects(&world, "shop", "Room").await;
    assert!(before.is_some());
    let names = world.names().await;
    let kv = account.kv_namespaces().await.unwrap();
    imports(&mut world, &elsewhere);

    let plan = world.plan().await;
    assert!(plan.data_loss().is_empty(), "{plan:#?}");
    let adopted = plan
        .steps
        .iter()
        .filter(|step| step.action == Action::Adopt);
    assert_eq!(adopted.count(), 5, "{plan:#?}");
    let web = plan
        .steps
        .iter()
        .find(|step| step.address == at("worker.web"));
    let changes = web.unwrap().changes.iter();
    let paths: Vec<&str> = changes.map(|change| change.path.as_str()).collect();
    assert!(
        !paths.iter().any(|path| path.starts_with("bindings")),
        "{paths:?}"
    );
    assert!(
        !paths.iter().any(|path| path.starts_with("classes")),
        "{paths:?}"
    );

    world.deploy().await.unwrap();
    assert!(world.is_deployed().await, "{:#?}", world.plan().await);
    assert_eq!(world.names().await, names, "nothing new was made");
    assert_eq!(world.account.kv_namespaces().await.unwrap(), kv);
    assert_eq!(objects(&world, "shop", "Room").await, before);
    assert_eq!(world.scripts().await, ["shop".to_owned()].into());
    let state = world.state().await;
    assert_eq!(state.resources[&at("d1.main")].outputs["id"], elsewhere.d1);
}

#[tokio::test]
async fn an_interrupted_import_goes_on() {
    let mut world = World::new().await;
    let elsewhere = made_elsewhere(&world).await;
    let before = objects(&world, "shop", "Room").await;
    imports(&mut world, &elsewhere);
    world.breaks(&["PUT /accounts/*/workers/scripts/shop*=500"]);
    world.deploy().await.unwrap_err();
    world.breaks(&[]);
    world.deploy().await.unwrap();
    assert!(world.is_deployed().await);
    assert_eq!(objects(&world, "shop", "Room").await, before);
}

#[tokio::test]
async fn an_import_of_what_is_not_there_or_anothers_ends_the_plan() {
    let mut world = World::new().await;
    world.want("r2.files", Spec::R2(R2Spec::default()));
    world.lifecycle("r2.files").import = Some("no-such-bucket".to_owned());
    let error = world.deploy().await.unwrap_err();
    assert!(
        matches!(error, EngineError::Plan(PlanError::ImportMissing { .. })),
        "{error}"
    );

    let elsewhere = made_elsewhere(&world).await;
    world.drop("r2.files");
    imports(&mut world, &elsewhere);
    world.deploy().await.unwrap();
    let owner = world.state().await;
    // The same manifest in a second stage, which knows what the first one records.
    let other = tiny_engine::State::new(
        "shop",
        &tiny_manifest::StageName::new("staging").unwrap(),
        None,
    );
    let mut desired = world.desired.clone();
    desired.stage = tiny_manifest::StageName::new("staging").unwrap();
    desired
        .resources
        .retain(|address, _| *address == at("r2.files"));
    let goal = Goal::Deploy(&desired);
    let actual = tiny_engine::refresh(&world.account, goal, &other, tiny_engine::Depth::Full)
        .await
        .unwrap();
    let options = PlanOptions {
        others: vec![owner],
        ..PlanOptions::default()
    };
    let error = plan(goal, &other, &actual, &options).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot import r2 `uploads`: it belongs to stage `prod`, as r2.files"
    );
}

#[tokio::test]
async fn a_new_id_leaves_everything_where_it_is() {
    let mut world = World::new().await;
    world.want("kv.sessions", Spec::Kv);
    world.want("d1.main", d1(&[]));
    world.want_worker("web", shop());
    world.deploy().await.unwrap();
    let names = world.names().await;
    let before = objects(&world, "shop-prod-web", "Room").await;

    world.rename("kv.sessions", "kv.visitors");
    let mut spec = shop();
    let visitors = BindingSpec::Kv {
        id: "visitors".to_owned(),
    };
    spec.bindings.insert("SESSIONS".to_owned(), visitors);
    world.want_worker("web", spec);
    world.rename("worker.web", "worker.front");
    let plan = world.plan().await;
    assert_eq!(plan.moves.len(), 2, "{plan:#?}");
    assert!(
        plan.data_loss().is_empty() && plan.drift.is_empty(),
        "{plan:#?}"
    );
    let actions: Vec<Action> = plan.changes().map(|step| step.action).collect();
    assert_eq!(actions, [Action::Update], "its tags name the new id");
    world.deploy().await.unwrap();
    assert!(world.is_deployed().await, "{:#?}", world.plan().await);
    assert_eq!(world.names().await, names);
    assert_eq!(objects(&world, "shop-prod-web", "Room").await, before);
    let scripts = world.account.scripts().await.unwrap();
    assert!(scripts[0].tags.contains(&"tiny:id=front".to_owned()));

    // Without a record the former id still leads to it.
    let guard = world.store.lock("test").await.unwrap();
    guard.delete().await.unwrap();
    guard.release().await.unwrap();
    let plan = world.plan().await;
    assert!(plan.data_loss().is_empty(), "{plan:#?}");
    assert!(
        plan.steps.iter().all(|step| step.action == Action::Adopt),
        "{plan:#?}"
    );
    world.deploy().await.unwrap();
    assert_eq!(world.names().await, names);
}

#[tokio::test]
async fn what_is_kept_is_left_and_everything_else_is_proven_gone() {
    let mut world = World::new().await;
    world.want("kv.sessions", Spec::Kv);
    world.want("d1.main", d1(&[]));
    world.lifecycle("d1.main").keep = true;
    world.want_worker("web", shop());
    world.deploy().await.unwrap();

    let before = world.state().await;
    world.destroy().await.unwrap();
    verify(&world.account, &world.scope(), &before)
        .await
        .unwrap();
    assert_eq!(world.names().await, ["d1 shop-prod-main".to_owned()].into());
    assert!(world.scripts().await.is_empty());
    let left: Vec<_> = world.state().await.resources.into_keys().collect();
    assert_eq!(left, [at("d1.main")], "the next deploy knows it again");
    world.deploy().await.unwrap();
    assert!(world.is_deployed().await);

    // Its table is taken out: it is left alone, and told so, until it is forgotten.
    let mut spec = shop();
    spec.bindings.remove("DB");
    world.want_worker("web", spec);
    world.drop("d1.main");
    let plan = world.plan().await;
    assert_eq!(plan.kept[0].address, at("d1.main"));
    assert!(plan.data_loss().is_empty());
    world.deploy().await.unwrap();
    let before = world.state().await;
    world.destroy().await.unwrap();
    verify(&world.account, &world.scope(), &before)
        .await
        .unwrap();
    assert_eq!(world.names().await, ["d1 shop-prod-main".to_owned()].into());
}

#[tokio::test]
async fn what_is_external_is_bound_and_never_touched() {
    let mut world = World::new().await;
    let elsewhere = made_elsewhere(&world).await;
    let names = world.names().await;
    let auth = by_another_tool(&worker("auth", &[]), |_| {});
    world.account.upload_script("auth", &auth).await.unwrap();
    let scripts = world.scripts().await;
    let mut spec = shop();
    spec.consumers.insert(
        "mail".to_owned(),
        tiny_engine::ConsumerSpec {
            settings: tiny_cloudflare::ConsumerSettings::default(),
            dead_letter_queue: None,
        },
    );
    let object = BindingSpec::DurableObject {
        class: "Room".to_owned(),
        worker: Some("shop".to_owned()),
    };
    spec.bindings.insert("ROOM".to_owned(), object);
    let service = BindingSpec::DeployedService {
        script: "auth".to_owned(),
        environment: Some("production".to_owned()),
        entrypoint: None,
        props: None,
    };
    spec.bindings.insert("AUTH".to_owned(), service);
    spec.tail_consumers = vec!["shop".to_owned()];
    spec.classes.clear();
    world.want_worker("web", spec);
    let want = world.desired.resources.get_mut(&at("worker.web")).unwrap();
    want.depends_on.clear();
    world.desired.external = vec![
        external(
            ExternalKind::Kv,
            "sessions",
            "0000000000000000000000000000000f",
        ),
        external(ExternalKind::D1, "main", &elsewhere.d1),
        external(ExternalKind::Queue, "mail", QUEUE),
        external(ExternalKind::Worker, "shop", "shop"),
        // Nobody can say here whether they are there.
        external(
            ExternalKind::Hyperdrive,
            "pg",
            "00000000000000000000000000000001",
        ),
        external(ExternalKind::Vectorize, "words", "words"),
    ];
    let error = world.deploy().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "missing from the account:\n  [external.kv.sessions] `0000000000000000000000000000000f`"
    );
    elsewhere
        .kv
        .clone_into(&mut world.desired.external[0].identifier);
    world.deploy().await.unwrap();
    let again = world.plan().await;
    assert!(again.is_empty() && again.drift.is_empty(), "{again:#?}");
    world.destroy().await.unwrap();
    assert_eq!(world.names().await, names);
    assert_eq!(world.scripts().await, scripts);
    assert!(objects(&world, "shop", "Room").await.is_some());
}
