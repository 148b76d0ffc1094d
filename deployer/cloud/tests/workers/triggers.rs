//! What makes a worker run, and its end.

use reqwest::Method;
use serde_json::{Value, json};
use tiny_cloudflare::Schedule;

use crate::client::{FETCH, account, objects};
use crate::rig::{Rig, answer, upload};

fn refusal((status, answer): (u16, Value)) -> String {
    format!(
        "{status} {} {}",
        answer["errors"][0]["code"], answer["errors"][0]["message"]
    )
}

async fn zone(rig: &Rig) -> String {
    let zones = rig
        .ok(Method::GET, "/zones?name=example.com", Value::Null)
        .await;
    zones[0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_deleted_worker_takes_its_triggers_and_objects_with_it() {
    let rig = Rig::start().await;
    let account = account(&rig).await;
    let zone = zone(&rig).await;
    rig.deploy("me", upload(&objects(&["Room"])).object("ROOM", "Room"))
        .await;
    let route = account
        .create_route(&zone, "example.com/api/*", "me")
        .await
        .unwrap();
    account
        .put_domain("www.example.com", "me", None)
        .await
        .unwrap();
    let cron = Schedule {
        cron: "*/5 * * * *".to_owned(),
    };
    account.put_schedules("me", &[cron]).await.unwrap();
    assert_eq!(account.routes(&zone).await.unwrap(), [route]);
    assert_eq!(account.domains().await.unwrap()[0].service, "me");

    assert!(account.delete_script("me", false).await.unwrap());
    assert!(!account.delete_script("me", false).await.unwrap());
    assert_eq!(account.routes(&zone).await.unwrap(), []);
    assert_eq!(account.domains().await.unwrap(), []);
    assert_eq!(account.durable_object_namespaces().await.unwrap(), []);
    // A new worker of that name has nothing of the old one.
    rig.deploy("me", upload(FETCH)).await;
    assert_eq!(account.schedules("me").await.unwrap(), []);
    let versions = rig.ok(Method::GET, "S:me/versions", Value::Null).await;
    assert_eq!(versions["items"][0]["number"], 1);
}

#[tokio::test]
async fn a_worker_in_use_goes_only_by_force() {
    let rig = Rig::start().await;
    rig.deploy("me", upload("export default { queue() {}, fetch() {} };"))
        .await;
    let queue = rig
        .ok(Method::POST, "A/queues", json!({ "queue_name": "q" }))
        .await;
    let consumers = format!("A/queues/{}/consumers", queue["queue_id"].as_str().unwrap());
    let consumer = json!({ "type": "worker", "script_name": "me" });
    rig.ok(Method::POST, &consumers, consumer).await;
    let mut told = vec![refusal(answer(rig.api(Method::DELETE, "S:me")).await)];
    told.push(refusal(rig.try_deploy("me", &upload(FETCH)).await));
    let service = json!({ "name": "ME", "type": "service", "service": "me" });
    rig.deploy("front", upload(FETCH).binds(service)).await;
    let listed = rig.ok(Method::GET, &consumers, Value::Null).await;
    let id = listed[0]["consumer_id"].as_str().unwrap();
    rig.ok(Method::DELETE, &format!("{consumers}/{id}"), Value::Null)
        .await;
    told.push(refusal(answer(rig.api(Method::DELETE, "S:me")).await));
    insta::assert_snapshot!(told.join("\n"), @r#"
400 10064 "Cannot delete this Worker as it is a consumer for a Queue. Remove it from the Queue's consumers first, then retry. (q)"
400 11001 "Queue handler is missing: Worker 'me' is a consumer of queue 'q' and exports no `queue` handler."
400 10142 "Cannot delete this Worker as other Workers bind it as a service: front."
"#);
    let references = rig.ok(Method::GET, "S:me/references", Value::Null).await;
    assert_eq!(references["services"]["incoming"][0]["service"], "front");
    rig.ok(
        Method::DELETE,
        "A/workers/services/me?force=true",
        Value::Null,
    )
    .await;
    let (status, _) = answer(rig.api(Method::GET, "A/workers/services/me")).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn all_routes_and_domains_of_a_worker_are_put_at_once() {
    let rig = Rig::start().await;
    rig.deploy("me", upload(FETCH)).await;
    rig.deploy("other", upload(FETCH)).await;
    let patterns = async |wanted: Value| rig.ok(Method::PUT, "S:me/routes", wanted).await;
    patterns(json!([{ "pattern": "example.com/a/*" }, { "pattern": "*.example.com/b", "zone_name": "example.com" }])).await;
    let put = patterns(json!([{ "pattern": "example.com/a/*" }])).await;
    assert_eq!(put, json!(["example.com/a/*"]));
    let zone = zone(&rig).await;
    let routes = rig
        .ok(
            Method::GET,
            &format!("/zones/{zone}/workers/routes"),
            Value::Null,
        )
        .await;
    assert_eq!(routes.as_array().unwrap().len(), 1);

    let origins = json!([{ "hostname": "a.example.com" }]);
    let changes = rig
        .ok(
            Method::POST,
            "S:me/domains/changeset?replace_state=true",
            origins.clone(),
        )
        .await;
    assert_eq!(changes["added"][0]["hostname"], "a.example.com");
    let records = json!({
        "override_scope": true, "override_existing_origin": false,
        "override_existing_dns_record": false, "origins": origins,
    });
    rig.ok(Method::PUT, "S:me/domains/records", records.clone())
        .await;
    let mut told = Vec::new();
    let taken = answer(
        rig.api(Method::PUT, "S:other/domains/records")
            .json(&records),
    )
    .await;
    told.push(refusal(taken));
    for (path, body) in [
        (
            "A/workers/domains",
            json!({ "hostname": "a.example.com", "service": "other" }),
        ),
        (
            "A/workers/domains",
            json!({ "hostname": "a.elsewhere.com", "service": "other" }),
        ),
        (
            "A/workers/domains",
            json!({ "hostname": "b.example.com", "service": "nobody" }),
        ),
        ("S:other/routes", json!([{ "pattern": "example.com/a/*" }])),
        ("S:other/routes", json!([{ "pattern": "elsewhere.com/*" }])),
        ("S:other/routes", json!([{ "pattern": "example.com/*/x" }])),
        ("S:me/schedules", json!([{ "cron": "* * * *" }])),
        ("S:me/schedules", json!([{ "cron": "61 * * * *" }])),
        (
            "S:me/schedules",
            json!([{ "cron": "1 * * * *" }, { "cron": "1 * * * *" }]),
        ),
        ("S:nobody/schedules", json!([])),
    ] {
        told.push(refusal(
            answer(rig.api(Method::PUT, path).json(&body)).await,
        ));
    }
    let route = json!({ "pattern": "example.com/c/*", "script": "nobody" });
    let path = format!("/zones/{zone}/workers/routes");
    told.push(refusal(
        answer(rig.api(Method::POST, &path).json(&route)).await,
    ));
    insta::assert_snapshot!(told.join("\n"), @r#"
409 100116 "Hostname 'a.example.com' already has a custom domain, of Worker 'me'."
409 100116 "Hostname 'a.example.com' already has a custom domain, of Worker 'me'."
400 100117 "'a.elsewhere.com' is in no zone of the account, or not in the one named"
404 10007 "This Worker does not exist on your account."
409 10020 "workers.api.error.duplicate_route: a route with the pattern 'example.com/a/*' already exists"
400 10082 "Could not find a zone for 'elsewhere.com/*'. Make sure the domain is set up on this account."
400 10022 "workers.api.error.invalid_route_pattern: 'example.com/*/x' may have a wildcard only at the end of the path"
400 10100 "invalid cron string: '* * * *'"
400 10100 "invalid cron string: '61 * * * *'"
400 10100 "invalid cron string: '1 * * * *' is there twice"
404 10007 "This Worker does not exist on your account."
400 10019 "workers.api.error.route_script_not_found: there is no script 'nobody'"
"#);
    let none = json!({ "override_scope": true, "override_existing_origin": true, "override_existing_dns_record": true, "origins": [] });
    rig.ok(Method::PUT, "S:me/domains/records", none).await;
    assert_eq!(
        rig.ok(Method::GET, "A/workers/domains", Value::Null).await,
        json!([])
    );
}

#[tokio::test]
async fn workers_dev_needs_a_name_for_the_account() {
    let rig = Rig::start().await;
    rig.deploy("me", upload(FETCH)).await;
    let shown = rig
        .ok(Method::GET, "A/workers/workers/me", Value::Null)
        .await;
    assert_eq!(
        shown["subdomain"],
        json!({ "enabled": true, "previews_enabled": true })
    );
    let taken = rig
        .api(Method::PUT, "A/workers/subdomain")
        .json(&json!({ "subdomain": "other" }));
    let mut told = vec![refusal(answer(taken).await)];
    rig.ok(Method::DELETE, "A/workers/subdomain", Value::Null)
        .await;
    told.push(refusal(
        answer(rig.api(Method::GET, "A/workers/subdomain")).await,
    ));
    let enable = rig
        .api(Method::POST, "S:me/subdomain")
        .json(&json!({ "enabled": true }));
    told.push(refusal(answer(enable).await));
    told.push(refusal(
        answer(rig.api(Method::GET, "A/workers/subdomains/free")).await,
    ));
    told.push(refusal(
        answer(rig.api(Method::GET, "A/workflows/any")).await,
    ));
    insta::assert_snapshot!(told.join("\n"), @r#"
409 10036 "The account has a workers.dev subdomain already."
404 10007 "workers.api.error.subdomain_not_found: the account has no workers.dev subdomain"
400 10063 "You need a workers.dev subdomain in order to publish this Worker: register one for the account first."
404 10032 "Subdomain 'free' is available."
404 10200 "workflow.not_found: 'any'"
"#);
}

#[tokio::test]
async fn a_tail_is_opened_and_ended() {
    let rig = Rig::start().await;
    rig.deploy("me", upload(FETCH)).await;
    let filters =
        json!({ "filters": [{ "sampling_rate": 0.5 }, { "outcome": ["ok", "exceededCpu"] }] });
    let tail = rig.ok(Method::POST, "S:me/tails", filters).await;
    let id = tail["id"].as_str().unwrap();
    assert!(tail["url"].as_str().unwrap().starts_with("ws://"));
    assert_eq!(
        rig.ok(Method::GET, "S:me/tails", Value::Null).await[0]["id"],
        id
    );
    rig.ok(Method::DELETE, &format!("S:me/tails/{id}"), Value::Null)
        .await;
    assert_eq!(
        rig.ok(Method::GET, "S:me/tails", Value::Null).await,
        json!([])
    );
    for wrong in [
        json!({ "filters": [{}] }),
        json!({ "filters": [{ "sampling_rate": 2 }] }),
        json!({ "filter": [] }),
    ] {
        let (status, _) = answer(rig.api(Method::POST, "S:me/tails").json(&wrong)).await;
        assert_eq!(status, 400, "{wrong}");
    }
}
