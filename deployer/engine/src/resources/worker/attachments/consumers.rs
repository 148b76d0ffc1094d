//! Queues that the worker consumes. A queue has one consumer.

use std::collections::BTreeMap;

use tiny_cloudflare::{NewConsumer, Queue, QueueConsumer};

use super::{Attaching, Change};
use crate::resources::worker::defaults;
use crate::resources::worker::error::WorkerError;
use crate::{ConsumerSpec, Kind};

pub(super) fn changes(at: Attaching<'_>) -> Result<Vec<Change>, WorkerError> {
    let around = &at.reading.around;
    let mut changes = Vec::new();
    for (queue, spec) in at.spec.into_iter().flat_map(|spec| &spec.consumers) {
        changes.extend(change(at, queue, spec)?);
    }
    for attached in around.consumers_of(at.script) {
        let name = &attached.queue.queue_name;
        let id = at.references.manifest_id(Kind::Queue, name);
        let wants = |consumers: &BTreeMap<String, ConsumerSpec>| {
            id.is_some_and(|id| consumers.contains_key(id))
        };
        let stays = at.spec.is_some_and(|spec| wants(&spec.consumers))
            || at.wanted_elsewhere(|spec| wants(&spec.consumers));
        if !stays {
            changes.push(Change::DeleteConsumer {
                queue_id: attached.queue.queue_id.clone(),
                consumer_id: attached.consumer_id.to_owned(),
            });
        }
    }
    Ok(changes)
}

fn change(
    at: Attaching<'_>,
    queue: &str,
    spec: &ConsumerSpec,
) -> Result<Option<Change>, WorkerError> {
    let name_of = |id: &str| {
        let name = at.references.name(Kind::Queue, id);
        name.ok_or_else(|| WorkerError::Unresolved {
            worker: at.id.to_owned(),
            what: format!("queue.{id}"),
        })
    };
    let name = name_of(queue)?;
    let dead_letter_queue = match &spec.dead_letter_queue {
        Some(id) => Some(name_of(id)?.to_owned()),
        None => None,
    };
    let wanted = NewConsumer {
        script_name: at.script.to_owned(),
        settings: spec.settings.clone(),
        dead_letter_queue,
    };
    let mut queues = at.reading.around.queues.iter().flatten();
    let there = queues.find(|there| there.queue_name == name);
    match there.and_then(|queue| Some((queue, queue.consumers.first()?))) {
        Some((queue, consumer)) => over(at, queue, consumer, wanted),
        None => Ok(Some(Change::CreateConsumer {
            queue_id: there
                .map(|queue| queue.queue_id.as_str())
                .or_else(|| at.references.id(Kind::Queue, queue))
                .map(str::to_owned),
            queue: queue.to_owned(),
            consumer: wanted,
        })),
    }
}

/// The queue has a consumer.
fn over(
    at: Attaching<'_>,
    queue: &Queue,
    consumer: &QueueConsumer,
    wanted: NewConsumer,
) -> Result<Option<Change>, WorkerError> {
    let script = consumer.script_name.as_deref();
    if script != Some(at.script) && !script.is_some_and(|script| at.is_of_this_stage(script)) {
        return Err(WorkerError::QueueTaken {
            queue: queue.queue_name.clone(),
            script: script.unwrap_or("(an HTTP client)").to_owned(),
        });
    }
    let have = defaults::consumer(&consumer.settings, consumer.dead_letter_queue.as_deref());
    let want = defaults::consumer(&wanted.settings, wanted.dead_letter_queue.as_deref());
    if script == Some(at.script) && have == want {
        return Ok(None);
    }
    Ok(Some(Change::UpdateConsumer {
        queue_id: queue.queue_id.clone(),
        consumer_id: consumer.consumer_id.clone(),
        consumer: wanted,
    }))
}
