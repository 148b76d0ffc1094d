//! Static files before the worker.

use camino::Utf8Path;
use tiny_assets::{Assets, Config, HtmlHandling, NotFoundHandling, RunWorkerFirst};

use super::*;

#[tokio::test]
async fn files_are_served_without_asking_the_worker() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.txt"), "a file").unwrap();
    let assets = Assets::load(Config {
        directory: Utf8Path::from_path(folder.path()).unwrap().to_owned(),
        packages: Vec::new(),
        html_handling: HtmlHandling::default(),
        not_found_handling: NotFoundHandling::default(),
        run_worker_first: RunWorkerFirst::default(),
        has_worker: true,
    })
    .unwrap();
    let mut rig = rig().await;
    rig.handle.release(Routes {
        workers: vec![Route {
            assets: Some(Arc::new(assets)),
            ..route("todo", saying("the worker").await)
        }],
        default: 0,
    });
    assert!(rig.get("/a.txt").await.ends_with("a file"));
    let line = rig.next_request().await;
    assert_eq!((&*line.path, line.status), ("/a.txt", 200));
    assert!(rig.get("/b.txt").await.ends_with("the worker"));
    let answer = rig.ask("POST /b.txt", "").await;
    assert!(answer.ends_with("the worker"), "{answer}");
    let answer = rig.ask("POST /a.txt", "").await;
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
    let answer = rig.ask("HEAD /a.txt", "").await;
    assert!(answer.contains("content-length: 6\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
    let etag = answer.lines().find(|line| line.starts_with("etag: "));
    let known = format!("If-None-Match: {}\r\n", &etag.unwrap()["etag: ".len()..]);
    let answer = rig.ask("GET /a.txt", &known).await;
    assert!(answer.starts_with("HTTP/1.1 304 "), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
}
