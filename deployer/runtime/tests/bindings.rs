//! Every kind of binding, in the real workerd.

#![allow(clippy::unwrap_used)] // a test's way to fail

mod support;

use std::time::{Duration, Instant, SystemTime};

use http::Request;
use serde_json::json;
use support::{Bench, PATIENCE, bind, class, worker};
use tiny_runtime::{Binding, D1Database, Migrations, Pattern, QueueConsumer, Stack};

/// How long the worker puts a message off.
const LATE: Duration = Duration::from_secs(2);

fn consumer(queue: &str) -> QueueConsumer {
    QueueConsumer {
        queue: queue.to_owned(),
        known_as: None,
        batch_size: 10,
        batch_timeout_secs: 0,
        max_retries: 2,
        retry_delay: None,
        dead_letter_queue: (queue == "jobs").then(|| "dead".to_owned()),
        max_concurrency: None,
    }
}

fn everything(bench: &Bench) -> Stack {
    let mut main = worker("main", include_str!("workers/everything.js"));
    let id = |id: &str| id.to_owned();
    let service = |entrypoint: Option<&str>| Binding::Service {
        worker: if entrypoint.is_some() {
            id("main")
        } else {
            id("other")
        },
        entrypoint: entrypoint.map(str::to_owned),
        props: entrypoint.map(|_| json!({ "of": "\"quotes\"" })),
    };
    for (name, binding) in [
        (
            "TEXT",
            Binding::Text("with \"quotes\" and\nlines".to_owned()),
        ),
        ("JSON", Binding::Json(json!({ "a": [1, "é"] }))),
        ("SECRET", Binding::Secret("hush".to_owned())),
        ("KV", Binding::Kv { id: id("cache") }),
        (
            "R2",
            Binding::R2 {
                bucket: id("files"),
            },
        ),
        ("D1", Binding::D1 { id: id("db") }),
        (
            "LIMITER",
            Binding::RateLimit {
                limit: 3,
                period: 60,
            },
        ),
        (
            "QUEUE",
            Binding::Queue {
                queue: id("jobs"),
                delivery_delay: None,
            },
        ),
        ("ASSETS", Binding::Assets),
        (
            "POINTS",
            Binding::Analytics {
                dataset: id("points"),
            },
        ),
        ("VERSION", Binding::VersionMetadata),
        (
            "EMAIL",
            Binding::SendEmail {
                allowed_destinations: vec![id("you@a.test")],
                allowed_senders: Vec::new(),
            },
        ),
        (
            "AI",
            Binding::RemoteOnly {
                product: id("Workers AI"),
            },
        ),
        ("OTHER", service(None)),
        ("ADMIN", service(Some("Admin"))),
        (
            "COUNTER",
            Binding::DurableObject {
                class: id("Counter"),
                worker: None,
            },
        ),
    ] {
        bind(&mut main, name, binding);
    }
    main.classes = vec![class("Counter"), class("Unbound")];
    main.consumers = vec![consumer("jobs"), consumer("dead")];
    let other = worker(
        "other",
        "export default { fetch() { return new Response('other') } }",
    );
    let migrations = bench.path().join("migrations");
    fs_err::create_dir_all(&migrations).unwrap();
    fs_err::write(
        migrations.join("0001_people.sql"),
        "-- people\nCREATE TABLE people(name TEXT);\nINSERT INTO people VALUES ('ada; or not');\n",
    )
    .unwrap();
    let mut stack = bench.stack(vec![main, other]);
    stack.d1 = vec![D1Database {
        id: id("db"),
        migrations: Some(Migrations {
            pattern: Pattern::new("**/*.sql").unwrap(),
            table: "applied \"so far\"".to_owned(),
            ..Migrations::in_folder(migrations)
        }),
    }];
    stack
}

#[tokio::test]
async fn every_binding_works_locally() {
    let mut bench = Bench::new().await;
    let stack = everything(&bench);
    bench.run(&stack).await;
    for (path, answer) in [
        ("/text", "with \"quotes\" and\nlines {\"a\":[1,\"é\"]} hush"),
        ("/kv", "value 1 1"),
        ("/r2", "content 1"),
        ("/d1", "ada; or not"),
        ("/cache", "kept"),
        ("/assets", "main GET /a%20b.css?x=1"),
        ("/analytics", "written"),
        ("/email", "sent"),
        (
            "/email-to-others",
            "Error: email destination they@a.test is not allowed by this binding",
        ),
        (
            "/remote",
            "Workers AI has no local form: `run` works only once the worker is deployed",
        ),
        ("/service", "other admin of \"quotes\""),
        ("/exports", "hello from a class that nothing binds"),
        ("/counter/hit", "1 hits, call 1"),
    ] {
        assert_eq!(bench.get("main", path).await, answer, "{path}");
    }
    // With other keys when another minute, for which others are allowed, began in the middle.
    let minute = || SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() / 60;
    for key in 0.. {
        let began = minute();
        let allowed = bench.get("main", &format!("/limit?{key}")).await;
        if minute() == began {
            assert_eq!(allowed, "true true true false true");
            break;
        }
    }
    let cf = Request::get("/cf").header("x-tiny-cf", r#"{"colo":"TST"}"#);
    assert_eq!(bench.send("main", cf).await.1, "TST null");
    bench.get("main", "/counter/alarm").await;
    bench.until("main", "/counter/look", "2 hits").await;

    let version = bench.get("main", "/version").await;
    assert_eq!(version.len(), 36, "{version}");
    let files = |folder: &str| -> Vec<String> {
        let folder = stack.state.join(folder);
        let mut files: Vec<_> = folder
            .read_dir_utf8()
            .unwrap()
            .map(|entry| fs_err::read_to_string(entry.unwrap().path()).unwrap())
            .collect();
        files.sort();
        files
    };
    assert_eq!(files("email"), ["Subject: hi\r\n\r\nbody"]);
    // Points are on their way to the file when the request that made them is answered.
    let began = Instant::now();
    let points = stack.state.join("analytics/points.jsonl");
    while !fs_err::read_to_string(&points).is_ok_and(|points| points.contains('\n')) {
        assert!(began.elapsed() < PATIENCE, "no point is written");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(files("analytics")[0].contains(r#""doubles":[1.5]"#));
}

#[tokio::test]
async fn data_outlives_the_runtime_and_secrets_are_in_no_file() {
    let mut bench = Bench::new().await;
    let stack = everything(&bench);
    bench.run(&stack).await;
    bench.get("main", "/kv").await;
    bench.get("main", "/counter/hit").await;
    bench.run(&stack).await;
    assert_eq!(bench.get("main", "/counter/hit").await, "2 hits, call 1");
    assert_eq!(bench.get("main", "/d1").await, "ada; or not");
    let config = fs_err::read_to_string(stack.run.join("workerd.capnp")).unwrap();
    assert!(config.contains("TINY_SECRET_0") && !config.contains("hush"));

    // A migration more, and one that is wrong.
    let migrations = stack.d1[0].migrations.clone().unwrap().folder;
    fs_err::create_dir(migrations.join("0002_more")).unwrap();
    fs_err::write(
        migrations.join("0002_more/migration.sql"),
        "INSERT INTO people VALUES ('bob');",
    )
    .unwrap();
    bench.run(&stack).await;
    assert_eq!(bench.get("main", "/d1").await, "ada; or not bob");
    fs_err::write(
        migrations.join("0003.sql"),
        "INSERT INTO people VALUES ('eve');\nINSERT INTO nowhere VALUES (1);",
    )
    .unwrap();
    let prepared = bench.runtime.prepare(&stack).await.unwrap();
    let error = bench.runtime.swap(prepared).await.unwrap_err().to_string();
    assert!(
        error.contains("0003.sql") && error.contains("nowhere"),
        "{error}"
    );
    fs_err::remove_file(migrations.join("0003.sql")).unwrap();
    bench.run(&stack).await;
    assert_eq!(bench.get("main", "/d1").await, "ada; or not bob");
}

#[tokio::test]
async fn queues_deliver_retry_bury_and_survive_a_swap() {
    let mut bench = Bench::new().await;
    let stack = everything(&bench);
    bench.run(&stack).await;
    bench.get("main", "/send").await;
    for n in 1..=3 {
        bench
            .until("main", "/received", &format!("jobs:{{\"n\":{n}}}#1;"))
            .await;
    }
    bench.get("main", "/send-poison").await;
    bench
        .until("main", "/received", "dead:{\"poison\":true}#1;")
        .await;
    let sent = Instant::now();
    bench.get("main", "/send-late").await;
    bench.run(&stack).await;
    let received = bench.get("main", "/received").await;
    // A slow machine may take as long over the swap as the message is put off.
    assert!(sent.elapsed() >= LATE || !received.contains("late"));
    bench
        .until("main", "/received", "jobs:{\"late\":true}#1;")
        .await;
}

#[tokio::test]
async fn scheduled_handlers_run_when_asked() {
    let mut bench = Bench::new().await;
    let stack = everything(&bench);
    bench.run(&stack).await;
    let controller = bench.runtime.controller();
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
    assert_eq!(
        controller.scheduled("main", "0 4 * * *", at).await.unwrap(),
        "ok"
    );
    assert_eq!(
        bench.get("main", "/crons").await,
        "0 4 * * * at 1700000000123"
    );
    let error = controller.scheduled("other", "0 4 * * *", at).await;
    assert_ne!(error.unwrap_or_default(), "ok");
}

#[tokio::test]
async fn email_handlers_get_messages_and_say_what_becomes_of_them() {
    let mut bench = Bench::new().await;
    let stack = everything(&bench);
    bench.run(&stack).await;
    let controller = bench.runtime.controller();
    let raw = b"Subject: a\r\n folded one\r\n\r\nbody";
    let outcome = controller
        .email("main", "you@a.test", "in@a.test", raw)
        .await;
    assert_eq!(outcome.unwrap(), "forwarded to me@a.test");
    assert_eq!(bench.get("main", "/mail").await, "a folded one of 31: 31");
    let outcome = controller
        .email("main", "spam@a.test", "in@a.test", raw)
        .await;
    assert_eq!(outcome.unwrap(), "rejected: no spam");
}

#[tokio::test]
async fn what_workers_log_is_heard() {
    let mut bench = Bench::new().await;
    let stack = everything(&bench);
    bench.run(&stack).await;
    bench.get("main", "/log").await;
    bench.hears_log("a line { of: 'objects' }").await;
    bench.hears_log("a warning").await;
    let (status, _) = bench.send("main", Request::get("/throw")).await;
    assert_eq!(status, 500);
    bench.hears_log("thrown on purpose").await;
}
