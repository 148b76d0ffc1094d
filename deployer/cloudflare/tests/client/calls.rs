//! All calls but uploads: their paths and bodies.

use serde_json::{Value, json};
use tiny_cloudflare::{
    CodeUpdate, ConsumerSettings, D1Statement, NewConsumer, NewD1Database, NewDeployment,
    NewR2Bucket, Schedule, ScriptSettings, ScriptSubdomain, Secret, TailFilter, TailHeader,
    TrafficShare,
};

use crate::server::{Server, ok};

/// Method and path below the account, and the body.
#[tokio::test]
#[allow(clippy::too_many_lines)] // one line for each call
async fn the_other_calls() {
    let kv = json!({ "id": "n", "title": "t" });
    let queue = json!({ "queue_id": "q", "queue_name": "n" });
    let consumer = json!({ "consumer_id": "c", "script": "w", "type": "worker" });
    let route = json!({ "id": "r", "pattern": "a.example/*", "script": "w" });
    let domain = json!({ "id": "d", "hostname": "a.example", "service": "w" });
    let database = json!({ "uuid": "u", "name": "n" });
    let rows = json!([{ "results": [], "meta": { "changes": 1 } }]);
    let deployment = json!({ "id": "d", "versions": [] });
    let server = Server::plays(
        [
            kv,
            json!({ "name": "b" }),
            database,
            rows.clone(),
            rows,
            queue,
            consumer.clone(),
            consumer,
            route.clone(),
            route,
            domain,
            deployment,
            json!({}),
            json!({ "enabled": true }),
            json!({ "schedules": [] }),
            json!({ "name": "K", "type": "secret_text" }),
            json!({ "id": "t", "url": "wss://x" }),
            Value::Null,
            Value::Null,
            Value::Null,
            Value::Null,
            Value::Null,
            Value::Null,
            Value::Null,
            Value::Null,
            Value::Null,
            Value::Null,
        ]
        .into_iter()
        .map(ok)
        .collect(),
    )
    .await;
    let account = server.account();
    account.create_kv_namespace("t").await.unwrap();
    let bucket = NewR2Bucket {
        name: "b".to_owned(),
        location_hint: Some("weur".to_owned()),
        storage_class: None,
    };
    account.create_r2_bucket(&bucket, None).await.unwrap();
    let database = NewD1Database {
        name: "n".to_owned(),
        ..NewD1Database::default()
    };
    account.create_d1_database(&database).await.unwrap();
    let statement = D1Statement {
        sql: "UPDATE t SET a = ?".to_owned(),
        params: vec!["1".to_owned()],
    };
    let ran = account.run_d1::<Value>("u", &statement).await.unwrap();
    assert_eq!(ran[0].meta.changes, 1);
    let plain = D1Statement {
        sql: "SELECT 1".to_owned(),
        params: Vec::new(),
    };
    account
        .run_d1_batch::<Value>("u", &[statement, plain])
        .await
        .unwrap();
    account.create_queue("n").await.unwrap();
    let consumer = NewConsumer {
        script_name: "w".to_owned(),
        settings: ConsumerSettings {
            batch_size: Some(10),
            max_wait_time_ms: Some(5000),
            max_retries: Some(3),
            retry_delay: Some(1),
            max_concurrency: None,
        },
        dead_letter_queue: Some("dead".to_owned()),
    };
    let made = account.create_queue_consumer("q", &consumer).await.unwrap();
    assert_eq!(made.script_name.as_deref(), Some("w"));
    account
        .update_queue_consumer("q", "c", &consumer)
        .await
        .unwrap();
    account.create_route("z", "a.example/*", "w").await.unwrap();
    account
        .update_route("z", "r", "a.example/*", "w")
        .await
        .unwrap();
    account.put_domain("a.example", "w", None).await.unwrap();
    let share = TrafficShare {
        version_id: "v".to_owned(),
        percentage: 100.0,
    };
    let deployment = NewDeployment {
        versions: vec![share],
        message: Some("why".to_owned()),
        code_update: Some(CodeUpdate::Immediate),
    };
    account.create_deployment("w", &deployment).await.unwrap();
    let settings = ScriptSettings {
        tail_consumers: Some(Vec::new()),
        ..ScriptSettings::default()
    };
    account
        .change_script_settings("w", &settings)
        .await
        .unwrap();
    let subdomain = ScriptSubdomain {
        enabled: true,
        previews_enabled: false,
    };
    account.set_script_subdomain("w", subdomain).await.unwrap();
    account
        .put_schedules(
            "w",
            &[Schedule {
                cron: "* * * * *".to_owned(),
            }],
        )
        .await
        .unwrap();
    account
        .put_secret("w", "K", &Secret::new("s"))
        .await
        .unwrap();
    let filters = [
        TailFilter::SamplingRate { sampling_rate: 0.5 },
        TailFilter::Header {
            header: TailHeader {
                key: "x".to_owned(),
                query: None,
            },
        },
        TailFilter::ScriptVersion {
            script_version: "v".to_owned(),
        },
    ];
    account.create_tail("w", &filters).await.unwrap();
    for deleted in [
        account.delete_kv_namespace("n").await,
        account.delete_r2_bucket("b", None).await,
        account.delete_d1_database("u").await,
        account.delete_queue_consumer("q", "c").await,
        account.delete_queue("q").await,
        account.delete_route("z", "r").await,
        account.delete_domain("d").await,
        account.delete_secret("w", "a/b").await,
        account.delete_tail("w", "t").await,
        account.delete_script("w", true).await,
    ] {
        assert!(deleted.unwrap());
    }
    let lines: Vec<String> = server
        .seen()
        .iter()
        .map(|request| {
            let line = request
                .line
                .replace("/client/v4", "")
                .replace("/accounts/acc", "A");
            format!("{line} {}", String::from_utf8_lossy(&request.body))
                .trim_end()
                .to_owned()
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}
