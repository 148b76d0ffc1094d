//! Requests pass.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

use tiny_listen::ListenError;
use tiny_manifest::AllowedHosts;

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
    lines.retain(|line| !line.starts_with("x-tiny-cf: {"));
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
    let line = rig.next_request().await;
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
    rig.handle.allow_hosts(AllowedHosts::All);
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
    let Err(error) = Front::bind(host, port, options, events, Arc::new(Echo::default())).await
    else {
        panic!("the port is taken");
    };
    let ListenError::PortTaken {
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
    let held = std::net::TcpListener::bind("[::1]:0")
        .expect("IPv6 on the loopback: `sysctl net.ipv6.conf.lo.disable_ipv6=0`");
    let port = held.local_addr().unwrap().port();
    let (events, _) = mpsc::unbounded_channel();
    let options = FrontOptions { live_reload: true };
    let host = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let error = Front::bind(host, port, options, events, Arc::new(Echo::default())).await;
    assert!(matches!(error, Err(ListenError::PortTaken { .. })));
}

#[tokio::test]
async fn localhost_is_reached_by_ipv6_as_well() {
    for host in [Ipv4Addr::LOCALHOST, Ipv4Addr::UNSPECIFIED] {
        let rig = rig_on(host.into()).await;
        rig.handle.release(only(repeating().await));
        let port = rig.address.port();
        for address in [format!("127.0.0.1:{port}"), format!("[::1]:{port}")] {
            let mut client = Client(TcpStream::connect(&address).await.unwrap());
            client.send("GET /", "Connection: close\r\n", "").await;
            let answer = client.rest().await;
            let ip = address.parse::<SocketAddr>().unwrap().ip();
            let from = format!("cf-connecting-ip: {ip}\r\n");
            assert!(answer.contains(&from), "{answer}");
        }
    }
}

#[tokio::test]
async fn a_client_does_not_make_up_where_it_is() {
    let rig = rig().await;
    rig.handle.release(only(repeating().await));
    let answer = rig
        .ask(
            "GET /",
            "X-Tiny-Cf: {\"country\":\"T1\"}\r\nAccept-Encoding: br\r\n",
        )
        .await;
    assert_eq!(answer.matches("x-tiny-cf: ").count(), 1, "{answer}");
    assert!(!answer.contains("T1"), "{answer}");
    assert!(
        answer.contains("\"clientAcceptEncoding\":\"br\"}\r\n"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_body_has_one_length() {
    let rig = rig().await;
    let upstream = worker(|mut connection| async move {
        let head = connection.head().await.unwrap();
        read_until(&mut connection.0, "0\r\n\r\n").await;
        connection.answer(&head).await;
    })
    .await;
    rig.handle.release(only(upstream));
    for headers in [
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
    ] {
        let mut client = rig.connect().await;
        let headers = format!("Connection: close\r\n{headers}");
        client
            .send("POST /", &headers, "5\r\nhello\r\n0\r\n\r\n")
            .await;
        let answer = client.rest().await;
        if answer.starts_with("HTTP/1.1 400 ") {
            continue;
        }
        let (_, got) = answer.split_once("\r\n\r\n").unwrap();
        assert!(got.contains("transfer-encoding: chunked\r\n"), "{answer}");
        assert!(!got.contains("content-length"), "{answer}");
    }
}

#[tokio::test]
async fn a_large_upload_arrives_whole() {
    const SIZE: usize = 20 * 1024 * 1024;
    let rig = rig().await;
    let upstream = worker(|mut connection| async move {
        let head = connection.head().await.unwrap();
        assert!(
            head.contains(&format!("content-length: {SIZE}\r\n")),
            "{head}"
        );
        let mut body = vec![0; SIZE];
        connection.0.read_exact(&mut body).await.unwrap();
        let sum: u64 = body.iter().map(|byte| u64::from(*byte)).sum();
        connection.answer(&sum.to_string()).await;
    })
    .await;
    rig.handle.release(only(upstream));
    let mut client = rig.connect().await;
    let headers =
        format!("Connection: close\r\nExpect: 100-continue\r\nContent-Length: {SIZE}\r\n");
    client.send("POST /", &headers, "").await;
    client.until("HTTP/1.1 100 Continue\r\n\r\n").await;
    let body: Vec<u8> = (0..SIZE).map(|n| n.to_le_bytes()[0]).collect();
    let sum: u64 = body.iter().map(|byte| u64::from(*byte)).sum();
    client.0.write_all(&body).await.unwrap();
    assert!(client.rest().await.ends_with(&format!("\r\n\r\n{sum}")));
}

#[tokio::test]
async fn a_worker_learns_that_its_client_left() {
    let rig = rig().await;
    let (asked, left) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let script = (Arc::clone(&asked), Arc::clone(&left));
    let upstream = worker(move |mut connection| {
        let (asked, left) = script.clone();
        async move {
            connection.head().await;
            asked.notify_one();
            if connection.head().await.is_none() {
                left.notify_one();
            }
        }
    })
    .await;
    rig.handle.release(only(upstream));
    let mut client = rig.connect().await;
    client.send("GET /slow", "", "").await;
    soon(asked.notified()).await;
    drop(client);
    soon(left.notified()).await;
}

#[tokio::test]
async fn early_news_of_the_worker_is_not_taken_for_its_answer() {
    let rig = rig().await;
    let upstream = worker(|mut connection| async move {
        connection.head().await;
        connection
            .say("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
            .await;
        connection.answer("the answer").await;
    })
    .await;
    rig.handle.release(only(upstream));
    let answer = rig.get("/").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("the answer"), "{answer}");
}

#[tokio::test]
async fn a_request_as_to_a_proxy_is_for_the_host_in_it() {
    let rig = rig().await;
    rig.handle.allow_hosts(AllowedHosts::All);
    rig.handle.release(only(repeating().await));
    let answer = rig
        .ask("GET http://me:secret@app.example:81/a?b", "Host: other\r\n")
        .await;
    let (_, got) = answer.split_once("\r\n\r\n").unwrap();
    assert!(got.starts_with("GET /a?b HTTP/1.1\r\n"), "{got}");
    assert!(got.contains("host: app.example:81\r\n"), "{got}");
    let answer = rig.ask("CONNECT app.example:81", "").await;
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
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
        Arc::new(Echo::default()),
    )
    .await;
    assert!(again.is_ok());
}
