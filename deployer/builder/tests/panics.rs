//! A panic or trap ends one call, never the worker.

#![allow(clippy::unwrap_used)] // a test's way to fail

mod support;

use std::time::Duration;

use support::{Host, everything};
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn a_panic_answers_with_its_text_and_the_next_request_works() {
    let mut host = Host::runs(&everything().await).await;
    for path in ["/panic", "/panic-later", "/panic"] {
        let answer = host.get(path).await;
        assert_eq!(answer.status, 500, "{path}");
        assert!(
            answer.body.contains("the secret of this panic"),
            "{path}: {}",
            answer.body
        );
        assert_eq!(host.get("/").await.body, "hello", "after {path}");
        host.says("the secret of this panic").await;
        host.says("wasm-function[").await;
    }
    // The new instance was started as the first one was.
    assert_eq!(host.get("/events").await.body, "[\"start\"]");
}

#[tokio::test]
async fn an_ordinary_error_is_none_of_our_business() {
    let host = Host::runs(&everything().await).await;
    let before = host.get("/events").await.body;
    let answer = host.get("/error").await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (500, "INTERNAL SERVER ERROR")
    );
    assert_eq!(host.get("/events").await.body, before);
}

#[tokio::test]
async fn traps_full_stacks_and_exceptions_from_javascript_end_one_request_only() {
    let host = Host::runs(&everything().await).await;
    for (path, part) in [
        ("/trap", "unreachable"),
        ("/trap-later", "unreachable"),
        ("/overflow", "memory access out of bounds"),
        ("/dive", "call stack"),
        ("/throw", "thrown in passing"),
        ("/throw-later", "thrown in passing"),
    ] {
        assert_eq!(host.get("/object/count").await.status, 200, "before {path}");
        let answer = host.get(path).await;
        assert_eq!(answer.status, 500, "{path}");
        assert!(answer.body.contains(part), "{path}: {}", answer.body);
        assert_eq!(host.get("/").await.body, "hello", "after {path}");
        let count = host.get("/object/count").await.body;
        assert!(count.ends_with(" 1 in memory"), "after {path}: {count}");
    }
}

#[tokio::test]
async fn requests_under_way_fail_at_once_and_do_not_hang() {
    let host = Host::runs(&everything().await).await;
    // Each would wait for longer than any request of these tests may take.
    let (one, two, panic) = tokio::join!(host.get("/wait"), host.get("/object/wait"), async {
        let both = ["\"wait\"", "\"wait in the object\""];
        loop {
            let events = host.get("/events").await.body;
            if both.iter().all(|event| events.contains(event)) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        host.get("/panic").await
    });
    assert_eq!(panic.status, 500);
    for waiting in [one, two] {
        assert_eq!(waiting.status, 500);
        assert!(
            waiting.body.contains("the secret of this panic"),
            "{}",
            waiting.body
        );
    }
    assert_eq!(host.get("/").await.body, "hello");
    assert_eq!(
        host.get("/object/count").await.body,
        "1 stored, 1 in memory"
    );
}

#[tokio::test]
async fn many_requests_with_panics_among_them_all_get_an_answer() {
    let host = Host::runs(&everything().await).await;
    let calls = (0..60).map(|n| {
        let host = &host;
        async move {
            let path = if n % 10 == 9 { "/panic-later" } else { "/" };
            host.get(path).await.status
        }
    });
    let statuses = futures_util::future::join_all(calls).await;
    assert!(
        statuses.iter().all(|status| [200, 500].contains(status)),
        "{statuses:?}"
    );
    assert_eq!(host.get("/").await.body, "hello");
}

#[tokio::test]
async fn a_durable_object_survives_its_panic_with_what_it_stored() {
    let host = Host::runs(&everything().await).await;
    assert_eq!(
        host.get("/object/count").await.body,
        "1 stored, 1 in memory"
    );
    for (path, part) in [
        ("/object/panic", "the secret of this object"),
        ("/object/panic-borrowed", "the secret of this borrow"),
    ] {
        let answer = host.get(path).await;
        assert_eq!(answer.status, 500, "{path}");
        assert!(answer.body.contains(part), "{path}: {}", answer.body);
        assert_eq!(host.get("/").await.body, "hello");
    }
    // Memory is that of a new object, and nothing is borrowed any more.
    assert_eq!(
        host.get("/object/count").await.body,
        "2 stored, 1 in memory"
    );
}

#[tokio::test]
async fn a_panic_elsewhere_gives_a_durable_object_new_life_too() {
    let host = Host::runs(&everything().await).await;
    host.get("/object/count").await;
    host.get("/panic").await;
    assert_eq!(
        host.get("/object/count").await.body,
        "2 stored, 1 in memory"
    );
}

#[tokio::test]
async fn sockets_stay_open_over_a_panic_in_their_object() {
    let mut host = Host::runs(&everything().await).await;
    let mut connection = host.connect("/object/connect").await;
    assert_eq!(connection.asks("one").await.as_deref(), Some("got one"));
    connection.send(Message::text("panic")).await;
    // What is under way meanwhile would end with it.
    host.says("the secret of this message").await;
    let mut other = host.connect("/object/connect").await;
    assert_eq!(other.asks("two").await.as_deref(), Some("got two"));
    assert_eq!(host.get("/object/closes").await.status, 200);
}

#[tokio::test]
async fn methods_and_entrypoints_reject_and_recover() {
    let host = Host::runs(&everything().await).await;
    for (path, part) in [
        ("/fail", "the secret of this method"),
        ("/audit-fail", "the secret of this entrypoint"),
    ] {
        let answer = host.drive(path).await;
        assert_eq!(answer.status, 500, "{path}");
        assert!(answer.body.contains(part), "{path}: {}", answer.body);
        assert_eq!(host.drive("/add").await.body, "3");
        assert_eq!(host.drive("/audit").await.body, "nobody on Monday");
    }
}
