//! `_redirects` and `_headers` at work.

use super::*;

#[tokio::test]
async fn redirects_come_before_files() {
    let site = site(&["old.txt"])
        .with(
            "_redirects",
            "/old.txt /new 301\n/go/* https://go.example/:splat\n",
        )
        .load();
    assert_eq!(site.get("/old.txt").await, "301 /new");
    assert_eq!(site.get("/old.txt?a=1").await, "301 /new?a=1");
    assert_eq!(site.get("/go/x/y?z").await, "302 https://go.example/x/y?z");
    assert_eq!(site.fetch("/go/").await, "302 https://go.example/");
    let answer = site.ask("POST /old.txt", &[]).await.unwrap();
    assert_eq!(word(&answer), "301 /new");
}

#[tokio::test]
async fn every_status_of_a_redirect_is_kept() {
    let rules = "/1 /x 301\n/2 /x 302\n/3 /x 303\n/7 /x 307\n/8 /x 308\n";
    let site = site(&[]).with("_redirects", rules).load();
    for status in [1, 2, 3, 7, 8] {
        let expected = format!("30{status} /x");
        assert_eq!(site.get(&format!("/{status}")).await, expected);
    }
}

#[tokio::test]
async fn a_redirects_own_query_wins_and_its_fragment_comes_last() {
    let rules = "/a /b?own=1#part\n/c /d#part\n";
    let site = site(&[]).with("_redirects", rules).load();
    assert_eq!(site.get("/a?mine").await, "302 /b?own=1#part");
    assert_eq!(site.get("/c?mine").await, "302 /d?mine#part");
}

#[tokio::test]
async fn a_redirect_to_the_own_host_is_one_to_a_path() {
    let rules = "/a https://app.example/b\n/c https://other.example/\n";
    let site = site(&[]).with("_redirects", rules).load();
    let host = &[("host", "app.example")];
    assert_eq!(site.navigate("/a", host).await, "302 /b");
    assert_eq!(
        site.navigate("/c", host).await,
        "302 https://other.example/"
    );
}

#[tokio::test]
async fn a_rewrite_shows_another_file_at_the_same_path() {
    let rules = "/users/:id /user.html 200\n/gone /none 200\n/app/* /app 200\n";
    let site = site(&["user.html", "app.html"])
        .with("_redirects", rules)
        .with("_headers", "/users/*\n  X-User: :splat\n")
        .load();
    // The page of that name is at another path.
    assert_eq!(site.get("/users/7").await, "307 /user");
    assert_eq!(site.get("/app/a/b").await, "200 app.html");
    // Not even the worker is asked.
    assert_eq!(site.get("/gone").await, "404");
    assert_eq!(site.headers("/users/7").await["x-user"], "7");
}

#[tokio::test]
async fn placeholders_do_not_make_hosts_of_paths() {
    let site = site(&[]).with("_redirects", "/go/* /:splat\n").load();
    assert_eq!(site.get("/go//evil.example").await, "302 /evil.example");
    assert_eq!(
        site.get("/go/%0d%0aSet-Cookie:x").await,
        "302 /%0d%0aSet-Cookie:x"
    );
}

#[tokio::test]
async fn headers_are_added_to_whatever_the_files_answer() {
    let rules = "/*\n  X-All: 1\n  Cache-Control: no-store\nhttps://app.example/*\n  X-Host: 1\n";
    let site = site(&["a.txt", "b.html"]).with("_headers", rules).load();
    for path in ["/a.txt", "/b.html", "/none"] {
        let headers = site.headers(path).await;
        assert_eq!(headers["x-all"], "1", "{path}");
        assert_eq!(headers["cache-control"], "no-store", "{path}");
        assert!(!headers.contains_key("x-host"));
    }
    for host in ["app.example", "APP.example:1338"] {
        let answer = site.ask("GET /a.txt", &[("host", host)]).await.unwrap();
        assert_eq!(answer.headers()["x-host"], "1", "{host}");
    }
    let answer = site
        .ask("GET /a.txt", &[("host", "[::1]:1338")])
        .await
        .unwrap();
    assert!(!answer.headers().contains_key("x-host"));
}

#[tokio::test]
async fn rule_files_are_read_as_they_come() {
    // With a byte order mark, Windows' line ends, and a byte that is no UTF-8.
    let site = site(&["a.txt"])
        .with("_redirects", "\u{feff}/x /a.txt 301\r\n/y /a.txt\r\n")
        .with("_headers", b"/*\r\n  X-All: 1\r\n# caf\xe9\r\n")
        .load();
    assert_eq!(site.get("/x").await, "301 /a.txt");
    assert_eq!(site.get("/y").await, "302 /a.txt");
    assert_eq!(site.headers("/a.txt").await["x-all"], "1");
    assert_eq!(site.assets.complaints(), []);
}

#[tokio::test]
async fn what_is_ignored_is_named_with_its_place() {
    let site = site(&[])
        .with("_redirects", "/a /b\n/c\n")
        .with("_headers", "\n/x\n  nonsense\n  X: 1\n")
        .load();
    let directory = &site.site.config.directory;
    let complaints: Vec<_> = site
        .assets
        .complaints()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        complaints,
        [
            format!("{directory}/_redirects:2 is ignored: it must be `FROM TO [STATUS]`"),
            format!(
                "{directory}/_headers:3 is ignored: it must be `Name: value`, \
                 or `! Name` to take a header away"
            ),
        ]
    );
    site.site.write("_redirects", "/a /b\n");
    site.assets.rescan().unwrap();
    assert_eq!(site.assets.complaints().len(), 1);
}
