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
    let FrontEvent::Request(line) = rig.next_event().await;
    assert_eq!((&*line.path, line.status), ("/a.txt", 200));
    assert!(rig.get("/b.txt").await.ends_with("the worker"));
    assert!(rig.ask("POST /a.txt", "").await.ends_with("the worker"));
}
