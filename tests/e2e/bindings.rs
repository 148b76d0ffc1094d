//! `tiny dev` with workers that touch every kind of binding: all of them local, all of them kept.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Dev, Tiny, within_one_minute};

/// How long until something that fires every minute must have done so.
const OVER_A_MINUTE: Duration = Duration::from_mins(2);

/// The texts of the ledger's entries of one kind.
fn lines(ledger: &Value, kind: &str) -> Vec<String> {
    ledger
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["kind"] == kind)
        .map(|entry| entry["text"].as_str().unwrap().to_owned())
        .collect()
}

/// Waits until a line of the ledger fits.
async fn ledger_has(dev: &Dev, kind: &str, fits: impl Fn(&str) -> bool) {
    dev.json_until("/ledger", |ledger| {
        lines(ledger, kind).iter().any(|line| fits(line))
    })
    .await;
}

async fn posted(dev: &Dev, path: &str, body: impl Into<reqwest::Body>) -> Value {
    let answer = dev.post(path, body).await;
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    assert_eq!(status, 200, "{path}: {text}");
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn every_kind_of_binding_works_and_keeps_its_data() {
    let mut dev = Tiny::bindings("every-kind").dev().await;
    vars_are_text_or_json_and_secrets_come_from_the_env_file(&dev).await;
    kv_keeps_values_with_metadata(&dev).await;
    r2_keeps_objects_small_and_in_parts(&dev).await;
    d1_has_its_migrations_applied(&dev).await;
    the_cache_gives_back_what_was_put(&dev).await;
    the_rate_limit_counts_each_key_for_itself(&dev).await;
    static_files_are_served_and_the_worker_can_fetch_them(&dev).await;
    objects_count_in_sqlite_and_wake_by_alarm(&dev).await;
    a_class_that_nothing_binds_is_in_the_exports(&dev).await;
    another_worker_answers_by_fetch_method_and_entrypoint(&dev).await;
    a_queue_delivers_retries_and_buries(&dev).await;
    events_mail_and_version_are_there(&dev).await;
    what_is_remote_only_says_so(&dev).await;
    requests_look_as_if_cloudflare_had_passed_them_on(&dev).await;
    a_cron_fires_by_itself_and_on_demand(&mut dev).await;
    nothing_that_was_said_has_the_secret_in_it(&mut dev);

    let (code, project) = dev.interrupt().await;
    assert_eq!(code, Some(130));
    let dev = project.dev().await;
    everything_is_still_there(&dev).await;
}

async fn vars_are_text_or_json_and_secrets_come_from_the_env_file(dev: &Dev) {
    assert_eq!(
        dev.json("/vars").await,
        json!({
            "greeting": "hello",
            "limits": {"cart": 50, "tags": ["a", "b"]},
            "token": "of-the-tests",
        })
    );
}

async fn kv_keeps_values_with_metadata(dev: &Dev) {
    posted(dev, "/kv/tea", "green").await;
    posted(dev, "/kv/bread", "rye").await;
    let tea = json!({"text": "green", "metadata": {"length": 5}});
    assert_eq!(dev.json("/kv/tea").await, tea);
    assert_eq!(dev.json("/kv").await, json!(["bread", "tea"]));
    assert_eq!(dev.json("/kv/none").await["text"], Value::Null);
}

async fn r2_keeps_objects_small_and_in_parts(dev: &Dev) {
    let stored = posted(dev, "/r2/letter", "dear all").await;
    assert_eq!(stored, json!({"key": "letter", "size": 8}));
    assert_eq!(
        dev.json("/r2/letter").await,
        json!({
            "size": 8,
            "start": "dear all",
            "type": "text/plain",
            "custom": {"made-by": "first"},
        })
    );
    let size = 5 * 1024 * 1024 + "the end".len();
    assert_eq!(posted(dev, "/multipart/big", "").await["size"], size);
    let big = dev.json("/r2/big").await;
    assert_eq!(big["size"], size);
    assert_eq!(big["start"], "x".repeat(20));
    assert_eq!(dev.json("/r2").await, json!(["big", "letter"]));
}

async fn d1_has_its_migrations_applied(dev: &Dev) {
    posted(dev, "/d1", "first note").await;
    assert_eq!(
        dev.json("/d1").await,
        json!([{"id": 1, "text": "first note"}])
    );
}

async fn the_cache_gives_back_what_was_put(dev: &Dev) {
    assert_eq!(dev.json("/cache/page").await, Value::Null);
    posted(dev, "/cache/page", "as it was").await;
    assert_eq!(dev.json("/cache/page").await, "as it was");
}

async fn the_rate_limit_counts_each_key_for_itself(dev: &Dev) {
    let allowed = within_one_minute(async |attempt| {
        let mut allowed = Vec::new();
        for user in ["alice", "alice", "alice", "alice", "bob"] {
            let answer = dev.json(&format!("/limit/{user}-{attempt}")).await;
            allowed.push(answer["allowed"].as_bool().unwrap());
        }
        allowed
    })
    .await;
    assert_eq!(allowed, [true, true, true, false, true]);
}

async fn static_files_are_served_and_the_worker_can_fetch_them(dev: &Dev) {
    assert_eq!(dev.text("/plain.txt").await, "a static file\n");
    assert_eq!(dev.text("/asset/plain.txt").await, "a static file\n");
    assert_eq!(dev.get("/asset/none.txt").await.status(), 404);
    let page = dev.get("/page").await;
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
}

async fn objects_count_in_sqlite_and_wake_by_alarm(dev: &Dev) {
    assert_eq!(dev.json("/room/a").await["stored"], 1);
    assert_eq!(dev.json("/room/a").await["stored"], 2);
    assert_eq!(dev.json("/room/b").await["stored"], 1);
    dev.json("/room/a/alarm?200").await;
    ledger_has(dev, "alarm", |line| line == "3").await;
    let mut socket = dev.socket("/room/a/socket?ann").await;
    let answer = socket.ask("hello").await;
    assert_eq!(
        (&answer["name"], &answer["stored"]),
        (&json!("ann"), &json!(4))
    );
}

async fn a_class_that_nothing_binds_is_in_the_exports(dev: &Dev) {
    assert_eq!(dev.json("/hidden/x").await["visits"], 1);
    assert_eq!(dev.json("/hidden/x").await["visits"], 2);
}

async fn another_worker_answers_by_fetch_method_and_entrypoint(dev: &Dev) {
    let hello = "hello from the second";
    assert_eq!(dev.text("/second/hello").await, hello);
    assert_eq!(
        dev.get_of("second", "/hello").await.text().await.unwrap(),
        hello
    );
    assert_eq!(dev.get_of("first", "/vars").await.status(), 200);
    assert_eq!(dev.json("/add/2/40").await, json!(42.0));
    assert_eq!(
        dev.json("/audit/monday").await,
        "nothing happened on monday"
    );
    // The object lives in the first worker; both see the same one.
    assert_eq!(dev.json("/second/room/shared").await["stored"], 1);
    assert_eq!(dev.json("/room/shared").await["stored"], 2);
}

async fn a_queue_delivers_retries_and_buries(dev: &Dev) {
    posted(dev, "/orders", "tea").await;
    posted(dev, "/orders", "bad eggs").await;
    ledger_has(dev, "order", |line| line.starts_with("tea from")).await;
    ledger_has(dev, "order", |line| line.contains("graveyard")).await;
    let ledger = dev.json("/ledger").await;
    let eggs: Vec<_> = lines(&ledger, "order")
        .into_iter()
        .filter(|line| line.starts_with("bad eggs"))
        .collect();
    // Once, one retry, and then the dead letter queue.
    assert_eq!(eggs.len(), 3, "{eggs:?}");
    assert!(eggs[2].contains("graveyard"), "{eggs:?}");
}

async fn events_mail_and_version_are_there(dev: &Dev) {
    assert_eq!(posted(dev, "/event", "").await["written"], true);
    assert_eq!(posted(dev, "/email", "").await["sent"], 2);
    let kept = dev.project().root().join(".tiny/dev/state/email");
    assert_eq!(kept.read_dir_utf8().unwrap().count(), 2);

    let to = "/cdn-cgi/handler/email?from=ann@example.com&to=shop@example.com";
    let mail = "From: ann@example.com\r\nSubject: Tea\r\n\r\nIs there any?";
    let answer = dev.post(to, mail).await.text().await.unwrap();
    assert!(answer.contains("nobody lives here"), "{answer}");
    let line = format!("Tea, {} bytes", mail.len());
    ledger_has(dev, "mail", |found| found == line).await;
    let version = dev.json("/version").await;
    assert!(
        version["id"].as_str().is_some_and(|id| id.len() == 36),
        "{version}"
    );
}

async fn what_is_remote_only_says_so(dev: &Dev) {
    let answer = dev.json("/ai").await;
    let error = answer["error"].as_str().unwrap_or_default();
    assert!(error.contains("Workers AI"), "{answer}");
}

async fn requests_look_as_if_cloudflare_had_passed_them_on(dev: &Dev) {
    let cf = dev.json("/cf").await;
    assert_eq!(cf["ip"], "127.0.0.1");
    assert!(
        cf["colo"].as_str().is_some_and(|colo| colo.len() == 3),
        "{cf}"
    );
}

async fn a_cron_fires_by_itself_and_on_demand(dev: &mut Dev) {
    let now = "/cdn-cgi/handler/scheduled?cron=0+4+*+*+*&time=1767225600000";
    assert_eq!(dev.get(now).await.status(), 200);
    let told = "0 4 * * * at 1767225600000";
    ledger_has(dev, "cron", |line| line == told).await;
    dev.json_within(OVER_A_MINUTE, "/ledger", |ledger| {
        lines(ledger, "cron")
            .iter()
            .any(|line| line.starts_with("* * * * * at"))
    })
    .await;
    let fired = dev
        .event_where("cron", |event| event["cron"] == "* * * * *")
        .await;
    assert_eq!(fired["worker"], "first");
    assert_eq!(fired["outcome"], "ok");
}

fn nothing_that_was_said_has_the_secret_in_it(dev: &mut Dev) {
    let story = dev.story();
    assert!(story.contains("/vars"), "{story}");
    assert!(!story.contains("of-the-tests"), "{story}");
}

async fn everything_is_still_there(dev: &Dev) {
    assert_eq!(dev.json("/kv/tea").await["text"], "green");
    assert_eq!(dev.json("/r2/letter").await["start"], "dear all");
    assert_eq!(dev.json("/d1").await[0]["text"], "first note");
    assert_eq!(dev.json("/cache/page").await, "as it was");
    assert_eq!(dev.json("/room/b").await["stored"], 2);
    assert_eq!(dev.json("/hidden/x").await["visits"], 3);
}

/// One session, because each of these is a reload of the same workers.
#[tokio::test]
async fn a_reload_loses_nothing_and_takes_in_what_changed() {
    let mut dev = Tiny::bindings_to_edit("reload").dev().await;
    messages_and_alarms_survive_and_sockets_are_told(&mut dev).await;
    a_new_migration_is_applied_to_the_rows_that_are_there(&mut dev).await;
    a_changed_secret_is_handed_over_but_not_shown(&mut dev).await;
    a_changed_static_file_needs_no_restart(&mut dev).await;
    a_worker_taken_out_of_the_manifest_is_gone(&mut dev).await;
}

async fn messages_and_alarms_survive_and_sockets_are_told(dev: &mut Dev) {
    let mut socket = dev.socket("/room/a/socket?ann").await;
    socket.ask("hello").await;
    dev.json("/room/a/alarm?3000").await;
    posted(dev, "/orders", "slow tea").await;
    let version = dev.json("/version").await;
    dev.edit_and_reload("src/values.rs", |source| {
        source.replace("\"said\": text", "\"said\": \"new\"")
    })
    .await;
    assert_eq!(socket.closed().await, 1012);
    assert_eq!(dev.json("/say/x").await["said"], "new");
    assert_ne!(dev.json("/version").await, version);
    ledger_has(dev, "order", |line| line.starts_with("slow tea from")).await;
    ledger_has(dev, "alarm", |line| line == "2").await;
}

async fn a_new_migration_is_applied_to_the_rows_that_are_there(dev: &mut Dev) {
    posted(dev, "/d1", "early").await;
    let path = dev.project().root().join("migrations/0002_done.sql");
    fs_err::write(
        path,
        "ALTER TABLE notes ADD COLUMN done INTEGER NOT NULL DEFAULT 0;\n",
    )
    .unwrap();
    dev.event("reload").await;
    assert_eq!(
        dev.json("/d1").await,
        json!([{"id": 1, "text": "early", "done": 0}])
    );
}

async fn a_changed_secret_is_handed_over_but_not_shown(dev: &mut Dev) {
    dev.edit(".env", |text| {
        text.replace("of-the-tests", "of-the-evening")
    });
    dev.event("reload").await;
    assert_eq!(dev.json("/vars").await["token"], "of-the-evening");
    // As with wrangler it stands alone where there is one.
    fs_err::write(
        dev.project().root().join(".dev.vars"),
        "TOKEN=of-the-night\n",
    )
    .unwrap();
    dev.event("reload").await;
    assert_eq!(dev.json("/vars").await["token"], "of-the-night");
    let story = dev.story();
    assert!(
        !story.contains("of-the-evening") && !story.contains("of-the-night"),
        "{story}"
    );
}

async fn a_changed_static_file_needs_no_restart(dev: &mut Dev) {
    let awake = dev.json("/room/still").await["awake"].as_u64().unwrap();
    dev.edit("public/style.css", |css| css.replace("1, 2, 3", "4, 5, 6"));
    let event = dev.event("assets").await;
    assert!(
        event["paths"][0].as_str().unwrap().ends_with("style.css"),
        "{event}"
    );
    assert!(dev.text("/style.css").await.contains("4, 5, 6"));
    assert!(dev.text("/asset/style.css").await.contains("4, 5, 6"));
    // What is in memory is still there.
    assert_eq!(dev.json("/room/still").await["awake"], awake + 1);
}

async fn a_worker_taken_out_of_the_manifest_is_gone(dev: &mut Dev) {
    dev.edit("tiny.toml", |text| {
        let (before, second) = text.split_once("[workers.second]").unwrap();
        let (_, after) = second.split_once("[kv.notes]").unwrap();
        let before: String = before
            .lines()
            .filter(|line| !line.contains("\"second\""))
            .fold(String::new(), |text, line| text + line + "\n");
        format!("{before}[kv.notes]{after}")
    });
    dev.event("reload").await;
    assert_eq!(dev.get("/second/hello").await.status(), 500);
    assert_eq!(dev.get("/vars").await.status(), 200);
}

#[tokio::test]
async fn panics_and_logs_are_told_and_the_next_request_works() {
    let mut dev = Tiny::bindings("panics").dev().await;

    dev.json("/say/cheese").await;
    for (level, text) in [
        ("log", "said cheese"),
        ("warn", "warned of"),
        ("error", "erred on"),
    ] {
        dev.event_where("log", |event| {
            event["level"] == level && event["message"].as_str().unwrap().contains(text)
        })
        .await;
    }
    let line = dev
        .event_where("request", |event| event["path"] == "/say/cheese")
        .await;
    assert_eq!(
        (&line["worker"], &line["method"], &line["status"]),
        (&json!("first"), &json!("GET"), &json!(200))
    );
    assert!(line["ms"].is_u64(), "{line}");

    for _ in 0..2 {
        let answer = dev.get("/panic").await;
        assert_eq!(answer.status(), 500);
        let text = answer.text().await.unwrap();
        assert!(text.contains("boom from the worker"), "{text}");
        // With the names of Rust, not only numbers of wasm.
        dev.event_where("log", |event| {
            let message = event["message"].as_str().unwrap();
            message.contains("boom from the worker") && message.contains("fixture_bindings")
        })
        .await;
        assert_eq!(dev.get("/vars").await.status(), 200);
    }

    assert_eq!(dev.json("/room/a").await["stored"], 1);
    assert_eq!(dev.get("/room/a/panic").await.status(), 500);
    dev.event_where("log", |event| {
        event["message"]
            .as_str()
            .unwrap()
            .contains("boom from the room")
    })
    .await;
    assert_eq!(dev.json("/room/a").await["stored"], 2);

    assert_eq!(dev.get("/second/boom").await.status(), 500);
    assert_eq!(dev.text("/second/hello").await, "hello from the second");
}
