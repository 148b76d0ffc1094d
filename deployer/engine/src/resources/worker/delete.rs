//! Deleting a worker: what is attached goes first, so that nothing leads into the void when an
//! interruption comes in between.

use tiny_cloudflare::CloudflareError;

use super::attachments::{self, Attaching};
use super::facts::{Facts, Reading};
use super::{draft, read};
use crate::Kind;
use crate::error::EngineError;
use crate::resources::{Lists, Work};

pub(super) async fn delete(work: &Work<'_>) -> Result<(), EngineError> {
    let step = work.step;
    let state = work.state_now();
    let references = draft::references(work.goal, &state);
    let scripts = draft::scripts(work.goal, &state);
    let seen = work.actual.workers.get(&step.address);
    let fresh = match seen {
        Some(_) => None,
        None => look(work).await?,
    };
    let Some(reading) = seen.or(fresh.as_ref()) else {
        return Ok(());
    };
    let at = Attaching {
        id: &step.address.id,
        script: &step.name,
        spec: None,
        reading,
        references: &references,
        goal: work.goal,
        scripts: &scripts,
    };
    let changes = attachments::changes(at)?;
    attachments::attach(work.cloud, &step.name, &changes).await?;
    let force = is_held_by_the_leaving(work);
    work.cloud.delete_script(&step.name, force).await?;
    Ok(())
}

async fn look(work: &Work<'_>) -> Result<Option<Reading>, CloudflareError> {
    let target = read::Target {
        name: &work.step.name,
        want: None,
        record: work.before,
    };
    let readings = read::read(&Lists::new(work.cloud), &[target], |_| false).await?;
    Ok(readings.into_iter().next())
}

/// Workers that refer to each other go in some order, and the first one has to go against the
/// second. Nobody else's worker is ever cut off: then Cloudflare refuses, and says who refers to it.
fn is_held_by_the_leaving(work: &Work<'_>) -> bool {
    let script = work.step.name.as_str();
    let state = work.state_now();
    work.actual
        .workers
        .iter()
        .filter(|(address, reading)| {
            **address != work.step.address
                && reading
                    .facts
                    .as_ref()
                    .is_some_and(|facts: &Facts| facts.refers_to(script))
        })
        .any(|(address, _)| {
            address.kind == Kind::Worker
                && work.goal.want(address).is_none()
                && state.resources.contains_key(address)
        })
}
