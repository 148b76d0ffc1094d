//! What a trace shows, and that no secret is in it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use serde_json::json;
use tiny_cloudflare::{
    AssetFile, Binding, BindingKind, Exchange, Module, ModuleKind, Outcome, Secret, Trace, Upload,
    UploadMetadata, Waiting,
};

use crate::server::{Server, Step, TOKEN, ok, text};

/// Writes down all that it is told.
#[derive(Default)]
struct Notes(Mutex<String>);

impl Trace for Notes {
    fn exchange(&self, exchange: &Exchange) {
        let mut notes = self.0.lock().unwrap();
        let Exchange { method, path, .. } = exchange;
        writeln!(notes, "{method} {path} (attempt {})", exchange.attempt).unwrap();
        for (name, value) in &exchange.request_headers {
            writeln!(notes, "> {name}: {value}").unwrap();
        }
        writeln!(notes, "> {}", exchange.request_body).unwrap();
        match &exchange.outcome {
            Outcome::Answered {
                status,
                headers,
                body,
            } => {
                writeln!(notes, "< {status}").unwrap();
                for (name, value) in headers {
                    writeln!(notes, "< {name}: {value}").unwrap();
                }
                writeln!(notes, "< {body}").unwrap();
            }
            Outcome::Failed { why } => writeln!(notes, "< failed: {why}").unwrap(),
        }
    }

    fn waiting(&self, waiting: &Waiting<'_>) {
        let mut notes = self.0.lock().unwrap();
        writeln!(notes, "  waiting: {}", waiting.why).unwrap();
    }
}

impl Notes {
    /// Without what differs between runs.
    fn text(&self) -> String {
        let notes = self.0.lock().unwrap();
        let lines = notes
            .lines()
            .map(|line| match line.split_once("boundary=") {
                Some((start, _)) => format!("{start}boundary=B"),
                None => line.to_owned(),
            });
        lines
            .filter(|line| !line.starts_with("< content-length"))
            .collect::<Vec<_>>()
            .join("\n")
    }
}

#[tokio::test]
async fn an_upload_shows_what_it_is_and_hides_what_is_secret() {
    let mut metadata = UploadMetadata::new(Some("shim.js".to_owned()), "2026-11-01");
    for (name, kind) in [
        (
            "KEY",
            BindingKind::SecretText {
                text: Secret::new("hunter2"),
            },
        ),
        (
            "DSN",
            BindingKind::PlainText {
                text: "flagged-value".to_owned(),
                hidden: true,
            },
        ),
        (
            "MODE",
            BindingKind::PlainText {
                text: "user".to_owned(),
                hidden: false,
            },
        ),
        (
            "CONF",
            BindingKind::Json {
                json: json!({ "deep": ["json-\"value"] }),
                hidden: true,
            },
        ),
    ] {
        metadata.bindings.push(Binding {
            name: name.to_owned(),
            kind,
        });
    }
    let upload = Upload {
        metadata,
        modules: vec![Module {
            name: "shim.js".to_owned(),
            kind: ModuleKind::EsModule,
            content: Bytes::from_static(b"// holds hunter2 for a test"),
        }],
    };
    // The answer repeats secrets, as an answer should not.
    let echo = json!({ "id": "w", "note": "saw flagged-value and hunter2", "jwt": "session" });
    let server = Server::plays(vec![
        text(503, "<html>busy hunter2</html>").with("Set-Cookie", "session=1"),
        ok(echo).with("CF-Ray", "8f-VIE"),
    ])
    .await;
    let notes = Arc::new(Notes::default());
    let account = server.traced(notes.clone());
    account.upload_script("w", &upload).await.unwrap();

    let shown = notes.text();
    for secret in [
        "hunter2",
        "flagged",
        "json-",
        "session=1",
        "\"session\"",
        TOKEN,
    ] {
        assert!(!shown.contains(secret), "{secret} is in\n{shown}");
    }
    insta::assert_snapshot!(shown);
}

#[tokio::test]
async fn secrets_sessions_and_tails_are_hidden() {
    let server = Server::plays(vec![
        ok(json!({ "name": "KEY", "type": "secret_text" })),
        ok(json!({ "KEY": { "name": "KEY", "type": "secret_text", "text": "hunter2" } })),
        ok(json!({ "jwt": "session-key", "buckets": [["aa"]] })),
        ok(json!({ "jwt": "completion-key" })),
        ok(json!({ "id": "t", "url": "wss://tail.example/tail-key", "expires_at": "x" })),
    ])
    .await;
    let notes = Arc::new(Notes::default());
    let account = server.traced(notes.clone());
    let secret = Secret::new("hunter2");
    account.put_secret("w", "KEY", &secret).await.unwrap();
    let changes = BTreeMap::from([("KEY".to_owned(), Some(secret)), ("OLD".to_owned(), None)]);
    account.change_secrets("w", &changes).await.unwrap();
    let session = account
        .start_asset_upload("w", &BTreeMap::new())
        .await
        .unwrap();
    let file = AssetFile {
        hash: "aa".to_owned(),
        content_type: None,
        content: Bytes::from_static(b"x"),
    };
    let done = account
        .upload_asset_bucket(&session, &[file])
        .await
        .unwrap();
    assert_eq!(done.unwrap().reveal(), "completion-key");
    let tail = account.create_tail("w", &[]).await.unwrap();
    assert_eq!(tail.url.reveal(), "wss://tail.example/tail-key");

    // All of it went over the wire, and only there.
    let sent = server.seen();
    assert_eq!(
        sent[0].header("authorization"),
        Some("Bearer the-api-token")
    );
    assert_eq!(sent[3].header("authorization"), Some("Bearer session-key"));
    assert_eq!(sent[0].json()["text"], "hunter2");
    assert_eq!(sent[1].json()["secrets"]["OLD"], json!(null));
    let shown = notes.text();
    for secret in ["hunter2", "-key", TOKEN] {
        assert!(!shown.contains(secret), "{secret} is in\n{shown}");
    }
    assert!(!format!("{session:?} {tail:?} {changes:?}").contains("-key"));
}

#[tokio::test]
async fn a_failed_attempt_is_shown_too() {
    let server = Server::plays(vec![Step::DropAfter, ok(json!([]))]).await;
    let notes = Arc::new(Notes::default());
    server.traced(notes.clone()).scripts().await.unwrap();
    let shown = notes.text();
    assert!(
        shown.contains("(attempt 1)") && shown.contains("(attempt 2)"),
        "{shown}"
    );
    assert!(shown.contains("< failed: the connection broke"), "{shown}");
}
