//! Requests pass.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::{FrontError, FrontEvent};
use super::*;

#[tokio::test]
async fn a_request_passes_and_is_reported() {
    let mut rig = rig().await;
    rig.handle.release(only(repeating().await));
    let answer = rig
        .ask("GET /a/b?secret=1", "X-Mine: 1\r\nTE: trailers\r\n")
        .await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let (_, got) = answer.split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<_> = got.trim_end().split("\r\n").collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "GET /a/b?secret=1 HTTP/1.1",
            "cf-connecting-ip: 127.0.0.1",
            "host: localhost",
            "x-mine: 1",
        ]
    );
    let FrontEvent::Request(line) = rig.next_event().await;
    assert_eq!(
        (&*line.worker, &*line.method, &*line.path, line.status),
        ("todo", "GET", "/a/b", 200)
    );
}

#[tokio::test]
async fn a_load_test_on_this_machine_may_stand_in_for_others() {
    let rig = rig().await;
    rig.handle.release(only(repeating().await));
    let answer = rig.ask("GET /", "CF-Connecting-IP: 203.0.113.7\r\n").await;
    assert!(
        answer.contains("cf-connecting-ip: 203.0.113.7\r\n"),
        "{answer}"
    );
}

#[tokio::test]
async fn the_host_names_the_worker() {
    let rig = rig().await;
    rig.handle.release(Routes {
        workers: vec![
            route("todo", saying("first").await),
            route("mail", saying("second").await),
        ],
        default: 0,
    });
    for (host, body) in [
        ("localhost:1338", "first"),
        ("mail.localhost:1338", "second"),
        ("MAIL.localhost", "second"),
        ("todo.localhost", "first"),
        ("other.localhost", "first"),
        ("tunnel.example", "first"),
    ] {
        let answer = rig.ask("GET /", &format!("Host: {host}\r\n")).await;
        assert!(answer.ends_with(body), "{host}: {answer}");
    }
}

#[tokio::test]
async fn connections_are_kept_alive_on_both_sides() {
    let rig = rig().await;
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&accepted);
    let upstream = worker(move |mut connection| {
        count.fetch_add(1, Ordering::SeqCst);
        async move {
            while connection.head().await.is_some() {
                connection.answer("one of many").await;
            }
        }
    })
    .await;
    rig.handle.release(only(upstream));
    let mut client = rig.connect().await;
    for _ in 0..100 {
        client.send("GET /", "", "").await;
        client.until("one of many").await;
    }
    assert_eq!(accepted.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn bodies_stream_both_ways() {
    let rig = rig().await;
    let upstream = worker(|mut connection| async move {
        let head = connection.head().await.unwrap();
        assert!(head.contains("transfer-encoding: chunked"), "{head}");
        read_until(&mut connection.0, "ping\r\n").await;
        connection
            .say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npong\r\n")
            .await;
        read_until(&mut connection.0, "0\r\n\r\n").await;
        connection.say("4\r\ndone\r\n0\r\n\r\n").await;
    })
    .await;
    rig.handle.release(only(upstream));
    let mut client = rig.connect().await;
    client
        .send("POST /", "Transfer-Encoding: chunked\r\n", "4\r\nping\r\n")
        .await;
    client.until("pong\r\n").await;
    client.0.write_all(b"0\r\n\r\n").await.unwrap();
    client.until("done\r\n0\r\n\r\n").await;
}

#[tokio::test]
async fn a_stale_kept_alive_connection_costs_nothing() {
    let rig = rig().await;
    // Answers once a connection, and hangs up as soon as it is asked again.
    let upstream = worker(|mut connection| async move {
        connection.head().await.unwrap();
        connection.answer("fresh").await;
        connection.head().await;
    })
    .await;
    rig.handle.release(only(upstream));
    for _ in 0..5 {
        let answer = rig.get("/").await;
        assert!(answer.ends_with("fresh"), "{answer}");
    }
}

#[tokio::test]
async fn a_worker_that_breaks_off_is_a_bad_gateway() {
    let rig = rig().await;
    let upstream = worker(|mut connection| async move {
        connection.head().await;
    })
    .await;
    rig.handle.release(only(upstream));
    let answer = rig.get("/").await;
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
}

#[tokio::test]
async fn a_truncated_answer_is_not_passed_off_as_whole() {
    let rig = rig().await;
    let upstream = worker(|mut connection| async move {
        connection.head().await;
        connection
            .say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
            .await;
    })
    .await;
    rig.handle.release(only(upstream));
    let answer = rig.get("/").await;
    assert!(answer.contains("half"), "{answer}");
    assert!(!answer.ends_with("0\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn a_head_request_keeps_its_length() {
    let rig = rig().await;
    let upstream = worker(|mut connection| async move {
        while connection.head().await.is_some() {
            connection
                .say("HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n")
                .await;
        }
    })
    .await;
    rig.handle.release(only(upstream));
    let answer = rig.ask("HEAD /", "").await;
    assert!(answer.contains("content-length: 1234\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn a_taken_port_names_its_holder() {
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port();
    let (events, _) = mpsc::unbounded_channel();
    let options = FrontOptions { live_reload: true };
    let host = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let Err(error) = Front::bind(host, port, options, events, Arc::new(Echo)).await else {
        panic!("the port is taken");
    };
    let FrontError::PortTaken {
        holder: Some(holder),
        suggestion,
        ..
    } = &error
    else {
        panic!("{error:?}");
    };
    assert_eq!(holder.pid, std::process::id());
    assert!(*suggestion > port);
    let (command, pid) = (&holder.command, holder.pid);
    assert_eq!(
        error.to_string(),
        format!("port {port} is already in use by `{command}` (pid {pid})")
    );
    assert_eq!(
        miette::Diagnostic::help(&error).unwrap().to_string(),
        format!("stop it, or run `tiny dev --port {suggestion}`")
    );
}

#[tokio::test]
async fn a_port_taken_on_ipv6_alone_is_taken() {
    let Ok(held) = std::net::TcpListener::bind("[::1]:0") else {
        // A machine without IPv6.
        return;
    };
    let port = held.local_addr().unwrap().port();
    let (events, _) = mpsc::unbounded_channel();
    let options = FrontOptions { live_reload: true };
    let host = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let error = Front::bind(host, port, options, events, Arc::new(Echo)).await;
    assert!(matches!(error, Err(FrontError::PortTaken { .. })));
}

#[tokio::test]
async fn the_port_is_free_again_at_once() {
    let rig = rig().await;
    rig.handle.release(only(saying("here").await));
    let mut client = rig.connect().await;
    client.send("GET /", "", "").await;
    client.until("here").await;
    let address = rig.address;
    drop(rig);
    // The end of the front is the end of its connections.
    assert_eq!(client.rest().await, "");
    let (events, _) = mpsc::unbounded_channel();
    let options = FrontOptions { live_reload: true };
    let again = Front::bind(
        address.ip(),
        address.port(),
        options,
        events,
        Arc::new(Echo),
    )
    .await;
    assert!(again.is_ok());
}
