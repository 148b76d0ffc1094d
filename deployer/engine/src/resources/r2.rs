//! R2 buckets: a name, and nothing else.

use super::named::{self, Named};
use super::{Draft, Found, Item, Leaving, Lists, Made, Resource, Sought, Work};
use crate::Want;
use crate::error::{EngineError, PlanError};
use crate::plan::Loss;
use tiny_cloudflare::{CloudflareError, NewR2Bucket, R2Bucket};

/// Cloudflare's number for a bucket that still holds objects; the status says the same.
const NOT_EMPTY: u32 = 10008;
const CONFLICT: u16 = 409;

pub(crate) struct R2;

fn named(bucket: &R2Bucket) -> Named<'_> {
    Named {
        id: &bucket.name,
        name: &bucket.name,
    }
}

impl Resource for R2 {
    /// A single bucket is asked for by name, several are looked up in one list.
    async fn read(&self, lists: &Lists<'_>, sought: &Sought<'_>) -> Result<Found, EngineError> {
        if let [target] = &sought.targets[..] {
            let bucket = lists.cloud.r2_bucket(target.name, None).await?;
            return Ok(named::found(sought, bucket.as_slice(), named));
        }
        let there = lists.r2_buckets().await?;
        Ok(named::found(sought, there, named))
    }

    fn draft(&self, _: &Item<'_>) -> Result<Draft, PlanError> {
        Ok(Draft::default())
    }

    fn losses(&self, item: &Leaving<'_>) -> Vec<Loss> {
        Loss::of(item.address, item.name).into_iter().collect()
    }

    async fn create(&self, work: &Work<'_>, _: &Want) -> Result<Made, EngineError> {
        let bucket = NewR2Bucket {
            name: work.step.name.clone(),
            ..NewR2Bucket::default()
        };
        let make = async || work.cloud.create_r2_bucket(&bucket, None).await;
        let look = async || work.cloud.r2_bucket(&bucket.name, None).await;
        let bucket = named::settle(work, make, look).await?;
        Ok(named::made(&bucket.name))
    }

    async fn update(&self, work: &Work<'_>, _: &Want) -> Result<Made, EngineError> {
        named::taken_up(work)
    }

    /// With all objects in it: whoever agreed to the plan was told so.
    async fn delete(&self, work: &Work<'_>) -> Result<(), EngineError> {
        let Some(name) = named::id(work) else {
            return Ok(());
        };
        let mut deleted = 0;
        let mut before = Vec::new();
        loop {
            match work.cloud.delete_r2_bucket(&name, None).await {
                Ok(_) => return Ok(()),
                Err(error) if is_not_empty(&error) => {}
                Err(error) => return Err(error.into()),
            }
            let objects = work.cloud.first_r2_objects(&name, None).await?;
            let keys: Vec<String> = objects.into_iter().map(|object| object.key).collect();
            // What is left is no object, such as parts of an upload that never ended, or locked by
            // a rule of the bucket.
            if keys == before {
                return Err(EngineError::BucketNotEmpty { bucket: name });
            }
            work.cloud.delete_r2_objects(&name, &keys, None).await?;
            deleted += keys.len();
            work.say(&format!("{deleted} objects deleted"));
            before = keys;
        }
    }
}

fn is_not_empty(error: &CloudflareError) -> bool {
    let refusal = error.refusal();
    error.has_code(NOT_EMPTY) || refusal.is_some_and(|refusal| refusal.status == CONFLICT)
}
