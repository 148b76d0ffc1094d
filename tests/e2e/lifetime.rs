//! Starting, ending and dying: what is left behind, who holds what, what is started again.

use std::io::Read as _;

use crate::support::{Tiny, eventually, free_port, is_alive, signal, workerds};

fn stderr(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn a_taken_port_names_its_holder_and_a_taken_folder_its_session() {
    let dev = Tiny::bindings("two-sessions").dev().await;
    let pid = format!("pid {}", dev.pid());

    let port = dev.port().to_string();
    let output = dev.project().run(&["dev", "--port", &port]);
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains(&format!("port {port} is already in use")),
        "{text}"
    );
    assert!(text.contains("tiny") && text.contains(&pid), "{text}");
    assert!(text.contains("--port"), "{text}");

    let output = dev
        .project()
        .run(&["dev", "--port", &free_port().to_string()]);
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("another `tiny dev` uses") && text.contains(&pid),
        "{text}"
    );
    assert!(text.contains("help:"), "{text}");
    // Nobody was disturbed.
    assert_eq!(dev.get("/vars").await.status(), 200);
}

#[tokio::test]
async fn a_killed_runtime_is_started_again_and_a_killed_tiny_leaves_nothing() {
    let mut dev = Tiny::bindings("killed").dev().await;
    assert_eq!(dev.json("/room/a").await["stored"], 1);
    let first = workerds(dev.pid());
    assert_eq!(first.len(), 1);

    signal(first[0], "KILL");
    dev.event("runtime_died").await;
    assert_eq!(dev.json("/room/a").await["stored"], 2);
    let second = workerds(dev.pid());
    assert_eq!(second.len(), 1);
    assert_ne!(first, second);

    let port = dev.port();
    let project = dev.kill().await;
    eventually("the runtime ends with tiny", || !is_alive(second[0])).await;
    eventually("the port is free again", || {
        std::net::TcpListener::bind(("127.0.0.1", port)).is_ok()
    })
    .await;

    // Nothing keeps the next session from the data.
    let dev = project.dev().await;
    assert_eq!(dev.json("/room/a").await["stored"], 3);
    let runtime = workerds(dev.pid());
    let (code, project) = dev.interrupt().await;
    assert_eq!(code, Some(130));
    assert!(!is_alive(runtime[0]));

    let dev = project.arg("--fresh").dev().await;
    assert_eq!(dev.json("/room/a").await["stored"], 1);
}

#[tokio::test]
async fn an_address_an_inspector_and_pages_left_alone_are_a_flag_each() {
    let inspector = free_port();
    let project = Tiny::bindings("flags")
        .arg("--host=127.0.0.2")
        .arg("--no-live-reload")
        .arg(&format!("--inspect={inspector}"));
    let mut dev = project.dev_unready().await;
    let ready = dev.ready().await;
    let url = format!("http://127.0.0.2:{}", dev.port());
    assert_eq!(ready["url"], url);

    let page = dev.client.get(format!("{url}/page")).send().await.unwrap();
    let page = page.text().await.unwrap();
    assert!(
        page.contains("static") && !page.contains("/cdn-cgi/"),
        "{page}"
    );
    assert!(
        std::net::TcpStream::connect(("127.0.0.1", dev.port())).is_err(),
        "only the address that was asked for is listened on"
    );
    let targets = dev
        .client
        .get(format!("http://127.0.0.1:{inspector}/json"))
        .send()
        .await
        .unwrap();
    let targets: serde_json::Value = targets.json().await.unwrap();
    let debuggable = targets.as_array().unwrap().iter().any(|target| {
        target["webSocketDebuggerUrl"]
            .as_str()
            .is_some_and(|url| url.starts_with("ws://"))
    });
    assert!(debuggable, "{targets}");
}

#[tokio::test]
async fn an_address_of_somebody_else_is_refused_with_a_cure() {
    let output = Tiny::bindings("host").run(&["dev", "--host", "192.0.2.1"]);
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("192.0.2.1") && text.contains("help:"),
        "{text}"
    );
}

/// A pipe that is closed early (`tiny dev --json | head`) is no reason to go on without a reader,
/// nor to panic.
#[test]
fn a_closed_pipe_is_no_panic() {
    let tiny = Tiny::empty("closed-pipe", &[]);
    let mut command = tiny.command(&["schema"]);
    let mut child = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut text = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    child.wait().unwrap();
    assert_eq!(text, "");
}
