//! Bindings of a worker: one kind each, to something that is there.

use super::queues::LONGEST_DELAY;
use super::{Ids, check_known, check_range, kinds};
use crate::binding::Binding;
use crate::format::{BindingTable, ServiceTable};
use crate::reader::{At, Either};
use crate::report::Report;

/// The kinds a binding can be of, to be suggested.
const KINDS: &str = "give it one kind, such as `{ kv = \"id\" }`, `{ r2 = \"id\" }`, `{ d1 = \"id\" }`, `{ queue = \"id\" }`, \
                     `{ service = \"worker-id\" }` or `{ ratelimit = { limit = 100, period = 60 } }`";

/// `None` when it has no kind, or several, which is reported.
pub(super) fn resolve(
    name: &At<String>,
    table: &At<BindingTable>,
    ids: &Ids,
    report: &mut Report,
) -> Option<Binding> {
    check_ids(&table.value, ids, report);
    check_numbers(&table.value, report);
    let mut candidates = kinds::candidates(&table.value, ids);
    refuse_false(&table.value, report);
    if let [first, second, ..] = candidates.as_slice() {
        let message = format!(
            "`{}` is bound to two things: `{}` and `{}`",
            name.value, first.kind, second.kind
        );
        let help = "give each a name of its own".to_owned();
        report.problem_and(
            second.span,
            message,
            "the second one",
            help,
            (first.span, "the first one".to_owned()),
        );
        return None;
    }
    let found = candidates.pop();
    let kind = found.as_ref().map(|candidate| candidate.kind);
    let followers = refuse_strangers(&table.value, kind, report);
    // With any other key there, that key has been reported.
    if found.is_none() && table.value.keys_written == followers {
        let message = format!("`{}` is bound to nothing", name.value);
        report.problem(table.span, message, "no kind", KINDS.to_owned());
    }
    found.map(|candidate| candidate.binding)
}

fn check_ids(table: &BindingTable, ids: &Ids, report: &mut Report) {
    let service = match &table.service {
        Some(Either::Short(worker)) => Some(worker.clone()),
        Some(Either::Long(service)) => {
            check_deployed(&service.value, table, ids, report);
            None
        }
        None => None,
    };
    let references = [
        (&table.kv, &ids.kv, "KV namespace", "kv"),
        (&table.r2, &ids.r2, "R2 bucket", "r2"),
        (&table.d1, &ids.d1, "D1 database", "d1"),
        (&table.queue, &ids.queues, "queue", "queues"),
        (&service, &ids.workers, "worker", "workers"),
    ];
    for (id, known, what, section) in references {
        if let Some(id) = id {
            check_known(id, known, what, section, report);
        }
    }
}

/// Checks a service that names a script.
fn check_deployed(service: &ServiceTable, table: &BindingTable, ids: &Ids, report: &mut Report) {
    let twice = [
        (
            "entrypoint",
            service.entrypoint.is_some(),
            table.entrypoint.as_ref().map(|at| at.span),
        ),
        (
            "props",
            service.props.is_some(),
            table.props.as_ref().map(|at| at.span),
        ),
    ];
    for (key, is_inside, beside) in twice {
        if let Some(span) = beside.filter(|_| is_inside) {
            let help = "leave it in the table of `service`, and take it out here".to_owned();
            report.problem(
                span,
                format!("`{key}` is given twice"),
                "the second time",
                help,
            );
        }
    }
    let Some(script) = &service.worker else {
        return;
    };
    let own = ids
        .imported_workers
        .iter()
        .find(|(import, _)| *import == script.value);
    if let Some((_, id)) = own {
        let message = format!(
            "the script `{}` is this stack's worker `{id}`",
            script.value
        );
        let help = format!("bind it by its id: `service = \"{id}\"`");
        report.problem(script.span, message, "imported by this stack", help);
    }
    if script.value.trim().is_empty() {
        let help = "write the name of its script, as the dashboard shows it".to_owned();
        report.problem(script.span, "no worker is named here", "empty", help);
    }
}

fn check_numbers(table: &BindingTable, report: &mut Report) {
    if let Some(delay) = &table.delivery_delay {
        check_range(delay, 0..=LONGEST_DELAY, report);
    }
    let Some(At {
        value: ratelimit, ..
    }) = &table.ratelimit
    else {
        return;
    };
    if let Some(limit) = &ratelimit.limit {
        check_range(limit, 1..=u32::MAX, report);
    }
    if let Some(period) = &ratelimit.period
        && ![10, 60].contains(&period.value)
    {
        let near = if period.value < 35 { 10 } else { 60 };
        let help = format!(
            "Cloudflare counts over 10 or 60 seconds: write `period = {near}` and fit the limit to it"
        );
        report.problem(
            period.span,
            format!(
                "a rate limit cannot have a period of {} seconds",
                period.value
            ),
            "not 10 or 60",
            help,
        );
    }
}

/// Reports `ai = false` and its like: a binding that is not wanted is left out.
fn refuse_false(table: &BindingTable, report: &mut Report) {
    for flag in [
        &table.version_metadata,
        &table.ai,
        &table.browser,
        &table.images,
    ]
    .into_iter()
    .flatten()
    {
        if !flag.value {
            let help = "leave the binding out".to_owned();
            report.problem(
                flag.span,
                "a binding cannot be switched off",
                "not `true`",
                help,
            );
        }
    }
}

/// Reports keys that follow another kind than the one there is; says how many followers there are.
fn refuse_strangers(table: &BindingTable, kind: Option<&str>, report: &mut Report) -> usize {
    let followers = [
        (
            "delivery_delay",
            "queue",
            table.delivery_delay.as_ref().map(|at| at.span),
        ),
        (
            "entrypoint",
            "service",
            table.entrypoint.as_ref().map(|at| at.span),
        ),
        ("props", "service", table.props.as_ref().map(|at| at.span)),
        (
            "local",
            "hyperdrive",
            table.local.as_ref().map(|at| at.span),
        ),
    ];
    let mut present = 0;
    for (key, belongs, span) in followers {
        let Some(span) = span else { continue };
        present += 1;
        if let Some(kind) = kind
            && kind != belongs
        {
            let message = format!("`{key}` belongs to `{belongs}`, not to `{kind}`");
            report.problem(span, message, "not for this kind", "take it out".to_owned());
        }
    }
    present
}
