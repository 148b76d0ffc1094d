//! Bindings of a worker: one kind each, to something that is there.

use super::queues::LONGEST_DELAY;
use super::{Ids, check_known, check_range};
use crate::binding::Binding;
use crate::format::BindingTable;
use crate::reader::At;
use crate::report::Report;
use crate::suggest;
use crate::tree::Span;

/// The kinds a binding can be of, to be suggested.
const KINDS: &str = "such as `{ kv = \"id\" }`, `{ r2 = \"id\" }`, `{ d1 = \"id\" }`, `{ queue = \"id\" }`, \
                     `{ service = \"worker-id\" }` or `{ ratelimit = { limit = 100, period = 60 } }`";

/// One kind that is written down: its key, its place, and the binding it makes.
struct Candidate {
    kind: &'static str,
    span: Span,
    binding: Binding,
}

/// `None` when it has no kind, or several, which is reported.
pub(super) fn resolve(
    name: &At<String>,
    table: &At<BindingTable>,
    ids: &Ids,
    report: &mut Report,
) -> Option<Binding> {
    check_ids(&table.value, ids, report);
    check_numbers(&table.value, report);
    let mut candidates = candidates(&table.value);
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
    refuse_strangers(
        &table.value,
        found.as_ref().map(|candidate| candidate.kind),
        report,
    );
    if found.is_none() {
        report.problem(
            table.span,
            format!("`{}` is bound to nothing", name.value),
            "no kind",
            KINDS.to_owned(),
        );
    }
    found.map(|candidate| candidate.binding)
}

fn candidates(table: &BindingTable) -> Vec<Candidate> {
    let text = |kind, written: &Option<At<String>>, make: fn(String) -> Binding| {
        written.as_ref().map(|text| Candidate {
            kind,
            span: text.span,
            binding: make(text.value.clone()),
        })
    };
    let flag = |kind, written: &Option<At<bool>>, binding| {
        written.as_ref().map(|flag| Candidate {
            kind,
            span: flag.span,
            binding,
        })
    };
    let own = |written: &Option<At<String>>| written.as_ref().map(|text| text.value.clone());
    let mut found: Vec<Candidate> = [
        text("kv", &table.kv, |id| Binding::Kv { id }),
        text("r2", &table.r2, |id| Binding::R2 { id }),
        text("d1", &table.d1, |id| Binding::D1 { id }),
        text("queue", &table.queue, |id| Binding::Queue {
            id,
            delivery_delay: None,
        }),
        text("service", &table.service, |worker| Binding::Service {
            worker,
            entrypoint: None,
            props: None,
        }),
        text("analytics_engine", &table.analytics_engine, |dataset| {
            Binding::AnalyticsEngine { dataset }
        }),
        text("vectorize", &table.vectorize, |index| Binding::Vectorize {
            index,
        }),
        text("hyperdrive", &table.hyperdrive, |id| Binding::Hyperdrive {
            id,
            local: None,
        }),
        text("mtls_certificate", &table.mtls_certificate, |id| {
            Binding::MtlsCertificate { id }
        }),
        text(
            "dispatch_namespace",
            &table.dispatch_namespace,
            |namespace| Binding::DispatchNamespace { namespace },
        ),
        text("pipeline", &table.pipeline, |name| Binding::Pipeline {
            name,
        }),
        flag(
            "version_metadata",
            &table.version_metadata,
            Binding::VersionMetadata,
        ),
        flag("ai", &table.ai, Binding::Ai),
        flag("browser", &table.browser, Binding::Browser),
        flag("images", &table.images, Binding::Images),
        table.ratelimit.as_ref().map(|limit| Candidate {
            kind: "ratelimit",
            span: limit.span,
            binding: Binding::RateLimit {
                limit: limit.value.limit.as_ref().map_or(1, |limit| limit.value),
                period: limit
                    .value
                    .period
                    .as_ref()
                    .map_or(60, |period| period.value),
            },
        }),
        table.send_email.as_ref().map(|mail| Candidate {
            kind: "send_email",
            span: mail.span,
            binding: Binding::SendEmail {
                destination_address: own(&mail.value.destination_address),
                allowed_destination_addresses: mail
                    .value
                    .allowed_destination_addresses
                    .clone()
                    .unwrap_or_default(),
                allowed_sender_addresses: mail
                    .value
                    .allowed_sender_addresses
                    .clone()
                    .unwrap_or_default(),
            },
        }),
        table.secrets_store.as_ref().map(|store| Candidate {
            kind: "secrets_store",
            span: store.span,
            binding: Binding::SecretsStore {
                store: store.value.store.clone().unwrap_or_default(),
                secret: store.value.secret.clone().unwrap_or_default(),
            },
        }),
    ]
    .into_iter()
    .flatten()
    .collect();
    for candidate in &mut found {
        match &mut candidate.binding {
            Binding::Queue { delivery_delay, .. } => {
                *delivery_delay = table.delivery_delay.as_ref().map(|at| at.value)
            }
            Binding::Service {
                entrypoint, props, ..
            } => {
                *entrypoint = own(&table.entrypoint);
                *props = table.props.as_ref().map(|props| props.value.clone());
            }
            Binding::Hyperdrive { local, .. } => *local = own(&table.local),
            _ => {}
        }
    }
    found.sort_by_key(|candidate| (candidate.span.file, candidate.span.start));
    found
}

fn check_ids(table: &BindingTable, ids: &Ids, report: &mut Report) {
    let references = [
        (&table.kv, &ids.kv, "KV namespace", "kv"),
        (&table.r2, &ids.r2, "R2 bucket", "r2"),
        (&table.d1, &ids.d1, "D1 database", "d1"),
        (&table.queue, &ids.queues, "queue", "queues"),
        (&table.service, &ids.workers, "worker", "workers"),
    ];
    for (id, known, what, section) in references {
        if let Some(id) = id {
            check_known(id, known, what, section, report);
        }
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

/// Reports keys that belong to another kind.
fn refuse_strangers(table: &BindingTable, kind: Option<&str>, report: &mut Report) {
    let strangers = [
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
    for (key, belongs, span) in strangers {
        if let Some(span) = span
            && kind.is_some_and(|kind| kind != belongs)
        {
            let message = format!(
                "`{key}` belongs to `{belongs}`, not to {}",
                suggest::quoted(kind.as_slice())
            );
            report.problem(span, message, "not for this kind", "take it out".to_owned());
        }
    }
}
