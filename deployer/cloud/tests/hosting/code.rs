//! All that code can look like, and what it does without being asked.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use crate::rig::{PATIENCE, Rig, Upload, upload};

#[tokio::test]
async fn a_script_of_the_older_format_runs_with_its_parts() {
    let rig = Rig::start().await;
    let script = Upload::script(
        "addEventListener('fetch', (event) => event.respondWith(new Response(`${NOTE} ${VAR}`)));",
    )
    .module("note", "text/plain", "from a part")
    .binds(json!({ "name": "NOTE", "type": "text_blob", "part": "note" }))
    .binds(json!({ "name": "VAR", "type": "plain_text", "text": "var" }));
    rig.deploy("old", script).await;
    assert_eq!(rig.get("old", "/").await, "from a part var");
}

#[tokio::test]
async fn a_worker_that_only_has_classes_is_there_for_others() {
    let rig = Rig::start().await;
    let classes = upload(
        "import { DurableObject } from 'cloudflare:workers';
        export class Room extends DurableObject { fetch() { return new Response('room'); } }",
    )
    .object("ROOM", "Room");
    rig.deploy("classes", classes).await;
    let guest = upload(
        "export default { fetch(request, env) { return env.ROOM.getByName('a').fetch(request); } }",
    )
    .binds(json!({
        "name": "ROOM", "type": "durable_object_namespace",
        "class_name": "Room", "script_name": "classes",
    }));
    rig.deploy("guest", guest).await;
    assert_eq!(rig.get("guest", "/").await, "room");
}

#[tokio::test]
async fn alarms_ring_after_a_restart_that_no_request_follows() {
    let rig = Rig::start().await;
    let d1 = rig
        .ok(Method::POST, "A/d1/database", json!({ "name": "log" }))
        .await;
    let d1 = d1["uuid"].as_str().unwrap();
    let query = format!("A/d1/database/{d1}/query");
    let table = json!({ "sql": "CREATE TABLE rung(n)" });
    rig.ok(Method::POST, &query, table).await;
    let worker = upload(
        "import { DurableObject } from 'cloudflare:workers';
        export class Clock extends DurableObject {
            async fetch() {
                await this.ctx.storage.setAlarm(Date.now() + 1500);
                return new Response('set');
            }
            async alarm() { await this.env.DB.prepare('INSERT INTO rung VALUES (1)').run(); }
        }
        export default { fetch(request, env) { return env.CLOCK.getByName('a').fetch(request); } }",
    )
    .object("CLOCK", "Clock")
    .binds(json!({ "name": "DB", "type": "d1", "id": d1 }));
    rig.deploy("clock", worker).await;
    assert_eq!(rig.get("clock", "/").await, "set");
    let rig = rig.restarted().await;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let sql = json!({ "sql": "SELECT COUNT(*) AS n FROM rung" });
        let rows = rig.ok(Method::POST, &query, sql).await;
        // Once at least: one that rings at the very end rings again.
        if rows[0]["results"][0]["n"].as_u64().unwrap() >= 1 {
            break;
        }
        assert!(Instant::now() < deadline, "the alarm never rang");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn what_workers_say_is_heard() {
    let mut rig = Rig::start().await;
    let mut events = rig.cloud.events().unwrap();
    let worker = "export default { fetch() { console.log('heard'); return new Response('ok'); } }";
    rig.deploy("worker", upload(worker)).await;
    rig.until("worker", "/", "ok").await;
    loop {
        let event = tokio::time::timeout(PATIENCE, events.recv());
        match event.await.unwrap().unwrap() {
            tiny_cloud::CloudEvent::Log { message, .. } if message == "heard" => break,
            tiny_cloud::CloudEvent::Warning { message } => panic!("{message}"),
            _ => {}
        }
    }
}
