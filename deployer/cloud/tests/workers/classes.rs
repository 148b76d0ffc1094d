//! Durable Object classes over the wire, through the client that `tiny` deploys with.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};
use tiny_cloudflare::{
    Account, Binding, BindingKind, Classes, CloudflareError, ExportEntry, MigrationStep,
    Migrations, StorageKind, Uploaded,
};

use crate::client::{account, objects, upload};
use crate::rig::Rig;

type Entries<'a> = &'a [(&'a str, ExportEntry)];

const LIVE: ExportEntry = ExportEntry::Live(StorageKind::Sqlite);

async fn deploy(
    account: &Account,
    script: &str,
    code: &[&str],
    entries: Entries<'_>,
) -> Result<Uploaded, CloudflareError> {
    let exports: BTreeMap<String, ExportEntry> = entries
        .iter()
        .map(|(class, entry)| ((*class).to_owned(), entry.clone()))
        .collect();
    let upload = upload(&objects(code), |metadata| {
        metadata.classes = Some(Classes::Exports(exports));
    });
    account.upload_script(script, &upload).await
}

async fn ids(account: &Account) -> Vec<String> {
    let mut all: Vec<String> = account
        .durable_object_namespaces()
        .await
        .unwrap()
        .into_iter()
        .map(|one| format!("{}.{} {}", one.script.unwrap(), one.class.unwrap(), one.id))
        .collect();
    all.sort();
    all
}

#[tokio::test]
async fn classes_are_renamed_and_handed_over_with_their_objects() {
    let rig = Rig::start().await;
    let account = account(&rig).await;
    deploy(&account, "from", &["Old"], &[("Old", LIVE)])
        .await
        .unwrap();
    let id = ids(&account).await[0]["from.Old ".len()..].to_owned();

    let renamed = ExportEntry::Renamed {
        to: "Room".to_owned(),
    };
    let done = deploy(
        &account,
        "from",
        &["Room"],
        &[("Old", renamed), ("Room", LIVE)],
    )
    .await
    .unwrap()
    .exports_reconciliation
    .unwrap();
    assert_eq!(done.renamed[0].to, "Room");

    let expecting = ExportEntry::ExpectingTransfer {
        from: "from".to_owned(),
        storage: StorageKind::Sqlite,
    };
    let done = deploy(&account, "to", &["Room"], &[("Room", expecting)])
        .await
        .unwrap()
        .exports_reconciliation
        .unwrap();
    assert_eq!(done.transfer_pending[0].from, "from");
    let transferred = ExportEntry::Transferred {
        to: "to".to_owned(),
    };
    let done = deploy(&account, "from", &[], &[("Room", transferred)])
        .await
        .unwrap()
        .exports_reconciliation
        .unwrap();
    assert_eq!(done.transferred[0].phase.as_deref(), Some("committed"));
    deploy(&account, "to", &["Room"], &[("Room", LIVE)])
        .await
        .unwrap();
    assert_eq!(ids(&account).await, [format!("to.Room {id}")]);
}

#[tokio::test]
async fn a_refusal_tells_each_class_and_changes_nothing() {
    let rig = Rig::start().await;
    let account = account(&rig).await;
    deploy(&account, "me", &["Room"], &[("Room", LIVE)])
        .await
        .unwrap();
    let before = (
        ids(&account).await,
        account.latest_versions("me").await.unwrap().len(),
    );
    let error = deploy(&account, "me", &["Room"], &[("Other", LIVE)])
        .await
        .unwrap_err();
    assert!(error.has_code(100_402));
    let text = format!("{error}");
    assert!(
        text.contains("provisioned_class_missing_from_config"),
        "{text}"
    );
    assert!(
        text.contains("config_references_nonexistent_class"),
        "{text}"
    );
    let after = (
        ids(&account).await,
        account.latest_versions("me").await.unwrap().len(),
    );
    assert_eq!(before, after);
}

fn tagged(old: Option<&str>, new: &str, step: MigrationStep) -> Classes {
    Classes::Migrations(Migrations {
        old_tag: old.map(str::to_owned),
        new_tag: new.to_owned(),
        steps: vec![step],
    })
}

#[tokio::test]
async fn a_worker_on_migrations_moves_to_exports_and_not_back() {
    let rig = Rig::start().await;
    let account = account(&rig).await;
    let new_class = MigrationStep {
        new_classes: vec!["Room".to_owned()],
        ..MigrationStep::default()
    };
    let migrate = |old: Option<&str>, new: &str, step: &MigrationStep| {
        let classes = tagged(old, new, step.clone());
        upload(&objects(&["Room"]), |metadata| {
            metadata.classes = Some(classes);
        })
    };
    let first = migrate(None, "v1", &new_class);
    let done = account.upload_script("me", &first).await.unwrap();
    assert_eq!(done.migration_tag.as_deref(), Some("v1"));
    let again = account.upload_script("me", &first).await.unwrap_err();
    assert!(again.has_code(10079), "{again}");
    assert_eq!(again.refusal().unwrap().status, 412);
    let twice = account
        .upload_script("me", &migrate(Some("v1"), "v2", &new_class))
        .await
        .unwrap_err();
    assert!(twice.has_code(10074), "{twice}");

    let without = upload(&objects(&[]), |_| {});
    let forgotten = account.upload_script("me", &without).await.unwrap_err();
    assert!(forgotten.has_code(10064), "{forgotten}");

    let wrong = deploy(&account, "me", &["Room"], &[("Room", LIVE)])
        .await
        .unwrap_err();
    assert!(
        format!("{wrong}").contains("storage_type_mismatch"),
        "{wrong}"
    );
    let kept = ids(&account).await;
    let kv = ExportEntry::Live(StorageKind::LegacyKv);
    let moved = deploy(&account, "me", &["Room"], &[("Room", kv)])
        .await
        .unwrap();
    assert_eq!(moved.migration_tag, None);
    assert_eq!(ids(&account).await, kept);

    let back = account
        .upload_script("me", &migrate(None, "v1", &MigrationStep::default()))
        .await
        .unwrap_err();
    assert!(back.has_code(100_402), "{back}");
}

#[tokio::test]
async fn a_version_declares_classes_and_only_its_deployment_makes_them() {
    let rig = Rig::start().await;
    let account = account(&rig).await;
    deploy(&account, "me", &["Room"], &[("Room", LIVE)])
        .await
        .unwrap();
    let declares = |binds: bool| {
        upload(&objects(&["Room", "Hall"]), |metadata| {
            let both = [("Room".to_owned(), LIVE), ("Hall".to_owned(), LIVE)];
            metadata.classes = Some(Classes::Exports(both.into()));
            if binds {
                metadata.bindings.push(Binding {
                    name: "HALL".to_owned(),
                    kind: BindingKind::DurableObjectNamespace {
                        class_name: "Hall".to_owned(),
                        script_name: None,
                    },
                });
            }
        })
    };
    let early = account
        .upload_version("me", &declares(true))
        .await
        .unwrap_err();
    assert!(early.has_code(100_406), "{early}");
    let version = account
        .upload_version("me", &declares(false))
        .await
        .unwrap();
    assert_eq!(ids(&account).await.len(), 1);

    let live = account.latest_deployments("me").await.unwrap()[0].versions[0]
        .version_id
        .clone();
    let split = json!({ "strategy": "percentage", "versions": [
        { "version_id": live, "percentage": 50 },
        { "version_id": version.id, "percentage": 50 },
    ]});
    let (status, answer) =
        crate::rig::answer(rig.api(Method::POST, "S:me/deployments").json(&split)).await;
    assert_eq!(
        (status, &answer["errors"][0]["code"]),
        (400, &json!(100_405))
    );

    let whole = json!({ "strategy": "percentage", "versions": [
        { "version_id": version.id, "percentage": 100 },
    ]});
    rig.ok(Method::POST, "S:me/deployments", whole).await;
    assert_eq!(ids(&account).await.len(), 2);
    account.upload_version("me", &declares(true)).await.unwrap();

    // A rollback over that would forget the class.
    let back = json!({ "strategy": "percentage", "versions": [
        { "version_id": live, "percentage": 100 },
    ]});
    let (status, answer) =
        crate::rig::answer(rig.api(Method::POST, "S:me/deployments").json(&back)).await;
    assert_eq!(
        (status, &answer["errors"][0]["code"]),
        (400, &json!(100_402))
    );
    let migration = upload(&objects(&["Room", "Hall"]), |metadata| {
        metadata.classes = Some(tagged(None, "v1", MigrationStep::default()));
    });
    let refused = account.upload_version("me", &migration).await.unwrap_err();
    assert!(refused.has_code(10211), "{refused}");
}

#[tokio::test]
async fn a_class_that_others_bind_is_not_deleted_until_they_let_go() {
    let rig = Rig::start().await;
    let account = account(&rig).await;
    deploy(&account, "rooms", &["Room"], &[("Room", LIVE)])
        .await
        .unwrap();
    let front = |binds: bool| {
        upload(&objects(&[]), |metadata| {
            if binds {
                metadata.bindings.push(Binding {
                    name: "ROOM".to_owned(),
                    kind: BindingKind::DurableObjectNamespace {
                        class_name: "Room".to_owned(),
                        script_name: Some("rooms".to_owned()),
                    },
                });
            }
        })
    };
    account.upload_script("front", &front(true)).await.unwrap();
    let gone = [("Room", ExportEntry::Deleted)];
    let blocked = deploy(&account, "rooms", &[], &gone).await.unwrap_err();
    let text = format!("{blocked}");
    assert!(
        text.contains("tombstone_delete_blocked_by_external_bindings"),
        "{text}"
    );
    let references = rig.ok(Method::GET, "S:rooms/references", Value::Null).await;
    assert_eq!(references["durable_objects"][0]["service"], "front");
    let kept = account.delete_script("rooms", false).await.unwrap_err();
    assert!(kept.has_code(10064), "{kept}");

    account.upload_script("front", &front(false)).await.unwrap();
    let done = deploy(&account, "rooms", &[], &gone).await.unwrap();
    assert_eq!(done.exports_reconciliation.unwrap().deleted, ["Room"]);
    assert_eq!(ids(&account).await, Vec::<String>::new());
}
