//! R2 buckets: a name, and nothing else.

use super::named::{self, Named};
use super::{Draft, Found, Item, Leaving, Lists, Made, Resource, Sought, Work};
use crate::Want;
use crate::error::{EngineError, PlanError};
use crate::plan::Loss;
use tiny_cloudflare::{NewR2Bucket, R2Bucket};

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

    /// The API has no call that lists or empties a bucket; that is the S3 protocol's, with keys of
    /// its own.
    async fn delete(&self, work: &Work<'_>) -> Result<(), EngineError> {
        let Some(name) = named::id(work) else {
            return Ok(());
        };
        match work.cloud.delete_r2_bucket(&name, None).await {
            Ok(_) => Ok(()),
            Err(error)
                if error.has_code(NOT_EMPTY)
                    || error
                        .refusal()
                        .is_some_and(|refusal| refusal.status == CONFLICT) =>
            {
                Err(EngineError::BucketNotEmpty { bucket: name })
            }
            Err(error) => Err(error.into()),
        }
    }
}
