//! A stage of workers that is deployed to a rehearsed account, upload by upload.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tiny_cloud::Rehearsal;
use tiny_cloudflare::{DurableObjectNamespace, ScriptInfo};

use super::super::{
    ClassError, ClassPlans, LiveClasses, Phase, Side, WantedClasses, plan as plan_classes,
};
use crate::ClassSpec;

/// What a manifest says of a worker's classes.
#[derive(Debug, Clone, Default)]
pub(super) struct Manifest {
    pub(super) classes: BTreeMap<String, ClassSpec>,
    pub(super) tagged: bool,
}

/// By the worker's id.
pub(super) type Manifests = BTreeMap<String, Manifest>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Pass {
    Groundwork,
    Whole,
}

/// What was there before a deploy, and what it was agreed to lose.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) uploads: usize,
    pub(super) deleted: BTreeSet<(String, String)>,
    pub(super) finished: bool,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Stage {
    pub(super) account: Rehearsal,
    /// Workers whose classes were declared by a deploy that came to its end.
    declared: BTreeSet<String>,
}

/// Its physical name.
pub(super) fn script(id: &str) -> String {
    format!("shop-prod-{id}")
}

impl Stage {
    pub(super) fn live(&self, id: &str) -> LiveClasses {
        let Some(script) = self.account.script(&script(id)) else {
            return LiveClasses::default();
        };
        let script: ScriptInfo = serde_json::from_value(script).unwrap();
        let namespaces = self.account.namespaces().into_iter();
        let namespaces: Vec<DurableObjectNamespace> = namespaces
            .map(|namespace| serde_json::from_value(namespace).unwrap())
            .collect();
        // As the reading does it: asked only where it is needed.
        let asked = LiveClasses::need_namespaces(&script).then_some(namespaces.as_slice());
        let live = LiveClasses::of(&script, asked);
        let all = LiveClasses::of(&script, Some(&namespaces));
        assert_eq!(live, all, "the script alone tells otherwise");
        live
    }

    /// The id of a class's objects.
    pub(super) fn objects(&self, id: &str, class: &str) -> Option<String> {
        let namespaces = self.account.namespaces();
        let found = namespaces
            .iter()
            .find(|namespace| namespace["script"] == script(id) && namespace["class"] == class)?;
        found["id"].as_str().map(str::to_owned)
    }

    /// Ids of all objects, with worker and class.
    pub(super) fn all_objects(&self) -> BTreeMap<String, (String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        self.account
            .namespaces()
            .iter()
            .map(|namespace| {
                let worker = text(&namespace["script"]).replace("shop-prod-", "");
                (text(&namespace["id"]), (worker, text(&namespace["class"])))
            })
            .collect()
    }

    pub(super) fn plan(&self, manifests: &Manifests) -> Result<ClassPlans, ClassError> {
        let workers: Vec<(&String, String, &Manifest, LiveClasses)> = manifests
            .iter()
            .map(|(id, manifest)| (id, script(id), manifest, self.live(id)))
            .collect();
        let sides: Vec<Side<'_>> = workers
            .iter()
            .map(|(id, script, manifest, live)| Side {
                id,
                script,
                want: Some(WantedClasses {
                    classes: &manifest.classes,
                    tagged_migrations: manifest.tagged,
                    was_declared: self.declared.contains(*id),
                }),
                live,
            })
            .collect();
        plan_classes(&sides)
    }

    /// Deploys everything, or as far as `most` uploads go. An upload that is refused is a fault of
    /// the plan.
    pub(super) fn deploy(
        &mut self,
        manifests: &Manifests,
        most: usize,
    ) -> Result<Outcome, ClassError> {
        let plans = self.plan(manifests)?;
        let mut outcome = Outcome::default();
        for (id, plan) in &plans.workers {
            let deleted = plan.changes.deleted.iter();
            outcome
                .deleted
                .extend(deleted.map(|class| (id.clone(), class.clone())));
        }
        for (id, pass) in order(&plans) {
            if outcome.uploads == most {
                return Ok(outcome);
            }
            let plan = &plans.workers[id];
            let classes = match pass {
                Pass::Whole if plan.announces => &plan.settled,
                Pass::Groundwork | Pass::Whole => &plan.first,
            };
            let metadata = classes
                .as_ref()
                .map_or_else(|| json!({}), |classes| json!(classes));
            let code: Vec<&str> = manifests[id].classes.keys().map(String::as_str).collect();
            let uploaded = self.account.upload(&script(id), &metadata, &code);
            if let Err(refusal) = uploaded {
                panic!("{pass:?} of {id} is refused: {refusal}\n{metadata:#}\n{plans:#?}");
            }
            outcome.uploads += 1;
        }
        for (id, manifest) in manifests {
            if !manifest.tagged {
                self.declared.insert(id.clone());
            }
        }
        outcome.finished = true;
        Ok(outcome)
    }
}

/// Passes in the order that the transfers ask for.
fn order(plans: &ClassPlans) -> Vec<(&String, Pass)> {
    let mut left: BTreeSet<(&String, Pass)> = BTreeSet::new();
    for (id, plan) in &plans.workers {
        left.insert((id, Pass::Whole));
        if plan.announces {
            left.insert((id, Pass::Groundwork));
        }
    }
    let mut before = Vec::new();
    for id in plans.workers.keys() {
        before.push(((id, Pass::Groundwork), (id, Pass::Whole)));
    }
    for transfer in &plans.transfers {
        let (source, target) = (&transfer.source, &transfer.target);
        match transfer.phase {
            Phase::Announce => {
                before.push(((target, Pass::Groundwork), (source, Pass::Whole)));
                before.push(((source, Pass::Whole), (target, Pass::Whole)));
            }
            Phase::HandOver => before.push(((source, Pass::Whole), (target, Pass::Whole))),
            Phase::Migrate => before.push(((target, Pass::Whole), (source, Pass::Whole))),
            Phase::Settle => {}
        }
    }
    let mut ordered = Vec::new();
    while !left.is_empty() {
        let next = left
            .iter()
            .copied()
            .find(|pass| {
                !before
                    .iter()
                    .any(|(first, then)| then == pass && left.contains(first))
            })
            .expect("passes wait for each other");
        left.remove(&next);
        ordered.push(next);
    }
    ordered
}
