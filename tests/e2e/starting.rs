//! `tiny new` and `tiny init`: a project from nothing, and one that wrangler deployed so far.

use crate::support::{Tiny, checkout};

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_project_runs_as_it_is() {
    // The versions that everything else is tested with.
    let lock = fs_err::read_to_string(checkout().join("Cargo.lock")).unwrap();
    let workspace = [
        ("Cargo.toml", "[workspace]\nresolver = \"3\"\n"),
        ("Cargo.lock", lock.as_str()),
    ];
    let tiny = Tiny::empty("new", &workspace);
    let output = tiny.run(&["new", "my-counter"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let again = tiny.run(&["new", "my-counter"]);
    assert_eq!(again.status.code(), Some(1));
    let told = text(&again.stderr);
    assert!(told.contains("cannot make"), "{told}");
    let ignored = fs_err::read_to_string(tiny.root().join("my-counter/.gitignore")).unwrap();
    assert!(ignored.contains(".tiny\n"), "{ignored}");
    let members = fs_err::read_to_string(tiny.root().join("Cargo.toml")).unwrap();
    assert!(members.contains("my-counter"), "{members}");

    let dev = tiny.within("my-counter").dev().await;
    for visit in ["visit 1", "visit 2"] {
        let answer = dev.get("/").await.text().await.unwrap();
        assert!(answer.contains(visit), "{answer}");
    }
    assert_eq!(dev.get("/elsewhere").await.status(), 404);
}

#[test]
fn a_crate_without_wrangler_gets_the_least_that_runs() {
    let package = "[package]\nname = \"my_worker\"\n[lib]\ncrate-type = [\"cdylib\"]\n";
    let tiny = Tiny::empty("init-bare", &[("Cargo.toml", package), ("src/lib.rs", "")]);
    let output = tiny.run(&["init"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let manifest = fs_err::read_to_string(tiny.root().join("tiny.toml")).unwrap();
    insta::assert_snapshot!(manifest, @r#"
    name = "my-worker"

    [workers.worker]
    crate = "."
    compatibility_date = "2026-11-01"
    "#);

    let nothing = Tiny::empty("init-nothing", &[]).run(&["init"]);
    assert_eq!(nothing.status.code(), Some(2));
    assert!(text(&nothing.stderr).contains("tiny new"));
}
