//! Plans for what comes from elsewhere, stays for good, or is not ours at all.

use std::collections::{BTreeMap, BTreeSet};

use insta::assert_snapshot;
use proptest::prelude::*;

use super::stage::{Stage, at, told, worker};
use crate::desired::{BindingSpec, R2Spec, Spec};
use crate::error::{FailureClass, PlanError};
use crate::lifecycle::Claim;
use crate::plan::{Action, KeptBecause, Plan};
use crate::state::{Record, State};
use crate::{Address, External, ExternalKind, Kind, Owner};

/// A worker with what it binds, and a queue beside it.
fn deployed() -> Stage {
    let mut stage = Stage::wanting(&[
        ("kv.sessions", Spec::Kv),
        ("r2.files", Spec::R2(R2Spec::default())),
        ("queue.jobs", Spec::Queue),
        ("worker.web", worker("v1", &["kv.sessions", "r2.files"])),
    ]);
    let plan = stage.plan().unwrap();
    stage.apply(&plan);
    stage
}

/// The same resource under another id in the manifest.
fn rename(stage: &mut Stage, from: &str, to: &str) {
    let mut want = stage.desired.resources.remove(&at(from)).unwrap();
    want.name = format!("shop-prod-{}", at(to).id);
    want.lifecycle.was = Some(at(from).id);
    stage.desired.resources.insert(at(to), want);
}

/// A worker that binds these under the names of their first ids, whatever they are called by now.
fn binding(renamed: &[(&str, &str)]) -> Spec {
    let former: Vec<&str> = renamed.iter().map(|(former, _)| *former).collect();
    let mut spec = worker("v1", &former);
    if let Spec::Worker(worker) = &mut spec {
        for bound in worker.bindings.values_mut() {
            let (kind, id) = match bound {
                BindingSpec::Kv { id } => (Kind::Kv, id),
                BindingSpec::R2 { id, .. } => (Kind::R2, id),
                BindingSpec::D1 { id } => (Kind::D1, id),
                BindingSpec::Queue { id, .. } => (Kind::Queue, id),
                _ => continue,
            };
            let now = renamed
                .iter()
                .find(|(former, _)| at(former) == Address::new(kind, id.as_str()));
            id.clone_from(&at(now.unwrap().1).id);
        }
    }
    spec
}

fn keep(stage: &mut Stage, address: &str) {
    let want = stage.desired.resources.get_mut(&at(address)).unwrap();
    want.lifecycle.keep = true;
}

/// A wanted resource that is there under a name of its own.
fn import(stage: &mut Stage, address: &str, name: &str) {
    let want = stage.desired.resources.get_mut(&at(address)).unwrap();
    want.lifecycle.import = Some(name.to_owned());
    stage.found(address, Owner::Ours);
    let live = stage.actual.resources.get_mut(&at(address)).unwrap();
    live.name = name.to_owned();
    live.outputs = BTreeMap::from([("id".to_owned(), format!("id-of-{name}"))]);
    let claim = Claim {
        name: name.to_owned(),
        id: live.outputs["id"].clone(),
    };
    stage.actual.arrivals.claims.insert(at(address), claim);
}

/// What is there, as a manifest of somebody else would name it.
fn external(stage: &Stage, address: &Address) -> External {
    let live = &stage.actual.resources[address];
    let kind = match address.kind {
        Kind::Worker => ExternalKind::Worker,
        Kind::D1 => ExternalKind::D1,
        Kind::Kv => ExternalKind::Kv,
        Kind::R2 => ExternalKind::R2,
        Kind::Queue => ExternalKind::Queue,
    };
    let by_id = matches!(address.kind, Kind::Kv | Kind::D1);
    External {
        kind,
        id: Some(address.id.clone()),
        identifier: if by_id {
            &live.outputs["id"]
        } else {
            &live.name
        }
        .clone(),
        jurisdiction: None,
    }
}

fn action(plan: &Plan, address: &str) -> Action {
    let step = plan.steps.iter().find(|step| step.address == at(address));
    step.unwrap().action
}

#[test]
fn a_new_id_moves_the_record_and_nothing_else() {
    let mut stage = deployed();
    rename(&mut stage, "kv.sessions", "kv.visitors");
    stage.want(
        "worker.web",
        binding(&[("kv.sessions", "kv.visitors"), ("r2.files", "r2.files")]),
    );
    let plan = stage.plan().unwrap();
    assert_snapshot!(told(&plan), @r"
    0 none worker.web (after 1 2)
    1 none kv.visitors
    2 none r2.files
    3 none queue.jobs
    ");
    assert!(!plan.is_empty(), "the move is something to do");
    assert_eq!(plan.moves[0].from, at("kv.sessions"));
    stage.apply(&plan);
    assert_eq!(stage.recorded("kv.visitors").name, "shop-prod-sessions");
    let next = stage.plan().unwrap();
    assert!(next.is_empty() && next.drift.is_empty(), "{}", told(&next));
}

#[test]
fn a_former_id_that_is_recorded_beside_the_new_one_is_refused() {
    let mut stage = deployed();
    stage.want("kv.visitors", Spec::Kv);
    let plan = stage.plan().unwrap();
    stage.apply(&plan);
    stage.desired.resources.remove(&at("kv.visitors"));
    rename(&mut stage, "kv.sessions", "kv.visitors");
    let error = stage.plan().unwrap_err();
    assert_snapshot!(error, @"kv.visitors was kv.sessions, and both are recorded");
    let destroyed = stage.plan_to_destroy().unwrap();
    assert_eq!(destroyed.data_loss().len(), 4, "{}", told(&destroyed));
}

#[test]
fn an_import_is_taken_over_once() {
    let mut stage = deployed();
    stage.want("d1.main", super::stage::d1(&[]));
    import(&mut stage, "d1.main", "made-by-hand");
    let plan = stage.plan().unwrap();
    assert_eq!(action(&plan, "d1.main"), Action::Adopt);
    assert!(plan.data_loss().is_empty());
    let step = plan.steps.iter().find(|step| step.action == Action::Adopt);
    assert_eq!(step.unwrap().name, "made-by-hand");

    // It is interrupted right after it began: whose it is, is known by its id.
    let place = plan
        .steps
        .iter()
        .position(|step| step.action == Action::Adopt);
    stage.begin(&plan, place.unwrap());
    stage.actual.arrivals.claims.clear();
    assert!(stage.recorded("d1.main").outputs.contains_key("id"));
    let plan = stage.plan().unwrap();
    assert_eq!(action(&plan, "d1.main"), Action::Adopt);
    stage.apply(&plan);
    assert!(stage.plan().unwrap().is_empty());

    let want = stage.desired.resources.get_mut(&at("d1.main")).unwrap();
    want.lifecycle.import = Some("another".to_owned());
    let error = stage.plan().unwrap_err();
    assert_snapshot!(error, @"cannot import `another` as d1.main: `made-by-hand` is recorded there already");
    assert_eq!(error.class(), FailureClass::Usage);
}

#[test]
fn an_import_of_what_another_stage_owns_is_refused() {
    let mut stage = Stage::wanting(&[("kv.cache", Spec::Kv)]);
    import(&mut stage, "kv.cache", "shared");
    let mut other = stage.clone();
    let plan = other.plan().unwrap();
    other.apply(&plan);
    let other = State {
        stage: "staging".to_owned(),
        ..other.state
    };
    let error = stage.plan_beside(vec![other]).unwrap_err();
    assert_snapshot!(error, @"cannot import kv `shared`: it belongs to stage `staging`, as kv.cache");
    assert_eq!(error.class(), FailureClass::Unsafe);

    // The same within one stage: two tables would own one namespace.
    let record = Record {
        name: "shared".to_owned(),
        ..deployed().recorded("kv.sessions").clone()
    };
    let id = stage.actual.arrivals.claims[&at("kv.cache")].id.clone();
    stage.state.resources.insert(at("kv.old"), record);
    stage.recorded("kv.old").outputs.insert("id".to_owned(), id);
    let error = stage.plan().unwrap_err();
    assert_snapshot!(error, @"cannot import kv `shared`: it belongs to this stage, as kv.old");
}

#[test]
fn an_import_of_a_worker_with_tags_of_others_is_refused() {
    let mut stage = Stage::wanting(&[("worker.web", worker("v1", &[]))]);
    import(&mut stage, "worker.web", "shop");
    let live = stage.actual.resources.get_mut(&at("worker.web")).unwrap();
    live.owner = Owner::Other {
        stack: "shop".to_owned(),
        stage: "staging".to_owned(),
    };
    assert_snapshot!(stage.plan().unwrap_err(), @"cannot import worker `shop`: it belongs to stack `shop`, stage `staging`");
}

#[test]
fn an_import_of_nothing_is_refused() {
    let mut stage = Stage::wanting(&[("r2.files", Spec::R2(R2Spec::default()))]);
    let missing = (at("r2.files"), "uploads".to_owned());
    stage.actual.arrivals.missing.extend([missing]);
    let error = stage.plan().unwrap_err();
    assert_snapshot!(error, @"cannot import `uploads` as r2.files: the account has no such r2");
    assert_eq!(error.class(), FailureClass::Usage);
}

#[test]
fn what_is_kept_outlives_its_table_and_its_stage() {
    let mut stage = deployed();
    keep(&mut stage, "r2.files");
    let plan = stage.plan().unwrap();
    assert!(plan.is_empty(), "only the record changes");
    stage.apply(&plan);

    stage.want("worker.web", worker("v1", &["kv.sessions"]));
    stage.drop("r2.files");
    let plan = stage.plan().unwrap();
    assert!(plan.data_loss().is_empty(), "{}", told(&plan));
    let kept: Vec<_> = plan.kept.iter().map(|kept| &kept.address).collect();
    assert_eq!(kept, [&at("r2.files")]);
    stage.apply(&plan);
    let plan = stage.plan().unwrap();
    assert_eq!((plan.is_empty(), plan.kept.len()), (true, 1));
    let destroyed = stage.plan_to_destroy().unwrap();
    assert_eq!(destroyed.kept.len(), 1);
    assert!(
        destroyed
            .steps
            .iter()
            .all(|step| step.address != at("r2.files"))
    );

    // Back in the manifest, it is known again; without `keep`, it goes.
    stage.want("r2.files", Spec::R2(R2Spec::default()));
    let plan = stage.plan().unwrap();
    assert_eq!(action(&plan, "r2.files"), Action::None);
    stage.apply(&plan);
    let destroyed = stage.plan_to_destroy().unwrap();
    assert_eq!(action(&destroyed, "r2.files"), Action::Delete);
}

#[test]
fn what_is_kept_is_not_left_without_what_it_needs() {
    let mut stage = deployed();
    keep(&mut stage, "worker.web");
    let error = stage.plan_to_destroy().unwrap_err();
    assert_snapshot!(error, @"worker.web is kept, but needs what this plan deletes: kv.sessions, r2.files");
    assert_eq!(error.class(), FailureClass::Unsafe);
    keep(&mut stage, "kv.sessions");
    keep(&mut stage, "r2.files");
    let plan = stage.plan_to_destroy().unwrap();
    assert_eq!(plan.kept.len(), 3);
    assert_eq!(action(&plan, "queue.jobs"), Action::Delete);
}

#[test]
fn what_becomes_external_is_let_go_of() {
    let mut stage = deployed();
    stage
        .desired
        .external
        .push(external(&stage, &at("queue.jobs")));
    stage.drop("queue.jobs");
    for plan in [stage.plan().unwrap(), stage.plan_to_destroy().unwrap()] {
        assert_eq!(plan.kept[0].because, KeptBecause::External);
        assert!(
            plan.data_loss()
                .iter()
                .all(|loss| loss.address.kind != Kind::Queue)
        );
    }
    let plan = stage.plan().unwrap();
    stage.apply(&plan);
    assert!(!stage.state.resources.contains_key(&at("queue.jobs")));
}

#[test]
fn what_is_external_has_to_be_there_and_to_be_somebody_elses() {
    let mut stage = deployed();
    let jobs = external(&stage, &at("queue.jobs"));
    stage.actual.missing = vec![jobs.clone()];
    let error = stage.plan().unwrap_err();
    assert_snapshot!(error, @r"
    missing from the account:
      [external.queues.jobs] `shop-prod-jobs`
    ");
    assert_eq!(error.class(), FailureClass::Usage);
    stage.actual.missing.clear();
    stage.desired.external = vec![External {
        id: Some("shared".to_owned()),
        ..jobs
    }];
    assert_snapshot!(stage.plan().unwrap_err(), @"queue.jobs belongs to this stage, and [external.queues.shared] `shop-prod-jobs` names the same resource");
}

const DATA: [&str; 6] = ["kv.a", "kv.b", "r2.a", "queue.a", "d1.a", "d1.b"];
const WORKERS: [&str; 2] = ["worker.a", "worker.b"];

fn some() -> impl Strategy<Value = BTreeSet<&'static str>> {
    let all = [&DATA[..], &WORKERS[..]].concat();
    prop::collection::btree_set(prop::sample::select(all), 0..8)
}

fn want(stage: &mut Stage, address: &str, names: &BTreeMap<&str, String>) {
    let name = names.get(address).map_or(address, String::as_str);
    let spec = match at(address).kind {
        Kind::Worker => {
            let bound = DATA.iter().filter(|bound| names.contains_key(*bound));
            let bound: Vec<_> = bound.map(|bound| (*bound, names[bound].as_str())).collect();
            binding(&bound)
        }
        Kind::D1 => super::stage::d1(&["0001_a.sql"]),
        Kind::Kv => Spec::Kv,
        Kind::R2 => Spec::R2(R2Spec::default()),
        Kind::Queue => Spec::Queue,
    };
    stage.want(name, spec);
    if name != address {
        let want = stage.desired.resources.get_mut(&at(name)).unwrap();
        want.lifecycle.was = Some(at(address).id);
    }
}

fn of(addresses: &BTreeSet<&'static str>) -> (Stage, BTreeMap<&'static str, String>) {
    let names: BTreeMap<_, _> = addresses
        .iter()
        .map(|address| (*address, (*address).to_owned()))
        .collect();
    let mut stage = Stage::empty();
    for address in addresses {
        want(&mut stage, address, &names);
    }
    let plan = stage.plan().unwrap();
    stage.apply(&plan);
    (stage, names)
}

proptest! {
    #[test]
    fn no_step_changes_what_is_external(first in some(), theirs in some(), wanted in some()) {
        let (mut stage, names) = of(&first);
        let externals: Vec<External> = first
            .intersection(&theirs)
            .map(|address| external(&stage, &at(address)))
            .collect();
        stage.desired.external = externals.clone();
        stage.desired.resources.retain(|address, _| wanted.contains(&*address.to_string()));
        for address in wanted.iter().filter(|address| !first.contains(*address)) {
            want(&mut stage, address, &names);
        }
        let owned = externals.iter().any(|external| wanted.contains(&*external.address().unwrap().to_string()));
        let plans = match stage.plan() {
            Err(PlanError::ExternalOwned { .. }) => {
                prop_assert!(owned);
                vec![stage.plan_to_destroy().unwrap()]
            }
            Err(error) => panic!("{error}"),
            Ok(plan) => {
                prop_assert!(!owned);
                vec![plan, stage.plan_to_destroy().unwrap()]
            }
        };
        for plan in plans {
            for step in plan.changes() {
                let id = stage.actual.resources.get(&step.address).map(|live| live.outputs["id"].as_str());
                prop_assert!(
                    externals.iter().all(|external| !external.is(step.address.kind, &step.name, id)),
                    "{}", told(&plan)
                );
            }
        }
    }

    #[test]
    fn a_new_id_never_costs_data(first in some(), renamed in some()) {
        let (mut stage, mut names) = of(&first);
        let before: BTreeSet<String> = stage.state.resources.values().map(|record| record.name.clone()).collect();
        stage.desired.resources.clear();
        for address in first.intersection(&renamed) {
            names.insert(address, format!("{address}-renamed"));
        }
        for address in &first {
            want(&mut stage, address, &names);
        }
        let plan = stage.plan().unwrap();
        let is_made_or_gone = |action| matches!(action, Action::Create | Action::Delete | Action::Replace);
        prop_assert!(plan.steps.iter().all(|step| !is_made_or_gone(step.action)), "{}", told(&plan));
        prop_assert!(plan.data_loss().is_empty() && plan.drift.is_empty(), "{}", told(&plan));
        prop_assert_eq!(plan.moves.len(), first.intersection(&renamed).count());
        stage.apply(&plan);
        prop_assert!(stage.is_settled());
        let after: BTreeSet<String> = stage.state.resources.values().map(|record| record.name.clone()).collect();
        prop_assert_eq!(before, after);
        let next = stage.plan().unwrap();
        prop_assert!(next.moves.is_empty() && next.data_loss().is_empty(), "{}", told(&next));
    }

    #[test]
    fn what_is_kept_is_never_deleted(first in some(), kept in some(), second in some()) {
        let (mut stage, names) = of(&first);
        for address in first.intersection(&kept) {
            keep(&mut stage, address);
        }
        let plan = stage.plan().unwrap();
        stage.apply(&plan);
        stage.desired.resources.clear();
        for address in first.intersection(&second) {
            let subset = names.iter().filter(|(name, _)| second.contains(*name));
            let subset = subset.map(|(name, renamed)| (*name, renamed.clone())).collect();
            want(&mut stage, address, &subset);
        }
        for plan in [stage.plan(), stage.plan_to_destroy()] {
            match plan {
                Err(PlanError::KeptNeeds { kept: worker, needed }) => {
                    prop_assert!(kept.contains(&*worker.to_string()));
                    let is_kept = |needed: &Address| {
                        let needed = needed.to_string();
                        kept.contains(&*needed) && !second.contains(&*needed)
                    };
                    prop_assert!(!needed.iter().any(is_kept));
                }
                Err(error) => panic!("{error}"),
                Ok(plan) => {
                    let gone = plan.steps.iter().filter(|step| step.action == Action::Delete);
                    let gone: Vec<String> = gone.map(|step| step.address.to_string()).collect();
                    let manifest_says = |address: &str| second.contains(address) && first.contains(address);
                    for address in gone {
                        prop_assert!(
                            !kept.contains(&*address) || manifest_says(&address),
                            "{address} is kept"
                        );
                    }
                }
            }
        }
    }
}
