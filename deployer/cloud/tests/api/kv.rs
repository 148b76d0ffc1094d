use serde_json::json;
use tiny_cloudflare::CloudflareError;

use crate::rig::Rig;

#[tokio::test]
async fn a_namespace_has_a_title_of_its_own() {
    let rig = Rig::start().await;
    let account = rig.account().await;
    let made = account.create_kv_namespace("cache").await.unwrap();
    assert_eq!(
        account.kv_namespace(&made.id).await.unwrap(),
        Some(made.clone())
    );
    let CloudflareError::Refused(refusal) = account.create_kv_namespace("cache").await.unwrap_err()
    else {
        panic!("it is there already");
    };
    assert!(refusal.has_code(10014));

    let other = account.create_kv_namespace("sessions").await.unwrap();
    let path = format!("A/storage/kv/namespaces/{}", other.id);
    rig.put(&path, json!({"title": "cache"}))
        .await
        .is_refused(400, 10014, "already exists");
    let renamed = rig.put(&path, json!({"title": "visits"})).await;
    assert_eq!(renamed.body["result"]["title"], "visits");

    assert!(account.delete_kv_namespace(&made.id).await.unwrap());
    assert!(!account.delete_kv_namespace(&made.id).await.unwrap());
    assert_eq!(account.kv_namespace(&made.id).await.unwrap(), None);
    rig.post("A/storage/kv/namespaces", json!({"title": ""}))
        .await
        .is_refused(400, 10019, "needs a title");
}

#[tokio::test]
async fn namespaces_come_in_pages() {
    let rig = Rig::start().await;
    let account = rig.account().await;
    for number in 0..7 {
        account
            .create_kv_namespace(&format!("n{number}"))
            .await
            .unwrap();
    }
    let page = rig
        .get("A/storage/kv/namespaces?order=title&direction=desc&page=2&per_page=3")
        .await;
    let titles: Vec<&str> = page.body["result"]
        .as_array()
        .unwrap()
        .iter()
        .map(|namespace| namespace["title"].as_str().unwrap())
        .collect();
    assert_eq!(titles, ["n3", "n2", "n1"]);
    assert_eq!(
        page.body["result_info"],
        json!({"page": 2, "per_page": 3, "count": 3, "total_count": 7, "total_pages": 3})
    );
    assert_eq!(account.kv_namespaces().await.unwrap().len(), 7);
}

/// Before anything is asked of the workers' side.
#[tokio::test]
async fn values_are_checked() {
    let rig = Rig::start().await;
    let account = rig.account().await;
    let id = account.create_kv_namespace("cache").await.unwrap().id;
    let path = |rest: &str| format!("A/storage/kv/namespaces/{id}/{rest}");
    rig.put(&path(&format!("values/{}", "k".repeat(513))), json!(1))
        .await
        .is_refused(414, 10030, "at most 512 bytes");
    rig.put(&path("values/k?expiration_ttl=59"), json!(1))
        .await
        .is_refused(400, 10020, "at least 60 seconds");
    rig.put(
        &path("bulk"),
        json!([{"key": "k", "value": "v", "metadata": "m".repeat(1100)}]),
    )
    .await
    .is_refused(400, 10022, "at most 1024 bytes");
    rig.put(
        &path("bulk"),
        json!([{"key": "k", "value": "?", "base64": true}]),
    )
    .await
    .is_refused(400, 10012, "is not base64");
    rig.get("A/storage/kv/namespaces/nothing/values/k")
        .await
        .is_refused(404, 10013, "namespace 'nothing' not found");
}
