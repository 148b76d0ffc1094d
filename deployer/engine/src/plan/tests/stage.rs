//! A stage without a network: what is wanted, recorded and there, and what a plan makes of it.

use std::collections::{BTreeMap, BTreeSet};

use tiny_cloudflare::{CodeUpdate, Module, ModuleKind};
use tiny_manifest::{Lifecycle, StageName};

use crate::apply::journal;
use crate::desired::{BindingSpec, Code, D1Spec, Spec, SqlMigration, WorkerSpec};
use crate::plan::{Action, Part, Plan, PlanOptions, plan};
use crate::resources::Made;
use crate::state::{Record, State, Status};
use crate::{
    Actual, Address, Desired, Goal, Kind, Live, Owner, PlanError, Properties, Scope, Want,
    lifecycle,
};

pub(super) const STACK: &str = "shop";

#[derive(Clone)]
pub(super) struct Stage {
    pub(super) desired: Desired,
    pub(super) state: State,
    pub(super) actual: Actual,
}

pub(super) fn stage_name() -> StageName {
    StageName::new("prod").unwrap()
}

pub(super) fn at(text: &str) -> Address {
    text.parse().unwrap()
}

impl Stage {
    /// Nothing is wanted, recorded or there.
    pub(super) fn empty() -> Self {
        Self {
            desired: Desired {
                stack: STACK.to_owned(),
                stage: stage_name(),
                protect: false,
                resources: BTreeMap::new(),
                external: Vec::new(),
                complaints: Vec::new(),
            },
            state: State::new(STACK, &stage_name(), Some("account")),
            actual: Actual::default(),
        }
    }

    pub(super) fn wanting(wants: &[(&str, Spec)]) -> Self {
        let mut stage = Self::empty();
        for (address, spec) in wants {
            stage.want(address, spec.clone());
        }
        stage
    }

    pub(super) fn want(&mut self, address: &str, spec: Spec) {
        let address = at(address);
        let depends_on = match &spec {
            Spec::Worker(worker) => worker.depends_on(&address.id),
            _ => BTreeSet::new(),
        };
        let want = Want {
            name: format!("{STACK}-prod-{}", address.id),
            spec,
            depends_on,
            lifecycle: Lifecycle::default(),
        };
        self.desired.resources.insert(address, want);
    }

    pub(super) fn drop(&mut self, address: &str) {
        self.desired.resources.remove(&at(address));
    }

    pub(super) fn worker(&mut self, id: &str) -> &mut WorkerSpec {
        match &mut self.desired.resources.get_mut(&at(id)).unwrap().spec {
            Spec::Worker(spec) => spec,
            _ => panic!("{id} is no worker"),
        }
    }

    pub(super) fn plan(&self) -> Result<Plan, PlanError> {
        self.plan_beside(Vec::new())
    }

    /// Where these other stages are recorded.
    pub(super) fn plan_beside(&self, others: Vec<State>) -> Result<Plan, PlanError> {
        let options = PlanOptions {
            others,
            ..PlanOptions::default()
        };
        let goal = Goal::Deploy(&self.desired);
        plan(goal, &self.state, &self.read(), &options)
    }

    /// The account as a refresh tells it: what has a new id is found under it.
    fn read(&self) -> Actual {
        let mut actual = self.actual.clone();
        let goal = Goal::Deploy(&self.desired);
        let mut state = self.state.clone();
        for moved in lifecycle::follow(&mut state, goal).into_iter().flatten() {
            if let Some(live) = actual.resources.remove(&moved.from) {
                actual.resources.insert(moved.to.clone(), live);
            }
            for live in actual.resources.values_mut() {
                let Address { kind, id } = &moved.from;
                lifecycle::rename_in(&mut live.properties, *kind, id, &moved.to.id);
            }
        }
        actual
    }

    pub(super) fn plan_to_destroy(&self) -> Result<Plan, PlanError> {
        plan(
            Goal::Destroy(&Scope::from(&self.desired)),
            &self.state,
            &self.read(),
            &PlanOptions::default(),
        )
    }

    /// What the record and the account are like once the plan is carried out up to (without) the
    /// step at `until`, in an order that the plan allows. `reverse` picks the last step that can
    /// begin instead of the first.
    pub(super) fn apply_until(&mut self, plan: &Plan, until: usize, reverse: bool) -> Vec<usize> {
        self.actual = self.read();
        lifecycle::follow(&mut self.state, Goal::Deploy(&self.desired)).unwrap();
        journal::settle(&mut self.state, plan, &self.actual, "account");
        let mut order: Vec<usize> = Vec::new();
        while order.len() < until.min(plan.steps.len()) {
            let can_begin = |place: &usize| {
                !order.contains(place)
                    && plan.steps[*place]
                        .after
                        .iter()
                        .all(|before| order.contains(before))
            };
            let places = 0..plan.steps.len();
            let next = if reverse {
                places.rev().find(can_begin)
            } else {
                places.into_iter().find(can_begin)
            };
            let next = next.expect("some step can begin");
            order.push(next);
            self.carry_out(plan, next);
        }
        order
    }

    pub(super) fn apply(&mut self, plan: &Plan) -> Vec<usize> {
        self.apply_until(plan, plan.steps.len(), false)
    }

    fn carry_out(&mut self, plan: &Plan, place: usize) {
        let step = &plan.steps[place];
        if step.action == Action::None {
            return;
        }
        self.begin(plan, place);
        let outputs = BTreeMap::from([("id".to_owned(), format!("id-of-{}", step.name))]);
        if step.action == Action::Delete {
            self.actual.resources.remove(&step.address);
        } else if step.part == Part::Groundwork && self.actual.resources.contains_key(&step.address)
        {
            // It is there, and not yet as it is wanted.
        } else {
            let properties = match step.part {
                Part::Groundwork => Properties::new(),
                _ => step.properties.clone(),
            };
            let live = Live {
                name: step.name.clone(),
                owner: Owner::Ours,
                outputs: outputs.clone(),
                properties,
            };
            self.actual.resources.insert(step.address.clone(), live);
        }
        let made = Made {
            outputs,
            ..Made::default()
        };
        journal::done(&mut self.state, step, made);
    }

    /// The intent is written, and then something happens to us.
    pub(super) fn begin(&mut self, plan: &Plan, place: usize) {
        let step = &plan.steps[place];
        let live = self.actual.resources.get(&step.address);
        journal::begin(&mut self.state, step, live);
    }

    pub(super) fn found(&mut self, address: &str, owner: Owner) {
        let address = at(address);
        let name = format!("{STACK}-prod-{}", address.id);
        let live = Live {
            outputs: BTreeMap::from([("id".to_owned(), format!("id-of-{name}"))]),
            name,
            owner,
            properties: Properties::new(),
        };
        self.actual.resources.insert(address, live);
    }

    pub(super) fn recorded(&mut self, address: &str) -> &mut Record {
        self.state.resources.get_mut(&at(address)).unwrap()
    }

    /// Everything that is recorded is there and complete, and nothing else is recorded.
    pub(super) fn is_settled(&self) -> bool {
        self.state.resources.len() == self.actual.resources.len()
            && self.state.resources.iter().all(|(address, record)| {
                record.status == Status::Ready
                    && !record.input_hash.is_empty()
                    && self.actual.resources.contains_key(address)
            })
    }
}

pub(super) fn d1(files: &[&str]) -> Spec {
    let migrations = files
        .iter()
        .map(|name| SqlMigration {
            name: (*name).to_owned(),
            sql: "SELECT 1".to_owned(),
        })
        .collect();
    Spec::D1(D1Spec {
        migrations,
        ..D1Spec::default()
    })
}

/// A worker that binds these, each under its own id.
pub(super) fn worker(code: &str, binds: &[&str]) -> Spec {
    let bindings = binds.iter().map(|address| {
        let Address { kind, id } = at(address);
        let name = id.to_ascii_uppercase().replace('-', "_");
        let binding = match kind {
            Kind::Worker => BindingSpec::Service {
                worker: id,
                entrypoint: None,
                props: None,
            },
            Kind::D1 => BindingSpec::D1 { id },
            Kind::Kv => BindingSpec::Kv { id },
            Kind::R2 => BindingSpec::R2 {
                id,
                jurisdiction: None,
            },
            Kind::Queue => BindingSpec::Queue {
                id,
                delivery_delay: None,
            },
        };
        (name, binding)
    });
    Spec::Worker(Box::new(WorkerSpec {
        code: Code {
            main: "index.js".to_owned(),
            modules: vec![Module {
                name: "index.js".to_owned(),
                kind: ModuleKind::EsModule,
                content: bytes::Bytes::copy_from_slice(code.as_bytes()),
            }],
            hash: format!("hash of {code}"),
        },
        compatibility_date: "2026-11-01".to_owned(),
        compatibility_flags: Vec::new(),
        vars: BTreeMap::new(),
        secrets: BTreeMap::new(),
        bindings: bindings.collect(),
        classes: BTreeMap::new(),
        tagged_migrations: false,
        code_update: CodeUpdate::Immediate,
        assets: None,
        url: false,
        crons: Vec::new(),
        routes: BTreeMap::new(),
        domains: BTreeSet::new(),
        consumers: BTreeMap::new(),
        observability: None,
        limits: None,
        placement: None,
        logpush: false,
        tail_consumers: Vec::new(),
    }))
}

/// The plan as people read it, one line a step.
pub(super) fn told(plan: &Plan) -> String {
    let mut lines = Vec::new();
    for (place, step) in plan.steps.iter().enumerate() {
        let part = match step.part {
            Part::Groundwork => " first pass",
            Part::Whole => "",
            Part::Migrations => " migrations",
        };
        let after: Vec<String> = step.after.iter().map(ToString::to_string).collect();
        let after = if after.is_empty() {
            String::new()
        } else {
            format!(" (after {})", after.join(" "))
        };
        let reason = if step.reason.is_empty() {
            String::new()
        } else {
            format!(": {}", step.reason)
        };
        lines.push(format!(
            "{place} {} {}{part}{after}{reason}",
            step.action, step.address
        ));
        for loss in &step.losses {
            lines.push(format!("    loses {loss}"));
        }
        for change in &step.changes {
            let show = |value: &Option<serde_json::Value>| {
                value.as_ref().map_or("-".to_owned(), ToString::to_string)
            };
            lines.push(format!(
                "    {}: {} -> {}",
                change.path,
                show(&change.before),
                show(&change.after)
            ));
        }
    }
    for drift in &plan.drift {
        let what = if drift.gone { "gone" } else { "changed" };
        lines.push(format!("drift: {} {what}", drift.address));
    }
    for note in &plan.notes {
        lines.push(format!("note: {}: {}", note.address, note.text));
    }
    lines.join("\n")
}
