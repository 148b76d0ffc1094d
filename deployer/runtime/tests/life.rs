//! How workerd comes and goes.

#![allow(clippy::unwrap_used)] // a test's way to fail

mod support;

use std::net::TcpListener;

use support::{Bench, bind, class, worker};
use tiny_runtime::{Binding, Hyperdrive, RuntimeError, RuntimeEvent};

const COUNTER: &str = include_str!("workers/counter.js");

#[tokio::test]
async fn hibernation_empties_memory_and_keeps_data() {
    let mut bench = Bench::new().await;
    let mut counter = worker("main", COUNTER);
    counter.classes = vec![class("Counter")];
    bind(
        &mut counter,
        "COUNTER",
        Binding::DurableObject {
            class: "Counter".to_owned(),
            worker: None,
        },
    );
    let stack = bench.stack(vec![counter]);
    bench.run(&stack).await;
    assert_eq!(bench.get("main", "/a").await, "1 in memory, 1 stored");
    assert_eq!(bench.get("main", "/a").await, "2 in memory, 2 stored");
    assert_eq!(bench.get("main", "/b").await, "1 in memory, 1 stored");
    assert_eq!(bench.runtime.hibernate().await.unwrap(), 2);
    assert_eq!(bench.get("main", "/a").await, "1 in memory, 3 stored");
    // Those that still sleep keep none awake.
    assert_eq!(bench.runtime.hibernate().await.unwrap(), 2);
    assert_eq!(bench.get("main", "/a").await, "1 in memory, 4 stored");
}

#[tokio::test]
async fn a_worker_that_throws_at_its_top_level_says_so_and_another_can_follow() {
    let mut bench = Bench::new().await;
    let broken = bench.stack(vec![worker("main", "throw new Error('too early')")]);
    let prepared = bench.runtime.prepare(&broken).await.unwrap();
    let error = bench.runtime.swap(prepared).await.unwrap_err();
    assert!(matches!(error, RuntimeError::Start { .. }), "{error:?}");
    assert!(error.to_string().contains("too early"), "{error}");
    let whole = worker(
        "main",
        "export default { fetch() { return new Response('whole') } }",
    );
    let stack = bench.stack(vec![whole]);
    bench.run(&stack).await;
    assert_eq!(bench.get("main", "/").await, "whole");
}

#[tokio::test]
async fn an_end_that_nobody_asked_for_is_told_once_with_its_generation() {
    let mut bench = Bench::new().await;
    let stack = bench.stack(vec![worker("main", COUNTER)]);
    bench.run(&stack).await;
    let first = bench.runtime.generation();
    // A swap is asked for.
    bench.run(&stack).await;
    let second = bench.runtime.generation();
    assert!(second > first);
    let config = bench.path().join("run/workerd.capnp");
    let pid = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse::<u32>().ok())
        .find(|pid| {
            std::fs::read(format!("/proc/{pid}/cmdline"))
                .is_ok_and(|line| String::from_utf8_lossy(&line).contains(config.as_str()))
        })
        .unwrap();
    let killed = std::process::Command::new("kill")
        .args(["-9", &pid.to_string()])
        .status();
    assert!(killed.unwrap().success());
    bench
        .hears("the end", |event| {
            matches!(event, RuntimeEvent::Exited { generation, status, .. }
                if *generation == second && status.contains("signal: 9"))
        })
        .await;
    bench.run(&stack).await;
    assert_eq!(bench.get("main", "/").await, "no counter");
}

#[tokio::test]
async fn connections_wait_in_the_socket_while_nothing_runs() {
    let mut bench = Bench::new().await;
    let stack = bench.stack(vec![worker("main", COUNTER)]);
    bench.run(&stack).await;
    bench.runtime.stop().await;
    let prepared = bench.runtime.prepare(&stack).await.unwrap();
    let address = bench.runtime.upstream("main").unwrap();
    let early = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream
            .write_all(b"GET / HTTP/1.0\r\nhost: a.test\r\n\r\n")
            .await
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    });
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    bench.runtime.swap(prepared).await.unwrap();
    assert!(early.await.unwrap().ends_with("no counter"));
}

#[tokio::test]
async fn an_inspectors_address_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut bench = Bench::new().await;
    let mut stack = bench.stack(vec![worker("main", COUNTER)]);
    stack.inspector = Some(taken.local_addr().unwrap());
    let prepared = bench.runtime.prepare(&stack).await.unwrap();
    let error = bench.runtime.swap(prepared).await.unwrap_err();
    assert!(
        matches!(error, RuntimeError::InspectorTaken(_)),
        "{error:?}"
    );
}

#[tokio::test]
async fn tails_get_the_logs_and_a_hyperdrive_knows_its_database() {
    let mut bench = Bench::new().await;
    let mut main = worker(
        "main",
        "export default { fetch(request, env) { console.log('to be tailed'); return new Response(env.DB.connectionString) } }",
    );
    let database = Hyperdrive {
        scheme: "postgres".to_owned(),
        host: "127.0.0.1".to_owned(),
        port: 5432,
        database: "shop".to_owned(),
        user: "ada".to_owned(),
        password: "p".to_owned(),
    };
    bind(&mut main, "DB", Binding::Hyperdrive(database));
    main.tails = vec!["tail".to_owned()];
    let tail = worker(
        "tail",
        "export default { tail(events) { for (const { logs } of events) for (const { message } of logs) console.log('tailed', message[0]) } }",
    );
    let stack = bench.stack(vec![main, tail]);
    bench.run(&stack).await;
    let url = bench.get("main", "/").await;
    assert!(
        url.starts_with("postgres://ada:p@") && url.contains("/shop"),
        "{url}"
    );
    bench.hears_log("tailed to be tailed").await;
}

#[tokio::test]
async fn a_date_that_workerd_is_too_old_for_becomes_its_newest() {
    let mut bench = Bench::new().await;
    let mut main = worker(
        "main",
        "export default { fetch() { return new Response('runs') } }",
    );
    main.compatibility_date = "2999-01-01".to_owned();
    let stack = bench.stack(vec![main]);
    bench.run(&stack).await;
    assert_eq!(bench.get("main", "/").await, "runs");
}
