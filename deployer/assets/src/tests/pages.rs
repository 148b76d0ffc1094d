//! Which file answers which path. The tables were checked against Cloudflare's asset worker.

use super::*;

const FILES: &[&str] = &[
    "index.html",
    "file.html",
    "folder/index.html",
    "both.html",
    "both/index.html",
    "plain",
    "a.css",
];

async fn expect(html: HtmlHandling, table: &[(&str, &str)]) {
    let site = site(FILES).html(html).load();
    for (path, expected) in table {
        assert_eq!(site.get(path).await, *expected, "{html:?} {path}");
        let expected = match *expected {
            "worker" => "404",
            expected => expected,
        };
        assert_eq!(site.fetch(path).await, expected, "{html:?} binding {path}");
    }
}

#[tokio::test]
async fn by_default_files_have_no_slash_and_folders_do() {
    expect(
        HtmlHandling::AutoTrailingSlash,
        &[
            ("/", "200 index.html"),
            ("/index", "307 /"),
            ("/index.html", "307 /"),
            ("/file", "200 file.html"),
            ("/file/", "307 /file"),
            ("/file.html", "307 /file"),
            ("/file/index", "307 /file"),
            ("/file/index.html", "307 /file"),
            ("/folder", "307 /folder/"),
            ("/folder/", "200 folder/index.html"),
            ("/folder.html", "307 /folder/"),
            ("/folder/index", "307 /folder/"),
            ("/folder/index.html", "307 /folder/"),
            ("/both", "200 both.html"),
            ("/both/", "200 both/index.html"),
            ("/both.html", "307 /both"),
            ("/plain", "200 plain"),
            ("/a.css", "200 a.css"),
            ("/A.css", "worker"),
            ("/none", "worker"),
        ],
    )
    .await;
}

#[tokio::test]
async fn all_pages_can_end_in_a_slash() {
    expect(
        HtmlHandling::ForceTrailingSlash,
        &[
            ("/", "200 index.html"),
            ("/index", "307 /"),
            ("/file", "307 /file/"),
            ("/file/", "200 file.html"),
            ("/file.html", "307 /file/"),
            ("/folder", "307 /folder/"),
            ("/folder/", "200 folder/index.html"),
            ("/folder/index.html", "307 /folder/"),
            ("/both", "307 /both/"),
            ("/both/", "200 both/index.html"),
            ("/both.html", "200 both.html"),
            ("/plain", "200 plain"),
            ("/none/", "worker"),
        ],
    )
    .await;
}

#[tokio::test]
async fn no_page_can_end_in_a_slash() {
    expect(
        HtmlHandling::DropTrailingSlash,
        &[
            ("/", "200 index.html"),
            ("/index.html", "307 /"),
            ("/file", "200 file.html"),
            ("/file/", "307 /file"),
            ("/file.html", "307 /file"),
            ("/folder", "200 folder/index.html"),
            ("/folder/", "307 /folder"),
            ("/folder/index", "307 /folder"),
            ("/folder/index.html", "307 /folder"),
            ("/both", "200 both.html"),
            ("/both/", "307 /both"),
            ("/both/index.html", "200 both/index.html"),
            ("/none", "worker"),
        ],
    )
    .await;
}

#[tokio::test]
async fn files_can_keep_their_names() {
    expect(
        HtmlHandling::None,
        &[
            ("/", "worker"),
            ("/index.html", "200 index.html"),
            ("/file", "worker"),
            ("/file.html", "200 file.html"),
            ("/folder/", "worker"),
            ("/folder/index.html", "200 folder/index.html"),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_redirect_keeps_the_query() {
    let site = site(FILES).load();
    assert_eq!(site.get("/file.html?a=1&b").await, "307 /file?a=1&b");
    assert_eq!(site.get("/file?a=1").await, "200 file.html");
}

#[tokio::test]
async fn there_is_one_way_to_write_a_path() {
    let site = site(&["a b.txt", "ä.html", "[x].txt", "%41.txt"]).load();
    for (path, expected) in [
        ("/a%20b.txt", "200 a b.txt"),
        ("/%C3%A4", "200 ä.html"),
        ("/ä", "200 ä.html"),
        ("/%c3%a4", "307 /%C3%A4"),
        ("/%C3%A4.html", "307 /%C3%A4"),
        ("/[x].txt", "307 /%5Bx%5D.txt"),
        ("/%5Bx%5D.txt", "200 [x].txt"),
        ("//a%20b.txt", "307 /a%20b.txt"),
        // A file whose name looks encoded is at its encoded path alone.
        ("/%41.txt", "worker"),
        ("/%2541.txt", "200 %41.txt"),
        ("/%E4", "worker"),
        ("/%", "worker"),
    ] {
        assert_eq!(site.get(path).await, expected, "{path}");
    }
}

#[tokio::test]
async fn nothing_outside_of_the_folder_has_a_path() {
    let site = site(&["a.txt", "folder/b.txt"]);
    let secret = site.folder.path().with_extension("secret");
    fs_err::write(&secret, "secret").unwrap();
    let name = secret.file_name().unwrap().to_str().unwrap().to_owned();
    let site = site.load();
    for path in [
        format!("/../{name}"),
        format!("/folder/../../{name}"),
        format!("/%2e%2e/{name}"),
        format!("/..%2f{name}"),
        format!("/folder/..%2f..%2f{name}"),
        format!("/..%5c{name}"),
        format!("/..\\{name}"),
        format!("/{}", secret.display()),
        format!("/%2F{}", secret.display()),
        format!("//..//{name}"),
    ] {
        assert_eq!(site.get(&path).await, "worker", "{path}");
        assert_eq!(site.fetch(&path).await, "404", "{path}");
    }
    assert_eq!(site.get("/folder/../a.txt").await, "200 a.txt");
    fs_err::remove_file(secret).unwrap();
}
