//! The jurisdiction of databases and buckets: chosen when they are created, and never changed.

use serde_json::Value;

use super::Item;
use crate::error::PlanError;
use crate::properties::Properties;

/// The property and the output that hold it.
pub(super) const JURISDICTION: &str = "jurisdiction";

/// What Cloudflare calls no jurisdiction in particular.
const DEFAULT: &str = "default";

/// The property as it shall be. What is there stays where it is: another wish is refused.
pub(super) fn draft(item: &Item<'_>, wanted: Option<&str>) -> Result<Properties, PlanError> {
    if item.live.is_none() {
        return Ok(property(wanted));
    }
    let there = item
        .has(JURISDICTION)
        .and_then(Value::as_str)
        .filter(|place| *place != DEFAULT);
    match wanted {
        Some(wanted) if there != Some(wanted) => Err(PlanError::Impossible {
            address: item.address.clone(),
            why: match there {
                Some(there) => format!(
                    "`{}` is in the jurisdiction `{there}` and can't be moved to `{wanted}`",
                    item.name
                ),
                None => format!(
                    "`{}` was created without a jurisdiction and can't be moved to `{wanted}`",
                    item.name
                ),
            },
            help: "restore `jurisdiction` in the manifest, or give it a new id there, which creates an empty one"
                .to_owned(),
        }),
        _ => Ok(property(there)),
    }
}

pub(super) fn property(place: Option<&str>) -> Properties {
    let place = place.filter(|place| *place != DEFAULT);
    place
        .map(|place| (JURISDICTION.to_owned(), Value::from(place)))
        .into_iter()
        .collect()
}
