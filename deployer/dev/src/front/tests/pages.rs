//! What browsers get to see.

use std::io::Write as _;

use tiny_manifest::AllowedHosts;
use tokio::sync::Notify;

use super::super::{Failure, Reload};
use super::*;

/// The script that a page loads; what it says of its session is not known here.
fn script(answer: &str) -> &str {
    let start = "<script type=\"module\" src=\"/cdn-cgi/tiny/client.js?instance=";
    let at = answer.find(start).expect(answer);
    let end = answer[at..].find("</script>").expect(answer) + "</script>".len();
    &answer[at..at + end]
}
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
    let line = rig.next_request().await;
    assert_eq!((&*line.worker, line.status), ("", 503));
    let answer = rig.ask("GET /", PAGE).await;
    assert!(answer.contains("content-type: text/html"), "{answer}");
    assert!(answer.contains("expected `;` &lt;here&gt;"), "{answer}");
    script(&answer);
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
    let script = script(&answer);
    assert!(script.ends_with("&amp;version=0\"></script>"), "{script}");
    let body = format!("<html><head>{script}<title>t</title></head>");
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
    client.until("&amp;version=0\"></script>\r\n").await;
}

#[tokio::test]
async fn a_page_says_by_which_version_it_was_made() {
    let rig = rig().await;
    let (asked, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let notifies = (Arc::clone(&asked), Arc::clone(&go));
    let upstream = worker(move |mut connection| {
        let (asked, go) = notifies.clone();
        async move {
            while connection.head().await.is_some() {
                asked.notify_one();
                go.notified().await;
                connection
                    .answer_with("Content-Type: text/html\r\n", "<head>")
                    .await;
            }
        }
    })
    .await;
    rig.handle.release(only(upstream));
    let mut client = rig.connect().await;
    client.send("GET /", PAGE, "").await;
    soon(asked.notified()).await;
    // A change that comes while the page is being made is one that it does not know.
    rig.handle.reload(Reload::Page);
    go.notify_one();
    client.until("&amp;version=0\"></script>").await;
    client.send("GET /", PAGE, "").await;
    go.notify_one();
    client.until("&amp;version=1\"></script>").await;
    // A page that waits for new code is made by it.
    rig.handle.hold(GRACE).await;
    client.send("GET /", PAGE, "").await;
    assert!(client.is_silent().await);
    rig.handle.reload(Reload::Page);
    rig.handle.release(only(page("").await));
    client
        .until("&amp;version=2\"></script><title>t</title></head>")
        .await;
}

#[tokio::test]
async fn a_page_comes_whole() {
    let rig = rig().await;
    rig.handle.release(only(repeating().await));
    let conditions = "If-None-Match: \"x\"\r\nIf-Modified-Since: x\r\nRange: bytes=0-1\r\n\
                      If-Range: \"x\"\r\n";
    let answer = rig.ask("GET /", &format!("{PAGE}{conditions}")).await;
    for header in [
        "if-none-match",
        "if-modified-since",
        "range",
        "accept-encoding",
    ] {
        assert!(!answer.contains(&format!("\n{header}: ")), "{answer}");
    }
    // What the browser accepts is known to the worker all the same.
    assert!(
        answer.contains("\"clientAcceptEncoding\":\"gzip, br\"}"),
        "{answer}"
    );
    let answer = rig.ask("GET /", conditions).await;
    assert!(answer.contains("if-none-match: \"x\"\r\n"), "{answer}");
}

/// A worker that answers with a page in an encoding, whatever it is asked for.
async fn encoded(encoding: &'static str, body: Vec<u8>) -> SocketAddr {
    worker(move |mut connection| {
        let body = body.clone();
        async move {
            connection.head().await;
            let length = body.len();
            connection
                .say(format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\
                     Content-Encoding: {encoding}\r\nContent-Length: {length}\r\n\r\n"
                ))
                .await;
            // In pieces, as it may come.
            for piece in body.chunks(7) {
                connection.say(piece).await;
                tokio::task::yield_now().await;
            }
        }
    })
    .await
}

fn gzipped(text: &str) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    gzip.finish().unwrap()
}

#[tokio::test]
async fn a_page_that_comes_gzipped_all_the_same_is_unpacked() {
    let rig = rig().await;
    let text = format!("<head>{}</head>", "x".repeat(1000));
    rig.handle
        .release(only(encoded("gzip", gzipped(&text)).await));
    let answer = rig
        .ask("GET /", &format!("{PAGE}Connection: close\r\n"))
        .await;
    assert!(!answer.contains("content-encoding"), "{answer}");
    let body: String = body(&answer);
    assert_eq!(body.replace(script(&answer), ""), text);
    // A program gets it as the worker gave it.
    let answer = rig.get("/").await;
    assert!(answer.contains("content-encoding: gzip\r\n"), "{answer}");
}

#[tokio::test]
async fn a_broken_gzip_does_not_look_whole() {
    let rig = rig().await;
    let mut broken = gzipped(&"<head>".repeat(1000));
    broken.truncate(broken.len() - 9);
    rig.handle.release(only(encoded("gzip", broken).await));
    let answer = rig.ask("GET /", PAGE).await;
    assert!(!answer.ends_with("0\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn a_page_in_an_encoding_of_its_own_passes() {
    let rig = rig().await;
    rig.handle
        .release(only(encoded("br", b"<head>".to_vec()).await));
    let answer = rig.ask("GET /", PAGE).await;
    assert!(answer.ends_with("\r\n\r\n<head>"), "{answer}");
}

/// The body of a chunked answer.
fn body(answer: &str) -> String {
    let (_, mut rest) = answer.split_once("\r\n\r\n").unwrap();
    let mut body = String::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        body.push_str(&after[..size]);
        rest = after[size..].strip_prefix("\r\n").unwrap();
    }
    body
}

#[tokio::test]
async fn a_page_seen_through_a_tunnel_stays_as_it_is() {
    let rig = rig().await;
    rig.handle.allow_hosts(AllowedHosts::All);
    rig.handle.release(only(repeating().await));
    let answer = rig
        .ask("GET /", &format!("Host: app.example\r\n{PAGE}"))
        .await;
    assert!(answer.contains("accept-encoding: gzip, br\r\n"), "{answer}");
}
