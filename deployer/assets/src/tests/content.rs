//! Bodies and their headers.

use super::*;

const CACHE: &str = "public, max-age=0, must-revalidate";

#[tokio::test]
async fn an_answer_says_what_it_is() {
    let site = site(&["a.css", "LICENSE"]).load();
    let headers = site.headers("/a.css").await;
    assert_eq!(headers["content-type"], "text/css; charset=utf-8");
    assert_eq!(headers["cache-control"], CACHE);
    assert_eq!(headers["cf-cache-status"], "HIT");
    let etag = headers["etag"].to_str().unwrap();
    assert!(
        etag.len() == 34 && etag.starts_with('"') && etag.ends_with('"'),
        "{etag}"
    );
    assert!(!site.headers("/LICENSE").await.contains_key("content-type"));
}

#[tokio::test]
async fn a_browser_that_knows_it_need_not_load_it_again() {
    let site = site(&["a.css"]).load();
    let etag = site.headers("/a.css").await["etag"].clone();
    let etag = etag.to_str().unwrap();
    for known in [etag.to_owned(), format!("W/{etag}")] {
        let answer = site
            .ask("GET /a.css", &[("if-none-match", &known)])
            .await
            .unwrap();
        assert_eq!(word(&answer), "304", "{known}");
        assert_eq!(answer.headers()["etag"], etag);
        assert_eq!(answer.headers()["cache-control"], CACHE);
    }
    for other in ["\"other\"", "*", ""] {
        let answer = site
            .ask("GET /a.css", &[("if-none-match", other)])
            .await
            .unwrap();
        assert_eq!(word(&answer), "200 a.css", "{other}");
    }
}

#[tokio::test]
async fn an_etag_is_of_the_content_alone() {
    let site = site(&[]).with("a.txt", "same").with("b.txt", "same").load();
    let etag = site.headers("/a.txt").await["etag"].clone();
    assert_eq!(site.headers("/b.txt").await["etag"], etag);
    site.site.write("a.txt", "else");
    assert_ne!(site.headers("/a.txt").await["etag"], etag);
}

#[tokio::test]
async fn a_head_has_the_headers_and_the_length() {
    let site = site(&["a.css"]).load();
    let answer = site.ask("HEAD /a.css", &[]).await.unwrap();
    assert_eq!(word(&answer), "200");
    assert_eq!(answer.headers()["content-length"], "5");
    assert_eq!(answer.headers()["content-type"], "text/css; charset=utf-8");
    let answer = site.ask("HEAD /index.html", &[]).await;
    assert!(answer.is_none());
}

#[tokio::test]
async fn what_is_not_for_everybody_is_not_cached() {
    let site = site(&["a.css"]).load();
    for header in [("authorization", "Bearer x"), ("range", "bytes=0-1")] {
        let answer = site.ask("GET /a.css", &[header]).await.unwrap();
        assert_eq!(word(&answer), "200 a.css");
        assert!(
            !answer.headers().contains_key("cache-control"),
            "{header:?}"
        );
    }
}

#[tokio::test]
async fn large_files_come_whole() {
    let large: Vec<u8> = (0..1_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let site = site(&[]).with("large.bin", &large).load();
    for _ in 0..2 {
        let answer = site.ask("GET /large.bin", &[]).await.unwrap();
        assert!(answer.body() == &large);
    }
    let answer = site.ask("HEAD /large.bin", &[]).await.unwrap();
    assert_eq!(answer.headers()["content-length"], "1000000");
}

#[tokio::test]
async fn an_edit_shows_at_once() {
    let site = site(&[]).with("a.txt", "old").load();
    assert_eq!(site.get("/a.txt").await, "200 old");
    site.site.write("a.txt", "newer");
    assert_eq!(site.get("/a.txt").await, "200 newer");
}

#[tokio::test]
async fn a_file_that_is_gone_is_not_found() {
    let site = site(&["a.txt"]).load();
    fs_err::remove_file(site.site.path("a.txt")).unwrap();
    assert_eq!(site.get("/a.txt").await, "404");
    site.assets.rescan().unwrap();
    assert_eq!(site.get("/a.txt").await, "worker");
}
