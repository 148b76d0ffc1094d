//! What holds for any classes, any history of manifests, and any interruption.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::ClassChanges;
use super::stage::{Manifest, Manifests, Stage};
use crate::ClassSpec;

const WORKERS: [&str; 3] = ["a", "b", "c"];
const CLASSES: [&str; 4] = ["P", "Q", "R", "S"];

fn class() -> impl Strategy<Value = String> {
    prop::sample::select(CLASSES.to_vec()).prop_map(str::to_owned)
}

fn origin() -> impl Strategy<Value = ClassSpec> {
    let from_worker = prop::sample::select(WORKERS.to_vec()).prop_map(str::to_owned);
    prop_oneof![
        3 => Just(ClassSpec::default()),
        2 => class().prop_map(|from| ClassSpec { renamed_from: Some(from), transferred_from: None }),
        2 => (from_worker, class()).prop_map(|from| ClassSpec {
            renamed_from: None,
            transferred_from: Some(from),
        }),
    ]
}

fn classes() -> impl Strategy<Value = BTreeMap<String, ClassSpec>> {
    prop::collection::btree_map(class(), origin(), 0..4).prop_map(|mut classes| {
        for (class, spec) in &mut classes {
            // Most transfers keep the name; those that do not are refused, which is another test.
            if let Some((_, from)) = &mut spec.transferred_from
                && *from < *class
            {
                from.clone_from(class);
            }
        }
        classes
    })
}

fn manifests() -> impl Strategy<Value = Manifests> {
    prop::collection::vec(classes(), WORKERS.len()).prop_map(|all| {
        WORKERS
            .iter()
            .zip(all)
            .map(|(id, mut classes)| {
                for spec in classes.values_mut() {
                    // From itself is a rename, and no manifest says it so.
                    if spec
                        .transferred_from
                        .as_ref()
                        .is_some_and(|(worker, _)| worker == id)
                    {
                        spec.transferred_from = None;
                    }
                }
                let manifest = Manifest {
                    classes,
                    tagged: false,
                };
                ((*id).to_owned(), manifest)
            })
            .collect()
    })
}

/// Histories, with the uploads after which each deploy is interrupted before it is run again.
fn history() -> impl Strategy<Value = Vec<(Manifests, Vec<usize>)>> {
    let interruptions = prop::collection::vec(0_usize..5, 0..4);
    prop::collection::vec((manifests(), interruptions), 1..6)
}

/// What somebody does to a manifest: most of it makes sense.
#[derive(Debug, Clone)]
enum Edit {
    Create(usize, usize),
    Delete(usize, usize),
    Rename(usize, usize, usize),
    Move(usize, usize, usize),
    /// What was said of former names and places is taken out, as one does some day.
    Forget(usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    let worker = || 0..WORKERS.len();
    let class = || 0..CLASSES.len();
    prop_oneof![
        (worker(), class()).prop_map(|(w, c)| Edit::Create(w, c)),
        (worker(), class()).prop_map(|(w, c)| Edit::Delete(w, c)),
        (worker(), class(), class()).prop_map(|(w, c, d)| Edit::Rename(w, c, d)),
        (worker(), worker(), class()).prop_map(|(w, v, c)| Edit::Move(w, v, c)),
        worker().prop_map(Edit::Forget),
    ]
}

fn apply(manifests: &mut Manifests, edit: &Edit) {
    let mut classes = |worker: usize| {
        let manifest = manifests.entry(WORKERS[worker].to_owned()).or_default();
        std::mem::take(&mut manifest.classes)
    };
    let (worker, changed) = match edit {
        Edit::Create(worker, class) => {
            let mut all = classes(*worker);
            all.entry(CLASSES[*class].to_owned()).or_default();
            (worker, all)
        }
        Edit::Delete(worker, class) => {
            let mut all = classes(*worker);
            all.remove(CLASSES[*class]);
            (worker, all)
        }
        Edit::Rename(worker, from, to) => {
            let mut all = classes(*worker);
            if !all.contains_key(CLASSES[*to]) && all.remove(CLASSES[*from]).is_some() {
                let spec = ClassSpec {
                    renamed_from: Some(CLASSES[*from].to_owned()),
                    transferred_from: None,
                };
                all.insert(CLASSES[*to].to_owned(), spec);
            }
            (worker, all)
        }
        Edit::Move(from, to, class) => {
            if from == to {
                return;
            }
            let class = CLASSES[*class];
            let mut theirs = classes(*from);
            let mut all = classes(*to);
            if !all.contains_key(class) && theirs.remove(class).is_some() {
                let spec = ClassSpec {
                    renamed_from: None,
                    transferred_from: Some((WORKERS[*from].to_owned(), class.to_owned())),
                };
                all.insert(class.to_owned(), spec);
            }
            manifests
                .entry(WORKERS[*from].to_owned())
                .or_default()
                .classes = theirs;
            (to, all)
        }
        Edit::Forget(worker) => {
            let mut all = classes(*worker);
            for spec in all.values_mut() {
                *spec = ClassSpec::default();
            }
            (worker, all)
        }
    };
    manifests
        .entry(WORKERS[*worker].to_owned())
        .or_default()
        .classes = changed;
}

/// Manifests of which each is the one before with a few edits.
fn edited() -> impl Strategy<Value = Vec<(Manifests, Vec<usize>)>> {
    let edits = prop::collection::vec(edit(), 1..4);
    let interruptions = prop::collection::vec(0_usize..6, 0..4);
    let steps = prop::collection::vec((edits, interruptions), 1..8);
    (manifests(), steps).prop_map(|(mut manifests, steps)| {
        for manifest in manifests.values_mut() {
            for spec in manifest.classes.values_mut() {
                *spec = ClassSpec::default();
            }
        }
        let mut history = vec![(manifests.clone(), Vec::new())];
        for (edits, interruptions) in steps {
            for edit in &edits {
                apply(&mut manifests, edit);
            }
            history.push((manifests.clone(), interruptions));
        }
        history
    })
}

fn run(history: &[(Manifests, Vec<usize>)], tagged: &[bool]) {
    let mut stage = Stage::default();
    for (manifests, interruptions) in history {
        let manifests: Manifests = manifests
            .iter()
            .zip(tagged)
            .map(|((id, manifest), tagged)| {
                let manifest = Manifest {
                    tagged: *tagged,
                    ..manifest.clone()
                };
                (id.clone(), manifest)
            })
            .collect();
        let before = stage.all_objects();
        let mut agreed: BTreeSet<(String, String)> = BTreeSet::new();
        let mut is_refused = false;
        let stops = interruptions.iter().copied().chain([usize::MAX]);
        for most in stops {
            let Ok(outcome) = stage.deploy(&manifests, most) else {
                is_refused = true;
                break;
            };
            agreed.extend(outcome.deleted);
            if outcome.finished {
                break;
            }
        }
        // What is refused at first changes nothing, and what is begun is never refused later on.
        let after = stage.all_objects();
        if is_refused {
            assert_eq!(before, after, "refused half way: {manifests:#?}");
            continue;
        }
        for (objects, place) in &before {
            assert!(
                after.contains_key(objects) || agreed.contains(place),
                "the objects of {place:?} vanished without consent: {manifests:#?}"
            );
        }
        for (id, manifest) in &manifests {
            let have: BTreeSet<String> = stage.live(id).classes.into_keys().collect();
            let want: BTreeSet<String> = manifest.classes.keys().cloned().collect();
            assert_eq!(have, want, "{id}");
            assert!(stage.live(id).expecting.is_empty(), "{id} still expects");
        }
        // Once more is nothing more.
        let again = stage.plan(&manifests).unwrap();
        assert_eq!(again.transfers, []);
        for (id, plan) in again.workers {
            assert_eq!(plan.changes, ClassChanges::default(), "{id}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn declared_classes_reach_the_goal_from_every_interruption(history in history()) {
        run(&history, &[false, false, false]);
    }

    #[test]
    fn tagged_classes_reach_the_goal_from_every_interruption(history in history()) {
        run(&history, &[true, true, true]);
    }

    #[test]
    fn declared_classes_follow_every_edit(history in edited()) {
        run(&history, &[false, false, false]);
    }

    #[test]
    fn tagged_classes_follow_every_edit(history in edited()) {
        run(&history, &[true, true, true]);
    }

    #[test]
    fn workers_of_both_kinds_live_side_by_side(history in history(), tagged: [bool; 3]) {
        run(&history, &tagged);
    }
}
