//! What kinds have in common that are nothing but a name with an id: KV, R2, D1, queues. Their
//! names are unique in an account, so making one twice makes one, and a lost answer is resolved by
//! looking for the name.

use std::collections::BTreeMap;

use tiny_cloudflare::CloudflareError;

use super::{Found, Made, Sought, Target, Work};
use crate::error::EngineError;
use crate::properties::Properties;
use crate::state::Status;
use crate::{Live, Owner};

/// How often a call is made whose outcome stays unclear.
const ATTEMPTS: u32 = 3;

/// The output that holds what Cloudflare calls it.
pub(super) const ID: &str = "id";

/// One entry of a list.
#[derive(Clone, Copy)]
pub(super) struct Named<'a> {
    pub(super) id: &'a str,
    pub(super) name: &'a str,
}

/// The entry that a target is: the one with its recorded id, else the one with its name.
pub(super) fn entry<'a, T>(
    target: &Target<'_>,
    list: &'a [T],
    named: impl Fn(&T) -> Named<'_>,
) -> Option<&'a T> {
    let recorded = target.record.and_then(|record| record.outputs.get(ID));
    let by_id = recorded.and_then(|id| list.iter().find(|entry| named(entry).id == id));
    by_id.or_else(|| list.iter().find(|entry| named(entry).name == target.name))
}

/// One that was found. A record is about the very thing that it was made for: what somebody else
/// made under its name since has another id, and is not ours.
pub(super) fn live(target: &Target<'_>, named: Named<'_>, properties: Properties) -> Live {
    Live {
        name: named.name.to_owned(),
        owner: match target.record {
            Some(record) if record.outputs.get(ID).is_none_or(|id| id == named.id) => Owner::Ours,
            _ => Owner::Unmarked,
        },
        outputs: outputs(named.id),
        properties,
    }
}

/// Those of the list that are sought.
pub(super) fn found<T>(sought: &Sought<'_>, list: &[T], named: impl Fn(&T) -> Named<'_>) -> Found {
    let mut found = Found::default();
    for target in &sought.targets {
        if let Some(entry) = entry(target, list, &named) {
            let live = live(target, named(entry), Properties::new());
            found.resources.insert(target.address.clone(), live);
        }
    }
    found
}

pub(super) fn outputs(id: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(ID.to_owned(), id.to_owned())])
}

pub(super) fn made(id: &str) -> Made {
    Made {
        outputs: outputs(id),
        ..Made::default()
    }
}

/// What Cloudflare calls the resource of this step. None: it was never made, or is gone.
pub(super) fn id(work: &Work<'_>) -> Option<String> {
    let address = &work.step.address;
    let live = work.live(address)?;
    live.outputs.get(ID).cloned()
}

/// Takes up what is there.
pub(super) fn taken_up(work: &Work<'_>) -> Result<Made, EngineError> {
    match id(work) {
        Some(id) => Ok(made(&id)),
        None => Err(EngineError::Unexpected {
            address: work.step.address.clone(),
            why: "it was there when the account was read, and is not any more".to_owned(),
        }),
    }
}

/// Makes what has a unique name, whatever becomes of single answers.
pub(super) async fn settle<T>(
    work: &Work<'_>,
    call: impl AsyncFn() -> Result<T, CloudflareError>,
    look: impl AsyncFn() -> Result<Option<T>, CloudflareError>,
) -> Result<T, EngineError> {
    // An earlier run may have made it in a moment that nobody saw.
    let mut may_be_ours = work
        .before
        .is_some_and(|record| record.status == Status::Creating);
    let mut attempt = 1;
    loop {
        let error = match call().await {
            Ok(made) => return Ok(made),
            Err(error) => error,
        };
        may_be_ours |= error.is_unclear();
        if may_be_ours && let Some(made) = look().await? {
            return Ok(made);
        }
        if !error.is_unclear() || attempt == ATTEMPTS {
            return Err(error.into());
        }
        work.say("no answer, and it is not there: once more");
        attempt += 1;
    }
}
