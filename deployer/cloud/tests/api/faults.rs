use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tiny_cloud::Fault;
use tiny_cloudflare::CloudflareError;

use crate::rig::{PATIENCE, Rig, client, sent};

const QUEUES: &str = "A/queues";

async fn breaking(fault: &str) -> Rig {
    let fault: Fault = fault.parse().unwrap();
    Rig::with(|options| options.faults.push(fault)).await
}

async fn queues(rig: &Rig) -> usize {
    let answer = rig.get(QUEUES).await;
    answer.body["result"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_status_is_answered_before_the_work() {
    let rig = breaking("POST /accounts/*/queues#1=429:7").await;
    let body = json!({"queue_name": "mails"});
    let request = rig.request(Method::POST, QUEUES).json(&body);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "7");
    assert_eq!(queues(&rig).await, 0);
    assert_eq!(rig.post(QUEUES, body).await.status, 200);
    assert_eq!(queues(&rig).await, 1);
}

#[tokio::test]
async fn a_number_of_cloudflares_is_answered() {
    let rig = breaking("**/queues=error:10035:409").await;
    rig.get(QUEUES).await.is_refused(409, 10035, "fault");
    let CloudflareError::Refused(refusal) = rig.account().await.queues().await.unwrap_err() else {
        panic!("it was refused");
    };
    assert!(refusal.has_code(10035));
}

#[tokio::test]
async fn a_dropped_connection_tells_nothing_of_the_work() {
    for (action, done) in [("drop-before", 0), ("drop-after", 1)] {
        let rig = breaking(&format!("POST **/queues={action}")).await;
        let request = rig
            .request(Method::POST, QUEUES)
            .json(&json!({"queue_name": "mails"}));
        let error = request.send().await.unwrap_err();
        assert!(error.is_request(), "{action}: {error:?}");
        assert_eq!(queues(&rig).await, done, "{action}");
    }
}

#[tokio::test]
async fn a_hanging_request_is_never_answered() {
    for (action, done) in [("hang-before", 0), ("hang-after", 1)] {
        let rig = breaking(&format!("POST **/queues={action}")).await;
        let request = rig
            .request(Method::POST, QUEUES)
            .json(&json!({"queue_name": "mails"}));
        let answer = tokio::spawn(request.send());
        rig.cloud.faults().wait_for_strikes(1).await;
        assert_eq!(queues(&rig).await, done, "{action}");
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!answer.is_finished());
        answer.abort();
        // What hangs keeps nothing from ending.
        rig.cloud.stop().await;
    }
}

#[tokio::test]
async fn what_has_begun_is_done_when_the_client_has_gone() {
    let rig = Rig::with(|options| options.latency = Duration::from_millis(200)).await;
    let request = rig
        .request(Method::POST, QUEUES)
        .json(&json!({"queue_name": "mails"}));
    let asking = tokio::spawn(request.send());
    rig.cloud.faults().wait_for_requests(1).await;
    asking.abort();
    assert!(asking.await.unwrap_err().is_cancelled());
    let done = async { while queues(&rig).await == 0 {} };
    tokio::time::timeout(PATIENCE, done).await.unwrap();
}

#[tokio::test]
async fn each_request_waits_for_the_latency() {
    let rig = Rig::with(|options| options.latency = Duration::from_millis(40)).await;
    let started = Instant::now();
    rig.get("/user").await;
    rig.get("/user").await;
    let elapsed = started.elapsed();
    assert!(elapsed >= Duration::from_millis(80), "{elapsed:?}");
}

#[tokio::test]
async fn faults_are_numbered_set_and_told_of() {
    let rig = breaking("GET /user#2+=503").await;
    let statuses = async || {
        let mut statuses = Vec::new();
        for _ in 0..3 {
            statuses.push(rig.get("/user").await.status);
        }
        statuses
    };
    assert_eq!(statuses().await, [200, 503, 503]);
    let control = rig.cloud.faults();
    let report = control.report();
    assert_eq!((report.seen, report.struck), (3, 2));
    assert_eq!((report.faults[0].matched, report.faults[0].struck), (3, 2));

    control.set(vec!["**#3=500".parse().unwrap()]);
    assert_eq!(statuses().await, [200, 200, 500]);
    assert_eq!(control.seen(), 3);
    control.clear();
    assert_eq!(statuses().await, [200, 200, 200]);
}

#[tokio::test]
async fn another_process_sets_faults_over_http() {
    let rig = Rig::start().await;
    let url = format!("http://{}/__tiny/faults", rig.cloud.address());
    let set = |faults: Value| sent(rig.http.put(&url).json(&faults));
    set(json!({"faults": ["**=teapot"]})).await.is_refused(
        400,
        10026,
        "there is no action `teapot`",
    );
    set(json!({"faults": [], "more": 1}))
        .await
        .is_refused(400, 10026, "unknown field `more`");
    assert_eq!(set(json!({"faults": ["/user=500"]})).await.status, 200);

    let waiting = tokio::spawn(sent(client().get(format!("{url}?struck=1"))));
    tokio::time::sleep(Duration::from_millis(30)).await;
    assert!(!waiting.is_finished());
    assert_eq!(rig.get("/user").await.status, 500);
    let report = waiting.await.unwrap().body;
    assert_eq!(
        report["result"],
        json!({
            "seen": 1,
            "struck": 1,
            "faults": [{"fault": "/user=500", "matched": 1, "struck": 1}],
        })
    );
    assert_eq!(sent(rig.http.delete(&url)).await.status, 200);
    assert_eq!(rig.get("/user").await.status, 200);
}

#[test]
fn what_is_no_fault_is_explained() {
    for (text, why) in [
        ("/user", "it has no `=ACTION`"),
        ("=500", "it has no path"),
        ("FETCH /user=500", "`FETCH` is no method"),
        ("/user#0=500", "must be a number from 1"),
        ("/user#x=500", "must be a number from 1"),
        ("/user=200", "a status from 400 to 599"),
        ("/user=error:x", "no number of an error"),
        ("/user=500:soon", "no number of seconds"),
        ("/[=500", "its path is no glob"),
    ] {
        let error = text.parse::<Fault>().unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}
