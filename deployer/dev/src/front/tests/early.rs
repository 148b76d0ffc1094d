//! Answers that come while the request is still being sent.

use std::sync::Arc;

use tokio::sync::Notify;

use super::*;

/// More than all buffers on the way hold.
const MUCH: usize = 32 * 1024 * 1024;

/// Reads the head and a little more of each request, answers, and hangs up with the rest unread,
/// as workerd does.
async fn refusing() -> SocketAddr {
    worker(|mut connection| async move {
        connection.head().await;
        let mut some = [0; 1000];
        connection.0.read_exact(&mut some).await.unwrap();
        connection
            .say("HTTP/1.1 413 Content Too Large\r\nContent-Length: 8\r\n\r\ntoo much")
            .await;
    })
    .await
}

/// Sends all of a body before it reads anything, as a simple client does.
async fn upload(client: &mut Client, length: usize, chunked: bool) {
    let piece = vec![b'x'; 64 * 1024];
    let mut left = length;
    while left > 0 {
        let piece = &piece[..piece.len().min(left)];
        if chunked {
            let frame = format!("{:x}\r\n", piece.len());
            client.0.write_all(frame.as_bytes()).await.unwrap();
        }
        client.0.write_all(piece).await.unwrap();
        if chunked {
            client.0.write_all(b"\r\n").await.unwrap();
        }
        left -= piece.len();
    }
    if chunked {
        client.0.write_all(b"0\r\n\r\n").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_reaches_a_client_that_still_sends() {
    let mut rig = rig().await;
    rig.handle.release(only(refusing().await));
    for (headers, chunked) in [
        (format!("Content-Length: {MUCH}\r\n"), false),
        ("Transfer-Encoding: chunked\r\n".to_owned(), true),
    ] {
        let mut client = rig.connect().await;
        client.send("POST /", &headers, "").await;
        soon(upload(&mut client, MUCH, chunked)).await;
        let answer = client.rest().await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{headers}{answer}");
        assert!(answer.contains("connection: close\r\n"), "{answer}");
        assert!(answer.ends_with("too much"), "{answer}");
        assert_eq!(rig.next_request().await.status, 413);
    }
}

#[tokio::test]
async fn a_short_request_that_the_worker_does_not_read_keeps_its_connection() {
    let rig = rig().await;
    let upstream = worker(|mut connection| async move {
        while let Some(head) = connection.head().await {
            if head.starts_with("POST") {
                connection.answer("not read").await;
                read_until(&mut connection.0, "the end").await;
            } else {
                connection.answer("next").await;
            }
        }
    })
    .await;
    rig.handle.release(only(upstream));
    let mut client = rig.connect().await;
    for _ in 0..3 {
        client
            .send("POST /", "Content-Length: 7\r\n", "the end")
            .await;
        client.until("not read").await;
        client.send("GET /", "", "").await;
        client.until("next").await;
    }
}

#[tokio::test]
async fn a_connection_on_which_a_long_request_was_refused_is_not_used_again() {
    let rig = rig().await;
    let upstream = worker(|mut connection| async move {
        while let Some(head) = connection.head().await {
            let is_long = head.contains("/long");
            let mut body = vec![0; if is_long { 100_000 } else { 2 }];
            connection.0.read_exact(&mut body).await.unwrap();
            if is_long {
                connection
                    .say("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
                    .await;
                // workerd hangs up a moment later; a second request here would be lost.
                assert_eq!(connection.head().await, None);
                return;
            }
            connection.answer("done").await;
        }
    })
    .await;
    rig.handle.release(only(upstream));
    for _ in 0..5 {
        let mut client = rig.connect().await;
        let body = "x".repeat(100_000);
        let headers = "Connection: close\r\nContent-Length: 100000\r\n";
        client.send("POST /long", headers, &body).await;
        assert!(client.rest().await.starts_with("HTTP/1.1 413 "));
        let mut client = rig.connect().await;
        let headers = "Connection: close\r\nContent-Length: 2\r\n";
        client.send("POST /short", headers, "hi").await;
        assert!(client.rest().await.ends_with("done"));
    }
}

#[tokio::test]
async fn an_answer_streams_while_the_request_does() {
    let rig = rig().await;
    let upstream = worker(|mut connection| async move {
        connection.head().await;
        connection
            .say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            .await;
        for piece in ["one", "two", "six"] {
            read_until(&mut connection.0, &format!("{piece}\r\n")).await;
            connection.say(format!("3\r\n{piece}\r\n")).await;
        }
        read_until(&mut connection.0, "0\r\n\r\n").await;
        connection.say("0\r\n\r\n").await;
        assert_eq!(connection.head().await, None);
    })
    .await;
    rig.handle.release(only(upstream));
    let mut client = rig.connect().await;
    client
        .send("POST /echo", "Transfer-Encoding: chunked\r\n", "")
        .await;
    let head = client.until("\r\n\r\n").await;
    assert!(!head.contains("connection: close"), "{head}");
    for piece in ["one", "two", "six"] {
        let frame = format!("3\r\n{piece}\r\n");
        client.0.write_all(frame.as_bytes()).await.unwrap();
        client.until(&frame).await;
    }
    client.0.write_all(b"0\r\n\r\n").await.unwrap();
    client.until("0\r\n\r\n").await;
    // All of the request was read: the connection serves the next one.
    rig.handle.release(only(saying("next").await));
    client.send("GET /", "", "").await;
    client.until("next").await;
}

#[tokio::test]
async fn who_expects_to_be_asked_for_the_body_is_asked_once_a_worker_takes_it() {
    let rig = rig().await;
    let mut client = rig.connect().await;
    let headers = "Content-Length: 5\r\nExpect: 100-continue\r\n";
    client.send("PUT /", headers, "").await;
    assert!(client.is_silent().await);
    let upstream = worker(|mut connection| async move {
        let head = connection.head().await.unwrap();
        assert!(!head.contains("expect"), "{head}");
        read_until(&mut connection.0, "hello").await;
        connection.answer("stored").await;
        connection.head().await;
    })
    .await;
    rig.handle.release(only(upstream));
    assert_eq!(
        client.until("\r\n\r\n").await,
        "HTTP/1.1 100 Continue\r\n\r\n"
    );
    client.0.write_all(b"hello").await.unwrap();
    client.until("stored").await;
}

#[tokio::test]
async fn who_is_refused_is_not_asked_for_the_body() {
    let rig = rig().await;
    rig.handle.release(only(saying("the worker").await));
    let mut client = rig.connect().await;
    let headers = "Host: evil.example\r\nContent-Length: 999999\r\nExpect: 100-continue\r\n";
    client.send("PUT /", headers, "").await;
    let answer = client.until("tiny.toml\n").await;
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert!(answer.contains("connection: close\r\n"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_front_refuses_itself_reaches_a_client_that_still_sends() {
    let rig = rig().await;
    rig.handle.release(only(saying("the worker").await));
    let mut client = rig.connect().await;
    let headers = format!("Host: evil.example\r\nContent-Length: {MUCH}\r\n");
    client.send("POST /", &headers, "").await;
    soon(upload(&mut client, MUCH, false)).await;
    let answer = client.rest().await;
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_takes_its_request_along() {
    let rig = rig().await;
    let (begun, left) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let script = (Arc::clone(&begun), Arc::clone(&left));
    let upstream = worker(move |mut connection| {
        let (begun, left) = script.clone();
        async move {
            connection.head().await;
            read_until(&mut connection.0, "half").await;
            begun.notify_one();
            // The end of the connection, not of the body.
            assert!(connection.0.read_u8().await.is_err());
            left.notify_one();
        }
    })
    .await;
    rig.handle.release(only(upstream));
    let mut client = rig.connect().await;
    client
        .send("POST /", "Content-Length: 1000\r\n", "half")
        .await;
    soon(begun.notified()).await;
    drop(client);
    soon(left.notified()).await;
}
