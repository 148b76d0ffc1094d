//! Durable Objects of a worker.

use super::{Ids, check_known};
use crate::binding::{DurableObject, Transfer};
use crate::format::{DurableObjectTable, WorkerTable};
use crate::names;
use crate::reader::Either;
use crate::reader::{At, Map};
use crate::report::Report;
use crate::suggest;

type Written = Either<At<String>, DurableObjectTable>;

/// The classes that each worker of the stack has storage for: worker, class.
pub(super) fn classes(workers: &Map<WorkerTable>) -> Vec<(&str, &str)> {
    let mut classes = Vec::new();
    for (worker, table) in &workers.entries {
        for (_, written) in table
            .durable_objects
            .iter()
            .flat_map(|objects| &objects.entries)
        {
            let class = match written {
                Either::Short(class) => Some(class),
                Either::Long(DurableObjectTable {
                    class,
                    worker: None,
                    ..
                }) => class.as_ref(),
                Either::Long(_) => None,
            };
            classes.extend(class.map(|class| (worker.value.as_str(), class.value.as_str())));
        }
    }
    classes
}

pub(super) fn resolve(
    own: &str,
    binding: &At<String>,
    written: &Written,
    ids: &Ids,
    report: &mut Report,
) -> DurableObject {
    let plain;
    let table = match written {
        Either::Short(class) => {
            plain = DurableObjectTable {
                class: Some(class.clone()),
                ..DurableObjectTable::default()
            };
            &plain
        }
        Either::Long(table) => table,
    };
    if let Some(class) = &table.class {
        check_class(class, report);
    }
    let worker = table.worker.as_ref().filter(|worker| worker.value != own);
    if let Some(worker) = worker {
        check_exported(worker, table.class.as_ref(), ids, report);
    }
    check_history(own, table, worker.is_some(), ids, report);
    DurableObject {
        binding: binding.value.clone(),
        class: table.class.clone().unwrap_or_default().value,
        worker: worker.map(|worker| worker.value.clone()),
        renamed_from: table.renamed_from.as_ref().map(|class| class.value.clone()),
        transferred_from: table
            .transferred_from
            .as_ref()
            .and_then(|from| transfer(from, ids, report)),
    }
}

fn check_class(class: &At<String>, report: &mut Report) {
    if !names::is_identifier(&class.value) {
        let help = format!(
            "the name of the exported struct, such as `{}`",
            names::as_class(&class.value)
        );
        report.problem(
            class.span,
            format!("`{}` cannot name a class", class.value),
            "not a class",
            help,
        );
    }
}

fn check_exported(worker: &At<String>, class: Option<&At<String>>, ids: &Ids, report: &mut Report) {
    if !ids.workers.contains(&worker.value.as_str()) {
        return check_known(worker, &ids.workers, "worker", "workers", report);
    }
    let Some(class) = class.filter(|_| !ids.is_external_worker(&worker.value)) else {
        return;
    };
    let theirs: Vec<&str> = ids
        .classes
        .iter()
        .filter(|(owner, _)| *owner == worker.value)
        .map(|(_, class)| *class)
        .collect();
    if !theirs.contains(&class.value.as_str()) {
        let help = suggest::closest(&class.value, theirs.iter().copied()).map_or_else(
            || {
                format!(
                    "bind it in `[workers.{}.durable_objects]` first: that gives it storage",
                    worker.value
                )
            },
            |closest| format!("did you mean `{closest}`?"),
        );
        let message = format!(
            "the worker `{}` has no class `{}`",
            worker.value, class.value
        );
        report.problem(class.span, message, "not one of its classes", help);
    }
}

/// Reports renames and transfers that cannot be.
fn check_history(
    own: &str,
    table: &DurableObjectTable,
    elsewhere: bool,
    ids: &Ids,
    report: &mut Report,
) {
    let histories = [
        ("renamed_from", &table.renamed_from),
        ("transferred_from", &table.transferred_from),
    ];
    if elsewhere {
        for (key, written) in histories {
            if let Some(written) = written {
                let help =
                    "write it where the class is bound by the worker that exports it".to_owned();
                report.problem(
                    written.span,
                    format!("`{key}` belongs to the worker that has the class"),
                    "not here",
                    help,
                );
            }
        }
    }
    if let (Some(renamed), Some(transferred)) = (&table.renamed_from, &table.transferred_from) {
        let help = "deploy one of them first; `transferred_from` may name a class that is called otherwise".to_owned();
        let also = (renamed.span, "renamed here".to_owned());
        report.problem_and(
            transferred.span,
            "a class is renamed or transferred, not both",
            "transferred here",
            help,
            also,
        );
    }
    if let Some(renamed) = &table.renamed_from {
        check_class(renamed, report);
        if ids.classes.contains(&(own, &renamed.value)) {
            let help = "take `renamed_from` out, or the binding of the old class".to_owned();
            let message = format!(
                "the class `{}` is still bound: its objects cannot move",
                renamed.value
            );
            report.problem(renamed.span, message, "still in use", help);
        }
    }
}

fn transfer(from: &At<String>, ids: &Ids, report: &mut Report) -> Option<Transfer> {
    match from.value.split_once('.') {
        Some((worker, _)) if ids.is_external_worker(worker) => {
            let help = format!(
                "own it first: make `[external.workers.{worker}]` a worker of this stack with `import`"
            );
            let message = format!("the worker `{worker}` is external: it hands nothing over");
            report.problem(from.span, message, "an external worker", help);
            None
        }
        Some((worker, class)) if names::is_id(worker) && names::is_identifier(class) => {
            Some(Transfer {
                worker: worker.to_owned(),
                class: class.to_owned(),
            })
        }
        _ => {
            let help = "write it as `worker-id.Class`".to_owned();
            report.problem(
                from.span,
                format!("`{}` does not name a worker and its class", from.value),
                "not `worker-id.Class`",
                help,
            );
            None
        }
    }
}
