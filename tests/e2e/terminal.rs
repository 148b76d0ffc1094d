//! `tiny dev` as people see it: in a terminal, with keys.

use crate::support::{Socket, Tiny};

async fn ask(terminal: &crate::support::Terminal, path: &str) -> serde_json::Value {
    let answer = terminal
        .client
        .get(terminal.url(path))
        .send()
        .await
        .unwrap();
    let text = answer.text().await.unwrap();
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("{path} answered: {text}"))
}

#[tokio::test]
async fn every_key_does_what_the_screen_says() {
    let mut terminal = Tiny::bindings("keys").terminal().await;
    let screen = terminal.screen();
    assert!(
        screen.contains(&format!("http://localhost:{}", terminal.port())),
        "{screen}"
    );
    assert!(
        screen.contains(&format!("http://second.localhost:{}", terminal.port())),
        "{screen}"
    );

    assert_eq!(ask(&terminal, "/vars").await["token"], "of-the-tests");
    terminal.shows("GET /vars").await;
    terminal.shows("200").await;
    terminal.shows(" ms").await;

    let url = format!("ws://localhost:{}/room/lobby/socket?ann", terminal.port());
    let mut socket = Socket::open(&url).await;
    assert_eq!(socket.ask("one").await["awake"], 1);
    assert_eq!(socket.ask("two").await["awake"], 2);
    terminal.press("d").await;
    terminal.shows("durable object").await;
    let woken = socket.ask("three").await;
    assert_eq!(woken["awake"], 1, "the object slept");
    assert_eq!(woken["stored"], 3, "and forgot nothing that was stored");
    assert_eq!(woken["name"], "ann", "nor who is at the other end");

    terminal.press("r").await;
    terminal.shows("reloaded").await;
    assert_eq!(socket.closed().await, 1012);

    terminal.press("c").await;
    terminal.shows("delete all local data").await;
    terminal.press("n").await;
    terminal.shows("kept").await;
    assert_eq!(ask(&terminal, "/room/lobby").await["stored"], 4);
    terminal.press("c").await;
    terminal.shows("delete all local data").await;
    terminal.press("y").await;
    terminal.shows("local data cleared").await;
    assert_eq!(ask(&terminal, "/room/lobby").await["stored"], 1);

    terminal.press("l").await;
    terminal.shows("\x1b[2J").await;
    // An arrow is no key of ours.
    terminal.press("\x1b[A").await;
    terminal.press("?").await;
    terminal.shows("q quit").await;

    assert!(
        !terminal.screen().contains("of-the-tests"),
        "{}",
        terminal.screen()
    );
    terminal.press("q").await;
    assert_eq!(terminal.ends().await, Some(0));
}

#[tokio::test]
async fn ctrl_c_ends_with_130_and_a_broken_build_is_shown_as_rustc_prints_it() {
    let project = Tiny::todo_app_to_edit("ctrl-c");
    let page = project.root().join("app/src/page.rs");
    let good = fs_err::read_to_string(&page).unwrap();
    let mut terminal = project.terminal().await;
    fs_err::write(&page, format!("{good}\nfn broken() -> u8 {{ \"text\" }}\n")).unwrap();
    terminal.shows("mismatched types").await;
    terminal
        .shows("still serving the last successful build")
        .await;
    fs_err::write(&page, &good).unwrap();
    terminal.shows("nothing changed").await;
    terminal.press("\x03").await;
    assert_eq!(terminal.ends().await, Some(130));
}
