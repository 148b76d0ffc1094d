//! What happens to classes, one story each.

use serde_json::json;

use super::super::{ClassError, Phase};
use super::stage::{Manifest, Manifests, Stage, script};
use crate::ClassSpec;

const ALL: usize = usize::MAX;

/// `Room`, `Room < Chat` (renamed from), `Room < api.Room` (transferred from).
fn worker(classes: &[&str]) -> Manifest {
    let classes = classes
        .iter()
        .map(|written| match written.split_once(" < ") {
            None => ((*written).to_owned(), ClassSpec::default()),
            Some((class, from)) => {
                let spec = match from.split_once('.') {
                    None => ClassSpec {
                        renamed_from: Some(from.to_owned()),
                        transferred_from: None,
                    },
                    Some((worker, class)) => ClassSpec {
                        renamed_from: None,
                        transferred_from: Some((worker.to_owned(), class.to_owned())),
                    },
                };
                (class.to_owned(), spec)
            }
        });
    Manifest {
        classes: classes.collect(),
        tagged: false,
    }
}

fn tagged(classes: &[&str]) -> Manifest {
    Manifest {
        tagged: true,
        ..worker(classes)
    }
}

fn stage_of<const N: usize>(workers: [(&str, Manifest); N]) -> Manifests {
    workers
        .into_iter()
        .map(|(id, manifest)| (id.to_owned(), manifest))
        .collect()
}

/// A stage with one worker that has these classes.
fn deployed(classes: &[&str]) -> Stage {
    let mut stage = Stage::default();
    stage
        .deploy(&stage_of([("web", worker(classes))]), ALL)
        .unwrap();
    stage
}

/// A worker that wrangler made, by a migration.
fn migrated(id: &str, tag: &str, step: &serde_json::Value, code: &[&str]) -> Stage {
    let mut stage = Stage::default();
    let metadata = json!({ "migrations": { "new_tag": tag, "steps": [step] } });
    stage.account.upload(&script(id), &metadata, code).unwrap();
    stage
}

fn changes(stage: &Stage, manifests: &Manifests) -> super::super::ClassChanges {
    let plans = stage.plan(manifests).unwrap();
    plans.workers["web"].changes.clone()
}

#[test]
fn a_worker_without_classes_does_not_speak_of_them() {
    let stage = Stage::default();
    let plans = stage.plan(&stage_of([("web", worker(&[]))])).unwrap();
    assert_eq!(plans.workers["web"].first, None);
}

#[test]
fn a_new_class_is_created_and_then_matched() {
    let stage = deployed(&["Room"]);
    let again = stage_of([("web", worker(&["Room"]))]);
    let plan = &stage.plan(&again).unwrap().workers["web"];
    assert_eq!(plan.changes, super::super::ClassChanges::default());
    insta::assert_snapshot!(json!(plan.first), @r#"{"exports":{"Room":{"storage":"sqlite","type":"durable-object"}}}"#);
}

#[test]
fn a_renamed_class_keeps_its_objects_and_leaves_no_tombstone_behind() {
    let mut stage = deployed(&["Chat"]);
    let objects = stage.objects("web", "Chat");
    let renamed = stage_of([("web", worker(&["Room < Chat"]))]);
    let plan = &stage.plan(&renamed).unwrap().workers["web"];
    insta::assert_snapshot!(json!(plan.first), @r#"{"exports":{"Chat":{"renamed_to":"Room","state":"renamed","type":"durable-object"},"Room":{"storage":"sqlite","type":"durable-object"}}}"#);
    stage.deploy(&renamed, ALL).unwrap();
    assert_eq!(stage.objects("web", "Room"), objects);
    let plan = &stage.plan(&renamed).unwrap().workers["web"];
    insta::assert_snapshot!(json!(plan.first), @r#"{"exports":{"Room":{"storage":"sqlite","type":"durable-object"}}}"#);
}

#[test]
fn a_new_stage_takes_a_rename_for_a_new_class() {
    let mut stage = Stage::default();
    let renamed = stage_of([("web", worker(&["Room < Chat"]))]);
    assert_eq!(changes(&stage, &renamed).created, ["Room"]);
    stage.deploy(&renamed, ALL).unwrap();
    assert!(stage.objects("web", "Room").is_some());
}

#[test]
fn a_rename_onto_objects_is_refused() {
    let stage = deployed(&["Chat", "Room"]);
    let error = stage.plan(&stage_of([("web", worker(&["Room < Chat"]))]));
    assert!(matches!(error, Err(ClassError::RenameOccupied { .. })));
}

#[test]
fn one_class_cannot_become_two() {
    let stage = deployed(&["Chat"]);
    let error = stage.plan(&stage_of([("web", worker(&["A < Chat", "B < Chat"]))]));
    assert!(matches!(error, Err(ClassError::TakenTwice { .. })));
}

#[test]
fn a_class_that_the_manifest_forgot_is_deleted_by_name() {
    let mut stage = deployed(&["Room", "Gone"]);
    let without = stage_of([("web", worker(&["Room"]))]);
    assert_eq!(changes(&stage, &without).deleted, ["Gone"]);
    stage.deploy(&without, ALL).unwrap();
    assert_eq!(stage.objects("web", "Gone"), None);
}

#[test]
fn the_last_class_can_go_too() {
    let mut stage = deployed(&["Gone"]);
    let without = stage_of([("web", worker(&[]))]);
    stage.deploy(&without, ALL).unwrap();
    assert!(stage.all_objects().is_empty());
    // And the worker can be deployed again, and have classes again.
    stage.deploy(&without, ALL).unwrap();
    stage
        .deploy(&stage_of([("web", worker(&["Back"]))]), ALL)
        .unwrap();
    assert!(stage.objects("web", "Back").is_some());
}

#[test]
fn a_worker_with_migrations_moves_to_declared_classes_with_the_storage_it_has() {
    let step = json!({ "new_classes": ["Old"], "new_sqlite_classes": ["Room"] });
    let mut stage = migrated("web", "v3", &step, &["Old", "Room"]);
    let objects = stage.objects("web", "Old");
    let same = stage_of([("web", worker(&["Old", "Room"]))]);
    let plan = &stage.plan(&same).unwrap().workers["web"];
    assert_eq!(plan.changes.leaves_tag.as_deref(), Some("v3"));
    assert!(plan.changes.created.is_empty() && plan.changes.deleted.is_empty());
    insta::assert_snapshot!(json!(plan.first), @r#"{"exports":{"Old":{"storage":"legacy-kv","type":"durable-object"},"Room":{"storage":"sqlite","type":"durable-object"}}}"#);
    stage.deploy(&same, ALL).unwrap();
    assert_eq!(stage.objects("web", "Old"), objects);
    assert_eq!(changes(&stage, &same).leaves_tag, None);
}

#[test]
fn a_worker_that_stays_on_migrations_gets_the_steps_that_are_missing() {
    let step = json!({ "new_sqlite_classes": ["Chat", "Gone"] });
    let mut stage = migrated("web", "v3", &step, &["Chat", "Gone"]);
    let objects = stage.objects("web", "Chat");
    let wanted = stage_of([("web", tagged(&["Room < Chat", "New"]))]);
    let plan = &stage.plan(&wanted).unwrap().workers["web"];
    insta::assert_snapshot!(json!(plan.first), @r#"{"migrations":{"new_tag":"v4","old_tag":"v3","steps":[{"deleted_classes":["Gone"],"new_sqlite_classes":["New"],"renamed_classes":[{"from":"Chat","to":"Room"}]}]}}"#);
    stage.deploy(&wanted, ALL).unwrap();
    assert_eq!(stage.objects("web", "Room"), objects);
    // Nothing is left to be said, and saying nothing is right.
    let plan = &stage.plan(&wanted).unwrap().workers["web"];
    assert_eq!(plan.first, None);
    assert_eq!(stage.deploy(&wanted, ALL).unwrap().uploads, 1);
}

#[test]
fn the_first_migration_of_a_worker_has_no_tag_before_it() {
    let mut stage = Stage::default();
    let wanted = stage_of([("web", tagged(&["Room"]))]);
    let plan = &stage.plan(&wanted).unwrap().workers["web"];
    insta::assert_snapshot!(json!(plan.first), @r#"{"migrations":{"new_tag":"v1","steps":[{"new_sqlite_classes":["Room"]}]}}"#);
    stage.deploy(&wanted, ALL).unwrap();
}

#[test]
fn there_is_no_way_back_to_tags() {
    let stage = deployed(&["Room"]);
    let error = stage.plan(&stage_of([("web", tagged(&["Room"]))]));
    assert!(matches!(error, Err(ClassError::NoWayBackToTags { .. })));
}

/// `web` gives `Board` to `api`.
fn transfer() -> (Stage, Manifests) {
    let mut stage = Stage::default();
    let before = stage_of([("web", worker(&["Board", "Room"])), ("api", worker(&[]))]);
    stage.deploy(&before, ALL).unwrap();
    let after = stage_of([
        ("web", worker(&["Room"])),
        ("api", worker(&["Board < web.Board"])),
    ]);
    (stage, after)
}

#[test]
fn a_transfer_takes_three_uploads_in_one_deploy() {
    let (mut stage, after) = transfer();
    let objects = stage.objects("web", "Board");
    let plans = stage.plan(&after).unwrap();
    insta::assert_snapshot!(json!(plans.workers["api"].first), @r#"{"exports":{"Board":{"state":"expecting-transfer","storage":"sqlite","transfer_from":"shop-prod-web","type":"durable-object"}}}"#);
    insta::assert_snapshot!(json!(plans.workers["web"].first), @r#"{"exports":{"Board":{"state":"transferred","transferred_to":"shop-prod-api","type":"durable-object"},"Room":{"storage":"sqlite","type":"durable-object"}}}"#);
    insta::assert_snapshot!(json!(plans.workers["api"].settled), @r#"{"exports":{"Board":{"storage":"sqlite","type":"durable-object"}}}"#);
    assert!(plans.workers["web"].changes.deleted.is_empty());
    let outcome = stage.deploy(&after, ALL).unwrap();
    assert_eq!(outcome.uploads, 3);
    assert_eq!(stage.objects("api", "Board"), objects);
    assert_eq!(stage.plan(&after).unwrap().transfers, []);
}

#[test]
fn an_interrupted_transfer_is_taken_up_where_it_was() {
    for (most, phase) in [
        (0, Phase::Announce),
        (1, Phase::HandOver),
        (2, Phase::Settle),
    ] {
        let (mut stage, after) = transfer();
        let objects = stage.objects("web", "Board");
        stage.deploy(&after, most).unwrap();
        assert_eq!(stage.plan(&after).unwrap().transfers[0].phase, phase);
        stage.deploy(&after, ALL).unwrap();
        assert_eq!(
            stage.objects("api", "Board"),
            objects,
            "after {most} uploads"
        );
        assert_eq!(stage.plan(&after).unwrap().transfers, []);
    }
}

#[test]
fn in_a_new_stage_nothing_is_transferred() {
    let mut stage = Stage::default();
    let (_, after) = transfer();
    assert_eq!(stage.plan(&after).unwrap().transfers, []);
    stage.deploy(&after, ALL).unwrap();
    assert!(stage.objects("api", "Board").is_some());
}

#[test]
fn a_transfer_onto_objects_or_from_a_class_in_use_is_refused() {
    let (mut stage, after) = transfer();
    let still = stage_of([
        ("web", worker(&["Board", "Room"])),
        ("api", worker(&["Board < web.Board"])),
    ]);
    assert!(matches!(
        stage.plan(&still),
        Err(ClassError::TransferStillWanted { .. })
    ));
    let both = stage_of([
        ("web", worker(&["Board", "Room"])),
        ("api", worker(&["Board"])),
    ]);
    stage.deploy(&both, ALL).unwrap();
    assert!(matches!(
        stage.plan(&after),
        Err(ClassError::TransferOccupied { .. })
    ));
}

#[test]
fn a_class_keeps_its_name_in_a_transfer() {
    let (stage, _) = transfer();
    let other = stage_of([
        ("web", worker(&["Room"])),
        ("api", worker(&["Plan < web.Board"])),
    ]);
    assert!(matches!(
        stage.plan(&other),
        Err(ClassError::TransferRenames { .. })
    ));
}

#[test]
fn a_worker_between_two_transfers_is_told_to_take_them_in_turn() {
    let mut stage = Stage::default();
    let before = stage_of([
        ("a", worker(&["X"])),
        ("b", worker(&["Y"])),
        ("c", worker(&[])),
    ]);
    stage.deploy(&before, ALL).unwrap();
    let chain = stage_of([
        ("a", worker(&[])),
        ("b", worker(&["X < a.X"])),
        ("c", worker(&["Y < b.Y"])),
    ]);
    assert!(matches!(
        stage.plan(&chain),
        Err(ClassError::TransferChain { .. })
    ));
}

#[test]
fn with_tags_a_transfer_is_one_migration_and_may_rename() {
    let step = json!({ "new_sqlite_classes": ["Board"] });
    let mut stage = migrated("web", "v1", &step, &["Board"]);
    let objects = stage.objects("web", "Board");
    let after = stage_of([("web", tagged(&[])), ("api", tagged(&["Plan < web.Board"]))]);
    let plans = stage.plan(&after).unwrap();
    insta::assert_snapshot!(json!(plans.workers["api"].first), @r#"{"migrations":{"new_tag":"v1","steps":[{"transferred_classes":[{"from":"Board","from_script":"shop-prod-web","to":"Plan"}]}]}}"#);
    assert_eq!(plans.workers["web"].first, None);
    stage.deploy(&after, ALL).unwrap();
    assert_eq!(stage.objects("api", "Plan"), objects);
}
