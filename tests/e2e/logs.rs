//! `tiny logs`: what deployed workers say.

use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::support::{Cloud, PATIENCE, Tiny, eventually, signal};

/// A running `tiny logs --json`.
struct Logs {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Logs {
    async fn follow(tiny: &Tiny, args: &[&str]) -> Self {
        let args = [&["logs", "--json", "--stage", "prod"], args].concat();
        let mut child = Command::from(tiny.command(&args))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut logs = Self { child, lines };
        logs.event("following").await;
        logs
    }

    async fn event(&mut self, name: &str) -> Value {
        let wait = async {
            loop {
                let line = self.lines.next_line().await.unwrap().expect("it ended");
                let event: Value = serde_json::from_str(&line).unwrap();
                if event["event"] == name {
                    return event;
                }
            }
        };
        tokio::time::timeout(PATIENCE, wait)
            .await
            .unwrap_or_else(|_| panic!("no `{name}`"))
    }

    /// The trace of the next invocation of a path.
    async fn invocation(&mut self, path: &str) -> Value {
        loop {
            let event = self.event("invocation").await;
            let url = event["trace"]["event"]["request"]["url"].as_str();
            if url.is_some_and(|url| url.ends_with(path)) {
                return event;
            }
        }
    }

    async fn interrupt(mut self) -> Option<i32> {
        signal(self.child.id().unwrap(), "INT");
        let status = tokio::time::timeout(PATIENCE, self.child.wait());
        status.await.expect("it does not end").unwrap().code()
    }
}

#[tokio::test]
async fn requests_lines_and_panics_are_told_as_they_happen_and_after_a_break() {
    let cloud = Cloud::start("logged").await;
    let tiny = Tiny::bindings("logged")
        .on(&cloud)
        .env("TOKEN", "of-the-tests");
    let deploy = [
        "deploy",
        "--stage",
        "prod",
        "--profile",
        "dev",
        "--no-smoke",
    ];
    tiny.ran(&deploy).exits(0);
    let mut logs = Logs::follow(&tiny, &["--worker", "first"]).await;
    assert_eq!(
        cloud
            .worker("bindings-prod-first", "/say/hello")
            .await
            .status(),
        200
    );
    let event = logs.invocation("/say/hello").await;
    assert_eq!(event["worker"], "first");
    assert_eq!(event["trace"]["outcome"], "ok");
    assert!(
        event["trace"]["logs"].to_string().contains("hello"),
        "{event}"
    );

    // A panic names the function of the app that panicked, not a number.
    cloud.worker("bindings-prod-first", "/panic").await;
    let event = logs.invocation("/panic").await;
    let said = event["trace"].to_string();
    assert!(said.contains("boom from the worker"), "{event}");
    assert!(
        said.contains("bindings") && !said.contains("wasm-function["),
        "{event}"
    );

    // The server goes away and comes back.
    let cloud = cloud.restart(&[]).await;
    logs.event("lost").await;
    logs.event("following").await;
    assert_eq!(
        cloud
            .worker("bindings-prod-first", "/say/again")
            .await
            .status(),
        200
    );
    logs.invocation("/say/again").await;

    assert_eq!(logs.interrupt().await, Some(130));
    eventually("the tail is deleted", || {
        cloud
            .journal()
            .iter()
            .any(|request| request.method == "DELETE" && request.path.contains("/tails/"))
    })
    .await;

    // Filters are the server's work.
    let mut logs = Logs::follow(&tiny, &["--worker", "first", "--method", "post"]).await;
    cloud.worker("bindings-prod-first", "/say/unheard").await;
    let url = "http://bindings-prod-first.local.localhost/event";
    let host = format!("bindings-prod-first.local.localhost:{}", cloud.port());
    let posted = cloud
        .client
        .post(url.replace(
            "bindings-prod-first.local.localhost",
            &format!("127.0.0.1:{}", cloud.port()),
        ))
        .header("host", host)
        .send()
        .await
        .unwrap();
    assert!(posted.status().is_success());
    let event = logs.event("invocation").await;
    assert_eq!(
        event["trace"]["event"]["request"]["method"], "POST",
        "{event}"
    );
    assert_eq!(logs.interrupt().await, Some(130));
}

#[tokio::test]
async fn logs_of_what_is_not_deployed_say_what_to_do() {
    let cloud = Cloud::start("unlogged").await;
    let tiny = Tiny::todo_app("unlogged").on(&cloud);
    let ran = tiny.ran(&["logs", "--stage", "prod"]).exits(1);
    ran.says("tiny deploy --stage prod");
}
