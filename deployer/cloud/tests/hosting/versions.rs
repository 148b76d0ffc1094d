//! Versions, and who gets which.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::json;

use crate::rig::{Rig, Upload, text, upload};

fn says(text: &str) -> Upload {
    upload(&format!(
        "export default {{ fetch(request, env) {{ return new Response('{text} ' + env.V.id); }} }}"
    ))
    .binds(json!({ "name": "V", "type": "version_metadata" }))
}

#[tokio::test]
async fn traffic_is_split_by_share_and_a_rollback_brings_the_old_code_back() {
    let rig = Rig::start().await;
    rig.deploy("worker", says("old")).await;
    let old = rig.get("worker", "/").await;
    let old = old.strip_prefix("old ").unwrap().to_owned();
    let new = rig.version("worker", says("new")).await;
    // A version alone changes nothing.
    assert_eq!(rig.get("worker", "/").await, format!("old {old}"));

    let deploy = async |shares: &[(&str, u32)]| {
        let versions: Vec<_> = shares
            .iter()
            .map(|(id, share)| json!({ "version_id": id, "percentage": share }))
            .collect();
        let body = json!({ "strategy": "percentage", "versions": versions });
        rig.ok(Method::POST, "S:worker/deployments", body).await;
    };
    deploy(&[(&old, 70), (&new, 30)]).await;
    let mut counts = BTreeMap::new();
    for _ in 0..200 {
        *counts.entry(rig.get("worker", "/").await).or_insert(0_u32) += 1;
    }
    let new_count = counts[&format!("new {new}")];
    assert_eq!(counts.values().sum::<u32>(), 200);
    assert_eq!(counts.len(), 2, "{counts:?}");
    assert!((20..100).contains(&new_count), "{counts:?}");
    let wanted = rig.to("worker", "/").header(
        "Cloudflare-Workers-Version-Overrides",
        format!("worker=\"{new}\""),
    );
    assert_eq!(text(wanted).await.1, format!("new {new}"));

    rig.ok(
        Method::POST,
        "S:worker/subdomain",
        json!({ "enabled": true, "previews_enabled": true }),
    )
    .await;
    for (id, says) in [(&old, "old"), (&new, "new")] {
        let preview = format!("{}-worker", &id[..8]);
        assert_eq!(rig.get(&preview, "/").await, format!("{says} {id}"));
    }

    deploy(&[(&new, 100)]).await;
    assert_eq!(rig.get("worker", "/").await, format!("new {new}"));
    deploy(&[(&old, 100)]).await;
    assert_eq!(rig.get("worker", "/").await, format!("old {old}"));
}

#[tokio::test]
async fn objects_live_in_the_version_with_the_largest_share() {
    let rig = Rig::start().await;
    let worker = |text: &str| {
        upload(&format!(
            "import {{ DurableObject }} from 'cloudflare:workers';
            export class Room extends DurableObject {{
                fetch() {{ return new Response('{text}'); }}
            }}
            export default {{ async fetch(request, env) {{
                const room = await env.ROOM.getByName('a').fetch(request);
                return new Response(`{text} worker, ${{await room.text()}} room`);
            }} }}"
        ))
        .object("ROOM", "Room")
    };
    rig.deploy("worker", worker("old")).await;
    let deployments = rig
        .ok(Method::GET, "S:worker/deployments", serde_json::Value::Null)
        .await;
    let old = deployments["deployments"][0]["versions"][0]["version_id"].clone();
    let new = rig.version("worker", worker("new")).await;
    let versions = json!([
        { "version_id": new, "percentage": 40 },
        { "version_id": old, "percentage": 60 },
    ]);
    rig.ok(
        Method::POST,
        "S:worker/deployments",
        json!({ "strategy": "percentage", "versions": versions }),
    )
    .await;
    let at_new = rig.to("worker", "/").header(
        "Cloudflare-Workers-Version-Overrides",
        format!("worker={new}"),
    );
    assert_eq!(text(at_new).await.1, "new worker, old room");
}
