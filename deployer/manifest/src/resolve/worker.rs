//! One worker of the stack.

use std::collections::BTreeMap;

use super::{
    Ids, assets, bindings, build, check_known, cron, date, durable_objects, entry, paths,
    placement, queues,
};
use crate::format::WorkerTable;
use crate::names;
use crate::reader::Either;
use crate::reader::{At, Map};
use crate::report::Report;
use crate::suggest;
use crate::worker::{Limits, Route, Secret, Worker};

use super::lifecycle::Table as _;

pub(super) fn resolve(id: &str, table: &WorkerTable, ids: &Ids, report: &mut Report) -> Worker {
    check_names(table, report);
    if let Some(date) = &table.compatibility_date {
        date::check(date, report);
    }
    for flag in table.compatibility_flags.iter().flatten() {
        check_flag(flag, report);
    }
    for cron in table.crons.iter().flatten() {
        cron::check(cron, report);
    }
    for other in table.tail_consumers.iter().flatten() {
        check_known(other, &ids.workers, "worker", "workers", report);
    }
    let routes = routes(table, report);
    let domains = table
        .domains
        .iter()
        .flatten()
        .map(|domain| check_domain(domain, report))
        .collect::<Vec<_>>();
    let build = table
        .build
        .as_ref()
        .map(|table| build::resolve(table, report));
    let assets = table
        .assets
        .as_ref()
        .map(|table| assets::resolve(table, build.is_some(), report));
    let crate_dir = table
        .crate_dir
        .as_ref()
        .map(|path| paths::package(path, report))
        .unwrap_or_default();
    let entry = entry::resolve(table, &crate_dir, report);
    Worker {
        id: id.to_owned(),
        crate_dir,
        features: table.features.clone().unwrap_or_default(),
        default_features: table.default_features.unwrap_or(true),
        rustflags: table
            .rustflags
            .as_ref()
            .map(build::rustflags)
            .unwrap_or_default(),
        profile: table
            .profile
            .as_ref()
            .and_then(|written| build::profile(written, report)),
        panic: table.panic.unwrap_or_default(),
        entry,
        build,
        compatibility_date: table.compatibility_date.clone().unwrap_or_default().value,
        compatibility_flags: values(table.compatibility_flags.as_deref()),
        url: table.url.unwrap_or(routes.is_empty() && domains.is_empty()),
        crons: values(table.crons.as_deref()),
        vars: entries(table.vars.as_ref())
            .map(|(name, value)| (name.value.clone(), value.clone()))
            .collect::<BTreeMap<_, _>>(),
        secrets: table.secrets.iter().flatten().map(secret).collect(),
        assets,
        durable_objects: entries(table.durable_objects.as_ref())
            .map(|(name, written)| durable_objects::resolve(id, name, written, ids, report))
            .collect(),
        class_management: table.durable_object_migrations.unwrap_or_default(),
        code_update: table
            .code_update
            .as_ref()
            .map(|written| placement::code_update(written, report))
            .unwrap_or_default(),
        bindings: entries(table.bindings.as_ref())
            .filter_map(|(name, table)| {
                let binding = bindings::resolve(name, table, ids, report)?;
                Some((name.value.clone(), binding))
            })
            .collect(),
        consumers: entries(table.consumers.as_ref())
            .map(|(queue, table)| queues::consumer(queue, table, ids, report))
            .collect(),
        routes,
        domains,
        observability: table
            .observability
            .as_ref()
            .map(|written| placement::observability(written, report)),
        limits: table
            .limits
            .as_ref()
            .map_or_else(Limits::default, |limits| Limits {
                cpu_ms: placement::cpu_ms(limits.cpu_ms.as_ref(), report),
                subrequests: limits.subrequests,
            }),
        placement: table
            .placement
            .as_ref()
            .and_then(|written| placement::placement(written, report)),
        logpush: table.logpush.unwrap_or(false),
        tail_consumers: values(table.tail_consumers.as_deref()),
        lifecycle: table.lifecycle(),
    }
}

fn entries<T>(map: Option<&Map<T>>) -> impl Iterator<Item = &(At<String>, T)> {
    map.into_iter().flat_map(|map| &map.entries)
}

fn names<T>(map: Option<&Map<T>>) -> impl Iterator<Item = &At<String>> {
    map.into_iter().flat_map(|map| &map.names)
}

pub(super) fn values(written: Option<&[At<String>]>) -> Vec<String> {
    written
        .unwrap_or_default()
        .iter()
        .map(|text| text.value.clone())
        .collect()
}

fn secret(written: &Either<At<String>, crate::format::SecretTable>) -> Secret {
    match written {
        Either::Short(name) => Secret {
            name: name.value.clone(),
            generate: false,
        },
        Either::Long(table) => Secret {
            name: table.name.clone().unwrap_or_default().value,
            generate: table.generate.unwrap_or(false),
        },
    }
}

/// Reports names that `env` cannot have, and those it would have twice.
fn check_names(table: &WorkerTable, report: &mut Report) {
    let secrets = table
        .secrets
        .iter()
        .flatten()
        .filter_map(|written| match written {
            Either::Short(name) => Some(name),
            Either::Long(table) => table.name.as_ref(),
        });
    let names = names(table.vars.as_ref())
        .map(|name| (name, "a var"))
        .chain(secrets.map(|name| (name, "a secret")))
        .chain(names(table.durable_objects.as_ref()).map(|name| (name, "a Durable Object")))
        .chain(names(table.bindings.as_ref()).map(|name| (name, "a binding")))
        .chain(
            table
                .assets
                .iter()
                .filter_map(|assets| assets.binding.as_ref())
                .map(|name| (name, "the assets")),
        );
    let mut taken: Vec<(&At<String>, &str)> = Vec::new();
    for (name, what) in names {
        if !names::is_identifier(&name.value) {
            let help = format!(
                "the worker reads it as `env.NAME`: write `{}`",
                names::as_identifier(&name.value)
            );
            report.problem(
                name.span,
                format!("`{}` cannot name {what}", name.value),
                "not a JavaScript name",
                help,
            );
        }
        match taken.iter().find(|(first, _)| first.value == name.value) {
            None => taken.push((name, what)),
            Some((first, as_what)) => {
                let message = if *as_what == what {
                    format!("`{}` is listed twice", name.value)
                } else {
                    format!("`{}` names both {as_what} and {what}", name.value)
                };
                let help = "`env` has one value for each name: rename one of them".to_owned();
                report.problem_and(
                    name.span,
                    message,
                    what,
                    help,
                    (first.span, (*as_what).to_owned()),
                );
            }
        }
    }
}

fn check_flag(flag: &At<String>, report: &mut Report) {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if flag.value.is_empty() || !flag.value.chars().all(plain) {
        let suggestion = flag.value.to_lowercase().replace('-', "_");
        let suggestion = suggest::fallback(&suggestion, "nodejs_compat");
        let help = format!("flags are lower-case words joined by `_`, such as `{suggestion}`");
        report.problem(
            flag.span,
            format!("`{}` is not a compatibility flag", flag.value),
            "not a flag",
            help,
        );
    }
}

fn routes(table: &WorkerTable, report: &mut Report) -> Vec<Route> {
    let mut routes = Vec::new();
    for written in table.routes.iter().flatten() {
        let (pattern, zone) = match written {
            Either::Short(pattern) => (Some(pattern), None),
            Either::Long(table) => (table.pattern.as_ref(), table.zone.clone()),
        };
        let Some(pattern) = pattern else { continue };
        let host = pattern.value.split('/').next().unwrap_or_default();
        if pattern.value.contains("://") || !host.contains('.') {
            let help =
                "a host and a path without `https://`, such as `example.com/api/*`".to_owned();
            report.problem(
                pattern.span,
                format!("`{}` is not a route", pattern.value),
                "not a route",
                help,
            );
        }
        routes.push(Route {
            pattern: pattern.value.clone(),
            zone,
        });
    }
    routes
}

fn check_domain(domain: &At<String>, report: &mut Report) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    if !domain.value.contains('.') || !domain.value.chars().all(plain) {
        let help =
            "a host name, such as `todo.example.com`; paths and `*` go into `routes`".to_owned();
        report.problem(
            domain.span,
            format!("`{}` is not a domain", domain.value),
            "not a domain",
            help,
        );
    }
    domain.value.clone()
}

/// Reports domains that two workers want.
pub(super) fn refuse_shared_domains(workers: &Map<WorkerTable>, report: &mut Report) {
    let mut taken: Vec<&At<String>> = Vec::new();
    for domain in workers
        .entries
        .iter()
        .flat_map(|(_, table)| table.domains.iter().flatten())
    {
        match taken.iter().find(|first| first.value == domain.value) {
            None => taken.push(domain),
            Some(first) => {
                let message = format!("the domain `{}` is given twice", domain.value);
                let help =
                    "a domain leads to one worker: use `routes` to share it by paths".to_owned();
                report.problem_and(
                    domain.span,
                    message,
                    "the second time",
                    help,
                    (first.span, "the first time".to_owned()),
                );
            }
        }
    }
}
