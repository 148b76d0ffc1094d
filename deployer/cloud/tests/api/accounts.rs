use serde_json::json;

use crate::rig::Rig;

#[tokio::test]
async fn the_account_is_found_and_named() {
    let rig = Rig::start().await;
    let account = rig.account().await;
    assert_eq!(account.id(), rig.cloud.account_id());

    let found = rig.get("/accounts").await;
    assert_eq!(found.body["result"][0]["name"], "Local Cloudflare");
    assert_eq!(found.body["result_info"]["total_count"], 1);
    for path in ["/memberships", "/user", "/user/tokens/verify"] {
        assert_eq!(rig.get(path).await.status, 200, "{path}");
    }
    let one = rig.get(&format!("/accounts/{}", account.id())).await;
    assert_eq!(one.body["result"]["id"], account.id());
}

#[tokio::test]
async fn another_account_is_not_for_this_token() {
    let rig = Rig::start().await;
    let other = "0123456789abcdef0123456789abcdef";
    rig.get(&format!("/accounts/{other}/queues"))
        .await
        .is_refused(403, 10000, "Authentication error");
    rig.get("/accounts/mine/queues").await.is_refused(
        404,
        7003,
        "Could not route to /accounts/mine/queues",
    );
}

#[tokio::test]
async fn zones_are_those_that_were_named() {
    let rig = Rig::with(|options| options.zones.push("shop.example".to_owned())).await;
    let account = rig.account().await;
    let names: Vec<_> = account
        .zones()
        .await
        .unwrap()
        .into_iter()
        .map(|zone| zone.name)
        .collect();
    assert_eq!(names, ["example.com", "shop.example"]);
    let zone = account.zone("shop.example").await.unwrap().unwrap();
    let read = rig.get(&format!("/zones/{}", zone.id)).await;
    assert_eq!(read.body["result"]["account"]["id"], account.id());
    assert_eq!(account.zone("other.example").await.unwrap(), None);
    rig.get(&format!("/zones/{}", "0".repeat(32)))
        .await
        .is_refused(404, 1001, "Invalid zone identifier");
}

#[tokio::test]
async fn a_zone_must_be_a_domain() {
    let folder = tempfile::tempdir().unwrap();
    let dir = camino::Utf8Path::from_path(folder.path()).unwrap();
    let mut options = crate::rig::options(dir);
    options.zones = vec!["localhost".to_owned()];
    let error = tiny_cloud::start(options).await.unwrap_err();
    assert_eq!(error.to_string(), "`localhost` is no name of a zone");
}

#[tokio::test]
async fn whoever_has_no_token_is_told() {
    let rig = Rig::start().await;
    let url = format!("{}/user", rig.cloud.base_url());
    let answer = crate::rig::sent(rig.http.get(&url)).await;
    answer.is_refused(400, 9106, "Authorization");
    for header in ["Bearer ", "Basic abc", "Bearer two words"] {
        let answer = crate::rig::sent(rig.http.get(&url).header("authorization", header)).await;
        answer.is_refused(400, 6003, "Invalid request headers");
    }
    assert_eq!(rig.get("/user").await.body["errors"], json!([]));
}
