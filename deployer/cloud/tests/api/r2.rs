use reqwest::Method;
use serde_json::json;
use tiny_cloudflare::{CloudflareError, NewR2Bucket};

use crate::rig::{Rig, sent};

fn named(name: &str) -> NewR2Bucket {
    NewR2Bucket {
        name: name.to_owned(),
        ..NewR2Bucket::default()
    }
}

#[tokio::test]
async fn a_bucket_is_made_read_and_deleted() {
    let rig = Rig::start().await;
    let account = rig.account().await;
    let made = account
        .create_r2_bucket(
            &NewR2Bucket {
                location_hint: Some("apac".to_owned()),
                storage_class: Some("InfrequentAccess".to_owned()),
                ..named("uploads")
            },
            None,
        )
        .await
        .unwrap();
    assert_eq!(made.location.as_deref(), Some("APAC"));
    assert_eq!(made.storage_class.as_deref(), Some("InfrequentAccess"));
    assert_eq!(
        account.r2_bucket("uploads", None).await.unwrap(),
        Some(made)
    );

    let CloudflareError::Refused(refusal) = account
        .create_r2_bucket(&named("uploads"), None)
        .await
        .unwrap_err()
    else {
        panic!("it is there already");
    };
    assert_eq!((refusal.status, refusal.has_code(10004)), (409, true));
    rig.get("A/r2/buckets/nothing")
        .await
        .is_refused(404, 10006, "does not exist");
    assert!(account.delete_r2_bucket("uploads", None).await.unwrap());
    assert!(!account.delete_r2_bucket("uploads", None).await.unwrap());
}

#[tokio::test]
async fn names_follow_rules() {
    let rig = Rig::start().await;
    for name in ["ab", "Uploads", "-abc", "abc-", "a_c", &"a".repeat(64)] {
        rig.post("A/r2/buckets", json!({"name": name}))
            .await
            .is_refused(400, 10005, "The bucket name is not valid");
    }
}

#[tokio::test]
async fn a_jurisdiction_has_buckets_of_its_own() {
    let rig = Rig::start().await;
    let account = rig.account().await;
    account
        .create_r2_bucket(&named("data"), None)
        .await
        .unwrap();
    let european = account
        .create_r2_bucket(&named("data"), Some("eu"))
        .await
        .unwrap();
    assert_eq!(european.jurisdiction.as_deref(), Some("eu"));
    assert_eq!(account.r2_buckets(Some("eu")).await.unwrap(), [european]);
    let request = rig
        .request(Method::GET, "A/r2/buckets")
        .header("cf-r2-jurisdiction", "mars");
    sent(request).await.is_refused(400, 10040, "must be one of");
}

#[tokio::test]
async fn the_list_goes_on_at_a_cursor() {
    let rig = Rig::start().await;
    let account = rig.account().await;
    for number in 0..5 {
        account
            .create_r2_bucket(&named(&format!("bucket-{number}")), None)
            .await
            .unwrap();
    }
    let mut names = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = rig
            .get(&format!(
                "A/r2/buckets?per_page=2&name_contains=bucket&cursor={cursor}"
            ))
            .await;
        for bucket in page.body["result"]["buckets"].as_array().unwrap() {
            names.push(bucket["name"].as_str().unwrap().to_owned());
        }
        cursor = page.body["result_info"]["cursor"]
            .as_str()
            .unwrap()
            .to_owned();
        if cursor.is_empty() {
            break;
        }
    }
    assert_eq!(
        names,
        ["bucket-0", "bucket-1", "bucket-2", "bucket-3", "bucket-4"]
    );
    let last = rig.get("A/r2/buckets?direction=desc&per_page=1").await;
    assert_eq!(last.body["result"]["buckets"][0]["name"], "bucket-4");
}

#[tokio::test]
async fn rules_are_kept_as_they_were_given() {
    let rig = Rig::start().await;
    rig.post("A/r2/buckets", json!({"name": "site"})).await;
    rig.get("A/r2/buckets/site/cors")
        .await
        .is_refused(404, 10059, "does not exist");
    let cors = json!({"rules": [{
        "allowed": {"methods": ["GET"], "origins": ["https://example.com"]},
        "maxAgeSeconds": 60,
    }]});
    assert_eq!(
        rig.put("A/r2/buckets/site/cors", cors.clone()).await.status,
        200
    );
    assert_eq!(rig.get("A/r2/buckets/site/cors").await.body["result"], cors);
    rig.put(
        "A/r2/buckets/site/cors",
        json!({"rules": [{"allowed": {"methods": [], "origins": ["*"]}}]}),
    )
    .await
    .is_refused(400, 10040, "`rules[0].allowed` needs at least one method");
    rig.delete("A/r2/buckets/site/cors").await;
    assert_eq!(rig.get("A/r2/buckets/site/cors").await.status, 404);

    let lifecycle = json!({"rules": [{
        "id": "old",
        "enabled": true,
        "conditions": {"prefix": "tmp/"},
        "deleteObjectsTransition": {"condition": {"type": "Age", "maxAge": 86400}},
    }]});
    rig.put("A/r2/buckets/site/lifecycle", lifecycle.clone())
        .await;
    assert_eq!(
        rig.get("A/r2/buckets/site/lifecycle").await.body["result"],
        lifecycle
    );
    let patched = rig
        .request(Method::PATCH, "A/r2/buckets/site")
        .header("cf-r2-storage-class", "InfrequentAccess");
    assert_eq!(
        sent(patched).await.body["result"]["storage_class"],
        "InfrequentAccess"
    );
    let public = rig
        .put(
            "A/r2/buckets/site/domains/managed",
            json!({"enabled": true}),
        )
        .await;
    assert_eq!(public.body["result"]["enabled"], true);
}
