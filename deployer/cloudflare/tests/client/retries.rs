//! What is tried again, what is not, and how it ends.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tiny_cloudflare::{
    Cloudflare, CloudflareError, ConsumerSettings, D1Result, D1Statement, Exchange, Migrations,
    NewConsumer, NewD1Database, NewDeployment, NewR2Bucket, Schedule, ScriptSubdomain, Settings,
    Trace, TrafficShare, Upload, UploadMetadata, Waiting,
};

use crate::server::{Server, Step, answer, ok, refuse, text};

/// Everything that leaves open whether the request was carried out.
fn unknown_ends() -> Vec<(&'static str, Step)> {
    vec![
        ("dropped before", Step::DropBefore),
        ("dropped after", Step::DropAfter),
        ("dropped within", Step::DropWithin),
        ("hangs", Step::Hang),
        ("500", refuse(500, 10013, "workers.api.error.unknown")),
        (
            "502 of a proxy",
            text(502, "<html><h1>Bad Gateway</h1></html>"),
        ),
        ("no JSON", text(200, "{\"success\": tr")),
        ("another JSON", answer(200, json!(["hello"]))),
    ]
}

#[tokio::test]
async fn a_read_gets_over_every_trouble() {
    for (what, trouble) in unknown_ends() {
        let server = Server::plays(vec![trouble, ok(json!({ "id": "n", "title": "t" }))]).await;
        let found = server.account().kv_namespace("n").await;
        assert_eq!(found.unwrap().unwrap().title, "t", "{what}");
    }
}

#[tokio::test]
async fn a_whole_value_and_a_deletion_are_repeated() {
    for (what, trouble) in unknown_ends() {
        let server = Server::plays(vec![trouble, ok(json!({ "schedules": [] }))]).await;
        let crons = [Schedule {
            cron: "0 4 * * *".to_owned(),
        }];
        let done = server.account().put_schedules("w", &crons).await;
        assert!(done.is_ok(), "{what}: {done:?}");
    }
    for (what, trouble) in unknown_ends() {
        // The first attempt did it.
        let server = Server::plays(vec![trouble, refuse(404, 10007, "not found")]).await;
        let deleted = server.account().delete_script("w", false).await;
        assert!(!deleted.unwrap(), "{what}");
    }
}

#[tokio::test]
async fn a_creation_is_never_repeated_while_its_outcome_is_unclear() {
    for (what, trouble) in unknown_ends() {
        let server = Server::plays(vec![trouble, ok(json!({ "id": "2", "title": "t" }))]).await;
        let error = server.account().create_kv_namespace("t").await.unwrap_err();
        assert!(error.is_unclear(), "{what}: {error}");
        assert!(server.lines().len() <= 1, "{what}");
    }
}

#[tokio::test]
async fn every_call_that_would_do_twice_is_guarded() {
    let dropped = || Server::plays(vec![Step::DropAfter, ok(Value::Null)]);
    let statement = D1Statement {
        sql: "INSERT INTO t VALUES (?)".to_owned(),
        params: vec!["1".to_owned()],
    };
    let upload = Upload {
        metadata: UploadMetadata::new(None, "2026-11-01"),
        modules: Vec::new(),
    };
    let deployment = NewDeployment {
        versions: vec![TrafficShare {
            version_id: "v".to_owned(),
            percentage: 100.0,
        }],
        message: None,
        code_update: None,
    };
    let consumer = NewConsumer {
        script_name: "w".to_owned(),
        settings: ConsumerSettings::default(),
        dead_letter_queue: None,
    };
    let (bucket, database) = (NewR2Bucket::default(), NewD1Database::default());
    let mut migrating = upload.clone();
    migrating.metadata.classes = Some(tiny_cloudflare::Classes::Migrations(Migrations::default()));

    // A second attempt would be counted, and would succeed or be refused.
    let sent_once = |error: CloudflareError, server: &Server| {
        assert!(error.is_unclear(), "{error}");
        assert_eq!(server.lines().len(), 1, "{error}");
    };

    let server = dropped().await;
    let run = server.account().run_d1::<Value>("d", &statement).await;
    sent_once(run.unwrap_err(), &server);

    let server = dropped().await;
    let batch = server.account().run_d1_batch::<Value>("d", &[]).await;
    sent_once(batch.unwrap_err(), &server);

    let server = dropped().await;
    let version = server.account().upload_version("w", &upload).await;
    sent_once(version.unwrap_err(), &server);

    let server = dropped().await;
    let deployed = server.account().create_deployment("w", &deployment).await;
    sent_once(deployed.unwrap_err(), &server);

    let server = dropped().await;
    let queue = server.account().create_queue("q").await;
    sent_once(queue.unwrap_err(), &server);

    let server = dropped().await;
    let consumer = server.account().create_queue_consumer("q", &consumer).await;
    sent_once(consumer.unwrap_err(), &server);

    let server = dropped().await;
    let bucket = server.account().create_r2_bucket(&bucket, None).await;
    sent_once(bucket.unwrap_err(), &server);

    let server = dropped().await;
    let database = server.account().create_d1_database(&database).await;
    sent_once(database.unwrap_err(), &server);

    let server = dropped().await;
    let route = server.account().create_route("z", "a.example/*", "w").await;
    sent_once(route.unwrap_err(), &server);

    // Its tag would have moved on.
    let server = dropped().await;
    let migrated = server.account().upload_script("w", &migrating).await;
    sent_once(migrated.unwrap_err(), &server);
}

#[tokio::test]
async fn posts_and_uploads_that_set_a_whole_value_are_repeated() {
    let server = Server::plays(vec![Step::DropAfter, ok(json!({ "enabled": true }))]).await;
    let subdomain = ScriptSubdomain {
        enabled: true,
        previews_enabled: false,
    };
    let done = server.account().set_script_subdomain("w", subdomain).await;
    done.unwrap();

    let upload = Upload {
        metadata: UploadMetadata::new(None, "2026-11-01"),
        modules: Vec::new(),
    };
    let server = Server::plays(vec![Step::DropAfter, ok(json!({ "id": "w" }))]).await;
    server.account().upload_script("w", &upload).await.unwrap();
    let [first, second] = server.seen().try_into().unwrap();
    assert_eq!(first.form(), second.form());

    let rows = json!([{ "success": true, "results": [{ "n": 1 }], "meta": { "changes": 0 } }]);
    let server = Server::plays(vec![Step::DropAfter, ok(rows)]).await;
    let statement = D1Statement {
        sql: "SELECT 1 AS n".to_owned(),
        params: Vec::new(),
    };
    let read: Vec<D1Result<Value>> = server.account().read_d1("d", &statement).await.unwrap();
    assert_eq!(read[0].results, [json!({ "n": 1 })]);
}

#[tokio::test]
async fn what_was_refused_for_now_is_repeated_even_when_it_creates() {
    for refusal in [
        refuse(429, 971, "slow down"),
        refuse(404, 100_146, "The version cannot be read yet."),
        refuse(
            409,
            10035,
            "Multiple attempts to modify a resource occurred",
        ),
    ] {
        let made = ok(json!({ "id": "n", "title": "t" }));
        let server = Server::plays(vec![refusal, made]).await;
        let namespace = server.account().create_kv_namespace("t").await.unwrap();
        assert_eq!(namespace.id, "n");
        assert_eq!(server.lines().len(), 2);
    }
}

#[tokio::test]
async fn other_refusals_are_final() {
    let refused = refuse(
        400,
        10014,
        "a namespace with this account ID and title already exists",
    );
    let server = Server::plays(vec![refused, ok(Value::Null)]).await;
    let error = server.account().create_kv_namespace("t").await.unwrap_err();
    assert!(error.has_code(tiny_cloudflare::code::KV_TITLE_TAKEN));
    assert_eq!(server.lines().len(), 1);
}

#[tokio::test]
async fn retry_after_is_waited_for() {
    let busy = refuse(429, 971, "slow down").with("Retry-After", "1");
    let server = Server::plays(vec![busy, ok(json!([]))]).await;
    let began = Instant::now();
    server.account().scripts().await.unwrap();
    assert!(began.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_pause_that_is_too_long_is_told_instead_of_waited_for() {
    let busy = refuse(429, 971, "slow down").with("Retry-After", "4000");
    let server = Server::plays(vec![busy, ok(json!([]))]).await;
    let error = server.account().scripts().await.unwrap_err();
    assert_eq!(
        error.refusal().unwrap().retry_after,
        Some(Duration::from_secs(4000))
    );
    let help = miette::Diagnostic::help(&error).unwrap().to_string();
    assert!(help.contains("4000 s"), "{help}");
    assert_eq!(server.lines().len(), 1);
}

#[tokio::test]
async fn patience_ends() {
    let server = Server::plays((0..9).map(|_| refuse(503, 10013, "busy")).collect()).await;
    let error = server.account().scripts().await.unwrap_err();
    assert_eq!(error.refusal().unwrap().status, 503);
    assert_eq!(server.lines().len(), 5);

    let server = Server::plays((0..9).map(|_| Step::DropAfter).collect()).await;
    let error = server.account().scripts().await.unwrap_err();
    assert!(matches!(
        error,
        CloudflareError::Unreachable { attempts: 5, .. }
    ));

    // A change that may have been made is not reported as one that was not, whatever came last.
    let mut steps = vec![Step::DropAfter];
    steps.extend((0..9).map(|_| refuse(429, 971, "slow down")));
    let server = Server::plays(steps).await;
    let error = server.account().delete_queue("q").await.unwrap_err();
    assert!(error.is_unclear(), "{error}");
    assert_eq!(server.lines().len(), 5);
}

#[tokio::test]
async fn without_a_connection_nothing_is_unclear() {
    let server = Server::plays(Vec::new()).await;
    // The script is over: the port is closed.
    tokio::task::yield_now().await;
    let error = server.account().create_kv_namespace("t").await.unwrap_err();
    assert!(
        matches!(&error, CloudflareError::Unreachable { attempts: 5, why, .. } if why.contains("no connection")),
        "{error}"
    );
}

#[tokio::test]
async fn a_connection_closed_while_idle_is_no_reason_for_doubt() {
    let empty = json!({ "success": true, "errors": [], "result": [] }).to_string();
    let made = ok(json!({ "id": "n", "title": "t" }));
    let server = Server::plays(vec![Step::AnswerAndClose(empty), made]).await;
    let account = server.account();
    account.scripts().await.unwrap();
    // Time for the end of the connection to arrive.
    tokio::time::sleep(Duration::from_millis(100)).await;
    // On a task of its own, as the engine does it.
    let made = tokio::spawn(async move { account.create_kv_namespace("t").await });
    assert_eq!(made.await.unwrap().unwrap().id, "n");
}

#[tokio::test]
async fn a_wrong_account_does_not_make_everything_look_absent() {
    let lost = refuse(
        404,
        7003,
        "Could not route to /accounts/acc, perhaps your object identifier is invalid?",
    );
    let server = Server::plays(vec![lost]).await;
    let error = server.account().worker_settings("w").await.unwrap_err();
    assert!(!error.is_not_found(), "{error}");

    let gone = refuse(404, 10007, "This Worker does not exist on your account.");
    let server = Server::plays(vec![gone]).await;
    assert!(
        server
            .account()
            .worker_settings("w")
            .await
            .unwrap()
            .is_none()
    );

    // A page of somebody on the way says nothing about workers either.
    let server = Server::plays(vec![text(404, "<html>no such host</html>")]).await;
    assert!(server.account().worker_settings("w").await.is_err());
}

#[tokio::test]
async fn the_token_is_not_carried_to_where_a_redirect_leads() {
    let away = text(302, "").with("Location", "http://127.0.0.1:1/");
    let server = Server::plays(vec![away]).await;
    let error = server.account().scripts().await.unwrap_err();
    assert_eq!(error.refusal().unwrap().status, 302);
}

#[derive(Default)]
struct Pauses(Mutex<Vec<(u32, String)>>);

impl Trace for Pauses {
    fn exchange(&self, _: &Exchange) {}

    fn waiting(&self, waiting: &Waiting<'_>) {
        let told = (waiting.attempt, waiting.why.to_owned());
        self.0.lock().unwrap().push(told);
    }
}

#[tokio::test]
async fn pauses_are_told() {
    let steps = vec![Step::DropAfter, refuse(500, 10013, "fault"), ok(json!([]))];
    let server = Server::plays(steps).await;
    let pauses = Arc::new(Pauses::default());
    let settings = Settings {
        trace: Some(pauses.clone()),
        ..server.settings()
    };
    let account = Cloudflare::new(settings).unwrap().account_of("acc");
    account.scripts().await.unwrap();
    let pauses = pauses.0.lock().unwrap();
    assert_eq!(pauses.len(), 2);
    assert_eq!(pauses[0].0, 1);
    assert!(pauses[1].1.contains("fault"), "{pauses:?}");
}
