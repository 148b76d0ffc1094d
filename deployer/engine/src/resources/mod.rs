//! The kinds of resources: one file each, and one trait that they have in common. A kind knows how
//! it is read, what it shall be like, and which calls make it so; order, ownership, records and
//! failures are nobody's business here.

mod d1;
mod find;
mod jurisdiction;
mod kv;
mod lists;
mod named;
mod queue;
mod r2;
mod work;
mod worker;

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use tiny_manifest::StageName;

use crate::error::{EngineError, PlanError};
use crate::plan::{Action, Loss};
use crate::{Actual, Address, Goal, Kind, Live, Properties, Record, State, Want};

pub(crate) use find::find;
pub(crate) use lists::Lists;
pub(crate) use work::Work;
use worker::References;
pub use worker::{ClassError, Reading as WorkerReading, WorkerError, upload_metadata};

/// A kind of resource.
pub(crate) trait Resource {
    /// Reads those of `at` that are there, with as few requests as possible, at once where they do
    /// not depend on each other. What cannot be told from a list is read one by one.
    async fn read(&self, lists: &Lists<'_>, sought: &Sought<'_>) -> Result<Found, EngineError>;

    /// What a wanted resource shall be like, seen beside what is recorded and what is there. Pure.
    fn draft(&self, item: &Item<'_>) -> Result<Draft, PlanError>;

    /// The data that goes when the resource is deleted. Pure.
    fn losses(&self, item: &Leaving<'_>) -> Vec<Loss>;

    /// Makes it. Its record says `creating` already. When the outcome of a call is unclear, the
    /// kind looks for itself what came of it.
    async fn create(&self, work: &Work<'_>, want: &Want) -> Result<Made, EngineError>;

    /// Changes what is there as the step says, or completes what an interruption left.
    async fn update(&self, work: &Work<'_>, want: &Want) -> Result<Made, EngineError>;

    /// Deletes it. That it is not there (any more) is no error.
    async fn delete(&self, work: &Work<'_>) -> Result<(), EngineError>;
}

/// What is asked of an account, of one kind.
pub(crate) struct Sought<'a> {
    pub(crate) stack: &'a str,
    pub(crate) stage: &'a StageName,
    /// What a worker binds is told by Cloudflare's names and ids; these say which of ours they are.
    pub(crate) goal: Goal<'a>,
    pub(crate) recorded: &'a State,
    pub(crate) targets: Vec<Target<'a>>,
    /// Also what carries the tags of this stack and stage and is no target: found under the id of
    /// its tag. A lost state is rebuilt from it, and nothing of a destroyed stage is forgotten.
    pub(crate) strays: bool,
}

/// One resource that is wanted, recorded, or both.
pub(crate) struct Target<'a> {
    pub(crate) address: &'a Address,
    /// The physical name: as recorded, else by the rules.
    pub(crate) name: &'a str,
    pub(crate) want: Option<&'a Want>,
    pub(crate) record: Option<&'a Record>,
}

/// What was found of one kind. What is not in it is not there.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) resources: BTreeMap<Address, Live>,
    /// What workers that carry our tags bind, as Cloudflare names it: ids of KV namespaces and D1
    /// databases, names of buckets and queues. It proves whose those are when no record tells.
    pub(crate) bound: BTreeSet<(Kind, String)>,
    /// What steps of workers need beside that.
    pub(crate) workers: BTreeMap<Address, WorkerReading>,
}

/// One wanted resource, with all there is to know when it is planned.
pub(crate) struct Item<'a> {
    pub(crate) address: &'a Address,
    /// The physical name: as recorded, else by the rules.
    pub(crate) name: &'a str,
    pub(crate) want: &'a Want,
    pub(crate) record: Option<&'a Record>,
    /// None: it is not there.
    pub(crate) live: Option<&'a Live>,
    pub(crate) world: &'a World<'a>,
}

impl Item<'_> {
    /// A property at the top as it is: as Cloudflare tells, else as recorded.
    pub(crate) fn has(&self, property: &str) -> Option<&serde_json::Value> {
        let live = self.live?;
        live.properties
            .get(property)
            .or_else(|| self.record?.properties.get(property))
    }
}

/// One resource that is to be deleted.
pub(crate) struct Leaving<'a> {
    pub(crate) address: &'a Address,
    pub(crate) name: &'a str,
    pub(crate) record: Option<&'a Record>,
    pub(crate) live: Option<&'a Live>,
}

/// Everything that planning may look at.
pub(crate) struct World<'a> {
    pub(crate) goal: Goal<'a>,
    pub(crate) recorded: &'a State,
    pub(crate) actual: &'a Actual,
    /// Worked out when the first worker needs it, and then for all.
    references: OnceCell<References>,
}

impl<'a> World<'a> {
    pub(crate) fn new(goal: Goal<'a>, recorded: &'a State, actual: &'a Actual) -> Self {
        Self {
            goal,
            recorded,
            actual,
            references: OnceCell::new(),
        }
    }

    /// What the resources of the stage are called on Cloudflare, as far as that is known.
    pub(crate) fn references(&self) -> &References {
        let work_out = || worker::references(self.goal, self.recorded);
        self.references.get_or_init(work_out)
    }

    pub(crate) fn want(&self, address: &Address) -> Option<&'a Want> {
        self.goal.want(address)
    }

    pub(crate) fn record(&self, address: &Address) -> Option<&'a Record> {
        self.recorded.resources.get(address)
    }

    pub(crate) fn live(&self, address: &Address) -> Option<&'a Live> {
        self.actual.resources.get(address)
    }

    /// The physical name of a resource of this stage: as recorded (an imported one may be called
    /// anything), else as it was found, else by the rules.
    pub(crate) fn name_of(&self, address: &Address) -> Option<&'a str> {
        self.record(address)
            .map(|record| record.name.as_str())
            .or_else(|| self.live(address).map(|live| live.name.as_str()))
            .or_else(|| self.want(address).map(|want| want.name.as_str()))
    }
}

/// What a kind says of a resource that is wanted.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    /// As it shall be. A change of any of them is an update; so everything that goes up has to
    /// leave its mark here, code as its hash, secrets as a keyed hash. A worker's `classes` is an
    /// object by the names of the Durable Object classes it has: whether another worker can bind
    /// one already is read from it.
    pub(crate) properties: Properties,
    /// Of an update; nothing is lost by creating.
    pub(crate) losses: Vec<Loss>,
    pub(crate) notes: Vec<String>,
    /// Why its update is a migration: data gets another keeper.
    pub(crate) migrates: Option<String>,
    /// Why it is to be updated although no property differs.
    pub(crate) unfinished: Option<String>,
    /// A first pass that has to come before steps of others.
    pub(crate) groundwork: Option<Groundwork>,
    /// Wanted resources whose steps come first, whatever depends on what: those that still bind a
    /// class which goes.
    pub(crate) after: BTreeSet<Address>,
    /// As it shall be after its SQL migrations, which are a step of their own.
    pub(crate) migrated: Option<Properties>,
}

/// A first pass over a worker.
#[derive(Debug)]
pub(crate) struct Groundwork {
    /// Completes "because".
    pub(crate) reason: String,
    /// Wanted workers whose own steps come between this pass and the whole: they hand over what
    /// this pass expects.
    pub(crate) then: BTreeSet<Address>,
}

/// What came of a step.
#[derive(Debug, Default)]
pub(crate) struct Made {
    /// What Cloudflare calls it, and whatever else a later step needs.
    pub(crate) outputs: BTreeMap<String, String>,
    /// What is recorded in place of [`Step::properties`](crate::plan::Step), where the plan could
    /// not know it.
    pub(crate) properties: Option<Properties>,
    /// For people, beside the duration: `312 kB gzipped`.
    pub(crate) note: Option<String>,
}

/// Reads what is there of one kind.
pub(crate) async fn read(
    kind: Kind,
    lists: &Lists<'_>,
    sought: &Sought<'_>,
) -> Result<Found, EngineError> {
    match kind {
        Kind::Worker => worker::Worker.read(lists, sought).await,
        Kind::D1 => d1::D1.read(lists, sought).await,
        Kind::Kv => kv::Kv.read(lists, sought).await,
        Kind::R2 => r2::R2.read(lists, sought).await,
        Kind::Queue => queue::Queue.read(lists, sought).await,
    }
}

/// What a wanted resource shall be like.
pub(crate) fn draft(item: &Item<'_>) -> Result<Draft, PlanError> {
    match item.address.kind {
        Kind::Worker => worker::Worker.draft(item),
        Kind::D1 => d1::D1.draft(item),
        Kind::Kv => kv::Kv.draft(item),
        Kind::R2 => r2::R2.draft(item),
        Kind::Queue => queue::Queue.draft(item),
    }
}

/// The data that goes with a resource.
pub(crate) fn losses(item: &Leaving<'_>) -> Vec<Loss> {
    match item.address.kind {
        Kind::Worker => worker::Worker.losses(item),
        Kind::D1 => d1::D1.losses(item),
        Kind::Kv => kv::Kv.losses(item),
        Kind::R2 => r2::R2.losses(item),
        Kind::Queue => queue::Queue.losses(item),
    }
}

/// Makes a resource, or changes one that is there.
pub(crate) async fn make(work: &Work<'_>, want: &Want) -> Result<Made, EngineError> {
    async fn by(
        resource: &impl Resource,
        work: &Work<'_>,
        want: &Want,
    ) -> Result<Made, EngineError> {
        match work.step.action {
            Action::Create => resource.create(work, want).await,
            _ => resource.update(work, want).await,
        }
    }
    match work.step.address.kind {
        Kind::Worker => by(&worker::Worker, work, want).await,
        Kind::D1 => by(&d1::D1, work, want).await,
        Kind::Kv => by(&kv::Kv, work, want).await,
        Kind::R2 => by(&r2::R2, work, want).await,
        Kind::Queue => by(&queue::Queue, work, want).await,
    }
}

/// Deletes a resource.
pub(crate) async fn delete(work: &Work<'_>) -> Result<(), EngineError> {
    match work.step.address.kind {
        Kind::Worker => worker::Worker.delete(work).await,
        Kind::D1 => d1::D1.delete(work).await,
        Kind::Kv => kv::Kv.delete(work).await,
        Kind::R2 => r2::R2.delete(work).await,
        Kind::Queue => queue::Queue.delete(work).await,
    }
}
