//! Secrets and settings.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::FETCH;
use crate::rig::{Rig, answer, upload};

#[tokio::test]
async fn secrets_make_versions_and_never_come_back() {
    let rig = Rig::start().await;
    rig.deploy(
        "me",
        upload(FETCH).binds(json!({ "name": "VAR", "type": "plain_text", "text": "v" })),
    )
    .await;
    let secret = |name: &str| json!({ "name": name, "text": "hush-hush", "type": "secret_text" });
    let put = rig.ok(Method::PUT, "S:me/secrets", secret("ONE")).await;
    assert_eq!(put, json!({ "name": "ONE", "type": "secret_text" }));
    let bulk = json!({ "secrets": { "TWO": secret("TWO"), "ONE": null, "NEVER": null } });
    rig.ok(Method::PATCH, "S:me/secrets-bulk", bulk).await;
    let listed = rig.ok(Method::GET, "S:me/secrets", Value::Null).await;
    assert_eq!(listed, json!([{ "name": "TWO", "type": "secret_text" }]));

    let taken = answer(rig.api(Method::PUT, "S:me/secrets").json(&secret("VAR"))).await;
    assert_eq!(
        (taken.0, &taken.1["errors"][0]["code"]),
        (400, &json!(10053))
    );
    let gone = answer(rig.api(Method::DELETE, "S:me/secrets/ONE?url_encoded=true")).await;
    assert_eq!((gone.0, &gone.1["errors"][0]["code"]), (404, &json!(10056)));
    let plain = json!({ "name": "X", "text": "x", "type": "plain_text" });
    let wrong = answer(rig.api(Method::PUT, "S:me/secrets").json(&plain)).await;
    assert_eq!(
        (wrong.0, &wrong.1["errors"][0]["code"]),
        (400, &json!(10021))
    );
    let nobody = answer(rig.api(Method::PUT, "S:nobody/secrets").json(&secret("X"))).await;
    assert_eq!(
        (nobody.0, &nobody.1["errors"][0]["code"]),
        (404, &json!(10007))
    );

    rig.ok(Method::DELETE, "S:me/secrets/TWO", Value::Null)
        .await;
    let versions = rig.ok(Method::GET, "S:me/versions", Value::Null).await;
    assert_eq!(versions["items"][0]["number"], 4);
    assert_eq!(
        versions["items"][0]["annotations"]["workers/triggered_by"],
        "secret"
    );
    let deployments = rig.ok(Method::GET, "S:me/deployments", Value::Null).await;
    assert_eq!(
        deployments["deployments"][0]["versions"][0]["version_id"],
        versions["items"][0]["id"]
    );
    for path in ["settings", "versions", "secrets"] {
        let shown = rig
            .ok(Method::GET, &format!("S:me/{path}"), Value::Null)
            .await;
        assert!(!shown.to_string().contains("hush-hush"), "{shown}");
    }
}

#[tokio::test]
async fn a_secret_does_not_deploy_what_nobody_deployed() {
    let rig = Rig::start().await;
    rig.deploy("me", upload(FETCH)).await;
    rig.version("me", upload(FETCH)).await;
    let secret = json!({ "name": "S", "text": "s", "type": "secret_text" });
    let (status, refused) = answer(rig.api(Method::PUT, "S:me/secrets").json(&secret)).await;
    assert_eq!(
        (status, &refused["errors"][0]["code"]),
        (400, &json!(10215))
    );
}

#[tokio::test]
async fn settings_of_the_script_are_changed_one_by_one() {
    let rig = Rig::start().await;
    rig.deploy("tail", upload("export default { tail() {} };"))
        .await;
    rig.deploy("me", upload(FETCH).with("tags", json!(["a"])))
        .await;
    let changed = rig
        .ok(
            Method::PATCH,
            "S:me/script-settings",
            json!({ "logpush": true, "tail_consumers": [{ "service": "tail" }] }),
        )
        .await;
    assert_eq!(changed["tags"], json!(["a"]));
    assert_eq!(changed["tail_consumers"], json!([{ "service": "tail" }]));
    let producers = rig
        .ok(Method::GET, "A/workers/tails/by-consumer/tail", Value::Null)
        .await;
    assert_eq!(producers[0]["producer"]["service"], "me");
    let cleared = rig
        .ok(
            Method::PATCH,
            "S:me/script-settings",
            json!({ "tail_consumers": null, "observability": { "enabled": true, "head_sampling_rate": 0.1 } }),
        )
        .await;
    assert_eq!(cleared["tail_consumers"], Value::Null);
    assert_eq!(cleared["observability"]["head_sampling_rate"], 0.1);
    assert_eq!(cleared["logpush"], true);
    for wrong in [
        json!({ "placement": { "mode": "smart" } }),
        json!({ "observability": { "enabled": true, "head_sampling_rate": 2 } }),
        json!({ "tail_consumers": [{ "service": "nobody" }] }),
    ] {
        let (status, _) = answer(rig.api(Method::PATCH, "S:me/script-settings").json(&wrong)).await;
        assert_eq!(status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn settings_of_the_version_make_a_new_one() {
    let rig = Rig::start().await;
    rig.deploy(
        "me",
        upload(FETCH).binds(json!({ "name": "S", "type": "secret_text", "text": "s" })),
    )
    .await;
    let patch = async |settings: Value| {
        let part = reqwest::multipart::Part::text(settings.to_string());
        let form = reqwest::multipart::Form::new().part("settings", part);
        answer(rig.api(Method::PATCH, "S:me/settings").multipart(form)).await
    };
    let (status, changed) = patch(json!({
        "bindings": [{ "name": "S", "type": "inherit" }, { "name": "V", "type": "json", "json": [1] }],
        "compatibility_flags": ["nodejs_compat"],
    }))
    .await;
    assert_eq!(status, 200, "{changed}");
    assert_eq!(changed["result"]["compatibility_date"], "2026-11-01");
    assert_eq!(changed["result"]["bindings"].as_array().unwrap().len(), 2);
    let (status, refused) = patch(json!({ "main_module": "x" })).await;
    assert_eq!(
        (status, &refused["errors"][0]["code"]),
        (400, &json!(10026))
    );
    let (status, refused) = patch(json!({ "compatibility_flags": ["no_such_flag"] })).await;
    assert_eq!(
        (status, &refused["errors"][0]["code"]),
        (400, &json!(10021))
    );
    let versions = rig.ok(Method::GET, "S:me/versions", Value::Null).await;
    assert_eq!(versions["items"][0]["number"], 2);
}

#[tokio::test]
async fn a_version_may_differ_from_the_latest_in_its_secrets_alone() {
    let rig = Rig::start().await;
    let secret = |name: &str| json!({ "name": name, "type": "secret_text", "text": "s" });
    rig.deploy("me", upload(FETCH).binds(secret("OLD"))).await;
    let patch = json!({
        "env": { "NEW": { "type": "secret_text", "text": "n" }, "OLD": null },
        "annotations": { "workers/tag": "t" },
    });
    let made = rig
        .ok(Method::PATCH, "A/workers/workers/me/versions/latest", patch)
        .await;
    assert_eq!(made["number"], 2);
    assert_eq!(
        made["resources"]["bindings"],
        json!([{ "name": "NEW", "type": "secret_text" }])
    );
    // Nobody has deployed it.
    let live = rig.ok(Method::GET, "S:me/secrets", Value::Null).await;
    assert_eq!(live[0]["name"], "OLD");
}
