//! Workers. A worker is uploaded whole, with everything that belongs to a version of it in one
//! call: code, bindings, secrets at hand, Durable Object classes, assets. Crons, routes, domains,
//! queues and its workers.dev address are attached to it afterwards, and detached before it goes.
//!
//! Reading (`read`) gathers what Cloudflare tells in its own words (`facts`); `actual` and
//! `properties` put both sides into the same terms, `classes` works out what becomes of Durable
//! Object classes, and `make` and `delete` carry it out.

mod actual;
mod assets;
mod attachments;
mod bindings;
mod classes;
mod defaults;
mod delete;
mod draft;
mod error;
mod facts;
mod make;
mod metadata;
mod properties;
mod read;
mod references;
mod report;
mod secrets;
mod sides;
mod upload;

use std::collections::BTreeSet;

use super::{Draft, Found, Item, Leaving, Lists, Made, Resource, Sought, Work};
use crate::error::{EngineError, PlanError};
use crate::ownership::Tags;
use crate::plan::Loss;
use crate::{Address, Kind, Owner, Spec, Want, WorkerSpec};

pub use classes::ClassError;
pub(crate) use draft::references;
pub use error::WorkerError;
pub use facts::Reading;
pub use metadata::upload_metadata;
pub(crate) use references::References;

pub(crate) struct Worker;

impl Resource for Worker {
    async fn read(&self, lists: &Lists<'_>, sought: &Sought<'_>) -> Result<Found, EngineError> {
        let targets: Vec<read::Target<'_>> = sought
            .targets
            .iter()
            .map(|target| read::Target {
                name: target.name,
                want: target.want.and_then(spec),
                record: target.record,
            })
            .collect();
        let stage = sought.stage.as_str();
        let strays = |script: &tiny_cloudflare::ScriptInfo| {
            let tags = Tags::read(&script.tags);
            sought.strays && tags.id.is_some() && tags.owner(sought.stack, stage) == Owner::Ours
        };
        let readings = read::read(lists, &targets, strays).await?;
        let references = draft::references(sought.goal, sought.recorded);
        let mut found = Found::default();
        for (place, reading) in readings.into_iter().enumerate() {
            let target = sought.targets.get(place);
            let address = match (target, &reading.facts) {
                (Some(target), _) => target.address.clone(),
                (None, Some(facts)) => match Tags::read(&facts.tags).id {
                    Some(id) => Address::new(Kind::Worker, id),
                    None => continue,
                },
                (None, None) => continue,
            };
            let context = actual::Context {
                stack: sought.stack,
                stage,
                references: &references,
                record: target.and_then(|target| target.record),
            };
            if let Some(live) = actual::live(&reading, &context) {
                if live.owner == Owner::Ours {
                    found.bound.extend(bound(&reading));
                }
                found.resources.insert(address.clone(), live);
            }
            found.workers.insert(address, reading);
        }
        Ok(found)
    }

    fn draft(&self, item: &Item<'_>) -> Result<Draft, PlanError> {
        match spec(item.want) {
            Some(spec) => draft::draft(item, spec),
            None => Ok(Draft::default()),
        }
    }

    fn losses(&self, item: &Leaving<'_>) -> Vec<Loss> {
        draft::losses(item)
    }

    async fn create(&self, work: &Work<'_>, want: &Want) -> Result<Made, EngineError> {
        self.update(work, want).await
    }

    async fn update(&self, work: &Work<'_>, want: &Want) -> Result<Made, EngineError> {
        match spec(want) {
            Some(spec) => make::make(work, spec).await,
            None => Ok(Made::default()),
        }
    }

    async fn delete(&self, work: &Work<'_>) -> Result<(), EngineError> {
        delete::delete(work).await
    }
}

/// What a worker binds, consumes, and gives up on, as Cloudflare calls it.
fn bound(reading: &Reading) -> BTreeSet<(Kind, String)> {
    let bindings = reading.facts.iter().flat_map(|facts| &facts.bindings);
    let data = bindings.filter_map(bindings::data_behind);
    let consumers = reading.around.consumers_of(&reading.name);
    let queues = consumers.flat_map(|attached| {
        let queue = Some(attached.queue.queue_name.as_str());
        let names = queue.into_iter().chain(attached.dead_letter_queue);
        names.map(|name| (Kind::Queue, name))
    });
    data.chain(queues)
        .map(|(kind, name)| (kind, name.to_owned()))
        .collect()
}

fn spec(want: &Want) -> Option<&WorkerSpec> {
    match &want.spec {
        Spec::Worker(spec) => Some(spec),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
