//! Plans as people read them.

use insta::assert_snapshot;

use super::stage::{Stage, at, d1, told};
use crate::desired::Spec;
use crate::error::{FailureClass, PlanError};
use crate::plan::{Goal, PlanOptions, plan};
use crate::{Owner, Scope, Status};

fn data() -> Stage {
    Stage::wanting(&[
        ("kv.sessions", Spec::Kv),
        ("r2.files", Spec::R2(crate::R2Spec::default())),
        ("queue.jobs", Spec::Queue),
        ("d1.archive", d1(&["0001_create.sql", "0002_index.sql"])),
    ])
}

fn deployed() -> Stage {
    let mut stage = data();
    let plan = stage.plan().unwrap();
    stage.apply(&plan);
    stage
}

#[test]
fn everything_is_made_at_first() {
    assert_snapshot!(told(&data().plan().unwrap()), @r#"
    0 create d1.archive
    1 migrate d1.archive migrations (after 0): 2 SQL migrations are pending
        migrations.0001_create.sql: - -> "applied"
        migrations.0002_index.sql: - -> "applied"
    2 create kv.sessions
    3 create r2.files
    4 create queue.jobs
    "#);
}

#[test]
fn an_unchanged_stage_needs_nothing() {
    let stage = deployed();
    let plan = stage.plan().unwrap();
    assert!(plan.is_empty(), "{}", told(&plan));
    assert!(plan.drift.is_empty());
    assert_eq!(plan.summary().none, 4);
}

#[test]
fn a_new_migration_is_pending_and_one_that_vanished_is_named() {
    let mut stage = deployed();
    stage.want("d1.archive", d1(&["0001_create.sql", "0003_more.sql"]));
    assert_snapshot!(told(&stage.plan().unwrap()), @r#"
    0 none d1.archive
    1 migrate d1.archive migrations (after 0): 1 SQL migration is pending
        migrations.0003_more.sql: - -> "applied"
    2 none kv.sessions
    3 none r2.files
    4 none queue.jobs
    note: d1.archive: migration `0002_index.sql` was applied to the database, and its file is gone from the folder
    "#);
}

#[test]
fn what_left_the_manifest_goes_and_its_data_is_named() {
    let mut stage = deployed();
    stage.drop("kv.sessions");
    stage.drop("d1.archive");
    let plan = stage.plan().unwrap();
    assert_snapshot!(told(&plan), @r#"
    0 none r2.files
    1 none queue.jobs
    2 delete d1.archive: it is not in the manifest any more
        loses D1 database `shop-prod-archive`, with all its tables
    3 delete kv.sessions: it is not in the manifest any more
        loses KV namespace `shop-prod-sessions`, with all its values
    "#);
    let refused = plan.check_data_loss(false).unwrap_err();
    assert_snapshot!(refused, @r#"
    this would destroy data:
      D1 database `shop-prod-archive`, with all its tables
      KV namespace `shop-prod-sessions`, with all its values
    "#);
    plan.check_data_loss(true).unwrap();
}

#[test]
fn a_whole_stage_goes() {
    assert_snapshot!(told(&deployed().plan_to_destroy().unwrap()), @r#"
    0 delete d1.archive: the stage is destroyed
        loses D1 database `shop-prod-archive`, with all its tables
    1 delete kv.sessions: the stage is destroyed
        loses KV namespace `shop-prod-sessions`, with all its values
    2 delete r2.files: the stage is destroyed
        loses R2 bucket `shop-prod-files`, with all its objects
    3 delete queue.jobs: the stage is destroyed
        loses queue `shop-prod-jobs`, with all its messages
    "#);
}

#[test]
fn what_somebody_deleted_is_made_again() {
    let mut stage = deployed();
    stage.actual.resources.remove(&at("kv.sessions"));
    assert_snapshot!(told(&stage.plan().unwrap()), @r#"
    0 none d1.archive
    1 create kv.sessions: it is gone from the account
    2 none r2.files
    3 none queue.jobs
    drift: kv.sessions gone
    "#);
}

#[test]
fn what_nothing_tells_to_be_ours_is_refused() {
    let mut stage = data();
    stage.found("kv.sessions", Owner::Unmarked);
    let error = stage.plan().unwrap_err();
    assert_eq!(error.class(), FailureClass::Unsafe);
    assert_snapshot!(error, @"kv `shop-prod-sessions` exists already, and nothing tells that it belongs to this stage");
    let help = miette::Diagnostic::help(&error).unwrap().to_string();
    assert_snapshot!(help, @"take it over with `tiny import kv.sessions shop-prod-sessions`, or delete it if nobody needs it");
}

#[test]
fn what_our_worker_binds_is_adopted() {
    let mut stage = data();
    stage.found("kv.sessions", Owner::Ours);
    assert_snapshot!(told(&stage.plan().unwrap()), @r#"
    0 create d1.archive
    1 migrate d1.archive migrations (after 0): 2 SQL migrations are pending
        migrations.0001_create.sql: - -> "applied"
        migrations.0002_index.sql: - -> "applied"
    2 adopt kv.sessions: it is there and belongs to this stage, but was not recorded
    3 create r2.files
    4 create queue.jobs
    "#);
}

#[test]
fn what_is_not_ours_survives_the_destruction_of_the_stage() {
    let mut stage = deployed();
    stage.state.resources.remove(&at("kv.sessions"));
    stage.found("kv.sessions", Owner::Unmarked);
    assert_snapshot!(told(&stage.plan_to_destroy().unwrap()), @r#"
    0 delete d1.archive: the stage is destroyed
        loses D1 database `shop-prod-archive`, with all its tables
    1 delete r2.files: the stage is destroyed
        loses R2 bucket `shop-prod-files`, with all its objects
    2 delete queue.jobs: the stage is destroyed
        loses queue `shop-prod-jobs`, with all its messages
    note: kv.sessions: kv `shop-prod-sessions` has a name of this stage, but nothing tells that it belongs to it; it is not touched
    "#);
}

#[test]
fn an_interruption_is_taken_up() {
    let stage = data();
    let plan = stage.plan().unwrap();
    let bucket = plan
        .steps
        .iter()
        .position(|step| step.address == at("r2.files"))
        .unwrap();

    let mut before_the_call = stage.clone();
    before_the_call.begin(&plan, bucket);
    let mut after_the_call = before_the_call.clone();
    after_the_call.found("r2.files", Owner::Ours);
    assert_snapshot!(told(&before_the_call.plan().unwrap()), @r#"
    0 create d1.archive
    1 migrate d1.archive migrations (after 0): 2 SQL migrations are pending
        migrations.0001_create.sql: - -> "applied"
        migrations.0002_index.sql: - -> "applied"
    2 create kv.sessions
    3 create r2.files: an earlier run did not get that far
    4 create queue.jobs
    "#);
    assert_snapshot!(told(&after_the_call.plan().unwrap()), @r#"
    0 create d1.archive
    1 migrate d1.archive migrations (after 0): 2 SQL migrations are pending
        migrations.0001_create.sql: - -> "applied"
        migrations.0002_index.sql: - -> "applied"
    2 create kv.sessions
    3 adopt r2.files: an earlier run was interrupted making it
    4 create queue.jobs
    "#);
}

#[test]
fn an_interrupted_deletion_is_taken_up_or_back() {
    let mut stage = deployed();
    stage.recorded("r2.files").status = Status::Deleting;
    assert_snapshot!(told(&stage.plan().unwrap()), @r#"
    0 none d1.archive
    1 none kv.sessions
    2 adopt r2.files: an earlier run was interrupted before deleting it
    3 none queue.jobs
    "#);
    stage.drop("r2.files");
    assert_snapshot!(told(&stage.plan().unwrap()), @r#"
    0 none d1.archive
    1 none kv.sessions
    2 none queue.jobs
    3 delete r2.files: an earlier run was interrupted deleting it
        loses R2 bucket `shop-prod-files`, with all its objects
    "#);
}

#[test]
fn a_protected_stage_is_not_destroyed() {
    let mut stage = deployed();
    stage.desired.protect = true;
    let error = stage.plan_to_destroy().unwrap_err();
    assert_eq!(error.class(), FailureClass::Unsafe);
    assert_snapshot!(error, @"stage `prod` is protected");
    stage.plan().unwrap();
}

#[test]
fn a_stage_of_another_account_is_refused() {
    let stage = deployed();
    let options = PlanOptions {
        others: Vec::new(),
        account_id: Some("another".to_owned()),
    };
    let goal = Goal::Deploy(&stage.desired);
    let error = plan(goal, &stage.state, &stage.actual, &options).unwrap_err();
    assert!(matches!(error, PlanError::State(_)));
    assert_eq!(error.class(), FailureClass::Unsafe);
}

#[test]
fn an_imported_resource_keeps_its_name() {
    let mut stage = deployed();
    stage.recorded("kv.sessions").name = "made-by-hand".to_owned();
    let live = stage.actual.resources.get_mut(&at("kv.sessions")).unwrap();
    live.name = "made-by-hand".to_owned();
    assert!(stage.plan().unwrap().is_empty());
    let destroyed = stage.plan_to_destroy().unwrap();
    assert!(
        destroyed
            .steps
            .iter()
            .any(|step| step.name == "made-by-hand")
    );
}

#[test]
fn the_json_is_what_scripts_rely_on() {
    let mut stage = data();
    stage
        .desired
        .resources
        .retain(|address, _| *address == at("d1.archive"));
    let json = serde_json::to_string_pretty(&stage.plan().unwrap()).unwrap();
    assert_snapshot!(json, @r#"
    {
      "stack": "shop",
      "stage": "prod",
      "steps": [
        {
          "action": "create",
          "kind": "d1",
          "id": "archive",
          "name": "shop-prod-archive",
          "reason": "",
          "changes": [],
          "losses": [],
          "after": []
        },
        {
          "action": "migrate",
          "kind": "d1",
          "id": "archive",
          "name": "shop-prod-archive",
          "reason": "2 SQL migrations are pending",
          "changes": [
            {
              "path": "migrations.0001_create.sql",
              "before": null,
              "after": "applied"
            },
            {
              "path": "migrations.0002_index.sql",
              "before": null,
              "after": "applied"
            }
          ],
          "losses": [],
          "after": [
            0
          ]
        }
      ],
      "summary": {
        "create": 1,
        "update": 0,
        "replace": 0,
        "delete": 0,
        "adopt": 0,
        "migrate": 1,
        "none": 0
      },
      "moves": [],
      "kept": [],
      "drift": [],
      "notes": []
    }
    "#);
}

#[test]
fn a_scope_has_the_names_of_the_manifest() {
    let scope = Scope::from(&data().desired);
    assert_eq!(scope.names[&at("kv.sessions")], "shop-prod-sessions");
    assert_eq!(scope.names.len(), 4);
}
