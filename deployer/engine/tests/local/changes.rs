//! Workers that are there and change: what is called, what stays, and whose objects live on.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::json;
use tiny_cloudflare::{
    Binding, BindingKind, Classes, MigrationStep, Migrations, Module, ModuleKind, Secret, Upload,
    UploadMetadata,
};
use tiny_engine::{
    Action, Apply, ApplyOptions, AssetContent, AssetFile, AssetsSpec, BindingSpec, ClassSpec,
    Depth, EngineError, Goal, PlanOptions, SecretSpec, Silent, WorkerSpec, import, plan, refresh,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Told, World, at, worker};

const WEB: &str = "shop-prod-web";
const UPLOAD: &str =
    "PUT /workers/scripts/shop-prod-web?excludeScript=true&bindings_inherit=strict";

/// A stage with one worker, deployed.
async fn deployed(spec: WorkerSpec) -> World {
    let mut world = World::new().await;
    world.want_worker("web", spec);
    world.deploy().await.unwrap();
    world.calls(true);
    world
}

/// A worker whose code is this expression of `env`.
fn answering(expression: &str) -> WorkerSpec {
    let code =
        format!("export default {{ fetch(request, env) {{ return new Response({expression}) }} }}");
    let mut spec = worker("", &[]);
    spec.code.hash = format!("hash of {code}");
    spec.code.modules[0].content = Bytes::from(code);
    spec
}

/// What the worker answers, as it runs.
async fn ask(world: &World, path: &str) -> String {
    let account = world.account.workers_subdomain().await.unwrap().unwrap();
    let address = world.cloud.address();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {WEB}.{account}.localhost:{}\r\nConnection: close\r\n\r\n",
        address.port()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
    body.to_owned()
}

pub(crate) async fn objects(world: &World, script: &str, class: &str) -> Option<String> {
    let namespaces = world.account.durable_object_namespaces().await.unwrap();
    namespaces
        .into_iter()
        .find(|namespace| {
            namespace.script.as_deref() == Some(script) && namespace.class.as_deref() == Some(class)
        })
        .map(|namespace| namespace.id)
}

#[tokio::test]
async fn nothing_is_asked_that_nobody_wants_to_know() {
    let mut spec = worker("one", &["Room"]);
    spec.url = true;
    let mut world = World::new().await;
    world.want_worker("web", spec);
    world.calls(true);
    world.deploy().await.unwrap();
    let mut first = world.calls(true);
    // The first two go out at once.
    first[..2].sort();
    assert_eq!(
        first,
        [
            "GET /workers/scripts",
            "GET /workers/subdomain",
            UPLOAD,
            "POST /workers/scripts/shop-prod-web/subdomain",
        ]
    );
    // All at once, and nothing after them.
    world.deploy().await.unwrap();
    let mut second = world.calls(true);
    second.sort();
    assert_eq!(
        second,
        [
            "GET /workers/scripts",
            "GET /workers/scripts/shop-prod-web/settings",
            "GET /workers/scripts/shop-prod-web/subdomain",
        ]
    );
}

#[tokio::test]
async fn without_a_look_at_the_account_the_record_is_believed_as_far_as_it_is_safe() {
    let mut world = deployed(worker("one", &["Room"])).await;
    let before = objects(&world, WEB, "Room").await;
    let mut spec = worker("two", &["Hall"]);
    let renamed = ClassSpec {
        renamed_from: Some("Room".to_owned()),
        transferred_from: None,
    };
    spec.classes.insert("Hall".to_owned(), renamed);
    world.want_worker("web", spec);
    unseen(&world).await.unwrap();
    assert_eq!(objects(&world, WEB, "Hall").await, before);
    assert!(world.is_deployed().await);

    // Somebody else gives it a class of which no record knows: nobody agreed to delete that.
    let theirs = by_another_tool(&worker("theirs", &["Hall", "Theirs"]), |metadata| {
        let live = |class: &str| {
            let storage = tiny_cloudflare::StorageKind::Sqlite;
            (
                class.to_owned(),
                tiny_cloudflare::ExportEntry::Live(storage),
            )
        };
        metadata.classes = Some(Classes::Exports(["Hall", "Theirs"].map(live).into()));
    });
    world.account.upload_script(WEB, &theirs).await.unwrap();
    world.want_worker("web", worker("three", &["Hall"]));
    let error = unseen(&world).await.unwrap_err();
    assert!(
        error.to_string().contains("deleting it was not agreed to"),
        "{error}"
    );
    assert!(objects(&world, WEB, "Theirs").await.is_some());
}

/// Deploys as `--no-refresh` does.
async fn unseen(world: &World) -> Result<(), EngineError> {
    let guard = world.store.lock("test").await.unwrap();
    let mut state = world.state().await;
    let goal = Goal::Deploy(&world.desired);
    let actual = refresh(&world.account, goal, &state, Depth::Unsettled).await?;
    let plan = plan(goal, &state, &actual, &PlanOptions::default())?;
    let outcome = Apply {
        cloud: &world.account,
        goal,
        actual: &actual,
        plan: &plan,
        guard: &guard,
        progress: &Silent,
        options: ApplyOptions::default(),
    }
    .run(&mut state)
    .await;
    guard.release().await.unwrap();
    outcome
}

#[tokio::test]
async fn two_passes_make_one_migration() {
    // Each binds the other, so that they are uploaded twice.
    let mut world = World::new().await;
    let room = BindingSpec::DurableObject {
        class: "Room".to_owned(),
        worker: Some("web".to_owned()),
    };
    let service = BindingSpec::Service {
        worker: "back".to_owned(),
        entrypoint: None,
        props: None,
    };
    let mut web = worker("one", &["Room"]);
    web.tagged_migrations = true;
    web.bindings.insert("BACK".to_owned(), service);
    world.want_worker("web", web);
    let mut back = worker("back", &[]);
    back.bindings.insert("ROOM".to_owned(), room);
    world.want_worker("back", back);
    world.deploy().await.unwrap();
    let uploads = world.calls(false);
    let twice = uploads.iter().filter(|call| *call == UPLOAD).count();
    assert_eq!(twice, 2, "{uploads:#?}");
    let scripts = world.account.scripts().await.unwrap();
    let web = scripts.iter().find(|script| script.id == WEB).unwrap();
    assert_eq!(web.migration_tag.as_deref(), Some("v1"));
    assert!(world.is_deployed().await);
}

#[tokio::test]
async fn a_changed_var_is_one_upload() {
    let mut world = deployed(worker("one", &[])).await;
    let mut spec = worker("one", &[]);
    spec.vars.insert("GREETING".to_owned(), json!("hello"));
    world.want_worker("web", spec);
    world.deploy().await.unwrap();
    assert_eq!(world.calls(false), [UPLOAD]);
    assert!(world.is_deployed().await);
}

#[tokio::test]
async fn what_is_only_attached_uploads_nothing() {
    let mut spec = worker("one", &[]);
    spec.crons = vec!["0 4 * * *".to_owned(), "0 5 * * *".to_owned()];
    let mut world = deployed(spec).await;

    let mut spec = worker("one", &[]);
    spec.url = true;
    spec.domains.insert("shop.example.com".to_owned());
    spec.routes.insert("example.com/shop/*".to_owned(), None);
    world.want_worker("web", spec);
    world.deploy().await.unwrap();
    let mut calls = world.calls(false);
    calls.sort();
    assert_eq!(calls.len(), 4, "{calls:#?}");
    assert!(calls.iter().all(|call| call != UPLOAD), "{calls:#?}");
    assert!(world.account.schedules(WEB).await.unwrap().is_empty());
    let url = world.state().await.resources[&at("worker.web")].outputs["url"].clone();
    assert!(url.starts_with("https://shop-prod-web."), "{url}");
    assert!(world.is_deployed().await);

    world.want_worker("web", worker("one", &[]));
    world.deploy().await.unwrap();
    assert!(world.account.domains().await.unwrap().is_empty());
    let subdomain = world.account.script_subdomain(WEB).await.unwrap();
    assert!(!subdomain.unwrap().enabled);
    // Where it was is not told any more.
    let state = world.state().await;
    assert!(
        !state.resources[&at("worker.web")]
            .outputs
            .contains_key("url")
    );
    assert!(world.is_deployed().await);
}

#[tokio::test]
async fn a_renamed_class_keeps_its_objects() {
    let mut world = deployed(worker("one", &["Chat"])).await;
    let before = objects(&world, WEB, "Chat").await;
    let mut spec = worker("two", &["Room"]);
    let renamed = ClassSpec {
        renamed_from: Some("Chat".to_owned()),
        transferred_from: None,
    };
    spec.classes.insert("Room".to_owned(), renamed);
    world.want_worker("web", spec);
    let told = Told::default();
    world
        .deploy_with(&told, ApplyOptions::default())
        .await
        .unwrap();
    assert_eq!(objects(&world, WEB, "Room").await, before);
    assert!(
        told.lines()
            .contains(&"worker.web says Durable Objects: renamed Chat to Room".to_owned()),
        "{:#?}",
        told.lines()
    );
    assert!(world.is_deployed().await);
}

#[tokio::test]
async fn a_class_goes_after_those_that_bind_it() {
    let mut world = World::new().await;
    world.want_worker("web", worker("one", &["Room", "Stays"]));
    let mut back = worker("back", &[]);
    let room = BindingSpec::DurableObject {
        class: "Room".to_owned(),
        worker: Some("web".to_owned()),
    };
    back.bindings.insert("ROOM".to_owned(), room);
    world.want_worker("back", back);
    world.deploy().await.unwrap();
    let stays = objects(&world, WEB, "Stays").await;

    world.want_worker("web", worker("two", &["Stays"]));
    world.want_worker("back", worker("back", &[]));
    let plan = world.plan().await;
    let losses: Vec<String> = plan.data_loss().iter().map(ToString::to_string).collect();
    assert_eq!(
        losses,
        ["Durable Object class `Room` of worker `web`, with all its objects"]
    );
    world.deploy().await.unwrap();
    assert_eq!(objects(&world, WEB, "Room").await, None);
    assert_eq!(objects(&world, WEB, "Stays").await, stays);
    assert!(world.is_deployed().await);
}

#[tokio::test]
async fn a_secret_is_made_up_once_and_outlives_deploys() {
    let spec = || {
        let mut spec = answering("JSON.stringify(env)");
        spec.url = true;
        spec.secrets
            .insert("SESSION".to_owned(), SecretSpec::Generate);
        let key = SecretSpec::Value(Secret::new("hunter2"));
        spec.secrets.insert("API_KEY".to_owned(), key);
        spec
    };
    let mut world = deployed(spec()).await;
    let first = ask(&world, "/").await;
    assert!(first.contains(r#""API_KEY":"hunter2""#), "{first}");
    let state = serde_json::to_string(&world.state().await).unwrap();
    let session = serde_json::from_str::<serde_json::Value>(&first).unwrap()["SESSION"].clone();
    assert!(!state.contains("hunter2") && !state.contains(session.as_str().unwrap()));

    // Somebody adds one, and this run has no value at hand.
    world
        .account
        .put_secret(WEB, "TOKEN", &Secret::new("abc"))
        .await
        .unwrap();
    let mut changed = spec();
    changed
        .secrets
        .insert("API_KEY".to_owned(), SecretSpec::Keep);
    changed.vars.insert("NEW".to_owned(), json!("var"));
    world.want_worker("web", changed);
    let plan = world.plan().await;
    let notes: Vec<&str> = plan.notes.iter().map(|note| note.text.as_str()).collect();
    assert!(
        notes
            .iter()
            .any(|note| note.contains("secret `TOKEN` was set outside of tiny, and stays")),
        "{notes:?}"
    );
    world.deploy().await.unwrap();
    let second: serde_json::Value = serde_json::from_str(&ask(&world, "/").await).unwrap();
    assert_eq!(
        second,
        json!({ "API_KEY": "hunter2", "NEW": "var", "SESSION": session, "TOKEN": "abc" })
    );
    assert!(world.plan().await.is_empty());
}

/// Its code as another tool uploads it, with what else it says.
pub(crate) fn by_another_tool(
    spec: &WorkerSpec,
    metadata: impl FnOnce(&mut UploadMetadata),
) -> Upload {
    let mut upload = Upload {
        metadata: UploadMetadata::new(Some(spec.code.main.clone()), "2026-11-01"),
        modules: spec.code.modules.clone(),
    };
    metadata(&mut upload.metadata);
    upload
}

#[tokio::test]
async fn a_var_of_the_dashboards_is_named_and_then_goes() {
    let spec = worker("one", &[]);
    let world = deployed(spec.clone()).await;
    let upload = by_another_tool(&spec, |metadata| {
        metadata.bindings.push(Binding {
            name: "DEBUG".to_owned(),
            kind: BindingKind::PlainText {
                text: "1".to_owned(),
                hidden: false,
            },
        });
    });
    world.account.upload_script(WEB, &upload).await.unwrap();

    let plan = world.plan().await;
    let changes: Vec<&str> = plan.steps[0]
        .changes
        .iter()
        .map(|change| change.path.as_str())
        .collect();
    assert_eq!(changes, ["vars.DEBUG"]);
    assert!(plan.notes.iter().any(|note| note.text.contains("`DEBUG`")));
    world.deploy().await.unwrap();
    let settings = world.account.worker_settings(WEB).await.unwrap().unwrap();
    assert!(settings.bindings.is_empty());
    assert!(world.is_deployed().await);
}

#[tokio::test]
async fn foreign_code_is_drift_and_is_replaced() {
    let world = deployed(worker("ours", &[])).await;
    let upload = by_another_tool(&worker("theirs", &[]), |_| {});
    world.account.upload_script(WEB, &upload).await.unwrap();
    let plan = world.plan().await;
    assert_eq!(plan.steps[0].action, Action::Update);
    assert_eq!(plan.drift.len(), 1);
    world.deploy().await.unwrap();
    assert!(world.is_deployed().await);
}

pub(crate) fn site(pages: &[(&str, &str)]) -> AssetsSpec {
    let files = pages.iter().map(|(path, text)| {
        let file = AssetFile {
            // Any 32 hex digits that change with the content.
            hash: format!(
                "{:0>32x}",
                text.bytes()
                    .fold(7_u64, |sum, byte| sum * 31 + u64::from(byte))
            ),
            size: text.len() as u64,
            content_type: Some("text/html".to_owned()),
            content: AssetContent::Memory(Bytes::copy_from_slice(text.as_bytes())),
        };
        ((*path).to_owned(), file)
    });
    AssetsSpec {
        files: files.collect(),
        config: tiny_cloudflare::AssetsConfig::default(),
    }
}

#[tokio::test]
async fn files_go_up_when_they_change_and_stay_when_the_code_does() {
    let spec = |text: &str, pages: &[(&str, &str)]| {
        let mut spec = worker(text, &[]);
        spec.url = true;
        spec.assets = Some(site(pages));
        spec
    };
    let session = "POST /workers/scripts/shop-prod-web/assets-upload-session";
    let files = "POST /workers/assets/upload";
    let pages = [("/index.html", "one"), ("/about.html", "two")];
    let mut world = World::new().await;
    world.want_worker("web", spec("worker", &pages));
    world.deploy().await.unwrap();
    let calls = world.calls(false);
    assert!(calls.contains(&session.to_owned()), "{calls:#?}");
    assert!(
        calls.iter().any(|call| call.starts_with(files)),
        "{calls:#?}"
    );
    assert_eq!(ask(&world, "/").await, "one");

    world.want_worker("web", spec("worker again", &pages));
    world.deploy().await.unwrap();
    assert_eq!(world.calls(false), [UPLOAD]);
    assert_eq!(ask(&world, "/").await, "one");

    let pages = [("/index.html", "three"), ("/about.html", "two")];
    world.want_worker("web", spec("worker again", &pages));
    world.deploy().await.unwrap();
    let calls = world.calls(false);
    assert_eq!(calls[0], session, "{calls:#?}");
    assert_eq!(calls[2], UPLOAD, "{calls:#?}");
    assert_eq!(ask(&world, "/").await, "three");

    // Cloudflare has the first files still: nothing but the session is needed.
    let pages = [("/index.html", "one"), ("/about.html", "two")];
    world.want_worker("web", spec("worker again", &pages));
    world.deploy().await.unwrap();
    assert_eq!(world.calls(false), [session, UPLOAD]);
    assert_eq!(ask(&world, "/").await, "one");
}

/// A worker that wrangler made, with one class and the tag `v1`, that is recorded as ours.
async fn taken_over() -> World {
    let world = World::new().await;
    let upload = by_another_tool(&worker("one", &["Room"]), |metadata| {
        metadata.classes = Some(Classes::Migrations(Migrations {
            old_tag: None,
            new_tag: "v1".to_owned(),
            steps: vec![MigrationStep {
                new_sqlite_classes: vec!["Room".to_owned()],
                ..MigrationStep::default()
            }],
        }));
        metadata.tags = Some(vec!["cf:service=web".to_owned()]);
    });
    world.account.upload_script(WEB, &upload).await.unwrap();
    let mut state = world.state().await;
    let address = at("worker.web");
    let goal = Goal::Deploy(&world.desired);
    let record = import(&world.account, goal, &state, &address, WEB)
        .await
        .unwrap()
        .unwrap();
    state.resources.insert(address, record);
    let guard = world.store.lock("test").await.unwrap();
    guard.save(&mut state).await.unwrap();
    guard.release().await.unwrap();
    world
}

#[tokio::test]
async fn a_worker_of_wranglers_moves_to_declared_classes() {
    let mut world = taken_over().await;
    let before = objects(&world, WEB, "Room").await;
    world.want_worker("web", worker("one", &["Room"]));
    let plan = world.plan().await;
    assert_eq!(plan.steps[0].action, Action::Migrate);
    assert!(plan.data_loss().is_empty());
    assert!(
        plan.notes
            .iter()
            .any(|note| note.text.contains("leave tagged migrations (now at `v1`)")),
        "{:?}",
        plan.notes
    );
    world.deploy().await.unwrap();
    assert_eq!(objects(&world, WEB, "Room").await, before);
    assert!(world.is_deployed().await);
    let scripts = world.account.scripts().await.unwrap();
    assert_eq!(
        scripts[0].tags,
        [
            "tiny:id=web",
            "tiny:stack=shop",
            "tiny:stage=prod",
            "cf:service=web"
        ]
    );
}

#[tokio::test]
async fn a_worker_stays_on_migrations_where_the_manifest_says_so() {
    let mut world = taken_over().await;
    let before = objects(&world, WEB, "Room").await;
    let mut spec = worker("two", &["Room", "Board"]);
    spec.tagged_migrations = true;
    world.want_worker("web", spec.clone());
    // The migration is made, and nobody hears of it.
    world.breaks(&["PUT /accounts/*/workers/scripts/*#1=drop-after"]);
    world.deploy().await.unwrap();
    world.breaks(&[]);
    let scripts = world.account.scripts().await.unwrap();
    assert_eq!(scripts[0].migration_tag.as_deref(), Some("v2"));
    assert_eq!(objects(&world, WEB, "Room").await, before);
    assert!(objects(&world, WEB, "Board").await.is_some());
    assert!(world.is_deployed().await);

    // And the next one follows, although its request never arrives at first.
    spec = worker("three", &["Room"]);
    spec.tagged_migrations = true;
    world.want_worker("web", spec);
    world.breaks(&["PUT /accounts/*/workers/scripts/*#1=drop-before"]);
    world.deploy().await.unwrap();
    world.breaks(&[]);
    let scripts = world.account.scripts().await.unwrap();
    assert_eq!(scripts[0].migration_tag.as_deref(), Some("v3"));
    assert_eq!(objects(&world, WEB, "Board").await, None);
    assert!(world.is_deployed().await);
}

#[tokio::test]
async fn a_worker_that_does_not_start_is_refused_in_its_own_words() {
    let mut spec = worker("", &[]);
    let code = "throw new Error('the cupboard is bare');";
    spec.code.modules = vec![Module {
        name: "index.js".to_owned(),
        kind: ModuleKind::EsModule,
        content: Bytes::from(code),
    }];
    let mut world = World::new().await;
    world.want_worker("web", spec);
    let error = world.deploy().await.unwrap_err();
    let EngineError::Step(failure) = &error else {
        panic!("{error:?}")
    };
    let EngineError::Cloudflare(refused) = &failure.error else {
        panic!("{error:?}")
    };
    assert!(refused.has_code(10021));
    assert!(
        error.to_string().contains("the cupboard is bare"),
        "{error}"
    );
    // Then it does.
    world.want_worker("web", worker("one", &[]));
    world.deploy().await.unwrap();
    assert!(world.is_deployed().await);
}

#[tokio::test]
async fn what_somebody_else_has_is_refused_before_anything_is_changed() {
    let mut world = World::new().await;
    let theirs = by_another_tool(&worker("theirs", &[]), |_| {});
    world
        .account
        .upload_script("theirs", &theirs)
        .await
        .unwrap();
    let zone = world.account.zones().await.unwrap().remove(0);
    world
        .account
        .create_route(&zone.id, "example.com/shop/*", "theirs")
        .await
        .unwrap();
    let mut spec = worker("one", &[]);
    spec.routes.insert("example.com/shop/*".to_owned(), None);
    world.want_worker("web", spec);
    world.calls(true);
    let error = world.deploy().await.unwrap_err();
    assert!(
        error.to_string().contains("leads to worker `theirs`"),
        "{error}"
    );
    assert_eq!(world.calls(false), [""; 0]);
    let actual = world.read(Goal::Deploy(&world.desired)).await;
    let state = world.state().await;
    let goal = Goal::Deploy(&world.desired);
    assert!(plan(goal, &state, &actual, &PlanOptions::default()).is_err());
}

#[tokio::test]
async fn a_worker_that_goes_takes_what_is_attached_with_it() {
    let mut spec = worker("one", &["Room"]);
    spec.routes.insert("example.com/shop/*".to_owned(), None);
    spec.domains.insert("shop.example.com".to_owned());
    let mut world = deployed(spec).await;
    world.drop("worker.web");
    assert_eq!(world.plan().await.data_loss().len(), 1);
    world.calls(true);
    world.deploy().await.unwrap();
    let calls = world.calls(false);
    assert_eq!(calls.len(), 3, "{calls:#?}");
    assert_eq!(calls[2], "DELETE /workers/scripts/shop-prod-web");
    assert!(world.scripts().await.is_empty());
    let zone = world.account.zones().await.unwrap().remove(0);
    assert!(world.account.routes(&zone.id).await.unwrap().is_empty());
    assert!(world.state().await.resources.is_empty());
}

#[tokio::test]
async fn one_secret_of_many_stages_is_not_mixed_up() {
    // The same value under two names leaves two hashes.
    let mut spec = worker("one", &[]);
    let value = || SecretSpec::Value(Secret::new("same"));
    spec.secrets = BTreeMap::from([("A".to_owned(), value()), ("B".to_owned(), value())]);
    let world = deployed(spec).await;
    let state = world.state().await;
    let secrets = &state.resources[&at("worker.web")].properties["secrets"];
    assert_ne!(secrets["A"], secrets["B"]);
    assert!(world.is_deployed().await);
}
