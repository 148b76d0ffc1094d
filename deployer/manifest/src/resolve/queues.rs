//! Consumers of queues.

use super::{Ids, check_known, check_range};
use crate::format::{ConsumerTable, WorkerTable};
use crate::reader::{At, Map};
use crate::report::Report;
use crate::worker::Consumer;

/// What Cloudflare uses where nothing is given.
const BATCH_SIZE: u32 = 10;
const BATCH_TIMEOUT: u32 = 5;
const MAX_RETRIES: u32 = 3;
/// The longest time a message can wait, in seconds: a day.
pub(super) const LONGEST_DELAY: u32 = 86_400;

pub(super) fn consumer(
    queue: &At<String>,
    table: &ConsumerTable,
    ids: &Ids,
    report: &mut Report,
) -> Consumer {
    check_known(queue, &ids.queues, "queue", "queues", report);
    if let Some(dead) = &table.dead_letter_queue {
        check_known(dead, &ids.queues, "queue", "queues", report);
        if dead.value == queue.value {
            let help =
                "name another queue, or leave it out: the message is dropped then".to_owned();
            report.problem(
                dead.span,
                "a queue cannot take its own dead letters",
                "the same queue",
                help,
            );
        }
    }
    let mut number = |number: &Option<At<u32>>, range| {
        number.as_ref().map(|number| {
            check_range(number, range, report);
            number.value
        })
    };
    Consumer {
        queue: queue.value.clone(),
        batch_size: number(&table.batch_size, 1..=100).unwrap_or(BATCH_SIZE),
        batch_timeout: number(&table.batch_timeout, 0..=60).unwrap_or(BATCH_TIMEOUT),
        max_retries: number(&table.max_retries, 0..=100).unwrap_or(MAX_RETRIES),
        retry_delay: number(&table.retry_delay, 0..=LONGEST_DELAY),
        max_concurrency: number(&table.max_concurrency, 1..=250),
        dead_letter_queue: table
            .dead_letter_queue
            .as_ref()
            .map(|queue| queue.value.clone()),
    }
}

/// Reports queues that two workers take messages from.
pub(super) fn refuse_shared(workers: &Map<WorkerTable>, report: &mut Report) {
    let mut taken: Vec<(&At<String>, &str)> = Vec::new();
    for (worker, table) in &workers.entries {
        for queue in table
            .consumers
            .iter()
            .flat_map(|consumers| &consumers.names)
        {
            match taken.iter().find(|(first, _)| first.value == queue.value) {
                None => taken.push((queue, &worker.value)),
                Some((first, by)) => {
                    let message = format!("the queue `{}` has two consumers", queue.value);
                    let help = "Cloudflare gives a queue to one worker: take one of them out, or use two queues".to_owned();
                    let also = (first.span, format!("taken by `{by}` already"));
                    report.problem_and(queue.span, message, "the second one", help, also);
                }
            }
        }
    }
}
