//! The kinds that a binding can be of.

use crate::binding::Binding;
use crate::format::BindingTable;
use crate::reader::At;
use crate::tree::Span;

/// One kind that is written down: its key, its place, and the binding it makes.
#[derive(Clone)]
pub(super) struct Candidate {
    pub(super) kind: &'static str,
    pub(super) span: Span,
    pub(super) binding: Binding,
}

/// Every kind that is written down, in the order of the file.
pub(super) fn candidates(table: &BindingTable) -> Vec<Candidate> {
    let mut found = [resources(table), products(table), flags(table)].concat();
    found.sort_by_key(|candidate| (candidate.span.file, candidate.span.start));
    found
}

/// What the manifest describes itself.
fn resources(table: &BindingTable) -> Vec<Candidate> {
    let ratelimit = table.ratelimit.as_ref().map(|at| Candidate {
        kind: "ratelimit",
        span: at.span,
        binding: Binding::RateLimit {
            limit: at.value.limit.as_ref().map_or(1, |limit| limit.value),
            period: at.value.period.as_ref().map_or(60, |period| period.value),
        },
    });
    let named = [
        text("kv", table.kv.as_ref(), |id| Binding::Kv { id }),
        text("r2", table.r2.as_ref(), |id| Binding::R2 { id }),
        text("d1", table.d1.as_ref(), |id| Binding::D1 { id }),
        text("queue", table.queue.as_ref(), |id| Binding::Queue {
            id,
            delivery_delay: table.delivery_delay.as_ref().map(|at| at.value),
        }),
        text("service", table.service.as_ref(), |worker| {
            Binding::Service {
                worker,
                entrypoint: own(table.entrypoint.as_ref()),
                props: table.props.as_ref().map(|at| at.value.clone()),
            }
        }),
        ratelimit,
    ];
    named.into_iter().flatten().collect()
}

/// What is on Cloudflare already.
fn products(table: &BindingTable) -> Vec<Candidate> {
    let send_email = table.send_email.as_ref().map(|at| Candidate {
        kind: "send_email",
        span: at.span,
        binding: Binding::SendEmail {
            destination_address: own(at.value.destination_address.as_ref()),
            allowed_destination_addresses: at
                .value
                .allowed_destination_addresses
                .clone()
                .unwrap_or_default(),
            allowed_sender_addresses: at
                .value
                .allowed_sender_addresses
                .clone()
                .unwrap_or_default(),
        },
    });
    let secrets_store = table.secrets_store.as_ref().map(|at| Candidate {
        kind: "secrets_store",
        span: at.span,
        binding: Binding::SecretsStore {
            store: at.value.store.clone().unwrap_or_default(),
            secret: at.value.secret.clone().unwrap_or_default(),
        },
    });
    let named = [
        text(
            "analytics_engine",
            table.analytics_engine.as_ref(),
            |dataset| Binding::AnalyticsEngine { dataset },
        ),
        text("vectorize", table.vectorize.as_ref(), |index| {
            Binding::Vectorize { index }
        }),
        text("hyperdrive", table.hyperdrive.as_ref(), |id| {
            Binding::Hyperdrive {
                id,
                local: own(table.local.as_ref()),
            }
        }),
        text("mtls_certificate", table.mtls_certificate.as_ref(), |id| {
            Binding::MtlsCertificate { id }
        }),
        text(
            "dispatch_namespace",
            table.dispatch_namespace.as_ref(),
            |namespace| Binding::DispatchNamespace { namespace },
        ),
        text("pipeline", table.pipeline.as_ref(), |name| {
            Binding::Pipeline { name }
        }),
        send_email,
        secrets_store,
    ];
    named.into_iter().flatten().collect()
}

/// What there is one of.
fn flags(table: &BindingTable) -> Vec<Candidate> {
    let flags = [
        (
            "version_metadata",
            &table.version_metadata,
            Binding::VersionMetadata,
        ),
        ("ai", &table.ai, Binding::Ai),
        ("browser", &table.browser, Binding::Browser),
        ("images", &table.images, Binding::Images),
    ];
    let found = flags.into_iter().filter_map(|(kind, written, binding)| {
        written.as_ref().map(|flag| Candidate {
            kind,
            span: flag.span,
            binding,
        })
    });
    found.collect()
}

fn text(
    kind: &'static str,
    written: Option<&At<String>>,
    make: impl FnOnce(String) -> Binding,
) -> Option<Candidate> {
    written.map(|at| Candidate {
        kind,
        span: at.span,
        binding: make(at.value.clone()),
    })
}

fn own(written: Option<&At<String>>) -> Option<String> {
    written.map(|at| at.value.clone())
}
