//! What is the worker's, and what the files'.

use super::*;

fn paths(list: &[&str]) -> RunWorkerFirst {
    RunWorkerFirst::Paths(list.iter().map(|&path| path.to_owned()).collect())
}

#[tokio::test]
async fn the_worker_may_come_first() {
    let site = site(&["a.txt"]).first(RunWorkerFirst::Always).load();
    assert_eq!(site.get("/a.txt").await, "worker");
    assert_eq!(site.fetch("/a.txt").await, "200 a.txt");
}

#[tokio::test]
async fn the_worker_may_come_first_on_some_paths() {
    let files = ["api/doc.txt", "api/public/x.txt", "a.txt"];
    let site = site(&files)
        .first(paths(&["/api/*", "!/api/public/*"]))
        .load();
    for (path, expected) in [
        ("/api/doc.txt", "worker"),
        ("/api/none", "worker"),
        ("/api/public/x.txt", "200 api/public/x.txt"),
        // An exception is the files' for good.
        ("/api/public/none", "404"),
        ("/a.txt", "200 a.txt"),
        ("/api", "worker"),
    ] {
        assert_eq!(site.get(path).await, expected, "{path}");
    }
}

#[tokio::test]
async fn exceptions_win_wherever_they_stand() {
    let site = site(&["a.txt", "b.txt"])
        .first(paths(&["!/a*", "/*"]))
        .load();
    assert_eq!(site.get("/a.txt").await, "200 a.txt");
    assert_eq!(site.get("/b.txt").await, "worker");
}

#[tokio::test]
async fn what_is_no_file_is_the_workers_unless_a_browser_wants_a_page() {
    let site = site(&["index.html"])
        .not_found(NotFoundHandling::SinglePageApplication)
        .load();
    assert_eq!(site.get("/api/data").await, "worker");
    assert_eq!(
        site.navigate("/some/view", NAVIGATION).await,
        "200 index.html"
    );
    assert_eq!(
        site.navigate("/api", &[("sec-fetch-mode", "cors")]).await,
        "worker"
    );
    assert_eq!(site.fetch("/some/view").await, "200 index.html");
}

#[tokio::test]
async fn with_paths_for_the_worker_all_others_are_the_files() {
    let site = site(&["index.html"])
        .not_found(NotFoundHandling::SinglePageApplication)
        .first(paths(&["/api/*"]))
        .load();
    assert_eq!(site.get("/some/view").await, "200 index.html");
    assert_eq!(site.navigate("/api/x", NAVIGATION).await, "worker");
}

#[tokio::test]
async fn the_nearest_404_page_upwards_answers() {
    let site = site(&["404.html", "a/404.html", "a/b/x.txt"])
        .not_found(NotFoundHandling::NotFoundPage)
        .load();
    for (path, expected) in [
        ("/none", "404 404.html"),
        ("/a/none", "404 a/404.html"),
        ("/a/b/none/deep", "404 a/404.html"),
        ("/ab/none", "404 404.html"),
        ("/a/b/x.txt", "200 a/b/x.txt"),
    ] {
        assert_eq!(site.navigate(path, NAVIGATION).await, expected, "{path}");
        assert_eq!(site.fetch(path).await, expected, "{path}");
    }
    assert_eq!(site.get("/none").await, "worker");
}

#[tokio::test]
async fn without_a_worker_the_files_answer_everything() {
    let site = site(&["a.txt"]).without_worker().load();
    assert_eq!(site.get("/none").await, "404");
    let site = super::site(&["index.html"])
        .not_found(NotFoundHandling::SinglePageApplication)
        .first(RunWorkerFirst::Always)
        .without_worker()
        .load();
    assert_eq!(site.get("/none").await, "200 index.html");
}

#[tokio::test]
async fn files_are_only_read() {
    let site = site(&["a.txt"]).load();
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let answer = site.ask(&format!("{method} /a.txt"), &[]).await.unwrap();
        assert_eq!(word(&answer), "405", "{method}");
        let answer = site.ask(&format!("{method} /none"), &[]).await;
        assert!(answer.is_none(), "{method}");
    }
}
