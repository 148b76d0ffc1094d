//! A tail that breaks is opened again, and one that nobody reads any more is deleted.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tiny_cloudflare::{Followed, Trigger};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

use crate::server::{Server, ok, refuse};

/// Takes one WebSocket, as Cloudflare does, and reads what it is greeted with.
async fn taken(listener: &TcpListener) -> WebSocketStream<TcpStream> {
    let (stream, _) = listener.accept().await.unwrap();
    #[allow(clippy::result_large_err)] // the signature is the library's
    let answer = |request: &Request, mut response: Response| {
        assert_eq!(request.headers()["sec-websocket-protocol"], "trace-v1");
        let protocol = "trace-v1".parse().unwrap();
        response
            .headers_mut()
            .insert("sec-websocket-protocol", protocol);
        Ok(response)
    };
    let mut socket = tokio_tungstenite::accept_hdr_async(stream, answer)
        .await
        .unwrap();
    let greeting = socket.next().await.unwrap().unwrap();
    assert_eq!(greeting, Message::text(r#"{"debug":false}"#));
    socket
}

fn event(cron: &str) -> Message {
    let event = json!({"outcome": "ok", "event": {"cron": cron}, "logs": [], "exceptions": []});
    // Cloudflare sends bytes.
    Message::binary(event.to_string())
}

#[tokio::test]
async fn a_broken_tail_is_opened_again_and_the_last_one_deleted() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/tail", listener.local_addr().unwrap());
    let tail = |id: &str| ok(json!({"id": id, "url": url, "expires_at": "2026-11-24T20:00:00Z"}));
    let server = Server::plays(vec![
        tail("one"),
        ok(Value::Null),
        tail("two"),
        ok(Value::Null),
    ])
    .await;
    let sockets = tokio::spawn(async move {
        let mut first = taken(&listener).await;
        first.send(event("first")).await.unwrap();
        drop(first);
        let mut second = taken(&listener).await;
        second.send(event("second")).await.unwrap();
        // Until the other end hangs up.
        while let Some(Ok(_)) = second.next().await {}
    });
    let mut follow = server.account().follow("web", Vec::new());
    let mut told = Vec::new();
    while told.len() < 5 {
        told.push(match follow.next().await.unwrap() {
            Followed::Connected => "connected".to_owned(),
            Followed::Event(event) => match event.trigger {
                Trigger::Cron { cron } => cron,
                other => panic!("{other:?}"),
            },
            Followed::Lost { pause, .. } => format!("lost, {} s", pause.as_secs()),
            Followed::Ended(error) => panic!("{error}"),
        });
    }
    assert_eq!(
        told,
        ["connected", "first", "lost, 1 s", "connected", "second"]
    );
    follow.close().await;
    sockets.await.unwrap();
    let lines: Vec<_> = server
        .seen()
        .into_iter()
        .map(|request| request.line)
        .collect();
    assert!(
        lines[0].starts_with("POST ") && lines[0].ends_with("/web/tails"),
        "{lines:?}"
    );
    assert!(
        lines[1].starts_with("DELETE ") && lines[1].ends_with("/web/tails/one"),
        "{lines:?}"
    );
    assert!(lines[3].ends_with("/web/tails/two"), "{lines:?}");
}

#[tokio::test]
async fn a_worker_that_is_not_there_cannot_be_followed() {
    let server = Server::plays(vec![refuse(404, 10007, "no such worker")]).await;
    let mut follow = server.account().follow("web", Vec::new());
    match follow.next().await {
        Some(Followed::Ended(error)) => assert!(error.is_not_found()),
        other => panic!("{other:?}"),
    }
    assert!(follow.next().await.is_none());
}
