//! Queues. Who takes messages from one is the business of the workers that do.

use tiny_cloudflare::Queue as LiveQueue;

use super::named::{self, Named};
use super::{Draft, Found, Item, Leaving, Lists, Made, Resource, Sought, Work};
use crate::Want;
use crate::error::{EngineError, PlanError};
use crate::plan::Loss;

pub(crate) struct Queue;

impl Resource for Queue {
    /// The list is shared with the workers, whose consumers stand in it.
    async fn read(&self, lists: &Lists<'_>, sought: &Sought<'_>) -> Result<Found, EngineError> {
        let there = lists.queues().await?;
        Ok(named::found(sought, there, |queue: &LiveQueue| Named {
            id: &queue.queue_id,
            name: &queue.queue_name,
        }))
    }

    fn draft(&self, _: &Item<'_>) -> Result<Draft, PlanError> {
        Ok(Draft::default())
    }

    fn losses(&self, item: &Leaving<'_>) -> Vec<Loss> {
        Loss::of(item.address, item.name).into_iter().collect()
    }

    async fn create(&self, work: &Work<'_>, _: &Want) -> Result<Made, EngineError> {
        let name = &work.step.name;
        let make = async || work.cloud.create_queue(name).await;
        let look = async || work.cloud.queue_named(name).await;
        let queue = named::settle(work, make, look).await?;
        Ok(named::made(&queue.queue_id))
    }

    async fn update(&self, work: &Work<'_>, _: &Want) -> Result<Made, EngineError> {
        named::taken_up(work)
    }

    async fn delete(&self, work: &Work<'_>) -> Result<(), EngineError> {
        let Some(id) = named::id(work) else {
            return Ok(());
        };
        work.cloud.delete_queue(&id).await?;
        Ok(())
    }
}
