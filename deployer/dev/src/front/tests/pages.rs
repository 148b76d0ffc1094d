//! What browsers get to see.

use super::super::Failure;
use super::*;

const SCRIPT: &str = "<script type=\"module\" src=\"/cdn-cgi/tiny/client.js\"></script>";
const PAGE: &str = "Accept: text/html,application/xhtml+xml\r\nAccept-Encoding: gzip, br\r\n";

fn failure() -> Failure {
    Failure {
        title: "todo does not compile".to_owned(),
        text: "expected `;` <here>".to_owned(),
    }
}

#[tokio::test]
async fn a_failure_before_the_first_release_is_answered() {
    let mut rig = rig().await;
    let mut waiting = rig.connect().await;
    waiting.send("GET /", "Connection: close\r\n", "").await;
    assert!(waiting.is_silent().await);
    rig.handle.show_failure(Some(failure()));
    let answer = waiting.rest().await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("content-type: text/plain"), "{answer}");
    assert!(
        answer.ends_with("todo does not compile\n\nexpected `;` <here>\n"),
        "{answer}"
    );
    let FrontEvent::Request(line) = rig.next_event().await;
    assert_eq!((&*line.worker, line.status), ("", 503));
    let answer = rig.ask("GET /", PAGE).await;
    assert!(answer.contains("content-type: text/html"), "{answer}");
    assert!(answer.contains("expected `;` &lt;here&gt;"), "{answer}");
    assert!(answer.contains(SCRIPT), "{answer}");
    // Mended, but not built yet: wait.
    rig.handle.show_failure(None);
    let mut waiting = rig.connect().await;
    waiting.send("GET /", "", "").await;
    assert!(waiting.is_silent().await);
    rig.handle.release(only(saying("there").await));
    waiting.until("there").await;
}

#[tokio::test]
async fn a_failure_later_leaves_the_app_alone() {
    let rig = rig().await;
    rig.handle.release(only(saying("old but good").await));
    rig.handle.show_failure(Some(failure()));
    assert!(rig.get("/").await.ends_with("old but good"));
    rig.handle.hold(GRACE).await;
    let mut waiting = rig.connect().await;
    waiting.send("GET /", "", "").await;
    assert!(waiting.is_silent().await);
    rig.handle.release(only(saying("back").await));
    waiting.until("back").await;
}

/// A worker that answers with a page, unless it may compress it.
async fn page(headers: &'static str) -> SocketAddr {
    worker(move |mut connection| async move {
        while let Some(head) = connection.head().await {
            if head.contains("accept-encoding") {
                connection
                    .answer_with(
                        "Content-Type: text/html\r\nContent-Encoding: gzip\r\n",
                        "compressed",
                    )
                    .await;
            } else {
                let headers = format!("Content-Type: text/html; charset=utf-8\r\n{headers}");
                connection
                    .answer_with(&headers, "<html><head><title>t</title></head>")
                    .await;
            }
        }
    })
    .await
}

#[tokio::test]
async fn pages_load_the_client_script() {
    let rig = rig().await;
    rig.handle.release(only(page("").await));
    let answer = rig.ask("GET /", PAGE).await;
    let body = format!("<html><head>{SCRIPT}<title>t</title></head>");
    assert!(answer.ends_with(&body), "{answer}");
    assert!(
        answer.contains(&format!("content-length: {}\r\n", body.len())),
        "{answer}"
    );
}

#[tokio::test]
async fn what_is_no_page_stays_as_it_is() {
    let rig = rig().await;
    rig.handle.release(only(page("").await));
    for (line, headers) in [
        ("GET /", "Accept: */*\r\n"),
        ("GET /", "Accept: text/html\r\nSec-Fetch-Mode: cors\r\n"),
        ("POST /", "Accept: text/html\r\n"),
    ] {
        let answer = rig.ask(line, headers).await;
        assert!(
            answer.ends_with("<html><head><title>t</title></head>"),
            "{line} {headers}: {answer}"
        );
    }
    let answer = rig.ask("HEAD /", "Accept: text/html\r\n").await;
    assert!(answer.contains("content-length: 35\r\n"), "{answer}");
}

#[tokio::test]
async fn a_strict_page_lets_the_script_in() {
    let rig = rig().await;
    let policy = "Content-Security-Policy: default-src 'none'; style-src 'self'\r\n";
    rig.handle.release(only(page(policy).await));
    let answer = rig.ask("GET /", PAGE).await;
    assert!(
        answer.contains(
            "content-security-policy: default-src 'none'; style-src 'self'; \
             script-src 'self'; connect-src 'self'\r\n"
        ),
        "{answer}"
    );
}

#[tokio::test]
async fn a_streamed_page_is_not_held_up() {
    let rig = rig().await;
    let upstream = worker(|mut connection| async move {
        connection.head().await;
        connection
            .say(
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n\
                 6\r\n<head>\r\n",
            )
            .await;
        connection.head().await;
    })
    .await;
    rig.handle.release(only(upstream));
    let mut client = rig.connect().await;
    client.send("GET /", PAGE, "").await;
    client.until(&format!("{SCRIPT}\r\n")).await;
}
