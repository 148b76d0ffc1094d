//! KV namespaces. The title is the physical name; the id comes from Cloudflare.

use super::named::{self, Named};
use super::{Draft, Found, Item, Leaving, Lists, Made, Resource, Sought, Work};
use crate::Want;
use crate::error::{EngineError, PlanError};
use crate::plan::Loss;

pub(crate) struct Kv;

impl Resource for Kv {
    /// One list tells all, by id and by title.
    async fn read(&self, lists: &Lists<'_>, sought: &Sought<'_>) -> Result<Found, EngineError> {
        let there = lists.kv_namespaces().await?;
        Ok(named::found(sought, there, |namespace| Named {
            id: &namespace.id,
            name: &namespace.title,
        }))
    }

    fn draft(&self, _: &Item<'_>) -> Result<Draft, PlanError> {
        Ok(Draft::default())
    }

    fn losses(&self, item: &Leaving<'_>) -> Vec<Loss> {
        Loss::of(item.address, item.name).into_iter().collect()
    }

    async fn create(&self, work: &Work<'_>, _: &Want) -> Result<Made, EngineError> {
        let title = &work.step.name;
        let make = async || work.cloud.create_kv_namespace(title).await;
        let look = async || {
            let all = work.cloud.kv_namespaces().await?;
            Ok(all.into_iter().find(|namespace| namespace.title == *title))
        };
        let namespace = named::settle(work, make, look).await?;
        Ok(named::made(&namespace.id))
    }

    async fn update(&self, work: &Work<'_>, _: &Want) -> Result<Made, EngineError> {
        named::taken_up(work)
    }

    async fn delete(&self, work: &Work<'_>) -> Result<(), EngineError> {
        if let Some(id) = named::id(work) {
            work.cloud.delete_kv_namespace(&id).await?;
        }
        Ok(())
    }
}
