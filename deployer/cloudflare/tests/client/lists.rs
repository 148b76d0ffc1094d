//! Lists over several pages, accounts, and what is tolerated in answers.

use serde_json::{Value, json};
use tiny_cloudflare::{Cloudflare, CloudflareError, Settings};

use crate::server::{Server, Step, answer, ok};

#[allow(clippy::needless_pass_by_value)] // reads better at each call
fn page(result: Value, info: Value) -> Step {
    answer(
        200,
        json!({ "success": true, "errors": null, "result": result, "result_info": info }),
    )
}

fn namespaces(from: u32, to: u32) -> Value {
    (from..to)
        .map(|n| json!({ "id": n.to_string(), "title": "t", "new_field": {} }))
        .collect()
}

#[tokio::test]
async fn all_pages_are_read_whichever_way_their_number_is_told() {
    for info in [
        json!({ "page": 1, "total_pages": 2, "total_count": 5 }),
        json!({ "total_count": 5, "count": 3 }),
    ] {
        let first = page(namespaces(0, 3), info.clone());
        let server = Server::plays(vec![first, page(namespaces(3, 5), info)]).await;
        let all = server.account().kv_namespaces().await.unwrap();
        let ids: Vec<String> = all.into_iter().map(|namespace| namespace.id).collect();
        assert_eq!(ids, ["0", "1", "2", "3", "4"]);
        let path = "GET /client/v4/accounts/acc/storage/kv/namespaces?per_page=1000&page=";
        assert_eq!(server.lines(), [format!("{path}1"), format!("{path}2")]);
    }
}

#[tokio::test]
async fn a_full_page_with_no_information_is_followed_by_another() {
    let server = Server::plays(vec![ok(namespaces(0, 1000)), ok(namespaces(1000, 1001))]).await;
    assert_eq!(server.account().kv_namespaces().await.unwrap().len(), 1001);

    let server = Server::plays(vec![ok(namespaces(0, 999))]).await;
    assert_eq!(server.account().kv_namespaces().await.unwrap().len(), 999);
}

#[tokio::test]
async fn a_cursor_is_followed_to_its_end() {
    let buckets = |name: &str| json!({ "buckets": [{ "name": name }] });
    let server = Server::plays(vec![
        page(buckets("a"), json!({ "cursor": "next/1" })),
        page(buckets("b"), json!({ "cursor": "" })),
    ])
    .await;
    let all = server.account().r2_buckets(Some("eu")).await.unwrap();
    assert_eq!(all.len(), 2);
    let path = "GET /client/v4/accounts/acc/r2/buckets?per_page=1000";
    assert_eq!(
        server.lines(),
        [path.to_owned(), format!("{path}&cursor=next%2F1")]
    );
    let seen = server.seen();
    assert_eq!(seen[1].header("cf-r2-jurisdiction"), Some("eu"));
}

#[tokio::test]
async fn a_cursor_that_stands_still_does_not_keep_us() {
    let stuck = || page(json!({ "buckets": [] }), json!({ "cursor": "same" }));
    let server = Server::plays(vec![stuck(), stuck(), stuck()]).await;
    let error = server.account().r2_buckets(None).await.unwrap_err();
    assert!(error.to_string().contains("do not end"), "{error}");
}

#[tokio::test]
async fn a_list_that_is_not_where_it_should_be_is_not_an_empty_list() {
    let server = Server::plays(vec![ok(json!({ "things": [] }))]).await;
    let error = server.account().latest_deployments("w").await.unwrap_err();
    assert!(matches!(error, CloudflareError::Garbled { .. }), "{error}");
}

#[tokio::test]
async fn lists_in_other_places_are_found() {
    let deployments = json!({ "deployments": [{ "id": "d", "versions": [{ "version_id": "v", "percentage": 100 }] }] });
    let versions =
        json!({ "items": [{ "id": "v", "number": 3, "metadata": { "source": "api" } }] });
    let crons = json!({ "schedules": [{ "cron": "0 4 * * *", "created_on": "2026-01-01" }] });
    let server = Server::plays(vec![ok(deployments), ok(versions), ok(crons)]).await;
    let account = server.account();
    let latest = account.latest_deployments("w").await.unwrap();
    assert_eq!(latest[0].versions[0].version_id, "v");
    assert_eq!(
        account.latest_versions("w").await.unwrap()[0].number,
        Some(3)
    );
    assert_eq!(account.schedules("w").await.unwrap()[0].cron, "0 4 * * *");
}

#[tokio::test]
async fn the_account_is_the_one_that_is_named_else_the_only_one() {
    let server = Server::plays(vec![ok(json!([{ "id": "only", "name": "Me" }]))]).await;
    let cloudflare = Cloudflare::new(server.settings()).unwrap();
    assert_eq!(cloudflare.account().await.unwrap().id(), "only");
    assert_eq!(
        server.lines(),
        ["GET /client/v4/accounts?per_page=50&page=1"]
    );

    let server = Server::plays(Vec::new()).await;
    let settings = Settings {
        account_id: Some("named".to_owned()),
        ..server.settings()
    };
    let account = Cloudflare::new(settings).unwrap().account().await.unwrap();
    assert_eq!(account.id(), "named");
}

#[tokio::test]
async fn the_account_is_asked_for_each_time() {
    let one = |id: &str| ok(json!([{ "id": id, "name": "Me" }]));
    let server = Server::plays(vec![one("first"), one("second")]).await;
    let cloudflare = Cloudflare::new(server.settings()).unwrap();
    assert_eq!(cloudflare.account().await.unwrap().id(), "first");
    assert_eq!(cloudflare.account().await.unwrap().id(), "second");
}

#[tokio::test]
async fn names_are_compared_whole() {
    let found = json!([{ "uuid": "2", "name": "tiny-prod-archive-2" }, { "uuid": "1", "name": "tiny-prod-archive" }]);
    let server = Server::plays(vec![ok(found), ok(json!([]))]).await;
    let account = server.account();
    let database = account.d1_database_named("tiny-prod-archive").await;
    assert_eq!(database.unwrap().unwrap().uuid, "1");
    assert_eq!(account.queue_named("q").await.unwrap(), None);
}

#[tokio::test]
async fn what_a_later_cloudflare_adds_is_ignored_and_what_it_leaves_out_is_empty() {
    let settings = json!({
        "bindings": [
            { "name": "NEW", "type": "kind_of_tomorrow", "target": { "id": 1 } },
            { "name": "DB", "type": "d1", "database_id": "u", "id": "u" },
        ],
        "tags": null,
        "placement": { "mode": "targeted", "target": [] },
        "observability": { "enabled": true, "head_sampling_rate": null, "logs": null, "issues": {} },
    });
    let server = Server::plays(vec![ok(settings)]).await;
    let read = server
        .account()
        .worker_settings("w")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(read.bindings[0].kind, "kind_of_tomorrow");
    assert_eq!(read.bindings[1].fields["database_id"], "u");
    assert!(read.tags.is_empty() && read.observability.unwrap().enabled);
}
