use serde_json::json;

use crate::rig::Rig;

#[tokio::test]
async fn a_queue_is_made_found_and_deleted() {
    let rig = Rig::start().await;
    let account = rig.account().await;
    let made = account.create_queue("mails").await.unwrap();
    assert_eq!(
        account.queue_named("mails").await.unwrap(),
        Some(made.clone())
    );
    // A part of a name finds it too, and is told apart by the client.
    assert_eq!(account.queue_named("mail").await.unwrap(), None);
    assert_eq!(account.queues().await.unwrap().len(), 1);
    let several = rig
        .get("A/queues?name=none&name=mails&name=mails&page=1")
        .await;
    assert_eq!(several.body["result"].as_array().unwrap().len(), 1);
    rig.get("A/queues?names=mails")
        .await
        .is_refused(400, 10026, "unknown field `names`");
    rig.post("A/queues", json!({"queue_name": "mails"}))
        .await
        .is_refused(409, 11009, "'mails' is already taken");
    assert!(account.delete_queue(&made.queue_id).await.unwrap());
    assert!(!account.delete_queue(&made.queue_id).await.unwrap());
}

#[tokio::test]
async fn settings_have_ranges_and_defaults() {
    let rig = Rig::start().await;
    let made = rig
        .post(
            "A/queues",
            json!({"queue_name": "mails", "settings": {"delivery_delay": 60}}),
        )
        .await;
    let settings = |paused: bool, retention: u32| {
        json!({
            "delivery_delay": 60,
            "delivery_paused": paused,
            "message_retention_period": retention,
        })
    };
    assert_eq!(made.body["result"]["settings"], settings(false, 345_600));
    let path = format!(
        "A/queues/{}",
        made.body["result"]["queue_id"].as_str().unwrap()
    );
    let patched = rig
        .patch(&path, json!({"settings": {"delivery_paused": true}}))
        .await;
    assert_eq!(patched.body["result"]["settings"], settings(true, 345_600));
    let put = rig
        .put(
            &path,
            json!({"queue_name": "letters", "settings": {"delivery_delay": 60}}),
        )
        .await;
    assert_eq!(put.body["result"]["settings"], settings(false, 345_600));
    assert_eq!(put.body["result"]["queue_name"], "letters");
    rig.patch(&path, json!({"settings": {"message_retention_period": 59}}))
        .await
        .is_refused(400, 11003, "must be from 60 to 1209600, and is 59");
    rig.post("A/queues", json!({"queue_name": "Mails"}))
        .await
        .is_refused(400, 11003, "`queue_name` must be");
}

#[tokio::test]
async fn a_consumer_that_pulls_may_be_only_one() {
    let rig = Rig::start().await;
    let account = rig.account().await;
    let queue = account.create_queue("mails").await.unwrap().queue_id;
    account.create_queue("failed").await.unwrap();
    let consumers = format!("A/queues/{queue}/consumers");
    let made = rig
        .post(
            &consumers,
            json!({"type": "http_pull", "dead_letter_queue": "failed", "settings": {"max_retries": 9}}),
        )
        .await;
    let consumer = &made.body["result"];
    assert_eq!(
        consumer["settings"],
        json!({
            "batch_size": 10,
            "max_retries": 9,
            "retry_delay": 0,
            "visibility_timeout_ms": 30000,
        })
    );
    rig.post(&consumers, json!({"type": "http_pull"}))
        .await
        .is_refused(400, 11004, "consumer_exists");
    let at = format!("{consumers}/{}", consumer["consumer_id"].as_str().unwrap());
    let changed = rig
        .put(
            &at,
            json!({"type": "http_pull", "settings": {"batch_size": 5}}),
        )
        .await;
    assert_eq!(changed.body["result"]["settings"]["batch_size"], 5);
    assert_eq!(changed.body["result"]["dead_letter_queue"], json!(null));
    assert_eq!(rig.delete(&at).await.status, 200);
    rig.delete(&at)
        .await
        .is_refused(404, 11002, "does not exist");
}

#[tokio::test]
async fn a_consumer_must_be_able_to_consume() {
    let rig = Rig::start().await;
    let account = rig.account().await;
    let queue = account.create_queue("mails").await.unwrap().queue_id;
    let consumers = format!("A/queues/{queue}/consumers");
    rig.post(
        &consumers,
        json!({"type": "worker", "script_name": "nobody"}),
    )
    .await
    .is_refused(404, 10007, "there is no script `nobody`");
    rig.post(&consumers, json!({"type": "worker"}))
        .await
        .is_refused(400, 11003, "needs `script_name`");
    rig.post(
        &consumers,
        json!({"type": "http_pull", "dead_letter_queue": "nowhere"}),
    )
    .await
    .is_refused(404, 11000, "'nowhere', named as the dead letter queue");
    rig.post(
        &consumers,
        json!({"type": "http_pull", "settings": {"max_concurrency": 2}}),
    )
    .await
    .is_refused(400, 11003, "is for consumers that are workers");
    rig.post(
        &consumers,
        json!({"type": "http_pull", "settings": {"batch_size": 101}}),
    )
    .await
    .is_refused(400, 11003, "must be from 1 to 100, and is 101");
}

#[tokio::test]
async fn a_dead_letter_queue_stays_as_long_as_it_serves() {
    let rig = Rig::start().await;
    let account = rig.account().await;
    let queue = account.create_queue("mails").await.unwrap().queue_id;
    let failed = account.create_queue("failed").await.unwrap().queue_id;
    rig.post(
        &format!("A/queues/{queue}/consumers"),
        json!({"type": "http_pull", "dead_letter_queue": "failed"}),
    )
    .await;
    rig.delete(&format!("A/queues/{failed}")).await.is_refused(
        400,
        11005,
        "serves as dead letter queue for consumers of 'mails'",
    );
    // Its own consumers go with a queue.
    assert!(account.delete_queue(&queue).await.unwrap());
    assert!(account.delete_queue(&failed).await.unwrap());
}
