//! What the todo app counts, and what it warns of.

use serde_json::{Value, json};

use crate::support::{Dev, Tiny, eventually};

const FORM: &str = "application/x-www-form-urlencoded";

async fn metrics(dev: &Dev) -> Value {
    let request = dev.client.get(dev.url("/metrics?userId=alice"));
    let request = request.header("accept", "application/json");
    request.send().await.unwrap().json().await.unwrap()
}

async fn add(dev: &Dev, text: &str) {
    let request = dev.client.post(dev.url("/todos?userId=alice"));
    let request = request.header("content-type", FORM);
    let response = request.body(format!("action=add&text={text}"));
    assert_eq!(response.send().await.unwrap().status(), 303);
}

#[tokio::test]
async fn an_object_counts_over_restarts_and_warns_once() {
    let dev = Tiny::todo_app("metrics")
        .unlimited()
        .with("tiny.toml", |text| {
            text + "METRICS = { analytics_engine = \"todos\" }\n"
        })
        .dev()
        .await;
    for _ in 0..5 {
        assert_eq!(dev.get("/?userId=alice").await.status(), 200);
    }
    add(&dev, "tea").await;
    let mut socket = dev.socket("/todos?userId=alice").await;
    let store = socket.json().await.to_string();
    socket.send(&store.replace("tea", "green tea")).await;
    dev.json_until("/todos?userId=alice", |store| {
        store.to_string().contains("green tea")
    })
    .await;

    let counted = metrics(&dev).await;
    assert_eq!(counted["requests"]["page"], 5);
    assert_eq!(counted["requests"]["form"], 1);
    assert_eq!(counted["requests"]["plain"], 1);
    assert_eq!(counted["edits"], 2);
    assert_eq!(counted["messages"]["in"], 1);
    assert!(
        counted["messages"]["out"].as_u64().unwrap() >= 1,
        "{counted}"
    );
    assert_eq!(counted["messages"]["bytes_in"], store.len() + 6);
    assert_eq!(counted["sockets"], json!({"now": 1, "most": 1}));
    assert_eq!(counted["todos"]["all"], 1);
    assert_eq!(counted["warnings"], json!([]));
    let answers = counted["responses"]["count"].as_u64().unwrap();
    assert!(answers >= 8, "{counted}");

    let response = dev.get("/metrics?userId=alice").await;
    assert_eq!(
        response.headers()["content-type"],
        "text/plain; version=0.0.4; charset=utf-8"
    );
    let text = response.text().await.unwrap();
    assert!(
        text.contains("todo_requests_total{kind=\"page\"} 5\n"),
        "{text}"
    );
    assert!(
        text.contains("todo_response_seconds_bucket{le=\"+Inf\"}"),
        "{text}"
    );
    assert!(text.contains("todo_sockets 1\n"), "{text}");
    let points = dev
        .project()
        .root()
        .join(".tiny/dev/state/analytics/todos.jsonl");
    // A point is on its way to the file when the request that made it is answered.
    eventually("a point is written", || {
        fs_err::read_to_string(&points).is_ok_and(|points| points.contains('\n'))
    })
    .await;
    let points = fs_err::read_to_string(points).unwrap();
    let point: Value = serde_json::from_str(points.lines().next().unwrap()).unwrap();
    assert_eq!(point["indexes"], json!(["user-alice"]));
    assert_eq!(point["doubles"].as_array().unwrap().len(), 18);
    assert_eq!(point["doubles"][0], 1);

    drop(socket);
    let (_, project) = dev.interrupt().await;
    let mut dev = project
        .with("tiny.toml", |text| {
            text.replace("vars = { ", "vars = { LIMIT_STORAGE = 20000, ")
        })
        .dev()
        .await;
    // What was counted within the last minute may be missing, what was before it is not.
    let counted = metrics(&dev).await;
    assert!(
        counted["requests"]["page"].as_u64().unwrap() >= 1,
        "{counted}"
    );

    let full = "Warning: the storage is 80 % full: delete some todos";
    let usage = dev.json("/usage?userId=alice").await;
    assert_eq!(usage["warnings"], json!([full]));
    assert_eq!(counted["warnings"][0]["name"], "storage");
    let told = format!("user-alice: {full}");
    dev.event_where("log", |log| log["message"] == told.as_str())
        .await;
    dev.json("/usage?userId=alice").await;
    dev.json("/usage?userId=alice").await;
    assert_eq!(dev.story().matches(&told).count(), 1);
    assert!(
        dev.text("/metrics?userId=alice")
            .await
            .contains("todo_warning{threshold=\"storage\",severity=\"warning\"} 1\n")
    );
}
