//! What is wanted, out of a manifest's stack and the code that was built.

use std::collections::{BTreeMap, BTreeSet};

use tiny_assets::Package;
use tiny_cloudflare::{
    BindingKind, CodeUpdate, ConsumerSettings, Limits, LogSettings, Observability, Placement,
    Secret, TraceSettings,
};
use tiny_manifest::{self as manifest, ClassManagement, Lifecycle, Stack, Worker, physical_name};

use super::files;
use super::{
    BindingSpec, ClassSpec, Code, ConsumerSpec, D1Spec, Desired, R2Spec, SecretSpec, Spec, Want,
    WorkerSpec,
};
use crate::error::{EngineError, PlanError};
use crate::{Address, External, Kind};

impl Desired {
    /// `code`, and the `packages` of which files are served, are by the id of the worker; `secret`
    /// looks a secret's value up, by its name in the manifest. Reads static assets and SQL
    /// migrations from the disk.
    pub fn of(
        stack: &Stack,
        mut code: BTreeMap<String, Code>,
        packages: &BTreeMap<String, Vec<Package>>,
        secret: &dyn Fn(&str) -> Option<Secret>,
    ) -> Result<Self, EngineError> {
        let mut desired = Self {
            stack: stack.name.clone(),
            stage: stack.stage.clone(),
            protect: stack.protect,
            resources: BTreeMap::new(),
            external: External::all_of(stack),
            complaints: Vec::new(),
        };
        let external: BTreeSet<Address> = desired
            .external
            .iter()
            .filter_map(External::address)
            .collect();
        let mut add =
            |kind, id: &str, spec, depends_on: BTreeSet<Address>, lifecycle: &Lifecycle| {
                let want = Want {
                    name: physical_name(&stack.name, &stack.stage, id),
                    spec,
                    depends_on: depends_on.difference(&external).cloned().collect(),
                    lifecycle: lifecycle.clone(),
                };
                desired.resources.insert(Address::new(kind, id), want);
            };
        for kv in &stack.kv {
            add(Kind::Kv, &kv.id, Spec::Kv, BTreeSet::new(), &kv.lifecycle);
        }
        for r2 in &stack.r2 {
            let spec = Spec::R2(R2Spec {
                jurisdiction: r2.jurisdiction.map(|place| place.as_str().to_owned()),
            });
            add(Kind::R2, &r2.id, spec, BTreeSet::new(), &r2.lifecycle);
        }
        for queue in &stack.queues {
            add(
                Kind::Queue,
                &queue.id,
                Spec::Queue,
                BTreeSet::new(),
                &queue.lifecycle,
            );
        }
        for d1 in &stack.d1 {
            let spec = Spec::D1(d1_spec(d1)?);
            add(Kind::D1, &d1.id, spec, BTreeSet::new(), &d1.lifecycle);
        }
        let mut complaints = Vec::new();
        for worker in &stack.workers {
            let code = code
                .remove(&worker.id)
                .ok_or_else(|| PlanError::Impossible {
                    address: Address::new(Kind::Worker, &worker.id),
                    why: "its code was not built".to_owned(),
                    help: "run `tiny build` to see why".to_owned(),
                })?;
            let packages = packages.get(&worker.id).map_or(&[][..], Vec::as_slice);
            let spec = worker_spec(stack, worker, code, packages, secret, &mut complaints)?;
            let depends_on = spec.depends_on(&worker.id);
            add(
                Kind::Worker,
                &worker.id,
                Spec::Worker(Box::new(spec)),
                depends_on,
                &worker.lifecycle,
            );
        }
        desired.complaints = complaints;
        Ok(desired)
    }
}

fn d1_spec(d1: &manifest::D1) -> Result<D1Spec, EngineError> {
    let mut spec = D1Spec {
        jurisdiction: d1.jurisdiction.map(|place| place.as_str().to_owned()),
        ..D1Spec::default()
    };
    if let Some(migrations) = &d1.migrations {
        spec.migrations = files::sql_migrations(migrations)?;
        spec.table = migrations.quoted_table();
    }
    Ok(spec)
}

fn worker_spec(
    stack: &Stack,
    worker: &Worker,
    code: Code,
    packages: &[Package],
    secret: &dyn Fn(&str) -> Option<Secret>,
    complaints: &mut Vec<String>,
) -> Result<WorkerSpec, EngineError> {
    let assets = match &worker.assets {
        Some(assets) => {
            let (assets, problems) = files::assets(assets, packages)?;
            complaints.extend(problems);
            Some(assets)
        }
        None => None,
    };
    Ok(WorkerSpec {
        code,
        compatibility_date: worker.compatibility_date.clone(),
        compatibility_flags: worker.compatibility_flags.clone(),
        vars: worker.vars.clone(),
        secrets: worker
            .secrets
            .iter()
            .map(|wanted| (wanted.name.clone(), secret_spec(wanted, secret)))
            .collect(),
        bindings: bindings(worker, stack),
        classes: classes(worker),
        tagged_migrations: worker.class_management == ClassManagement::Tags,
        code_update: match worker.code_update {
            manifest::CodeUpdate::Immediate => CodeUpdate::Immediate,
            manifest::CodeUpdate::Deferred { max_delay } => CodeUpdate::Deferred { max_delay },
        },
        assets,
        url: worker.url,
        crons: worker.crons.clone(),
        routes: worker
            .routes
            .iter()
            .map(|route| (route.pattern.clone(), route.zone.clone()))
            .collect(),
        domains: worker.domains.iter().cloned().collect(),
        consumers: worker
            .consumers
            .iter()
            .map(|consumer| (consumer.queue.clone(), consumer_spec(consumer)))
            .collect(),
        observability: worker.observability.as_ref().map(observability),
        limits: limits(&worker.limits),
        placement: worker.placement.as_ref().map(placement),
        logpush: worker.logpush,
        tail_consumers: worker.tail_consumers.clone(),
    })
}

/// A value at hand wins, also over one that would be made up.
fn secret_spec(wanted: &manifest::Secret, value: &dyn Fn(&str) -> Option<Secret>) -> SecretSpec {
    match value(&wanted.name) {
        Some(value) => SecretSpec::Value(value),
        None if wanted.generate => SecretSpec::Generate,
        None => SecretSpec::Keep,
    }
}

fn bindings(worker: &Worker, stack: &Stack) -> BTreeMap<String, BindingSpec> {
    let objects = worker.durable_objects.iter().map(|object| {
        let binding = BindingSpec::DurableObject {
            class: object.class.clone(),
            worker: object.worker.clone(),
        };
        (object.binding.clone(), binding)
    });
    let assets = worker.assets.iter().filter_map(|assets| {
        let name = assets.binding.clone()?;
        Some((name, BindingSpec::Assets))
    });
    let others = worker
        .bindings
        .iter()
        .map(|(name, written)| (name.clone(), binding(written, stack)));
    objects.chain(assets).chain(others).collect()
}

fn binding(written: &manifest::Binding, stack: &Stack) -> BindingSpec {
    use manifest::Binding as Written;
    match written.clone() {
        Written::Kv { id } => BindingSpec::Kv { id },
        Written::R2 { id } => BindingSpec::R2 {
            jurisdiction: jurisdiction(stack, &id),
            id,
        },
        Written::D1 { id } => BindingSpec::D1 { id },
        Written::Queue { id, delivery_delay } => BindingSpec::Queue { id, delivery_delay },
        Written::RateLimit { limit, period } => BindingSpec::RateLimit { limit, period },
        Written::Service {
            worker,
            entrypoint,
            props,
        } => BindingSpec::Service {
            worker,
            entrypoint,
            props,
        },
        Written::DeployedService {
            script,
            environment,
            entrypoint,
            props,
        } => BindingSpec::DeployedService {
            script,
            environment,
            entrypoint,
            props,
        },
        Written::Assets => BindingSpec::Assets,
        Written::AnalyticsEngine { dataset } => {
            BindingSpec::Plain(BindingKind::AnalyticsEngine { dataset })
        }
        Written::VersionMetadata => BindingSpec::Plain(BindingKind::VersionMetadata),
        Written::Ai => BindingSpec::Plain(BindingKind::Ai),
        Written::Browser => BindingSpec::Plain(BindingKind::Browser),
        Written::Images => BindingSpec::Plain(BindingKind::Images),
        Written::Vectorize { index } => {
            BindingSpec::Plain(BindingKind::Vectorize { index_name: index })
        }
        Written::Hyperdrive { id, .. } => BindingSpec::Plain(BindingKind::Hyperdrive { id }),
        Written::SendEmail {
            destination_address,
            allowed_destination_addresses,
            allowed_sender_addresses,
        } => BindingSpec::Plain(BindingKind::SendEmail {
            destination_address,
            allowed_destination_addresses,
            allowed_sender_addresses,
        }),
        Written::SecretsStore { store, secret } => {
            BindingSpec::Plain(BindingKind::SecretsStoreSecret {
                store_id: store,
                secret_name: secret,
            })
        }
        Written::MtlsCertificate { id } => {
            BindingSpec::Plain(BindingKind::MtlsCertificate { certificate_id: id })
        }
        Written::DispatchNamespace { namespace } => {
            BindingSpec::Plain(BindingKind::DispatchNamespace { namespace })
        }
        Written::Pipeline { name } => BindingSpec::Plain(BindingKind::Pipelines { pipeline: name }),
    }
}

/// Where a bucket of the stack, or an external one, is.
fn jurisdiction(stack: &Stack, bucket: &str) -> Option<String> {
    let own = stack.r2.iter().map(|own| (&own.id, own.jurisdiction));
    let external = stack.external.r2.iter();
    let external = external.map(|external| (&external.id, external.jurisdiction));
    let (_, place) = own.chain(external).find(|(id, _)| *id == bucket)?;
    place.map(|place| place.as_str().to_owned())
}

/// The classes of the worker itself; several bindings may lead to one of them, and any of them may
/// say where it comes from.
fn classes(worker: &Worker) -> BTreeMap<String, ClassSpec> {
    let mut classes: BTreeMap<String, ClassSpec> = BTreeMap::new();
    let own = worker
        .durable_objects
        .iter()
        .filter(|object| object.worker.is_none());
    for object in own {
        let class = classes.entry(object.class.clone()).or_default();
        if let Some(renamed_from) = &object.renamed_from {
            class.renamed_from = Some(renamed_from.clone());
        }
        if let Some(transfer) = &object.transferred_from {
            class.transferred_from = Some((transfer.worker.clone(), transfer.class.clone()));
        }
    }
    classes
}

fn consumer_spec(consumer: &manifest::Consumer) -> ConsumerSpec {
    ConsumerSpec {
        settings: ConsumerSettings {
            batch_size: Some(consumer.batch_size),
            max_wait_time_ms: Some(consumer.batch_timeout.saturating_mul(1000)),
            max_retries: Some(consumer.max_retries),
            retry_delay: consumer.retry_delay,
            max_concurrency: consumer.max_concurrency,
        },
        dead_letter_queue: consumer.dead_letter_queue.clone(),
    }
}

fn observability(written: &manifest::Observability) -> Observability {
    Observability {
        enabled: written.enabled,
        head_sampling_rate: written.head_sampling_rate,
        logs: written.logs.as_ref().map(|logs| LogSettings {
            enabled: logs.enabled,
            invocation_logs: logs.invocation_logs,
            head_sampling_rate: logs.head_sampling_rate,
        }),
        traces: written.traces.as_ref().map(|traces| TraceSettings {
            enabled: traces.enabled,
            head_sampling_rate: traces.head_sampling_rate,
        }),
    }
}

fn limits(written: &manifest::Limits) -> Option<Limits> {
    (*written != manifest::Limits::default()).then_some(Limits {
        cpu_ms: written.cpu_ms,
        subrequests: written.subrequests,
    })
}

fn placement(written: &manifest::Placement) -> Placement {
    match written {
        manifest::Placement::Mode(manifest::PlacementMode::Smart) => Placement::Smart,
        manifest::Placement::Region(region) => Placement::Region(region.clone()),
        manifest::Placement::Host(host) => Placement::Host(host.clone()),
    }
}
