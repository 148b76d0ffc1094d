//! Where data stays, and where a database records its migrations.

use serde_json::{Value, json};
use tiny_cloudflare::D1Statement;
use tiny_engine::{D1Spec, FailureClass, PlanError, R2Spec, Spec, SqlMigration, import};

use crate::support::{World, at};

fn bucket(jurisdiction: Option<&str>) -> Spec {
    Spec::R2(R2Spec {
        jurisdiction: jurisdiction.map(str::to_owned),
    })
}

fn database(jurisdiction: Option<&str>) -> Spec {
    Spec::D1(D1Spec {
        jurisdiction: jurisdiction.map(str::to_owned),
        table: "\"applied \"\"so far\"\"\"".to_owned(),
        migrations: vec![SqlMigration {
            name: "0001_start/migration.sql".to_owned(),
            sql: "CREATE TABLE todos (text TEXT)".to_owned(),
        }],
    })
}

#[tokio::test]
async fn buckets_and_databases_stay_in_their_jurisdiction() {
    let mut world = World::new().await;
    world
        .want("r2.files", bucket(Some("eu")))
        .want("d1.archive", database(Some("eu")));
    world.deploy().await.unwrap();

    let account = &world.account;
    let name = "shop-prod-files";
    assert!(account.r2_bucket(name, Some("eu")).await.unwrap().is_some());
    assert!(account.r2_bucket(name, None).await.unwrap().is_none());
    let archive = account
        .d1_database_named("shop-prod-archive")
        .await
        .unwrap();
    assert_eq!(archive.unwrap().jurisdiction.as_deref(), Some("eu"));
    assert!(world.is_deployed().await);

    // A manifest that does not say it moves nothing; one that says another place is refused.
    world
        .want("r2.files", bucket(None))
        .want("d1.archive", database(None));
    assert!(world.is_deployed().await);
    for (address, spec, text) in [
        (
            "r2.files",
            bucket(Some("us")),
            "r2.files: `shop-prod-files` is in the jurisdiction `eu` and can't be moved to `us`",
        ),
        (
            "d1.archive",
            database(Some("fedramp")),
            "d1.archive: `shop-prod-archive` is in the jurisdiction `eu` and can't be moved to `fedramp`",
        ),
    ] {
        let before = world.desired.clone();
        world.want(address, spec);
        let error = world.deploy().await.unwrap_err();
        assert_eq!(error.to_string(), text);
        assert_eq!(error.class(), FailureClass::Usage);
        world.desired = before;
    }

    world.destroy().await.unwrap();
    assert!(world.names().await.is_empty());
}

#[tokio::test]
async fn what_was_made_without_a_jurisdiction_is_not_given_one() {
    let mut world = World::new().await;
    world.want("r2.files", bucket(None));
    world.deploy().await.unwrap();
    world.want("r2.files", bucket(Some("eu")));
    let error = world.deploy().await.unwrap_err();
    assert!(
        matches!(&error, tiny_engine::EngineError::Plan(PlanError::Impossible { why, .. })
            if why.contains("was created without a jurisdiction")),
        "{error}"
    );
}

#[tokio::test]
async fn a_bucket_of_a_jurisdiction_is_imported_from_there() {
    let mut world = World::new().await;
    let old = tiny_cloudflare::NewR2Bucket {
        name: "old-files".to_owned(),
        ..Default::default()
    };
    let account = &world.account;
    account.create_r2_bucket(&old, Some("eu")).await.unwrap();
    world.want("r2.files", bucket(Some("eu")));
    let state = tiny_engine::State::new("shop", &world.desired.stage, None);
    let goal = tiny_engine::Goal::Deploy(&world.desired);
    let address = at("r2.files");
    let record = import(&world.account, goal, &state, &address, "old-files");
    let record = record.await.unwrap().unwrap();
    assert_eq!(record.outputs["jurisdiction"], "eu");
}

#[tokio::test]
async fn migrations_are_recorded_in_the_table_that_was_named() {
    let mut world = World::new().await;
    world.want("d1.archive", database(None));
    world.deploy().await.unwrap();
    assert!(world.is_deployed().await);
    let database = world.account.d1_database_named("shop-prod-archive").await;
    let statement = D1Statement {
        sql: "SELECT name FROM \"applied \"\"so far\"\"\"".to_owned(),
        params: Vec::new(),
    };
    let uuid = database.unwrap().unwrap().uuid;
    let rows = world.account.read_d1::<Value>(&uuid, &statement).await;
    assert_eq!(
        rows.unwrap()[0].results,
        [json!({ "name": "0001_start/migration.sql" })]
    );
    let statement = D1Statement {
        sql: "SELECT name FROM sqlite_master WHERE name = 'd1_migrations'".to_owned(),
        params: Vec::new(),
    };
    let rows = world.account.read_d1::<Value>(&uuid, &statement).await;
    assert!(rows.unwrap()[0].results.is_empty());
}
