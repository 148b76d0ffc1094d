//! What the front answers below /cdn-cgi/.

use tiny_manifest::AllowedHosts;

use super::super::{Failure, Reload};
use super::*;

#[tokio::test]
async fn another_site_is_refused() {
    let rig = rig().await;
    rig.handle.allow_hosts(AllowedHosts::All);
    rig.handle.release(only(saying("the worker").await));
    for (path, headers) in [
        ("/cdn-cgi/tiny/live", "Host: evil.example\r\n"),
        (
            "/cdn-cgi/handler/scheduled?cron=x",
            "Host: evil.example\r\n",
        ),
        ("/cdn-cgi/anything", "Host: evil.example\r\n"),
        ("/cdn-cgi/mf/scheduled", "Sec-Fetch-Site: same-site\r\n"),
        (
            "/cdn-cgi/handler/scheduled",
            "Origin: http://evil.example\r\n",
        ),
    ] {
        let answer = rig.ask(&format!("GET {path}"), headers).await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{path}: {answer}");
    }
    // The app itself may be reached through a tunnel.
    let answer = rig.ask("GET /", "Host: evil.example\r\n").await;
    assert!(answer.ends_with("the worker"), "{answer}");
}

#[tokio::test]
async fn what_the_front_does_not_know_is_the_workers() {
    let rig = rig().await;
    rig.handle.release(only(saying("the worker").await));
    assert!(rig.get("/cdn-cgi/other").await.ends_with("the worker"));
}

#[tokio::test]
async fn a_cron_is_fired() {
    let mut rig = rig().await;
    rig.handle.release(Routes {
        workers: vec![
            route("todo", saying("x").await),
            route("mail", saying("x").await),
        ],
        default: 0,
    });
    let answer = rig
        .get("/cdn-cgi/handler/scheduled?cron=0+4+*+*+*&time=1000")
        .await;
    assert!(answer.ends_with("\r\n\r\nok\n"), "{answer}");
    let line = rig.next_request().await;
    assert_eq!((&*line.worker, line.status), ("todo", 200));
    let answer = rig
        .ask("POST /cdn-cgi/local/scheduled", "Host: mail.localhost\r\n")
        .await;
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    assert!(answer.ends_with("mail  None\n"), "{answer}");
    let answer = rig.get("/cdn-cgi/handler/scheduled?cron=broken").await;
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    assert!(answer.ends_with("the handler threw\n"), "{answer}");
    let answer = rig.get("/cdn-cgi/handler/scheduled?time=noon").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[tokio::test]
async fn open_pages_are_told() {
    let rig = rig().await;
    let mut page = rig.connect().await;
    page.send("GET /cdn-cgi/tiny/live", "", "").await;
    let head = page.until("\r\n\r\n").await;
    assert!(
        head.contains("content-type: text/event-stream\r\n"),
        "{head}"
    );
    let hello = page.until("event: ok\ndata: {}\n\n").await;
    assert!(
        hello.contains("event: hello\ndata: {\"instance\":\""),
        "{hello}"
    );
    assert!(hello.contains("\"version\":0}"), "{hello}");
    rig.handle.reload(Reload::Css {
        paths: vec!["/a.css".to_owned()],
    });
    page.until("event: css\ndata: {\"version\":1,\"paths\":[\"/a.css\"]}\n\n")
        .await;
    rig.handle.show_failure(Some(Failure {
        title: "todo does not compile".to_owned(),
        text: "line 1\nline \"2\"".to_owned(),
    }));
    page.until(
        "event: failure\ndata: {\"title\":\"todo does not compile\",\
         \"text\":\"line 1\\nline \\\"2\\\"\"}\n\n",
    )
    .await;
    rig.handle.show_failure(None);
    page.until("event: ok\ndata: {}\n\n").await;
    rig.handle.reload(Reload::Page);
    page.until("event: reload\ndata: {\"version\":2}\n\n").await;
    // Who comes later learns what it missed.
    let mut late = rig.connect().await;
    late.send("GET /cdn-cgi/tiny/live", "", "").await;
    late.until("\"version\":2}\n\n").await;
}

#[tokio::test]
async fn the_client_script_is_a_program() {
    let rig = rig().await;
    let answer = rig
        .get("/cdn-cgi/tiny/client.js?instance=x&version=1")
        .await;
    assert!(answer.contains("content-type: text/javascript; charset=utf-8\r\n"));
    assert!(answer.contains("\r\n\r\nconst STYLE = \":host, :root {\\n"));
    assert!(answer.contains("new EventSource(STREAM)"));
    let answer = rig.ask("POST /cdn-cgi/tiny/client.js", "").await;
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
}

#[tokio::test]
async fn a_message_reaches_the_email_handler_with_its_envelope() {
    let rig = rig().await;
    rig.handle.release(only(saying("x").await));
    let mut client = rig.connect().await;
    client
        .send(
            "POST /cdn-cgi/handler/email?from=a%40b.test&to=c%40d.test",
            "Connection: close\r\nContent-Length: 4\r\n",
            "body",
        )
        .await;
    let answer = client.rest().await;
    assert!(answer.contains("a@b.test to c@d.test: body"), "{answer}");
    for request in [
        "GET /cdn-cgi/handler/email?from=a&to=b",
        "POST /cdn-cgi/handler/email?to=b",
    ] {
        let answer = rig.ask(request, "Host: localhost\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
}
