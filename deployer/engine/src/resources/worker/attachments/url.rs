//! workers.dev on or off.

use tiny_cloudflare::ScriptSubdomain;

use super::{Attaching, Change};
use crate::resources::worker::error::WorkerError;
use crate::resources::worker::facts::Subdomain;

pub(super) fn change(at: Attaching<'_>) -> Result<Option<Change>, WorkerError> {
    let Some(spec) = at.spec else {
        // Goes with the worker.
        return Ok(None);
    };
    let facts = at.reading.facts.as_ref();
    let have = facts.and_then(|facts| facts.subdomain);
    // A worker that was just made has none; of another one nobody asks unless it mattered.
    let is_on = have.is_some_and(|subdomain| subdomain.enabled);
    if is_on == spec.url {
        return Ok(None);
    }
    if spec.url && at.reading.around.subdomain == Subdomain::Missing {
        return Err(WorkerError::NoSubdomain {
            worker: at.id.to_owned(),
        });
    }
    let has_previews = have.is_some_and(|subdomain| subdomain.previews_enabled);
    Ok(Some(Change::Subdomain(ScriptSubdomain {
        enabled: spec.url,
        previews_enabled: has_previews && spec.url,
    })))
}
