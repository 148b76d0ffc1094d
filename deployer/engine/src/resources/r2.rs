//! R2 buckets: a name in a jurisdiction. Each jurisdiction has names of its own, and whoever asks for
//! a bucket has to say which one is meant.

use std::collections::BTreeMap;

use super::jurisdiction::{self, JURISDICTION};
use super::named::{self, Named};
use super::{Draft, Found, Item, Leaving, Lists, Made, Resource, Sought, Target, Work};
use crate::Want;
use crate::desired::Spec;
use crate::error::{EngineError, PlanError};
use crate::plan::Loss;
use tiny_cloudflare::{CloudflareError, NewR2Bucket, R2Bucket};

/// Cloudflare's number for a bucket that still holds objects; the status says the same.
const NOT_EMPTY: u32 = 10008;
const CONFLICT: u16 = 409;

/// All that a bucket can be in; none is the default one.
pub(super) const JURISDICTIONS: [Option<&str>; 5] = [
    None,
    Some("eu"),
    Some("fedramp"),
    Some("fedramp-high"),
    Some("us"),
];

pub(crate) struct R2;

fn named(bucket: &R2Bucket) -> Named<'_> {
    Named {
        id: &bucket.name,
        name: &bucket.name,
    }
}

fn wanted(want: &Want) -> Option<&str> {
    match &want.spec {
        Spec::R2(spec) => spec.jurisdiction.as_deref(),
        _ => None,
    }
}

/// Where a bucket may be, the likeliest place first.
fn places<'a>(target: &Target<'a>) -> Vec<Option<&'a str>> {
    let wanted = target.want.map(wanted);
    let Some(record) = target.record else {
        return vec![wanted.flatten()];
    };
    let recorded = record.outputs.get(JURISDICTION).map(String::as_str);
    let is_made = record.outputs.contains_key(named::ID);
    match (recorded, wanted) {
        (Some(recorded), _) => vec![Some(recorded)],
        (None, _) if !record.input_hash.is_empty() => vec![None],
        // Only a name is known, such as that of a bucket to be imported.
        (None, Some(Some(wanted))) if is_made => vec![Some(wanted), None],
        (None, Some(wanted)) => vec![wanted],
        (None, None) if is_made => vec![None],
        // An earlier run was interrupted making it, and nothing says where any more.
        (None, None) => JURISDICTIONS.to_vec(),
    }
}

impl R2 {
    /// A single bucket is asked for by name, several are looked up in one list.
    async fn find(
        lists: &Lists<'_>,
        target: &Target<'_>,
        is_single: bool,
    ) -> Result<Option<R2Bucket>, EngineError> {
        let places = places(target);
        let is_search = places.len() > 2;
        for place in places {
            let found = if is_single {
                lists.cloud.r2_bucket(target.name, place).await
            } else {
                let list = lists.r2_buckets(place).await;
                list.map(|list| named::entry(target, list, named).cloned())
            };
            match found {
                Ok(Some(mut bucket)) => {
                    bucket.jurisdiction = bucket.jurisdiction.or(place.map(str::to_owned));
                    return Ok(Some(bucket));
                }
                Ok(None) => {}
                // Not every account has every jurisdiction.
                Err(error) if is_search && place.is_some() && error.refusal().is_some() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }
}

impl Resource for R2 {
    async fn read(&self, lists: &Lists<'_>, sought: &Sought<'_>) -> Result<Found, EngineError> {
        let is_single = sought.targets.len() == 1;
        let mut found = Found::default();
        for target in &sought.targets {
            if let Some(bucket) = Self::find(lists, target, is_single).await? {
                let properties = jurisdiction::property(bucket.jurisdiction.as_deref());
                let mut live = named::live(target, named(&bucket), properties);
                live.outputs = outputs(&bucket);
                found.resources.insert(target.address.clone(), live);
            }
        }
        Ok(found)
    }

    fn draft(&self, item: &Item<'_>) -> Result<Draft, PlanError> {
        Ok(Draft {
            properties: jurisdiction::draft(item, wanted(item.want))?,
            ..Draft::default()
        })
    }

    fn losses(&self, item: &Leaving<'_>) -> Vec<Loss> {
        Loss::of(item.address, item.name).into_iter().collect()
    }

    async fn create(&self, work: &Work<'_>, want: &Want) -> Result<Made, EngineError> {
        let bucket = NewR2Bucket {
            name: work.step.name.clone(),
            ..NewR2Bucket::default()
        };
        let place = wanted(want);
        let make = async || work.cloud.create_r2_bucket(&bucket, place).await;
        let look = async || work.cloud.r2_bucket(&bucket.name, place).await;
        let mut bucket = named::settle(work, make, look).await?;
        bucket.jurisdiction = bucket.jurisdiction.or(place.map(str::to_owned));
        Ok(Made {
            outputs: outputs(&bucket),
            ..Made::default()
        })
    }

    async fn update(&self, work: &Work<'_>, _: &Want) -> Result<Made, EngineError> {
        let mut made = named::taken_up(work)?;
        if let Some(live) = work.live(&work.step.address) {
            made.outputs.extend(live.outputs.clone());
        }
        Ok(made)
    }

    /// With all objects in it: whoever agreed to the plan was told so.
    async fn delete(&self, work: &Work<'_>) -> Result<(), EngineError> {
        let Some(name) = named::id(work) else {
            return Ok(());
        };
        let place = work
            .live(&work.step.address)
            .and_then(|live| live.outputs.get(JURISDICTION))
            .map(String::as_str);
        let mut deleted = 0;
        let mut before = Vec::new();
        loop {
            match work.cloud.delete_r2_bucket(&name, place).await {
                Ok(_) => return Ok(()),
                Err(error) if is_not_empty(&error) => {}
                Err(error) => return Err(error.into()),
            }
            let objects = work.cloud.first_r2_objects(&name, place).await?;
            let keys: Vec<String> = objects.into_iter().map(|object| object.key).collect();
            // What is left is no object, such as parts of an upload that never ended, or locked by
            // a rule of the bucket.
            if keys == before {
                return Err(EngineError::BucketNotEmpty { bucket: name });
            }
            work.cloud.delete_r2_objects(&name, &keys, place).await?;
            deleted += keys.len();
            work.say(&format!("{deleted} objects deleted"));
            before = keys;
        }
    }
}

fn outputs(bucket: &R2Bucket) -> BTreeMap<String, String> {
    let mut outputs = named::outputs(&bucket.name);
    let place = bucket.jurisdiction.as_deref();
    if let Some(place) = place.filter(|place| *place != "default") {
        outputs.insert(JURISDICTION.to_owned(), place.to_owned());
    }
    outputs
}

fn is_not_empty(error: &CloudflareError) -> bool {
    let refusal = error.refusal();
    error.has_code(NOT_EMPTY) || refusal.is_some_and(|refusal| refusal.status == CONFLICT)
}
