//! What is built beside the Rust: JavaScript around it, and what a command makes.

use crate::support::{Cloud, Tiny};

const MANIFEST: &str = r#"
name = "building"

[workers.web]
crate = "CRATE"
entry = "src/entry.js"
compatibility_date = "2026-11-01"
assets = { directory = "dist" }

[workers.web.durable_objects]
VISITS = "Visits"

[workers.web.build]
command = "sh ui/build.sh"
watch = "ui"
env = { TITLE = "made" }
"#;

const ENTRY: &str = r#"
import Rust from "CRATE/build/worker/shim.mjs";
import note from "./note.txt";

export { Visits } from "./visits.js";

export default class extends Rust {
  async fetch(request) {
    switch (new URL(request.url).pathname) {
      case "/note":
        return new Response(note);
      case "/visits":
        return this.env.VISITS.getByName("all").fetch(request);
      default:
        return super.fetch(request);
    }
  }
}
"#;

const VISITS: &str = r#"
import { DurableObject } from "cloudflare:workers";

export class Visits extends DurableObject {
  async fetch() {
    const count = ((await this.ctx.storage.get("count")) ?? 0) + 1;
    await this.ctx.storage.put("count", count);
    return new Response(`${count}`);
  }
}
"#;

/// It fails for a page that says so, and writes something new each time into the folder it watches.
const BUILD: &str = r#"
if grep -q broken ui/page.html; then echo "ui/page.html is broken" >&2; exit 3; fi
echo "for $TINY_STAGE as $TINY_PROFILE"
mkdir -p dist
echo "$TITLE: $(cat ui/page.html)" > dist/index.html
echo run >> runs.txt
date +%s%N > ui/stamp.txt
"#;

fn project(name: &str, page: &str) -> Tiny {
    Tiny::around_second(
        name,
        &[
            ("tiny.toml", MANIFEST),
            ("src/entry.js", ENTRY),
            ("src/visits.js", VISITS),
            ("src/note.txt", "first note"),
            ("ui/build.sh", BUILD),
            ("ui/page.html", page),
        ],
    )
}

#[tokio::test]
async fn javascript_and_a_build_step_are_part_of_the_loop() {
    let mut dev = project("building", "broken").dev_unready().await;
    // The step fails before anything is compiled, and its words are on the page.
    dev.sees_build_error("ui/page.html is broken").await;
    let page = dev.get("/").await;
    assert_eq!(page.status(), 503);
    assert!(page.text().await.unwrap().contains("is broken"));
    dev.edit("ui/page.html", |_| "one".to_owned());
    dev.ready().await;
    assert_eq!(dev.text("/").await, "made: one\n");
    assert_eq!(dev.text("/note").await, "first note");
    assert_eq!(dev.text("/hello").await, "hello from the second");
    assert_eq!(dev.text("/visits").await, "1");

    // Text that the entry imports is code.
    dev.edit_and_reload("src/note.txt", |_| "second note".to_owned())
        .await;
    assert_eq!(dev.text("/note").await, "second note");
    assert_eq!(dev.text("/visits").await, "2");

    dev.edit("src/entry.js", |text| {
        text.replacen("import note", "import \"left-pad\";\nimport note", 1)
    });
    dev.sees_build_error("`left-pad` is an npm package").await;
    assert_eq!(dev.text("/note").await, "second note");
    dev.edit_and_reload("src/entry.js", |text| {
        text.replace("import \"left-pad\";\n", "")
            .replace("Response(note)", "Response(`${note}!`)")
    })
    .await;
    assert_eq!(dev.text("/note").await, "second note!");

    // An edit of what the step reads reaches the page, and what the step writes starts no other.
    dev.edit("ui/page.html", |_| "two".to_owned());
    dev.event("assets").await;
    assert_eq!(dev.text("/").await, "made: two\n");
    dev.edit_and_reload("src/note.txt", |_| "third note".to_owned())
        .await;
    let runs = dev.project().root().join("runs.txt");
    let runs = fs_err::read_to_string(runs).unwrap().lines().count();
    assert!((2..=6).contains(&runs), "the step ran {runs} times");
    let (code, _) = dev.interrupt().await;
    assert_eq!(code, Some(130));
}

#[tokio::test]
async fn a_deploy_builds_the_same() {
    let cloud = Cloud::start("building-deployed").await;
    let tiny = project("building-deployed", "deployed").on(&cloud);
    let deploy = ["deploy", "--stage", "prod", "--profile", "dev"];
    let ran = tiny.ran(&deploy).exits(0).says("for prod as dev");
    let url = ran.last_line().trim_end_matches('/').to_owned();
    let text = async |path: &str| {
        let response = cloud.visit(&format!("{url}{path}")).await;
        response.text().await.unwrap()
    };
    assert_eq!(text("/").await, "made: deployed\n");
    assert_eq!(text("/note").await, "first note");
    assert_eq!(text("/hello").await, "hello from the second");
    assert_eq!(text("/visits").await, "1");
    tiny.ran(&deploy).exits(0).says("nothing to do");

    // What is wrong is told before anything is compiled or changed.
    let tiny = tiny.with("ui/page.html", |_| "broken".to_owned());
    tiny.ran(&deploy)
        .exits(1)
        .says("ui/page.html is broken")
        .says("the build step `sh ui/build.sh` failed (exit code 3)");
    let tiny = tiny.with("ui/build.sh", |_| "rm -rf dist".to_owned());
    tiny.ran(&["build"])
        .exits(1)
        .says("the build step of worker `web` did not make the assets folder");
    let tiny = tiny
        .with("ui/build.sh", |_| "mkdir -p dist".to_owned())
        .with("src/entry.js", |text| {
            text.replace("export { Visits }", "import { Visits }")
        });
    tiny.ran(&["deploy", "--stage", "prod", "--profile", "dev"])
        .says("binds the class `Visits`, which its entry does not export");
}
