//! What holds for every plan.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::stage::{Stage, at, d1, told};
use crate::desired::Spec;
use crate::plan::{Action, Loss, Plan};
use crate::{Address, Kind, Owner, PlanError};

const IDS: [&str; 8] = [
    "kv.a", "kv.b", "r2.a", "r2.b", "queue.a", "queue.b", "d1.a", "d1.b",
];
const FILES: [&str; 3] = ["0001_a.sql", "0002_b.sql", "0003_c.sql"];

fn spec(address: &str, files: usize) -> Spec {
    match at(address).kind {
        Kind::Kv => Spec::Kv,
        Kind::R2 => Spec::R2,
        Kind::Queue => Spec::Queue,
        _ => d1(&FILES[..files]),
    }
}

/// A manifest: which of the resources, with how many migrations.
fn manifest() -> impl Strategy<Value = BTreeMap<&'static str, usize>> {
    prop::collection::btree_map(
        prop::sample::select(&IDS[..]),
        0..=FILES.len(),
        0..IDS.len(),
    )
}

fn wanted(stage: &mut Stage, manifest: &BTreeMap<&'static str, usize>) {
    stage.desired.resources.clear();
    for (address, files) in manifest {
        stage.want(address, spec(address, *files));
    }
}

/// Steps of one plan that come before each other, at whatever distance.
fn order_is_possible(plan: &Plan) -> bool {
    let mut done = BTreeSet::new();
    loop {
        let next = (0..plan.steps.len())
            .find(|place| !done.contains(place) && plan.steps[*place].after.is_subset(&done));
        match next {
            Some(place) => done.insert(place),
            None => return done.len() == plan.steps.len(),
        };
    }
}

fn losses(plan: &Plan) -> BTreeSet<Address> {
    plan.data_loss()
        .into_iter()
        .map(|Loss { address, .. }| address.clone())
        .collect()
}

proptest! {
    /// Whatever was deployed, then wanted, then interrupted anywhere, and run again.
    #[test]
    fn every_way_leads_to_what_is_wanted(
        first in manifest(),
        second in manifest(),
        cut in 0..16_usize,
        lost_call in any::<bool>(),
        reverse in any::<bool>(),
    ) {
        let mut stage = Stage::empty();
        wanted(&mut stage, &first);
        let plan = stage.plan().unwrap();
        stage.apply(&plan);

        wanted(&mut stage, &second);
        let plan = stage.plan().unwrap();
        let done = stage.apply_until(&plan, cut, reverse);
        // The next one was begun, and either reached Cloudflare or did not.
        let next = (0..plan.steps.len()).find(|place| {
            !done.contains(place)
                && plan.steps[*place].is_change()
                && plan.steps[*place].after.iter().all(|before| done.contains(before))
        });
        if let Some(next) = next {
            let step = &plan.steps[next];
            stage.begin(&plan, next);
            if !lost_call {
                let id = step.address.to_string();
                match step.action {
                    Action::Delete => { stage.actual.resources.remove(&step.address); }
                    Action::Create => stage.found(&id, Owner::Ours),
                    _ => {}
                }
            }
        }

        let again = stage.plan().unwrap();
        prop_assert!(order_is_possible(&again));
        stage.apply(&again);
        prop_assert!(stage.is_settled(), "{}", told(&again));
        let wants: BTreeSet<&Address> = stage.desired.resources.keys().collect();
        let there: BTreeSet<&Address> = stage.actual.resources.keys().collect();
        prop_assert_eq!(wants, there);
        let last = stage.plan().unwrap();
        prop_assert!(last.is_empty() && last.drift.is_empty(), "{}", told(&last));
    }

    #[test]
    fn data_goes_only_with_a_word_about_it(first in manifest(), second in manifest()) {
        let mut stage = Stage::empty();
        wanted(&mut stage, &first);
        let plan = stage.plan().unwrap();
        prop_assert!(plan.data_loss().is_empty());
        stage.apply(&plan);
        for plan in [
            { wanted(&mut stage, &second); stage.plan().unwrap() },
            stage.plan_to_destroy().unwrap(),
        ] {
            let deleted: BTreeSet<Address> = plan
                .steps
                .iter()
                .filter(|step| step.action == Action::Delete)
                .map(|step| step.address.clone())
                .collect();
            prop_assert_eq!(deleted, losses(&plan));
        }
    }

    #[test]
    fn nothing_of_others_is_touched(
        ours in manifest(),
        theirs in prop::collection::btree_set(prop::sample::select(&IDS[..]), 1..IDS.len()),
        marked in any::<bool>(),
    ) {
        let mut stage = Stage::empty();
        wanted(&mut stage, &ours);
        let owner = if marked {
            Owner::Other { stack: "theirs".to_owned(), stage: "prod".to_owned() }
        } else {
            Owner::Unmarked
        };
        for address in &theirs {
            stage.found(address, owner.clone());
        }
        let in_the_way = theirs.iter().any(|address| ours.contains_key(address));
        match stage.plan() {
            Err(PlanError::NotOurs { .. }) => prop_assert!(in_the_way && marked),
            Err(PlanError::Unproven { .. }) => prop_assert!(in_the_way && !marked),
            Err(error) => panic!("{error}"),
            Ok(plan) => {
                prop_assert!(!in_the_way);
                prop_assert!(plan.steps.iter().all(|step| !theirs.contains(&*step.address.to_string())));
            }
        }
        let plan = stage.plan_to_destroy().unwrap();
        prop_assert!(plan.is_empty(), "{}", told(&plan));
    }

    #[test]
    fn the_same_pictures_give_the_same_plan(first in manifest(), second in manifest()) {
        let mut stage = Stage::empty();
        wanted(&mut stage, &first);
        let plan = stage.plan().unwrap();
        stage.apply(&plan);
        wanted(&mut stage, &second);
        prop_assert_eq!(stage.plan().unwrap(), stage.plan().unwrap());
    }
}
