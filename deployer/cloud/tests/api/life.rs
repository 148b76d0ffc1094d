//! Starting, stopping, being killed, and what is left.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use camino::Utf8Path;
use serde_json::{Value, json};
use tiny_cloud::{CloudError, RateLimit};

use crate::rig::{PATIENCE, Rig, client, no_programs, options, sent};

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let rig = Rig::start().await;
    let account = rig.account().await;
    let id = account.id().to_owned();
    let namespace = account.create_kv_namespace("cache").await.unwrap();
    let queue = account.create_queue("mails").await.unwrap();
    rig.post("A/r2/buckets", json!({"name": "uploads"})).await;
    let database = rig
        .post("A/d1/database", json!({"name": "main"}))
        .await
        .body["result"]["uuid"]
        .as_str()
        .unwrap()
        .to_owned();
    let query = format!("A/d1/database/{database}/query");
    rig.post(
        &query,
        json!({"sql": "create table t (a); insert into t values ('kept')"}),
    )
    .await;
    let zone = account.zone("example.com").await.unwrap();

    let rig = rig.restarted().await;
    let account = rig.account().await;
    assert_eq!(account.id(), id);
    assert_eq!(account.kv_namespaces().await.unwrap(), [namespace]);
    assert_eq!(account.queues().await.unwrap(), [queue]);
    assert_eq!(account.r2_buckets(None).await.unwrap().len(), 1);
    assert_eq!(account.zone("example.com").await.unwrap(), zone);
    let rows = rig.post(&query, json!({"sql": "select a from t"})).await;
    assert_eq!(rows.body["result"][0]["results"], json!([{"a": "kept"}]));
}

#[tokio::test]
async fn what_is_under_way_at_the_end_is_done() {
    // Longer than it takes to stop, on any machine: the answer must not be quicker.
    let rig = Rig::with(|options| options.latency = Duration::from_secs(1)).await;
    let request = rig
        .request(reqwest::Method::POST, "A/queues")
        .json(&json!({"queue_name": "mails"}));
    let asking = tokio::spawn(request.send());
    rig.cloud.faults().wait_for_requests(1).await;
    let rig = rig.restarted().await;
    assert!(asking.await.unwrap().is_err());
    assert_eq!(rig.account().await.queues().await.unwrap().len(), 1);
}

#[tokio::test]
async fn two_folders_are_two_accounts() {
    let (one, other) = (Rig::start().await, Rig::start().await);
    assert_ne!(one.cloud.account_id(), other.cloud.account_id());
}

#[tokio::test]
async fn a_folder_is_one_clouds() {
    let rig = Rig::start().await;
    let dir = rig.folder().join("cloud");
    let error = tiny_cloud::start(options(&dir)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "`{dir}` is in use by another local Cloudflare (pid {})",
            std::process::id()
        )
    );
    rig.cloud.stop().await;
    tiny_cloud::start(options(&dir)).await.unwrap().stop().await;
}

#[tokio::test]
async fn a_running_one_is_found_by_its_folder() {
    let rig = Rig::start().await;
    let dir = rig.folder().join("cloud");
    let found = tiny_cloud::running(&dir).unwrap();
    assert_eq!(found.address, rig.cloud.address());
    assert_eq!(found.base_url, rig.cloud.base_url());
    assert_eq!(found.account_id, rig.cloud.account_id());
    assert_eq!(found.pid, std::process::id());
    rig.cloud.stop().await;
    assert_eq!(tiny_cloud::running(&dir), None);
}

#[tokio::test]
async fn a_taken_port_names_its_holder() {
    let rig = Rig::start().await;
    let mut second = options(&rig.folder().join("second"));
    second.listen = rig.cloud.address();
    let error = tiny_cloud::start(second).await.unwrap_err();
    let port = rig.cloud.address().port();
    assert!(
        error
            .to_string()
            .starts_with(&format!("port {port} is already in use by `")),
        "{error}"
    );
    let help = miette::Diagnostic::help(&error).unwrap().to_string();
    assert!(help.contains("`tiny cloud --port "), "{help}");
}

#[tokio::test]
async fn an_account_of_a_newer_tiny_is_left_alone() {
    let kept = tempfile::tempdir().unwrap();
    let kept = Utf8Path::from_path(kept.path()).unwrap();
    let dir = kept.join("cloud");
    tiny_cloud::start(options(&dir)).await.unwrap().stop().await;
    let account = rusqlite::Connection::open(dir.join("account.sqlite")).unwrap();
    account
        .execute("update schema set version = 99 where product = 'kv'", [])
        .unwrap();
    drop(account);
    let error = tiny_cloud::start(options(&dir)).await.unwrap_err();
    assert!(matches!(error, CloudError::Newer { .. }), "{error}");
}

#[tokio::test]
async fn the_journal_has_each_request_and_no_secret() {
    let journal = tempfile::NamedTempFile::new().unwrap();
    let path = Utf8Path::from_path(journal.path()).unwrap().to_owned();
    let rig = Rig::with(|options| {
        options.journal = Some(path.clone());
        options.faults = vec![
            "/user#2=503".parse().unwrap(),
            "/user#3=drop-after".parse().unwrap(),
            "/user#4=hang-before".parse().unwrap(),
        ];
    })
    .await;
    rig.get("/zones?name=example.com").await;
    rig.post("A/queues", json!({"queue_name": "secret-in-a-body"}))
        .await;
    for _ in 0..2 {
        rig.get("/user").await;
    }
    let user = || rig.request(reqwest::Method::GET, "/user").send();
    user().await.unwrap_err();
    let hanging = tokio::spawn(user());
    rig.cloud.faults().wait_for_strikes(3).await;
    hanging.abort();
    let account = rig.cloud.account_id().to_owned();
    let began = Instant::now();
    let text = loop {
        let text = fs_err::read_to_string(&path).unwrap();
        // The last line comes when the server sees that the client has gone.
        if text.lines().count() == 6 {
            break text;
        }
        assert!(began.elapsed() < PATIENCE, "{text}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert!(!text.contains("any") && !text.contains("secret"), "{text}");
    let lines: Vec<Value> = text
        .lines()
        .map(|line| {
            let mut line: Value = serde_json::from_str(line).unwrap();
            assert!(line["ms"].take().is_f64());
            assert!(line["at_ms"].take().is_f64());
            line
        })
        .collect();
    let line = |method: &str, path: &str, status: Value| json!({"method": method, "path": format!("/client/v4{path}"), "status": status, "ms": null, "at_ms": null});
    let with_fault = |status: Value, fault: &str| {
        let mut line = line("GET", "/user", status);
        line["fault"] = json!(fault);
        line
    };
    assert_eq!(
        lines,
        [
            line("GET", "/zones?name=example.com", json!(200)),
            line("POST", &format!("/accounts/{account}/queues"), json!(200)),
            line("GET", "/user", json!(200)),
            with_fault(json!(503), "503"),
            with_fault(json!(200), "drop-after"),
            with_fault(json!(null), "hang-before"),
        ]
    );
}

/// One that takes two requests in a window of this length.
async fn limited(window: Duration) -> Rig {
    Rig::with(|options| {
        options.rate_limit = Some(RateLimit {
            requests: 2,
            window,
        });
    })
    .await
}

/// Status, how many more are allowed, and how many seconds to stay away.
async fn standing(rig: &Rig) -> (u16, u64, Option<u64>) {
    let request = rig.request(reqwest::Method::GET, "/user");
    let response = request.send().await.unwrap();
    let header = |name: &str| {
        let value = response.headers().get(name)?.to_str().unwrap();
        Some(value.parse().unwrap())
    };
    (
        response.status().as_u16(),
        header("x-ratelimit-remaining").unwrap(),
        header("retry-after"),
    )
}

#[tokio::test]
async fn too_many_requests_are_put_off() {
    let rig = limited(Duration::from_hours(1)).await;
    assert_eq!(standing(&rig).await, (200, 1, None));
    assert_eq!(standing(&rig).await, (200, 0, None));
    let (status, remaining, retry_after) = standing(&rig).await;
    assert_eq!((status, remaining), (429, 0));
    let seconds = retry_after.unwrap();
    assert!((3_000..=3_600).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn whoever_stays_away_as_long_as_told_is_served_again() {
    let rig = limited(Duration::from_millis(1_500)).await;
    // A slow machine may get more of them in, in one window after the other.
    let seconds = loop {
        if let (429, _, retry_after) = standing(&rig).await {
            break retry_after.unwrap();
        }
    };
    assert!((1..=2).contains(&seconds), "{seconds}");
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    assert_eq!(standing(&rig).await, (200, 1, None));
}

#[tokio::test]
async fn other_hosts_do_not_reach_the_api() {
    let rig = Rig::start().await;
    let request = rig
        .request(reqwest::Method::GET, "/user")
        .header("host", "evil.example");
    assert_ne!(sent(request).await.status, 200);
    let port = rig.cloud.address().port();
    let by_name = client()
        .get(format!("http://localhost:{port}/client/v4/user"))
        .bearer_auth("any");
    assert_eq!(sent(by_name).await.status, 200);
}

/// Run as a process of its own by the test below.
#[test]
#[ignore = "a process of another test"]
fn serve_until_killed() {
    let Ok(dir) = std::env::var("TINY_TEST_CLOUD") else {
        return;
    };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let mut options = tiny_cloud::Options::new(dir, no_programs());
        options.rate_limit = None;
        let _cloud = tiny_cloud::start(options).await.unwrap();
        std::future::pending::<()>().await;
    });
}

#[tokio::test]
async fn what_was_answered_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let dir = Utf8Path::from_path(folder.path()).unwrap();
    for round in 1..=3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "life::serve_until_killed"])
            .env("TINY_TEST_CLOUD", dir)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let found = loop {
            if let Some(found) = tiny_cloud::running(dir)
                && found.pid == child.id()
            {
                break found;
            }
            assert!(child.try_wait().unwrap().is_none(), "it did not start");
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        let url = format!("{}/accounts/{}/queues", found.base_url, found.account_id);
        let http = client();
        let ask = |name: String| {
            let request = http.post(&url).bearer_auth("any");
            sent(request.json(&json!({ "queue_name": name })))
        };
        for number in 0..5 {
            let made = ask(format!("q-{round}-{number}")).await;
            assert_eq!(made.status, 200, "{}", made.body);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(tiny_cloud::running(dir), None, "a killed one is not found");

        let cloud = tiny_cloud::start(options(dir)).await.unwrap();
        let url = format!(
            "{}/accounts/{}/queues?per_page=100",
            cloud.base_url(),
            cloud.account_id()
        );
        let found = sent(http.get(url).bearer_auth("any")).await;
        assert_eq!(found.body["result_info"]["total_count"], 5 * round);
        cloud.stop().await;
    }
}
