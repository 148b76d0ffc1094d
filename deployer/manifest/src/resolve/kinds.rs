//! The kinds that a binding can be of.

use crate::binding::Binding;
use crate::format::{BindingTable, ServiceTable};
use crate::reader::{At, Either};
use crate::stack::ExternalResource;
use crate::tree::Span;

use super::{Ids, external};

/// One kind that is written down: its key, its place, and the binding it makes.
#[derive(Clone)]
pub(super) struct Candidate {
    pub(super) kind: &'static str,
    pub(super) span: Span,
    pub(super) binding: Binding,
}

/// Every kind that is written down, in the order of the file.
pub(super) fn candidates(table: &BindingTable, ids: &Ids) -> Vec<Candidate> {
    let mut found = [resources(table, ids), products(table, ids), flags(table)].concat();
    found.sort_by_key(|candidate| (candidate.span.file, candidate.span.start));
    found
}

/// What the manifest describes itself.
fn resources(table: &BindingTable, ids: &Ids) -> Vec<Candidate> {
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
        service(table, ids),
        ratelimit,
    ];
    named.into_iter().flatten().collect()
}

/// What is on Cloudflare already.
fn products(table: &BindingTable, ids: &Ids) -> Vec<Candidate> {
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
            Binding::Vectorize {
                index: on_cloudflare(&ids.external.vectorize, index),
            }
        }),
        text("hyperdrive", table.hyperdrive.as_ref(), |id| {
            let local = table.local.as_ref();
            Binding::Hyperdrive {
                local: own(local.or_else(|| external::local_database(ids.external_tables, &id))),
                id: on_cloudflare(&ids.external.hyperdrive, id),
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

/// Another worker: by id, or by the name of its script where nobody gave it an id.
fn service(table: &BindingTable, ids: &Ids) -> Option<Candidate> {
    let entrypoint = own(table.entrypoint.as_ref());
    let props = table.props.as_ref().map(|at| at.value.clone());
    let (span, binding) = match table.service.as_ref()? {
        Either::Short(worker) => (
            worker.span,
            Binding::Service {
                worker: worker.value.clone(),
                entrypoint,
                props,
            },
        ),
        Either::Long(At { value, span }) => {
            let entrypoint = own(value.entrypoint.as_ref()).or(entrypoint);
            let props = value.props.as_ref().map(|at| at.value.clone()).or(props);
            (*span, deployed(value, entrypoint, props, ids))
        }
    };
    Some(Candidate {
        kind: "service",
        span,
        binding,
    })
}

fn deployed(
    table: &ServiceTable,
    entrypoint: Option<String>,
    props: Option<serde_json::Value>,
    ids: &Ids,
) -> Binding {
    let script = table.worker.clone().unwrap_or_default().value;
    // Every worker has this one unless it was given another.
    let environment = own(table.environment.as_ref()).filter(|name| name != "production");
    let mut external = ids.external.workers.iter();
    match external.find(|worker| worker.identifier == script) {
        Some(worker) if environment.is_none() => Binding::Service {
            worker: worker.id.clone(),
            entrypoint,
            props,
        },
        _ => Binding::DeployedService {
            script,
            environment,
            entrypoint,
            props,
        },
    }
}

/// What Cloudflare calls an external resource; what is no id of one is Cloudflare's word already.
fn on_cloudflare(external: &[ExternalResource], id: String) -> String {
    external
        .iter()
        .find(|resource| resource.id == id)
        .map_or(id, |resource| resource.identifier.clone())
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
