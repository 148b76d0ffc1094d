//! The data of Durable Objects outlives code, names and owners.

use reqwest::Method;
use serde_json::{Value, json};

use crate::rig::{Rig, Upload, upload};

/// A worker with a class that counts in its storage.
fn counter(class: &str) -> Upload {
    upload(&format!(
        "import {{ DurableObject }} from 'cloudflare:workers';
        export class {class} extends DurableObject {{
            async fetch() {{
                this.ctx.storage.sql.exec('CREATE TABLE IF NOT EXISTS hits(n)');
                this.ctx.storage.sql.exec('INSERT INTO hits VALUES (1)');
                const {{ n }} = this.ctx.storage.sql.exec('SELECT COUNT(*) AS n FROM hits').one();
                return new Response(`{class} ${{n}}`);
            }}
        }}
        export default {{ fetch(request, env) {{ return env.OBJECT.getByName('a').fetch(request); }} }}"
    ))
    .object("OBJECT", class)
}

#[tokio::test]
async fn objects_keep_their_data_through_deploys_renames_transfers_and_restarts() {
    let rig = Rig::start().await;
    rig.deploy("one", counter("Counter")).await;
    assert_eq!(rig.get("one", "/").await, "Counter 1");
    assert_eq!(rig.get("one", "/").await, "Counter 2");

    rig.deploy("one", counter("Counter")).await;
    assert_eq!(rig.get("one", "/").await, "Counter 3");

    let renamed = counter("Tally").with(
        "exports",
        json!({
            "Tally": { "type": "durable-object", "storage": "sqlite" },
            "Counter": { "type": "durable-object", "state": "renamed", "renamed_to": "Tally" },
        }),
    );
    rig.deploy("one", renamed).await;
    assert_eq!(rig.get("one", "/").await, "Tally 4");

    let rig = rig.restarted().await;
    assert_eq!(rig.get("one", "/").await, "Tally 5");

    let code = "import { DurableObject } from 'cloudflare:workers';
        export class Tally extends DurableObject {}
        export default { fetch() { return new Response('not yet'); } }";
    let expecting = upload(code).with(
        "exports",
        json!({ "Tally": {
            "type": "durable-object", "state": "expecting-transfer",
            "storage": "sqlite", "transfer_from": "one",
        } }),
    );
    rig.deploy("two", expecting).await;
    let gone = upload("export default { fetch() { return new Response('moved'); } }").with(
        "exports",
        json!({ "Tally": {
            "type": "durable-object", "state": "transferred", "transferred_to": "two",
        } }),
    );
    rig.deploy("one", gone).await;
    rig.deploy("two", counter("Tally")).await;
    assert_eq!(rig.get("two", "/").await, "Tally 6");
    assert_eq!(rig.get("one", "/").await, "moved");
}

#[tokio::test]
async fn a_deleted_class_leaves_nothing_for_one_of_its_name() {
    let rig = Rig::start().await;
    rig.deploy("one", counter("Counter")).await;
    assert_eq!(rig.get("one", "/").await, "Counter 1");
    let deleted = upload("export default { fetch() { return new Response('gone'); } }").with(
        "exports",
        json!({ "Counter": { "type": "durable-object", "state": "deleted" } }),
    );
    rig.deploy("one", deleted).await;
    assert_eq!(rig.get("one", "/").await, "gone");
    rig.deploy("one", counter("Counter")).await;
    assert_eq!(rig.get("one", "/").await, "Counter 1");
}

#[tokio::test]
async fn objects_are_bound_from_other_workers_and_fail_clearly_once_they_are_gone() {
    let rig = Rig::start().await;
    rig.deploy("owner", counter("Counter")).await;
    let guest = upload(
        "export default { async fetch(request, env) {
            try { return await env.THEIRS.getByName('a').fetch(request); }
            catch (error) { return new Response(error.message); }
        } }",
    )
    .binds(json!({
        "name": "THEIRS", "type": "durable_object_namespace",
        "class_name": "Counter", "script_name": "owner",
    }));
    rig.deploy("guest", guest).await;
    assert_eq!(rig.get("guest", "/").await, "Counter 1");
    assert_eq!(rig.get("owner", "/").await, "Counter 2");
    rig.ok(Method::DELETE, "S:owner?force=true", Value::Null)
        .await;
    let text = rig.get("guest", "/").await;
    assert!(
        text.contains("`Counter`") && text.contains("gone"),
        "{text}"
    );
}
