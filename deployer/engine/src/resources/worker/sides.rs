//! The classes of a worker seen beside those of the workers that it trades classes with.

use std::collections::BTreeMap;

use miette::Diagnostic;

use super::classes::{self, ClassError, ClassPlan, LiveClasses, Side, Transfer, WantedClasses};
use super::facts::Reading;
use super::properties::DECLARED;
use crate::error::PlanError;
use crate::{Actual, Address, Goal, Kind, Live, Record, Spec, State, WorkerSpec};

/// What is planned for the classes of one worker.
#[derive(Debug)]
pub(super) struct Outlook {
    pub(super) plan: ClassPlan,
    /// Those that this worker takes part in.
    pub(super) transfers: Vec<Transfer>,
    /// Its classes as they are.
    pub(super) live: LiveClasses,
}

/// The stage, as far as it matters for classes.
#[derive(Clone, Copy)]
pub(super) struct Stage<'a> {
    pub(super) goal: Goal<'a>,
    pub(super) recorded: &'a State,
    pub(super) actual: &'a Actual,
    /// A look at a worker that is newer than what is in `actual`.
    pub(super) fresh: Option<(&'a Address, &'a Reading)>,
}

impl<'a> Stage<'a> {
    fn spec(&self, address: &Address) -> Option<&'a WorkerSpec> {
        match &self.goal.want(address)?.spec {
            Spec::Worker(spec) => Some(spec),
            _ => None,
        }
    }

    fn record(&self, address: &Address) -> Option<&'a Record> {
        self.recorded.resources.get(address)
    }

    fn live(&self, address: &Address) -> Option<&'a Live> {
        self.actual.resources.get(address)
    }

    /// The physical name: as recorded, else by the rules.
    fn script(&self, address: &Address) -> Option<&'a str> {
        self.record(address)
            .map(|record| record.name.as_str())
            .or_else(|| self.live(address).map(|live| live.name.as_str()))
            .or_else(|| self.goal.want(address).map(|want| want.name.as_str()))
    }

    /// As Cloudflare tells; for a worker that was not read, as recorded.
    fn classes(&self, address: &Address) -> LiveClasses {
        let fresh = self.fresh.filter(|(of, _)| *of == address);
        let reading = fresh.map(|(_, reading)| reading);
        if let Some(reading) = reading.or_else(|| self.actual.workers.get(address)) {
            let facts = reading.facts.as_ref();
            return facts.map_or_else(LiveClasses::default, |facts| facts.classes.clone());
        }
        match (self.live(address), self.record(address)) {
            (Some(_), Some(record)) => LiveClasses::recorded(&record.properties),
            _ => LiveClasses::default(),
        }
    }

    fn was_declared(&self, address: &Address) -> bool {
        let record = self.record(address);
        let recorded = record.and_then(|record| record.properties.get("migrations"));
        recorded.is_some_and(|how| how == DECLARED)
    }

    /// The worker itself, those that it takes classes over from, those that take classes over from
    /// it, and those that take them from the same ones.
    fn partners(&self, address: &Address) -> Vec<Address> {
        let takes = |spec: &WorkerSpec| -> Vec<Address> {
            let origins = spec.classes.values();
            let sources = origins.filter_map(|origin| origin.transferred_from.as_ref());
            sources
                .map(|(worker, _)| Address::new(Kind::Worker, worker.as_str()))
                .collect()
        };
        let own = self.spec(address).map(takes).unwrap_or_default();
        let mut partners = vec![address.clone()];
        for (other, want) in self.goal.wants() {
            let Spec::Worker(spec) = &want.spec else {
                continue;
            };
            let sources = takes(spec);
            if sources.contains(address) || sources.iter().any(|source| own.contains(source)) {
                partners.push(other.clone());
                partners.extend(sources);
            }
        }
        partners.extend(own);
        partners.sort();
        partners.dedup();
        partners
    }

    /// What becomes of the classes of a wanted worker.
    pub(super) fn outlook(&self, address: &Address) -> Result<Outlook, ClassError> {
        let partners = self.partners(address);
        let classes: BTreeMap<&Address, LiveClasses> = partners
            .iter()
            .map(|partner| (partner, self.classes(partner)))
            .collect();
        let sides: Vec<Side<'_>> = classes
            .iter()
            .filter_map(|(partner, live)| {
                Some(Side {
                    id: &partner.id,
                    script: self.script(partner)?,
                    want: self.spec(partner).map(|spec| WantedClasses {
                        classes: &spec.classes,
                        tagged_migrations: spec.tagged_migrations,
                        was_declared: self.was_declared(partner),
                    }),
                    live,
                })
            })
            .collect();
        let mut plans = classes::plan(&sides)?;
        let is_ours =
            |transfer: &Transfer| transfer.source == address.id || transfer.target == address.id;
        plans.transfers.retain(is_ours);
        Ok(Outlook {
            plan: plans.workers.remove(&address.id).unwrap_or_default(),
            transfers: plans.transfers,
            live: classes.get(address).cloned().unwrap_or_default(),
        })
    }
}

/// As planning refuses it.
pub(super) fn impossible(address: &Address, error: &impl Diagnostic) -> PlanError {
    PlanError::Impossible {
        address: address.clone(),
        why: error.to_string(),
        help: error
            .help()
            .map_or_else(String::new, |help| help.to_string()),
    }
}
