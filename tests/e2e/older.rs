//! Projects whose lock files are of another time: `worker` from 0.5 on, wasm-bindgen from 0.2.92 on.

use std::time::Duration;

use crate::support::{Cloud, Dev, Tiny};

const WORKERS: [&str; 4] = [
    "bindgen-0-2-95",
    "bindgen-0-2-104",
    "bindgen-0-2-114",
    "bindgen-0-2-126",
];

#[tokio::test(flavor = "multi_thread")]
async fn workers_of_every_age_run_panic_recover_and_are_deployed() {
    let cloud = Cloud::start("older").await;
    let dev = Tiny::older("older").dev().await;
    for worker in WORKERS {
        recovers_from_panics(&dev, worker).await;
    }
    let (code, tiny) = dev.interrupt().await;
    assert_eq!(code, Some(130));

    let tiny = tiny.on(&cloud);
    tiny.ran(&["deploy", "--stage", "prod", "--profile", "dev", "--yes"])
        .exits(0);
    for worker in WORKERS {
        let script = format!("older-prod-{worker}");
        let answer = cloud.worker(&script, "/object").await;
        assert_eq!(answer.text().await.unwrap(), "1 in memory", "{worker}");
    }
}

async fn recovers_from_panics(dev: &Dev, worker: &str) {
    let text = async |path: &str| {
        let answer = dev.get_of(worker, path).await;
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(text("/").await, (200, "hello".to_owned()), "{worker}");
    for path in ["/panic", "/panic-later", "/object/panic"] {
        assert_eq!(
            text("/object").await.1,
            "1 in memory",
            "{worker} before {path}"
        );
        assert_eq!(
            text("/object").await.1,
            "2 in memory",
            "{worker} before {path}"
        );
        assert_eq!(text(path).await.0, 500, "{worker} {path}");
        assert_eq!(text("/").await.0, 200, "{worker} after {path}");
    }
    // Requests that wait in an instance end together with it, and what they waited for does not
    // reach the next one.
    let (waiting, panic) = tokio::join!(text("/wait"), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        text("/panic").await
    });
    assert_eq!((waiting.0, panic.0), (500, 500), "{worker}");
    assert_eq!(text("/object").await.1, "1 in memory", "{worker}");
}
