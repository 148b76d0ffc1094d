//! What holds for every plan.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::stage::{Stage, at, d1, told};
use crate::desired::{BindingSpec, ClassSpec, Spec};
use crate::plan::{Action, Loss, LossKind, Plan};
use crate::{Address, Kind, Owner, PlanError};

const IDS: [&str; 8] = [
    "kv.a", "kv.b", "r2.a", "r2.b", "queue.a", "queue.b", "d1.a", "d1.b",
];
const WORKERS: [&str; 4] = ["worker.a", "worker.b", "worker.c", "worker.d"];
const FILES: [&str; 3] = ["0001_a.sql", "0002_b.sql", "0003_c.sql"];

/// What a manifest names: data with a number of migrations, and workers with the version of their
/// code, Durable Object classes, and what they bind.
#[derive(Debug, Clone)]
struct Manifest {
    data: BTreeMap<&'static str, usize>,
    workers: BTreeMap<&'static str, Worker>,
}

#[derive(Debug, Clone)]
struct Worker {
    version: u8,
    classes: BTreeSet<&'static str>,
    /// Also of what the manifest may not have, which is then left out.
    binds: BTreeSet<&'static str>,
    /// Classes of other workers, in the same way.
    objects: BTreeSet<(&'static str, &'static str)>,
}

fn data() -> impl Strategy<Value = BTreeMap<&'static str, usize>> {
    prop::collection::btree_map(
        prop::sample::select(&IDS[..]),
        0..=FILES.len(),
        0..IDS.len(),
    )
}

fn worker() -> impl Strategy<Value = Worker> {
    let any_id = prop::sample::select([&IDS[..], &WORKERS[..]].concat());
    let class = || prop::sample::select(&["One", "Two"][..]);
    let other = prop::sample::select(&WORKERS[..]);
    (
        0..2_u8,
        prop::collection::btree_set(class(), 0..=2),
        prop::collection::btree_set(any_id, 0..6),
        prop::collection::btree_set((other, class()), 0..3),
    )
        .prop_map(|(version, classes, binds, objects)| Worker {
            version,
            classes,
            binds,
            objects,
        })
}

fn manifest() -> impl Strategy<Value = Manifest> {
    let workers = prop::collection::btree_map(prop::sample::select(&WORKERS[..]), worker(), 0..=4);
    (data(), workers).prop_map(|(data, workers)| Manifest { data, workers })
}

impl Manifest {
    fn has(&self, address: &str) -> bool {
        self.data.contains_key(address) || self.workers.contains_key(address)
    }

    fn spec(&self, own: &str, worker: &Worker) -> Spec {
        let binds: Vec<&str> = worker
            .binds
            .iter()
            .copied()
            .filter(|address| self.has(address))
            .collect();
        let mut spec = super::stage::worker(&format!("v{}", worker.version), &binds);
        let Spec::Worker(inner) = &mut spec else {
            unreachable!()
        };
        for class in &worker.classes {
            inner
                .classes
                .insert((*class).to_owned(), ClassSpec::default());
        }
        for (other, class) in &worker.objects {
            let there = self.workers.get(other);
            if *other != own && there.is_some_and(|there| there.classes.contains(class)) {
                let binding = BindingSpec::DurableObject {
                    class: (*class).to_owned(),
                    worker: Some(at(other).id),
                };
                inner
                    .bindings
                    .insert(format!("{class}_OF_{other}"), binding);
            }
        }
        spec
    }
}

fn spec(address: &str, files: usize) -> Spec {
    match at(address).kind {
        Kind::Kv => Spec::Kv,
        Kind::R2 => Spec::R2(crate::R2Spec::default()),
        Kind::Queue => Spec::Queue,
        _ => d1(&FILES[..files]),
    }
}

fn wanted(stage: &mut Stage, manifest: &Manifest) {
    stage.desired.resources.clear();
    for (address, files) in &manifest.data {
        stage.want(address, spec(address, *files));
    }
    for (address, worker) in &manifest.workers {
        let spec = manifest.spec(address, worker);
        stage.want(address, spec);
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
                .filter(|step| step.action == Action::Delete && step.address.kind != Kind::Worker)
                .map(|step| step.address.clone())
                .collect();
            let lost = losses(&plan);
            prop_assert!(deleted.is_subset(&lost));
            // Beside data that is a resource of its own there are the classes of workers.
            prop_assert!(lost.iter().all(|address| deleted.contains(address) || address.kind == Kind::Worker));
            let classes: BTreeSet<(Address, String)> = plan
                .data_loss()
                .into_iter()
                .filter(|loss| loss.what == LossKind::Class)
                .map(|loss| (loss.address.clone(), loss.name.clone()))
                .collect();
            let goes = |address: &&str, class: &&&str| {
                plan.destroys
                    || second.workers.get(*address).is_none_or(|worker| !worker.classes.contains(*class))
            };
            let expected: BTreeSet<(Address, String)> = first
                .workers
                .iter()
                .flat_map(|(address, worker)| worker.classes.iter().map(move |class| (address, class)))
                .filter(|(address, class)| goes(address, class))
                .map(|(address, class)| (at(address), (*class).to_owned()))
                .collect();
            prop_assert_eq!(classes, expected);
        }
    }

    #[test]
    fn nothing_of_others_is_touched(
        ours in manifest(),
        theirs in prop::collection::btree_set(
            prop::sample::select([&IDS[..], &WORKERS[..]].concat()),
            1..IDS.len(),
        ),
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
        let in_the_way = theirs.iter().any(|address| ours.has(address));
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

    /// A worker never goes up before what it binds is there, but for what its pass leaves out.
    #[test]
    fn order_respects_dependencies(first in manifest(), second in manifest(), reverse in any::<bool>()) {
        let mut stage = Stage::empty();
        for manifest in [&first, &second] {
            wanted(&mut stage, manifest);
            let plan = stage.plan().unwrap();
            let mut there: BTreeSet<Address> = stage.actual.resources.keys().cloned().collect();
            let mut trial = stage.clone();
            for place in trial.apply_until(&plan, plan.steps.len(), reverse) {
                let step = &plan.steps[place];
                if step.action == Action::Delete {
                    there.remove(&step.address);
                    let held = plan.steps.iter().find(|other| {
                        there.contains(&other.address)
                            && other.action != Action::Delete
                            && other.depends_on.contains(&step.address)
                    });
                    prop_assert!(held.is_none(), "{}", told(&plan));
                    continue;
                }
                there.insert(step.address.clone());
                for needed in step.depends_on.difference(&step.without) {
                    prop_assert!(there.contains(needed), "{} needs {needed}\n{}", step.address, told(&plan));
                }
            }
            stage.apply(&plan);
        }
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
