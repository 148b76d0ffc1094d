//! Plans with workers: what waits for what.

use insta::assert_snapshot;

use super::stage::{Stage, at, d1, told, worker};
use crate::desired::{BindingSpec, ClassSpec, Spec};
use crate::{PlanError, Status};

fn bind_class(stage: &mut Stage, of: &str, to: &str, class: &str) {
    let binding = BindingSpec::DurableObject {
        class: class.to_owned(),
        worker: Some(to.to_owned()),
    };
    let spec = stage.worker(of);
    spec.bindings.insert(class.to_ascii_uppercase(), binding);
    let spec = Spec::Worker(Box::new(spec.clone()));
    stage.want(of, spec);
}

fn give_class(stage: &mut Stage, of: &str, class: &str, from: Option<(&str, &str)>) {
    let spec = ClassSpec {
        renamed_from: None,
        transferred_from: from.map(|(worker, class)| (worker.to_owned(), class.to_owned())),
    };
    stage.worker(of).classes.insert(class.to_owned(), spec);
}

fn deploy(stage: &mut Stage) {
    let plan = stage.plan().unwrap();
    stage.apply(&plan);
    let again = stage.plan().unwrap();
    assert!(again.is_empty(), "{}", told(&again));
}

#[test]
fn a_worker_waits_for_what_it_binds_and_for_the_migrations() {
    let stage = Stage::wanting(&[
        (
            "worker.web",
            worker("v1", &["kv.cache", "d1.archive", "worker.auth"]),
        ),
        ("worker.auth", worker("v1", &[])),
        ("kv.cache", Spec::Kv),
        ("d1.archive", d1(&["0001_create.sql"])),
    ]);
    assert_snapshot!(order(&stage), @r#"
    0 create worker.auth
    1 create worker.web (after 0 3 4)
    2 create d1.archive
    3 migrate d1.archive migrations (after 2): 1 SQL migration is pending
    4 create kv.cache
    "#);
}

#[test]
fn workers_that_bind_each_other_go_up_in_two_passes() {
    let mut stage = Stage::wanting(&[
        ("worker.a", worker("v1", &["worker.b"])),
        ("worker.b", worker("v1", &["worker.a"])),
    ]);
    assert_snapshot!(order(&stage), @r#"
    0 create worker.a first pass: it and b bind each other
    1 update worker.a (after 0 2): the rest of it
    2 create worker.b first pass: it and a bind each other
    3 update worker.b (after 0 2): the rest of it
    "#);
    deploy(&mut stage);
}

#[test]
fn a_worker_may_bind_itself() {
    let mut stage = Stage::wanting(&[
        ("worker.a", worker("v1", &["worker.a", "worker.b"])),
        ("worker.b", worker("v1", &[])),
    ]);
    assert_snapshot!(order(&stage), @r#"
    0 create worker.a (after 1)
    1 create worker.b
    "#);
    deploy(&mut stage);
    // Of a ring one is there.
    stage.want("worker.b", worker("v2", &["worker.a"]));
    stage.state.resources.remove(&at("worker.a"));
    stage.actual.resources.remove(&at("worker.a"));
    assert_snapshot!(order(&stage), @r#"
    0 create worker.a
    1 update worker.b (after 0): changes in bindings and code
    "#);
    deploy(&mut stage);
}

#[test]
fn what_waits_for_itself_is_told_and_not_waited_for() {
    let mut stage = Stage::wanting(&[("worker.a", worker("v1", &[]))]);
    let itself = at("worker.a");
    let want = stage.desired.resources.get_mut(&itself).unwrap();
    want.depends_on.insert(itself.clone());
    let told = stage.plan().unwrap_err();
    assert!(matches!(&told, PlanError::Cycle { steps } if *steps == [itself]));
}

#[test]
fn a_ring_that_is_there_is_updated_in_one_pass() {
    let mut stage = Stage::wanting(&[
        ("worker.a", worker("v1", &["worker.b"])),
        ("worker.b", worker("v1", &["worker.a"])),
    ]);
    deploy(&mut stage);
    stage.want("worker.a", worker("v2", &["worker.b"]));
    stage.want("worker.b", worker("v2", &["worker.a"]));
    assert_snapshot!(order(&stage), @r#"
    0 update worker.a: changes in code
    1 update worker.b: changes in code
    "#);
}

#[test]
fn a_new_class_in_a_ring_needs_two_passes() {
    let mut stage = Stage::wanting(&[
        ("worker.a", worker("v1", &["worker.b"])),
        ("worker.b", worker("v1", &["worker.a"])),
    ]);
    deploy(&mut stage);
    give_class(&mut stage, "worker.a", "Room", None);
    give_class(&mut stage, "worker.b", "Door", None);
    bind_class(&mut stage, "worker.a", "b", "Door");
    bind_class(&mut stage, "worker.b", "a", "Room");
    assert_snapshot!(order(&stage), @r#"
    0 update worker.a first pass: it and b bind each other
    1 update worker.a (after 0 2): changes in bindings, classes, code_update and migrations
    2 update worker.b first pass: it and a bind each other
    3 update worker.b (after 0 2): changes in bindings, classes, code_update and migrations
    "#);
    deploy(&mut stage);
}

#[test]
fn an_interrupted_ring_is_closed() {
    let mut stage = Stage::wanting(&[
        ("worker.a", worker("v1", &["worker.b"])),
        ("worker.b", worker("v1", &["worker.a"])),
    ]);
    let plan = stage.plan().unwrap();
    stage.apply_until(&plan, 1, false);
    assert_eq!(stage.recorded("worker.a").status, Status::Creating);
    assert_snapshot!(order(&stage), @r#"
    0 adopt worker.a (after 1): an earlier run was interrupted making it
    1 create worker.b
    "#);
    deploy(&mut stage);
}

#[test]
fn a_class_moves_in_three_uploads() {
    let mut stage = Stage::wanting(&[("worker.old", worker("v1", &[]))]);
    give_class(&mut stage, "worker.old", "Board", None);
    deploy(&mut stage);
    stage.worker("worker.old").classes.clear();
    stage.want("worker.new", worker("v1", &[]));
    give_class(&mut stage, "worker.new", "Board", Some(("old", "Board")));
    let plan = stage.plan().unwrap();
    assert!(plan.data_loss().is_empty(), "{}", told(&plan));
    assert_snapshot!(order(&stage), @r#"
    0 create worker.new first pass: it announces that it takes over Board
    1 update worker.new (after 0 2): the rest of it
    2 update worker.old (after 0): changes in classes and code_update
    "#);
}

#[test]
fn a_source_may_bind_what_it_hands_over() {
    let mut stage = Stage::wanting(&[("worker.old", worker("v1", &[]))]);
    give_class(&mut stage, "worker.old", "Board", None);
    deploy(&mut stage);
    stage.worker("worker.old").classes.clear();
    stage.want("worker.new", worker("v1", &["worker.old"]));
    give_class(&mut stage, "worker.new", "Board", Some(("old", "Board")));
    bind_class(&mut stage, "worker.old", "new", "Board");
    assert_snapshot!(order(&stage), @r#"
    0 create worker.new first pass: it announces that it takes over Board
    1 update worker.new (after 0 2): the rest of it
    2 update worker.old (after 0): changes in bindings, classes and code_update
    "#);
}

#[test]
fn a_deleted_class_is_data() {
    let mut stage = Stage::wanting(&[("worker.web", worker("v1", &[]))]);
    give_class(&mut stage, "worker.web", "Board", None);
    deploy(&mut stage);
    stage.worker("worker.web").classes.clear();
    assert_snapshot!(told(&stage.plan().unwrap()), @r#"
    0 update worker.web: changes in classes and code_update
        loses Durable Object class `Board` of worker `web`, with all its objects
        classes.Board: "sqlite" -> -
        code_update: "immediate" -> -
    "#);
}

#[test]
fn what_a_worker_held_goes_after_it_let_go() {
    let mut stage = Stage::wanting(&[
        ("worker.web", worker("v1", &["kv.cache", "worker.auth"])),
        ("worker.auth", worker("v1", &["r2.files"])),
        ("kv.cache", Spec::Kv),
        ("r2.files", Spec::R2(crate::R2Spec::default())),
    ]);
    deploy(&mut stage);
    stage.want("worker.web", worker("v1", &[]));
    for gone in ["worker.auth", "kv.cache", "r2.files"] {
        stage.drop(gone);
    }
    assert_snapshot!(order(&stage), @r#"
    0 update worker.web: changes in bindings
    1 delete worker.auth (after 0): it is not in the manifest any more
    2 delete kv.cache (after 0): it is not in the manifest any more
        loses KV namespace `shop-prod-cache`, with all its values
    3 delete r2.files (after 1): it is not in the manifest any more
        loses R2 bucket `shop-prod-files`, with all its objects
    "#);
}

#[test]
fn a_ring_can_be_destroyed() {
    let mut stage = Stage::wanting(&[
        ("worker.a", worker("v1", &["worker.b", "queue.jobs"])),
        ("worker.b", worker("v1", &["worker.a"])),
        ("queue.jobs", Spec::Queue),
    ]);
    deploy(&mut stage);
    let plan = stage.plan_to_destroy().unwrap();
    assert_snapshot!(told(&plan), @r#"
    0 delete worker.a: the stage is destroyed
    1 delete worker.b: the stage is destroyed
    2 delete queue.jobs (after 0): the stage is destroyed
        loses queue `shop-prod-jobs`, with all its messages
    "#);
    stage.apply(&plan);
    assert!(stage.actual.resources.is_empty() && stage.state.resources.is_empty());
}

#[test]
fn a_worker_that_was_only_about_to_be_made_has_to_prove_itself() {
    let mut stage = Stage::wanting(&[("worker.web", worker("v1", &[]))]);
    let plan = stage.plan().unwrap();
    stage.begin(&plan, 0);
    stage.found("worker.web", crate::Owner::Unmarked);
    let error = stage.plan().unwrap_err();
    assert!(matches!(error, PlanError::Unproven { .. }), "{error}");
}

#[test]
fn an_interrupted_update_is_made_again() {
    let mut stage = Stage::wanting(&[("worker.web", worker("v1", &[]))]);
    deploy(&mut stage);
    stage.want("worker.web", worker("v2", &[]));
    let plan = stage.plan().unwrap();
    stage.begin(&plan, 0);
    // Back to what was recorded: nobody knows which of the two runs.
    stage.want("worker.web", worker("v1", &[]));
    assert_snapshot!(told(&stage.plan().unwrap()), @"0 update worker.web: an earlier run was interrupted changing it");
    assert!(stage.state.resources.contains_key(&at("worker.web")));
}

/// The steps without their changes.
fn order(stage: &Stage) -> String {
    let mut plan = stage.plan().unwrap();
    for step in &mut plan.steps {
        step.changes.clear();
    }
    plan.notes.clear();
    told(&plan)
}
