//! Versions and deployments.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::FETCH;
use crate::rig::{Rig, answer, upload};

#[tokio::test]
async fn versions_count_up_and_share_the_traffic() {
    let rig = Rig::start().await;
    let first = rig.deploy("me", upload(FETCH)).await["deployment_id"].clone();
    let second = rig
        .version(
            "me",
            upload(FETCH)
                .binds(json!({ "name": "V", "type": "plain_text", "text": "2" }))
                .with(
                    "annotations",
                    json!({ "workers/tag": "two", "workers/message": "m" }),
                ),
        )
        .await;
    let versions = rig.ok(Method::GET, "S:me/versions", Value::Null).await;
    let numbers: Vec<&Value> = versions["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|version| &version["number"])
        .collect();
    assert_eq!(numbers, [2, 1]);
    let shown = rig
        .ok(Method::GET, &format!("S:me/versions/{second}"), Value::Null)
        .await;
    assert_eq!(shown["annotations"]["workers/tag"], "two");
    assert_eq!(shown["resources"]["bindings"][0]["text"], "2");
    // Not live yet.
    let settings = rig.ok(Method::GET, "S:me/settings", Value::Null).await;
    assert_eq!(settings["bindings"], json!([]));

    rig.ok(
        Method::POST,
        "S:me/deployments?force=true",
        json!({
            "strategy": "percentage",
            "versions": [
                { "version_id": first, "percentage": 90 },
                { "version_id": second, "percentage": 10 },
            ],
            "annotations": { "workers/message": "a little" },
            "code_update_strategy": { "mode": "deferred", "max_delay": 300 },
        }),
    )
    .await;
    let deployments = rig.ok(Method::GET, "S:me/deployments", Value::Null).await;
    let live = &deployments["deployments"][0];
    assert_eq!(live["annotations"]["workers/message"], "a little");
    assert_eq!(live["versions"][1]["percentage"], 10);
    assert_eq!(deployments["deployments"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn shares_must_make_a_whole_of_versions_that_are_there() {
    let rig = Rig::start().await;
    let id = rig.deploy("me", upload(FETCH)).await["deployment_id"].clone();
    let share = |id: &Value, percentage: f64| json!({ "version_id": id, "percentage": percentage });
    let nobody = json!("01234567-89ab-cdef-0123-456789abcdef");
    let mut told = Vec::new();
    for body in [
        json!({ "strategy": "percentage", "versions": [] }),
        json!({ "strategy": "percentage", "versions": [share(&id, 99.0)] }),
        json!({ "strategy": "percentage", "versions": [share(&id, 50.0), share(&id, 50.0)] }),
        json!({ "strategy": "percentage", "versions": [share(&nobody, 100.0)] }),
        json!({ "strategy": "percentage", "versions": [share(&id, 150.0), share(&nobody, -50.0)] }),
        json!({ "strategy": "all", "versions": [share(&id, 100.0)] }),
        json!({ "strategy": "percentage", "versions": [share(&id, 100.0)], "force": true }),
        json!({ "strategy": "percentage", "versions": [share(&id, 100.0)], "code_update_strategy": { "mode": "later" } }),
    ] {
        let (status, answer) = answer(rig.api(Method::POST, "S:me/deployments").json(&body)).await;
        told.push(format!(
            "{status} {} {}",
            answer["errors"][0]["code"], answer["errors"][0]["message"]
        ));
    }
    insta::assert_snapshot!(told.join("\n"), @r#"
400 10021 "a deployment must have one version or two, and has 0"
400 10021 "the percentages of a deployment must sum to 100, and sum to 99"
400 10021 "a deployment names one version twice"
404 100146 "Version '01234567-89ab-cdef-0123-456789abcdef' could not be found."
400 10021 "a `percentage` must be between 0 and 100"
400 10026 "the body, at `strategy`: unknown variant `all`, expected `percentage` at line 1 column 17"
400 10026 "the body, at `force`: unknown field `force`, expected one of `strategy`, `versions`, `annotations`, `code_update_strategy` at line 1 column 8"
400 10026 "the body, at `code_update_strategy.mode`: unknown variant `later`, expected `immediate` or `deferred` at line 1 column 39"
"#);
    let deployments = rig.ok(Method::GET, "S:me/deployments", Value::Null).await;
    assert_eq!(deployments["deployments"].as_array().unwrap().len(), 1);
}
