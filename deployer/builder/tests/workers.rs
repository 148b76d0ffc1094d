//! What a crate exports, called by the real runtime.

#![allow(clippy::unwrap_used)] // a test's way to fail

mod support;

use std::time::Duration;

use support::{Host, Package, everything};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

#[tokio::test]
async fn every_event_reaches_its_handler() {
    let host = Host::runs(&everything().await).await;
    assert_eq!(host.get("/").await.body, "hello");
    assert!(
        host.drive("/scheduled")
            .await
            .body
            .contains("\"outcome\":\"ok\"")
    );
    assert!(
        host.drive("/queue")
            .await
            .body
            .contains("\"outcome\":\"ok\"")
    );
    assert_eq!(host.drive("/email").await.body, "undefined");
    let wanted = [
        "\"start\"",
        "\"scheduled 0 4 * * *\"",
        "\"queue letters one\"",
        "\"email 7\"",
        // Each request to the driver ends in one.
        "\"tail 1\"",
    ];
    loop {
        let events = host.get("/events").await.body;
        if wanted.iter().all(|event| events.contains(event)) {
            break;
        }
        assert!(!events.is_empty());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn methods_and_named_entrypoints_are_called_over_rpc() {
    let host = Host::runs(&everything().await).await;
    assert_eq!(host.drive("/add").await.body, "3");
    assert_eq!(host.drive("/audit").await.body, "nobody on Monday");
}

#[tokio::test]
async fn durable_objects_have_fetch_alarm_and_hibernating_sockets() {
    let host = Host::runs(&everything().await).await;
    assert_eq!(
        host.get("/object/count").await.body,
        "1 stored, 1 in memory"
    );
    assert_eq!(
        host.get("/object/count").await.body,
        "2 stored, 2 in memory"
    );

    host.get("/object/alarm").await;
    while host.get("/object/alarms").await.body != "1" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    let mut connection = host.connect("/object/connect").await;
    assert_eq!(connection.asks("this").await.as_deref(), Some("got this"));
    connection.send(Message::binary(vec![0_u8, 255])).await;
    assert_eq!(
        connection.next().await,
        Some(Message::binary(vec![0_u8, 255]))
    );
    let bye = CloseFrame {
        code: 4001.into(),
        reason: "enough".into(),
    };
    connection.send(Message::Close(Some(bye))).await;
    while host.get("/object/closes").await.body != "4001 enough" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // One that is torn off without a word.
    drop(host.connect("/object/connect").await);
    while host.get("/object/closes").await.body == "4001 enough" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn javascript_that_crates_bring_along_runs() {
    let host = Host::runs(&everything().await).await;
    assert_eq!(host.get("/snippets").await.body, "LOUD hi you");
}

#[tokio::test]
async fn sockets_connect() {
    let host = Host::runs(&everything().await).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let path = format!("/socket?{port}");
    let (answer, caller) = tokio::join!(host.get(&path), listener.accept());
    assert!(answer.body.starts_with("connected"), "{}", answer.body);
    caller.unwrap();
}

#[tokio::test]
async fn axum_and_the_http_crate_answer() {
    let host = Host::runs(&Package::axum("through-axum").build().await).await;
    assert_eq!(host.get("/hello/you").await.body, "hello you");
    assert_eq!(host.post("/echo", "äöü").await.body, "äöü");
    let answer = host.get("/panic").await;
    assert_eq!(answer.status, 500);
    assert!(answer.body.contains("the secret of this route"));
    assert_eq!(host.get("/hello/again").await.body, "hello again");
}

#[tokio::test]
async fn javascript_around_the_crate_is_the_worker() {
    let package = Package::everything("everything")
        .with_file("js/entry.js", include_str!("crates/entry.js"))
        .with_file("js/page.html", "<h1>page</h1>");
    let build = package.build_around("js/entry.js").await;
    let names: Vec<_> = build
        .bundle
        .modules
        .iter()
        .map(|module| module.name.as_str())
        .filter(|name| !name.contains("/snippets/"))
        .collect();
    assert_eq!(
        names,
        [
            "js/entry.js",
            "build/index.js",
            "build/index_bg.js",
            "build/index_bg.wasm",
            "js/page.html"
        ]
    );
    assert!(build.inputs.paths.contains(&package.path("js/page.html")));

    let host = Host::runs(&build).await;
    assert_eq!(host.get("/page").await.body, "<h1>page</h1>");
    assert_eq!(host.get("/").await.body, "hello");
    assert_eq!(host.get("/as-an-object").await.body, "hello");
    assert_eq!(
        host.get("/wasm").await.body,
        "[object WebAssembly.Module] 3"
    );
    assert_eq!(
        host.get("/object/count").await.body,
        "1 stored, 1 in memory"
    );
    assert_eq!(host.get("/doubled").await.body, "0 twice");
    // A panic ends the instance as it does without JavaScript around it.
    assert_eq!(host.get("/panic").await.status, 500);
    assert_eq!(host.get("/").await.body, "hello");
}
