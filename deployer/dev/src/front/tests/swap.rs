//! Workers are exchanged under running requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Notify;

use super::super::Failure;
use super::*;

#[tokio::test]
async fn requests_wait_for_the_first_release() {
    let rig = rig().await;
    let mut client = rig.connect().await;
    client.send("GET /", "", "").await;
    assert!(client.is_silent().await);
    rig.handle.release(only(saying("built").await));
    client.until("built").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_is_lost_over_many_swaps() {
    let rig = Arc::new(rig().await);
    rig.handle.release(only(saying("generation").await));
    let over = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let (rig, over, answered) =
                (Arc::clone(&rig), Arc::clone(&over), Arc::clone(&answered));
            tokio::spawn(async move {
                let mut client = rig.connect().await;
                while !over.load(Ordering::SeqCst) {
                    client.send("GET /", "", "").await;
                    let answer = client.until("generation").await;
                    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
                    answered.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    for _ in 0..20 {
        rig.handle.hold(GRACE).await;
        let before = answered.load(Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(5)).await;
        // Nothing passes a closed gate, apart from answers that were on their way to their clients.
        assert!(answered.load(Ordering::SeqCst) <= before + 8);
        rig.handle.release(only(saying("generation").await));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    over.store(true, Ordering::SeqCst);
    for client in clients {
        soon(client).await.unwrap();
    }
    assert!(answered.load(Ordering::SeqCst) > 8);
}

#[tokio::test]
async fn who_is_in_flight_may_finish() {
    let rig = rig().await;
    let (asked, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let script = (Arc::clone(&asked), Arc::clone(&go));
    let upstream = worker(move |mut connection| {
        let (asked, go) = script.clone();
        async move {
            connection.head().await;
            asked.notify_one();
            go.notified().await;
            connection.answer("old").await;
        }
    })
    .await;
    rig.handle.release(only(upstream));
    let mut client = rig.connect().await;
    client.send("POST /", "Content-Length: 2\r\n", "hi").await;
    soon(asked.notified()).await;
    let handle = rig.handle.clone();
    let hold = tokio::spawn(async move { handle.hold(LONG).await });
    let mut late = rig.connect().await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    late.send("GET /", "", "").await;
    go.notify_one();
    client.until("old").await;
    soon(hold).await.unwrap();
    assert!(late.is_silent().await);
    rig.handle.release(only(saying("new").await));
    late.until("new").await;
}

/// A worker that never answers; notifies when it is asked.
async fn stuck() -> (SocketAddr, Arc<Notify>) {
    let asked = Arc::new(Notify::new());
    let notify = Arc::clone(&asked);
    let upstream = worker(move |mut connection| {
        let notify = Arc::clone(&notify);
        async move {
            connection.head().await;
            notify.notify_one();
            connection.head().await;
        }
    })
    .await;
    (upstream, asked)
}

#[tokio::test]
async fn a_get_that_ran_out_of_time_is_sent_again() {
    let rig = rig().await;
    let (upstream, asked) = stuck().await;
    rig.handle.release(only(upstream));
    let mut client = rig.connect().await;
    client.send("GET /kept?x=1", "X-Mine: 1\r\n", "").await;
    soon(asked.notified()).await;
    soon(rig.handle.hold(GRACE)).await;
    assert!(client.is_silent().await);
    rig.handle.release(only(repeating().await));
    let answer = client.until("\r\n\r\n").await + &client.until("\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains("GET /kept?x=1 HTTP/1.1\r\n"), "{answer}");
    assert!(answer.contains("x-mine: 1\r\n"), "{answer}");
}

#[tokio::test]
async fn a_get_that_is_lost_twice_is_not_sent_a_third_time() {
    let rig = rig().await;
    let mut client = rig.connect().await;
    client
        .send(
            "GET /loop",
            "Connection: close\r\nAccept: text/html\r\n",
            "",
        )
        .await;
    for _ in 0..2 {
        let (upstream, asked) = stuck().await;
        rig.handle.release(only(upstream));
        soon(asked.notified()).await;
        soon(rig.handle.hold(GRACE)).await;
    }
    rig.handle.release(only(saying("the third").await));
    let answer = client.rest().await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(
        answer.contains("<h1>GET /loop was not answered</h1>"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_get_is_sent_again_when_the_runtime_ends_by_itself() {
    let rig = rig().await;
    let dying = Arc::new(Notify::new());
    let notify = Arc::clone(&dying);
    let upstream = worker(move |mut connection| {
        let notify = Arc::clone(&notify);
        async move {
            connection.head().await;
            notify.notify_one();
        }
    })
    .await;
    rig.handle.release(only(upstream));
    let mut client = rig.connect().await;
    client.send("GET /", "", "").await;
    soon(dying.notified()).await;
    // A moment passes until the session knows.
    tokio::time::sleep(Duration::from_millis(50)).await;
    rig.handle.hold(Duration::ZERO).await;
    rig.handle.release(only(saying("the next").await));
    client.until("the next").await;
}

#[tokio::test]
async fn requests_get_the_failure_once_the_runtime_is_given_up() {
    let rig = rig().await;
    let (upstream, asked) = stuck().await;
    rig.handle.release(only(upstream));
    let mut in_flight = rig.connect().await;
    in_flight.send("GET /", "Connection: close\r\n", "").await;
    soon(asked.notified()).await;
    rig.handle.give_up(Failure {
        title: "the runtime keeps ending by itself".to_owned(),
        text: "signal: 11".to_owned(),
    });
    for answer in [
        in_flight.rest().await,
        rig.get("/").await,
        rig.ask("POST /", "Content-Length: 0\r\n").await,
    ] {
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(
            answer.ends_with("the runtime keeps ending by itself\n\nsignal: 11\n"),
            "{answer}"
        );
    }
    let page = rig.ask("GET /", "Accept: text/html\r\n").await;
    assert!(page.contains("<pre>signal: 11</pre>"), "{page}");
    // A swap ends it.
    rig.handle.hold(GRACE).await;
    rig.handle.show_failure(None);
    rig.handle.release(only(saying("back").await));
    assert!(rig.get("/").await.ends_with("back"));
}

#[tokio::test]
async fn a_post_that_ran_out_of_time_is_refused_rather_than_done_twice() {
    let mut rig = rig().await;
    let (upstream, asked) = stuck().await;
    rig.handle.release(only(upstream));
    let mut client = rig.connect().await;
    client
        .send("POST /", "Content-Length: 2\r\nConnection: close\r\n", "hi")
        .await;
    soon(asked.notified()).await;
    soon(rig.handle.hold(GRACE)).await;
    let answer = client.rest().await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("retry-after: 1\r\n"), "{answer}");
    let line = rig.next_request().await;
    assert_eq!(line.status, 503);
}

#[tokio::test]
async fn an_answer_cut_off_midway_does_not_look_whole() {
    let rig = rig().await;
    let upstream = worker(|mut connection| async move {
        connection.head().await;
        connection
            .say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
            .await;
        connection.head().await;
    })
    .await;
    rig.handle.release(only(upstream));
    let mut client = rig.connect().await;
    client.send("GET /", "", "").await;
    client.until("half\r\n").await;
    soon(rig.handle.hold(GRACE)).await;
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn an_event_stream_does_not_hold_up_the_swap() {
    let rig = rig().await;
    let upstream = worker(|mut connection| async move {
        connection.head().await;
        connection
            .say(
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream;charset=utf-8\r\n\
                 Transfer-Encoding: chunked\r\n\r\n6\r\n: hi\n\n\r\n",
            )
            .await;
        connection.head().await;
    })
    .await;
    rig.handle.release(only(upstream));
    let mut client = rig.connect().await;
    client
        .send("GET /events", "Connection: close\r\n", "")
        .await;
    client.until(": hi\n\n\r\n").await;
    soon(rig.handle.hold(LONG)).await;
    // A regular end, after which an EventSource connects anew.
    assert_eq!(client.rest().await, "0\r\n\r\n");
}

#[tokio::test]
async fn a_client_that_gives_up_waiting_is_forgotten() {
    let rig = rig().await;
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let mut client = rig.connect().await;
    client.send("GET /", "", "").await;
    assert!(client.is_silent().await);
    drop(client);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let upstream = worker(move |mut connection| {
        let counter = Arc::clone(&counter);
        async move {
            while connection.head().await.is_some() {
                counter.fetch_add(1, Ordering::SeqCst);
                connection.answer("late").await;
            }
        }
    })
    .await;
    rig.handle.release(only(upstream));
    rig.get("/").await;
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_hold_without_traffic_takes_no_time() {
    let rig = rig().await;
    rig.handle.release(only(saying("x").await));
    rig.get("/").await;
    // Nobody is waited for.
    soon(rig.handle.hold(LONG)).await;
}
