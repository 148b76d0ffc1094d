//! What is found out about code by starting it once.

#![allow(clippy::unwrap_used)] // a test's way to fail

mod support;

use bytes::Bytes;
use camino::Utf8Path;
use tiny_runtime::{ExportKind, Module, ModuleKind, ProbeError, ProbeRequest, Probed, probe};

fn module(name: &str, kind: ModuleKind, body: &str) -> Module {
    Module {
        name: name.to_owned(),
        kind,
        body: Bytes::from(body.to_owned()),
    }
}

async fn probed(modules: Vec<Module>) -> Result<Probed, ProbeError> {
    let folder = tempfile::tempdir().unwrap();
    let here = Utf8Path::from_path(folder.path()).unwrap();
    let request = ProbeRequest {
        main: modules[0].name.clone(),
        modules,
        compatibility_date: "2026-11-01".to_owned(),
        compatibility_flags: Vec::new(),
    };
    probe(&support::programs(here).await, &here.join("run"), &request).await
}

async fn error_of(script: &str) -> String {
    let main = module("main.js", ModuleKind::Esm, script);
    match probed(vec![main]).await.unwrap_err() {
        ProbeError::Code { message } => message,
        other @ ProbeError::Runtime(_) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn handlers_and_classes_are_told_apart() {
    let main = r#"
        import { DurableObject, WorkerEntrypoint, WorkflowEntrypoint } from "cloudflare:workers";
        import text from "./note.txt";
        import data from "./data.bin";
        import json from "../settings.json";
        class Base extends DurableObject {}
        export class Room extends Base { fetch() {} }
        export class Admin extends WorkerEntrypoint { fetch() {} }
        export class Job extends WorkflowEntrypoint {}
        class $Old { fetch() {} }
        export { $Old as Old };
        export const side = { fetch() {} };
        export const settings = { text, bytes: data.byteLength, json };
        export function helper() {}
        export const arrow = () => {};
        if (text !== "note" || data.byteLength !== 4 || json.a !== 1) throw new Error("modules");
        export default class extends WorkerEntrypoint { fetch() {} queue() {} other() {} }
    "#;
    let found = probed(vec![
        module("src/main.js", ModuleKind::Esm, main),
        module("src/note.txt", ModuleKind::Text, "note"),
        module("src/data.bin", ModuleKind::Data, "data"),
        module("settings.json", ModuleKind::Json, r#"{"a":1}"#),
    ])
    .await
    .unwrap();
    let handlers: Vec<_> = found.handlers.iter().map(String::as_str).collect();
    assert_eq!(handlers, ["fetch", "queue"]);
    let classes: Vec<_> = found
        .classes
        .iter()
        .map(|(name, kind)| (name.as_str(), *kind))
        .collect();
    assert_eq!(
        classes,
        [
            ("Admin", ExportKind::Entrypoint),
            ("Job", ExportKind::Workflow),
            ("Old", ExportKind::Plain),
            ("Room", ExportKind::DurableObject),
            ("side", ExportKind::Entrypoint),
        ]
    );
    assert!(found.startup.as_millis() > 0);
}

#[tokio::test]
async fn a_script_of_the_older_kind_is_known_by_its_listeners() {
    let script = "addEventListener('fetch', (event) => event.respondWith(new Response('old')));
        addEventListener('scheduled', () => {});";
    let found = probed(vec![module("worker.js", ModuleKind::Script, script)])
        .await
        .unwrap();
    let handlers: Vec<_> = found.handlers.iter().map(String::as_str).collect();
    assert_eq!(handlers, ["fetch", "scheduled"]);
}

#[tokio::test]
async fn code_that_does_not_start_says_why_as_cloudflare_does() {
    assert_eq!(
        error_of("function f() { throw new Error('too early') }\nf()").await,
        "Uncaught Error: too early\n  at main.js:1:22 in f\n  at main.js:2:1"
    );
    let error = error_of("export default { fetch( {").await;
    assert!(error.starts_with("Uncaught SyntaxError: "), "{error}");
    let error = error_of("import './gone.js'").await;
    assert!(
        error.starts_with("Uncaught Error: No such module \"gone.js\""),
        "{error}"
    );
    let error = error_of("await fetch('http://a.test')").await;
    assert!(
        error.contains("Disallowed operation called within global scope"),
        "{error}"
    );
}
