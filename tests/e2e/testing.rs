//! `tiny test`: the app with empty data, for a command to be run against.

use std::process::Stdio;

use crate::support::{FIRST_BUILD, Tiny, eventually, eventually_within, is_alive, signal};

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

const ADD: &str = r#"curl -sS -o /dev/null -w '%{http_code} ' -d 'action=add&text=milk' "$TINY_URL/todos?userId=ada" && curl -sS "$TINY_URL_WORKER/todos?userId=ada""#;

#[test]
fn every_run_starts_with_empty_data_and_leaves_none() {
    let tiny = Tiny::todo_app("testing");
    for _ in 0..2 {
        let output = tiny.run(&["test", "--", "sh", "-c", ADD]);
        let told = text(&output.stdout);
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_eq!(told.matches("milk").count(), 1, "{told}");
    }
    assert!(!tiny.root().join(".tiny/dev/state").exists());
}

#[test]
fn a_failed_test_and_a_failed_build_are_failures() {
    let tiny = Tiny::todo_app_to_edit("testing-failures");
    let output = tiny.run(&["test", "--json", "--", "sh", "-c", "exit 7"]);
    assert_eq!(output.status.code(), Some(1));
    let last = text(&output.stdout).lines().last().unwrap().to_owned();
    assert!(last.contains("exit code 7"), "{last}");

    let output = tiny.run(&["test", "--", "no-such-program"]);
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    assert!(told.contains("cannot run `no-such-program`"), "{told}");

    let tiny = tiny.with("app/src/lib.rs", |code| code + "\nfn broken( {}\n");
    let output = tiny.run(&["test", "--", "sh", "-c", "echo ran"]);
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    assert!(told.contains("the tests were not run"), "{told}");
    assert!(!text(&output.stdout).contains("ran"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_ends_the_tests_too() {
    let tiny = Tiny::todo_app("testing-interrupt");
    let note = tiny.root().join(".tiny/pid");
    let script = format!("mkdir -p .tiny; sleep 1000 & echo $! > {note}; wait");
    let mut child = tiny
        .command(&["test", "--", "sh", "-c", &script])
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let sleeping = || {
        let pid = fs_err::read_to_string(&note).ok()?;
        pid.trim().parse::<u32>().ok()
    };
    eventually_within(FIRST_BUILD, "the test runs", || sleeping().is_some()).await;
    let sleeping = sleeping().unwrap();
    signal(child.id(), "TERM");
    let status = tokio::task::spawn_blocking(move || child.wait().unwrap())
        .await
        .unwrap();
    assert_eq!(status.code(), Some(130));
    eventually("its children are gone", || !is_alive(sleeping)).await;
}
