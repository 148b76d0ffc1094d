//! A worker that never gives back the runtime, and one that answers before it has read.

use std::time::{Duration, Instant};

use crate::support::{Dev, Tiny, signal, workerds};

type Asked = tokio::task::JoinHandle<reqwest::Result<reqwest::Response>>;

/// Sends a GET and does not wait for the answer.
fn ask(dev: &Dev, path: &str) -> Asked {
    tokio::spawn(dev.client.get(dev.url(path)).send())
}

/// A save that changes what runs without a compilation.
fn greet(from: &str, to: &str) -> impl FnOnce(String) -> String {
    let (from, to) = (format!("\"{from}\""), format!("\"{to}\""));
    move |manifest| manifest.replace(&from, &to)
}

#[tokio::test]
async fn a_worker_in_an_endless_loop_is_told_of_and_replaced_by_a_save() {
    let mut dev = Tiny::bindings("endless-loop").dev().await;
    let hanging = ask(&dev, "/loop?secret=1");
    let busy = dev.event("busy").await;
    assert_eq!(busy["worker"], "first");
    assert_eq!(busy["method"], "GET");
    assert_eq!(busy["path"], "/loop");
    assert!(busy["ms"].as_u64().unwrap() >= 3000, "{busy}");

    // The request is sent to the next runtime, which it hangs as well, and not to a third.
    dev.edit("tiny.toml", greet("hello", "howdy"));
    dev.event("reload").await;
    dev.event_where("busy", |busy| busy["path"] == "/loop")
        .await;
    assert!(!hanging.is_finished());
    dev.edit("tiny.toml", greet("howdy", "ahoy"));
    dev.event("reload").await;
    let refused = hanging.await.unwrap().unwrap();
    assert_eq!(refused.status(), 503);
    let text = refused.text().await.unwrap();
    assert!(text.starts_with("GET /loop was not answered\n"), "{text}");
    assert_eq!(dev.json("/vars").await["greeting"], "ahoy");

    let _hanging = ask(&dev, "/loop");
    tokio::time::sleep(Duration::from_millis(500)).await;
    let since = Instant::now();
    let (code, _) = dev.interrupt().await;
    assert_eq!(code, Some(130));
    let took = since.elapsed();
    assert!(took < Duration::from_secs(10), "Ctrl-C took {took:?}");
}

#[tokio::test]
async fn an_early_answer_reaches_a_client_that_still_sends() {
    let dev = Tiny::bindings("early-answer").dev().await;
    for _ in 0..5 {
        let refused = dev.post("/refuse", vec![b'x'; 32 * 1024 * 1024]).await;
        assert_eq!(refused.status(), 413);
        assert_eq!(refused.text().await.unwrap(), "too much");
        // On a connection of its own: the other one has the rest of the request in it.
        assert_eq!(dev.json("/vars").await["greeting"], "hello");
    }
}

#[tokio::test]
async fn requests_get_the_reason_once_the_runtime_keeps_ending() {
    let mut dev = Tiny::bindings("keeps-ending").dev().await;
    // Some early ends in a row are enough; one that comes late starts the count anew.
    for _ in 0..20 {
        for runtime in workerds(dev.pid()) {
            signal(runtime, "KILL");
        }
        let answer = dev.get("/vars").await;
        if answer.status() == 200 {
            continue;
        }
        assert_eq!(answer.status(), 503);
        let text = answer.text().await.unwrap();
        assert!(
            text.starts_with("the runtime keeps ending by itself\n"),
            "{text}"
        );
        let failed = dev.event("build_failed").await;
        assert_eq!(failed["title"], "the runtime keeps ending by itself");

        dev.edit("tiny.toml", greet("hello", "again"));
        dev.event("reload").await;
        assert_eq!(dev.json("/vars").await["greeting"], "again");
        return;
    }
    panic!("it was always started again:\n{}", dev.story());
}
