//! Files of npm packages beside those of the folder.

use crate::Package;

impl super::Site {
    /// A package that lies in a folder of its own; each of its files says its own name.
    fn package(mut self, held: &[&str], served: &[(&str, &str)]) -> Self {
        let folder = self
            .path("../packages")
            .join(self.config.packages.len().to_string());
        for file in held {
            let path = folder.join(file);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, file).unwrap();
        }
        let pair = |(from, to): &(&str, &str)| ((*from).to_owned(), (*to).to_owned());
        self.config.packages.push(Package {
            name: "left-pad 1.3.0".to_owned(),
            folder,
            files: served.iter().map(pair).collect(),
        });
        self
    }

    fn refusal(&self) -> String {
        use miette::Diagnostic as _;
        let error = self.try_load().unwrap_err();
        format!("{error}; {}", error.help().unwrap())
            .replace(self.config.directory.as_str(), "site")
    }
}

/// A folder with files, below another one that has room for packages.
fn site(files: &[&str]) -> super::Site {
    let mut site = super::site(&[]);
    site.config.directory = site.path("public");
    fs_err::create_dir(&site.config.directory).unwrap();
    for file in files {
        site.write(file, file);
    }
    site
}

#[tokio::test]
async fn files_of_packages_are_served_beside_those_of_the_folder() {
    let site = site(&["app.js", ".assetsignore"])
        .with(".assetsignore", "vendor\n")
        .with("_headers", "/vendor/*\n  Cache-Control: immutable\n")
        .package(
            &["min/index.mjs", "dist/a.css", "dist/sub/b.css", "readme.md"],
            &[("min/index.mjs", "vendor/pad.js"), ("dist/", "vendor/css/")],
        )
        .load();
    for (path, expected) in [
        ("/app.js", "200 app.js"),
        ("/vendor/pad.js", "200 min/index.mjs"),
        ("/vendor/css/a.css", "200 dist/a.css"),
        ("/vendor/css/sub/b.css", "200 dist/sub/b.css"),
        ("/readme.md", "worker"),
    ] {
        assert_eq!(site.get(path).await, expected, "{path}");
    }
    let headers = site.headers("/vendor/pad.js").await;
    assert_eq!(headers["content-type"], "text/javascript; charset=utf-8");
    assert_eq!(headers["cache-control"], "immutable");
}

#[tokio::test]
async fn changes_in_the_folder_leave_them_where_they_are() {
    let site = site(&["app.js"]).package(&["index.js"], &[("index.js", "pad.js")]);
    let site = site.load();
    site.site.write("app.js", "edited");
    assert_eq!(site.assets.rescan().unwrap(), ["/app.js"]);
    assert_eq!(site.get("/pad.js").await, "200 index.js");
}

#[test]
fn two_files_never_share_a_path() {
    let refusal = site(&["vendor/pad.js"])
        .package(&["index.js"], &[("index.js", "vendor/pad.js")])
        .refusal();
    assert_eq!(
        refusal,
        "`/vendor/pad.js` is both site/vendor/pad.js and `index.js` of left-pad 1.3.0; give the \
         file of the package another place in tiny.toml"
    );
    let refusal = site(&[])
        .package(&["dist/pad.js"], &[("dist/", "vendor/")])
        .package(&["index.js"], &[("index.js", "vendor/pad.js")])
        .refusal();
    assert!(
        refusal.starts_with(
            "`/vendor/pad.js` is both `dist/pad.js` of left-pad 1.3.0 and `index.js` of left-pad"
        ),
        "{refusal}"
    );
    // What the folder does not serve is in nobody's way.
    let ignored = site(&["vendor/pad.js"])
        .with(".assetsignore", "vendor\n")
        .package(&["index.js"], &[("index.js", "vendor/pad.js")]);
    assert!(ignored.try_load().is_ok());
}

#[test]
fn what_a_package_lacks_is_named_with_what_it_has() {
    let held = [
        "min/mergeable-store/index.js",
        "min/store/index.js",
        "min/common/index.js",
        "LICENSE",
    ];
    for (from, to, help) in [
        (
            "min/mergable-store/index.js",
            "a.js",
            "did you mean `min/mergeable-store/index.js`, `min/store/index.js` or `min/common/index.js`?",
        ),
        ("mim/", "a/", "did you mean `min/`?"),
        ("lib/main.cjs", "a.js", "it holds `LICENSE`, `min/`"),
        (
            "min",
            "a",
            "`min` is a folder: end its path and its place in the site with `/`",
        ),
        (
            "LICENSE/",
            "a/",
            "`LICENSE` is a file: leave out the `/` at the end of both paths",
        ),
    ] {
        let refusal = site(&[]).package(&held, &[(from, to)]).refusal();
        assert_eq!(refusal, format!("left-pad 1.3.0 has no `{from}`; {help}"));
    }
}
