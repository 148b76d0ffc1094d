//! Files of npm packages, from the manifest to the browser.

use crate::support::{Browser, Cloud, Tiny, workspace_of_tests};

const MODULES: [(&str, &str); 3] = [
    ("mergeable-store", "createMergeableStore"),
    ("synchronizer-ws-client", "createWsSynchronizer"),
    ("persister-indexed-db", "createIndexedDbPersister"),
];

fn url_path(module: &str) -> String {
    format!("/vendor/tinybase/10.0.1/{module}.js")
}

/// What answers for a module is it, for good.
async fn is_module(response: reqwest::Response, export: &str) {
    assert_eq!(response.status(), 200);
    let headers = response.headers();
    assert_eq!(headers["content-type"], "text/javascript; charset=utf-8");
    assert_eq!(
        headers["cache-control"],
        "public, max-age=31536000, immutable"
    );
    assert!(response.text().await.unwrap().contains(export), "{export}");
}

#[tokio::test]
async fn a_page_imports_stock_tinybase_and_an_edit_of_the_manifest_is_live() {
    let mut dev = Tiny::todo_app("packages").dev().await;
    for (module, export) in MODULES {
        is_module(dev.get(&url_path(module)).await, export).await;
    }
    let browser = Browser::open().await;
    let page = browser.page(&dev.url("/?userId=alice")).await;
    for (module, export) in MODULES {
        let import = format!(
            "import('{}').then((m) => typeof m.{export})",
            url_path(module)
        );
        assert_eq!(page.eval(&import).await, "function", "{module}");
    }
    browser.close().await;

    let good = "min/mergeable-store/index.js";
    dev.edit("tiny.toml", |text| {
        text.replace(good, "min/mergable-store/index.js")
    });
    dev.sees_build_error(&format!("did you mean `{good}`"))
        .await;
    assert_eq!(dev.get(&url_path("mergeable-store")).await.status(), 200);
    dev.edit_and_reload("tiny.toml", |text| {
        let also = format!("\"min/store/index.js\" = \"vendor/store.js\"\n\"{good}\"");
        text.replace("\"min/mergable-store/index.js\"", &also)
    })
    .await;
    assert!(dev.text("/vendor/store.js").await.contains("createStore"));
}

#[tokio::test]
async fn a_deployed_worker_has_them_too() {
    let cloud = Cloud::start("packages-deployed").await;
    let tiny = Tiny::todo_app("packages-deployed").on(&cloud);
    let deploy = ["deploy", "--stage", "prod", "--profile", "dev"];
    let url = tiny.ran(&deploy).exits(0).last_line().to_owned();
    for (module, export) in MODULES {
        let at = format!("{}{}", url.trim_end_matches('/'), url_path(module));
        is_module(cloud.visit(&at).await, export).await;
    }
    tiny.ran(&deploy).exits(0).says("nothing to do");
}

/// A project whose one worker serves a file of a package.
fn project(name: &str, integrity: &str) -> Tiny {
    let manifest = format!(
        "name = \"shop\"\n\
         [workers.web]\n\
         crate = \"app\"\n\
         compatibility_date = \"2026-11-01\"\n\
         [workers.web.assets]\n\
         directory = \"public\"\n\
         [workers.web.assets.packages.is-number]\n\
         version = \"7.0.0\"\n\
         {integrity}\n\
         files = {{ \"index.js\" = \"vendor/is-number.js\" }}\n"
    );
    let files = [
        ("tiny.toml", manifest.as_str()),
        ("app/Cargo.toml", ""),
        ("public/index.html", ""),
    ];
    let cache = workspace_of_tests().join(name).join("cache");
    Tiny::empty(name, &files).env("TINY_CACHE", cache.as_str())
}

#[test]
fn a_package_that_is_not_what_was_meant_stops_whatever_needs_it() {
    const RIGHT: &str = "sha512-41Cifkg6e8TylSpdtTpeLVMqvSBEVzTttHvERD741+pnZ8ANv0004MRL43QKPDlK9cGvNp6NZWZUBlbGXYxxng==";
    let wrong = RIGHT.replace("41Cif", "42Cif");
    let tiny = project("package-wrong", &format!("integrity = \"{wrong}\""));
    for command in [&["build"][..], &["setup"], &["dev", "--port", "0"]] {
        tiny.ran(command)
            .exits(1)
            .says("is-number 7.0.0 was refused")
            .says(&format!("integrity = \"{RIGHT}\""));
    }
    project("package-unsaid", "")
        .ran(&["build"])
        .exits(1)
        .says("no `integrity`")
        .says(&format!("integrity = \"{RIGHT}\""));
    project("package-offline", &format!("integrity = \"{RIGHT}\""))
        .env("TINY_OFFLINE", "1")
        .ran(&["build"])
        .exits(1)
        .says("is-number 7.0.0 is not here")
        .says("tiny setup");
}
