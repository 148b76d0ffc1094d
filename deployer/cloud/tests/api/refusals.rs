//! What is not known is refused, by name.

use reqwest::Method;
use serde_json::json;

use crate::rig::{Rig, sent};

#[tokio::test]
async fn an_unknown_field_is_named_with_its_place() {
    let rig = Rig::start().await;
    rig.post(
        "A/storage/kv/namespaces",
        json!({"title": "a", "colour": 1}),
    )
    .await
    .is_refused(400, 10026, "unknown field `colour`");
    rig.post(
        "A/queues",
        json!({"queue_name": "a", "settings": {"delivery_delay": 1, "speed": 2}}),
    )
    .await
    .is_refused(400, 10026, "at `settings.speed`: unknown field `speed`");
    let bucket = "A/r2/buckets";
    rig.post(bucket, json!({"name": "abc", "location": "weur"}))
        .await
        .is_refused(400, 10026, "unknown field `location`");
    rig.post(bucket, json!({"name": "abc", "storageClass": "Cold"}))
        .await
        .is_refused(400, 10026, "unknown variant `Cold`");
    rig.post(
        "A/d1/database",
        json!({"name": "a", "primary_location_hint": "moon"}),
    )
    .await
    .is_refused(400, 10026, "unknown variant `moon`");
}

#[tokio::test]
async fn a_body_that_is_no_json_is_refused() {
    let rig = Rig::start().await;
    for (body, why) in [
        ("", "the body is empty"),
        ("{", "EOF"),
        ("[]", "invalid length"),
        ("1", "invalid type: integer"),
        (r#"{"title":"a"} x"#, "trailing characters"),
        (r#"{"title":"a","title":"b"}"#, "duplicate field `title`"),
    ] {
        let request = rig
            .request(Method::POST, "A/storage/kv/namespaces")
            .body(body);
        sent(request).await.is_refused(400, 10026, why);
    }
}

/// Every route, so that none lets a misspelt parameter pass.
#[tokio::test]
async fn an_unknown_parameter_is_refused_everywhere() {
    let rig = Rig::start().await;
    let account = rig.account().await;
    let namespace = account.create_kv_namespace("a").await.unwrap().id;
    let queue = account.create_queue("a").await.unwrap().queue_id;
    let database = account
        .create_d1_database(&tiny_cloudflare::NewD1Database {
            name: "a".to_owned(),
            ..Default::default()
        })
        .await
        .unwrap()
        .uuid;
    rig.post("A/r2/buckets", json!({"name": "abc"})).await;
    let zone = account.zone("example.com").await.unwrap().unwrap().id;
    let kv = format!("A/storage/kv/namespaces/{namespace}");
    let d1 = format!("A/d1/database/{database}");
    for (methods, path) in [
        ("GET", "/accounts".to_owned()),
        ("GET", "/memberships".to_owned()),
        ("GET", "/user".to_owned()),
        ("GET", "/user/tokens/verify".to_owned()),
        ("GET", "/zones".to_owned()),
        ("GET", format!("/zones/{zone}")),
        ("GET POST", "A/storage/kv/namespaces".to_owned()),
        ("GET PUT DELETE", kv.clone()),
        ("GET PUT DELETE", format!("{kv}/values/k")),
        ("GET", format!("{kv}/metadata/k")),
        ("GET", format!("{kv}/keys")),
        ("PUT DELETE", format!("{kv}/bulk")),
        ("POST", format!("{kv}/bulk/get")),
        ("POST", format!("{kv}/bulk/delete")),
        ("GET POST", "A/r2/buckets".to_owned()),
        ("GET PATCH DELETE", "A/r2/buckets/abc".to_owned()),
        ("GET PUT DELETE", "A/r2/buckets/abc/cors".to_owned()),
        ("GET PUT", "A/r2/buckets/abc/lifecycle".to_owned()),
        ("GET PUT", "A/r2/buckets/abc/domains/managed".to_owned()),
        ("GET", "A/r2/buckets/abc/domains/custom".to_owned()),
        ("GET DELETE", "A/r2/buckets/abc/objects".to_owned()),
        ("GET PUT DELETE", "A/r2/buckets/abc/objects/a/b".to_owned()),
        ("GET POST", "A/d1/database".to_owned()),
        ("GET PATCH PUT DELETE", d1.clone()),
        ("POST", format!("{d1}/query")),
        ("POST", format!("{d1}/raw")),
        ("GET POST", "A/queues".to_owned()),
        ("GET PATCH PUT DELETE", format!("A/queues/{queue}")),
        ("GET POST", format!("A/queues/{queue}/consumers")),
        ("GET PUT DELETE", format!("A/queues/{queue}/consumers/x")),
    ] {
        for method in methods.split(' ') {
            let request = rig
                .request(method.parse().unwrap(), &format!("{path}?nonsense=1"))
                .json(&json!({}));
            let answer = sent(request).await;
            assert_eq!(answer.status, 400, "{method} {path}: {}", answer.body);
            assert!(
                answer.message().contains("unknown field `nonsense`"),
                "{method} {path}: {}",
                answer.body
            );
        }
    }
}

#[tokio::test]
async fn an_unknown_path_and_an_unknown_method_are_told_apart() {
    let rig = Rig::start().await;
    rig.get("A/pages/projects").await.is_refused(
        404,
        7000,
        "No route for that URI: GET /accounts/",
    );
    rig.get("/nothing")
        .await
        .is_refused(404, 7000, "No route for that URI: GET /nothing");
    rig.delete("A/queues")
        .await
        .is_refused(405, 7001, "Method DELETE not available for that URI");
}

#[tokio::test]
async fn pages_have_limits() {
    let rig = Rig::start().await;
    for (path, why) in [
        ("A/storage/kv/namespaces?per_page=1001", "from 1 to 1000"),
        ("A/storage/kv/namespaces?page=0", "`page` begins with 1"),
        ("A/d1/database?per_page=9", "from 10 to 10000"),
        ("A/r2/buckets?per_page=0", "from 1 to 1000"),
        ("/zones?per_page=4", "from 5 to 50"),
        ("A/queues?page=x", "invalid digit"),
    ] {
        rig.get(path).await.is_refused(400, 10026, why);
    }
}
