//! What of a folder is served, and what becomes of changes.

use std::os::unix::fs::symlink;

use super::*;

#[tokio::test]
async fn rules_are_no_files() {
    let site = site(&["sub/_headers", ".well-known/x", ".env"])
        .with("_headers", "")
        .with("_redirects", "")
        .with(".assetsignore", "")
        .load();
    for path in ["/_headers", "/_redirects", "/.assetsignore"] {
        assert_eq!(site.get(path).await, "worker", "{path}");
    }
    for path in ["sub/_headers", ".well-known/x", ".env"] {
        assert_eq!(site.get(&format!("/{path}")).await, format!("200 {path}"));
    }
}

#[tokio::test]
async fn ignored_files_are_left_out() {
    let files = [
        "a.map",
        "b.js",
        "keep.map",
        "drafts/x.html",
        "sub/drafts.txt",
        "sub/c.map",
    ];
    let site = site(&files)
        .with(".assetsignore", "# not these\n*.map\n!keep.map\n/drafts/\n")
        .load();
    for (path, expected) in [
        ("/a.map", "worker"),
        ("/sub/c.map", "worker"),
        ("/drafts/x", "worker"),
        ("/b.js", "200 b.js"),
        ("/keep.map", "200 keep.map"),
        ("/sub/drafts.txt", "200 sub/drafts.txt"),
    ] {
        assert_eq!(site.get(path).await, expected, "{path}");
    }
}

#[tokio::test]
async fn a_gitignore_is_none_of_its_business() {
    let site = site(&["built.js"]).with(".gitignore", "*\n").load();
    assert_eq!(site.get("/built.js").await, "200 built.js");
}

#[tokio::test]
async fn links_stay_inside_of_the_folder() {
    let site = site(&["a.txt", "folder/b.txt"]);
    let outside = tempfile::tempdir().unwrap();
    fs_err::write(outside.path().join("secret"), "secret").unwrap();
    symlink("a.txt", site.path("inside.txt")).unwrap();
    symlink(outside.path().join("secret"), site.path("outside.txt")).unwrap();
    symlink(outside.path(), site.path("away")).unwrap();
    symlink("nothing", site.path("broken.txt")).unwrap();
    symlink("folder", site.path("twin")).unwrap();
    let site = site.load();
    for (path, expected) in [
        ("/inside.txt", "200 a.txt"),
        ("/outside.txt", "worker"),
        ("/away/secret", "worker"),
        ("/broken.txt", "worker"),
        ("/twin/b.txt", "worker"),
    ] {
        assert_eq!(site.get(path).await, expected, "{path}");
    }
    let complaints = site.assets.complaints();
    let names: Vec<_> = complaints
        .iter()
        .map(|complaint| complaint.file.file_name().unwrap())
        .collect();
    assert_eq!(names, ["away", "broken.txt", "outside.txt", "twin"]);
    assert!(complaints[2].to_string().ends_with(
        "/outside.txt is ignored: it is a link that leads out of the folder of static files"
    ));
}

#[tokio::test]
async fn the_code_of_a_pages_project_is_not_published() {
    let site = site(&["_worker.js"]).load();
    assert_eq!(site.get("/_worker.js").await, "worker");
    assert_eq!(site.assets.complaints().len(), 1);
    let site = super::site(&["_worker.js/index.js"])
        .with(".assetsignore", "_worker.js\n")
        .load();
    assert_eq!(site.get("/_worker.js/index.js").await, "worker");
    assert_eq!(site.assets.complaints(), []);
}

#[test]
fn a_file_has_at_most_25_mib() {
    const LARGEST: u64 = 25 * 1024 * 1024;
    let site = site(&[]);
    let file = fs_err::File::create(site.path("film.mp4")).unwrap();
    file.set_len(LARGEST).unwrap();
    assert!(site.try_load().is_ok());
    file.set_len(LARGEST + 1).unwrap();
    let error = site.try_load().unwrap_err();
    assert!(matches!(error, AssetsError::TooLarge { size, .. } if size == LARGEST + 1));
    assert!(error.to_string().ends_with(
        "film.mp4 is 26214401 bytes large; Cloudflare stores static files of up to 25 MiB"
    ));
    site.write(".assetsignore", "*.mp4\n");
    assert!(site.try_load().is_ok());
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let mut site = site(&["a.txt"]);
    site.config.directory = site.path("a.txt");
    let error = site.try_load().unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "there is no folder of static files at {}",
            site.config.directory
        )
    );
}

#[tokio::test]
async fn changes_are_told_by_their_paths() {
    let site = site(&["kept.txt", "edited.txt", "deleted.txt"]).load();
    assert_eq!(site.assets.rescan().unwrap(), Vec::<String>::new());
    site.site.write("edited.txt", "something else");
    site.site.write("new/file.txt", "");
    site.site.write("_headers", "/*\n  X: 1\n");
    fs_err::remove_file(site.site.path("deleted.txt")).unwrap();
    assert_eq!(
        site.assets.rescan().unwrap(),
        ["/_headers", "/deleted.txt", "/edited.txt", "/new/file.txt"]
    );
    assert_eq!(site.get("/new/file.txt").await, "200");
    assert_eq!(site.headers("/kept.txt").await["x"], "1");
    assert_eq!(site.assets.rescan().unwrap(), Vec::<String>::new());
    // A remark changes nothing.
    site.site.write("_headers", "# why\n/*\n  X: 1\n");
    assert_eq!(site.assets.rescan().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_file_that_was_served_and_is_written_again_unchanged_has_not_changed() {
    let site = site(&["served.txt"]).load();
    site.get("/served.txt").await;
    for later in [9, 18] {
        let file = fs_err::File::options()
            .write(true)
            .open(site.site.path("served.txt"))
            .unwrap();
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(later);
        file.file().set_modified(later).unwrap();
        assert_eq!(site.assets.rescan().unwrap(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_change_is_told_even_if_somebody_got_it_before_the_folder_was_read_again() {
    let site = site(&["style.css"]).load();
    site.get("/style.css").await;
    site.site.write("style.css", "something else");
    // Such as a service worker, beside the page that has the old one.
    site.get("/style.css").await;
    assert_eq!(site.assets.rescan().unwrap(), ["/style.css"]);
    assert_eq!(site.assets.rescan().unwrap(), Vec::<String>::new());
}

#[test]
fn a_broken_folder_leaves_what_was_known() {
    let site = site(&["a.txt"]).load();
    fs_err::remove_dir_all(&site.site.config.directory).unwrap();
    assert!(matches!(
        site.assets.rescan(),
        Err(AssetsError::NoDirectory { .. })
    ));
    fs_err::create_dir(&site.site.config.directory).unwrap();
    assert_eq!(site.assets.rescan().unwrap(), ["/a.txt"]);
}
