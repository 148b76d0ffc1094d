//! From what was written to what is meant: the tables checked against each other and against the disk.
//!
//! A value that is missing or wrong has been reported by then; its stand-in here never leaves the crate, because a
//! report with anything in it comes out as errors.

mod allowed_hosts;
mod assets;
mod bindings;
mod build;
mod cron;
mod databases;
mod date;
mod durable_objects;
mod entry;
mod external;
mod kinds;
mod lifecycle;
mod packages;
mod paths;
mod placement;
mod queues;
mod worker;

use std::net::IpAddr;

use crate::format::{DevTable, ExternalTable, Manifest, WorkerTable};
use crate::reader::{At, Map, Read};
use crate::report::Report;
use crate::stack::{Dev, External, ExternalResource, Kv, Queue, R2, Stack};
use crate::suggest;
use crate::tree::{Node, Span, Table, Value};
use crate::{LoadOptions, names};

use lifecycle::Table as _;

/// What the tables may refer to: the stack's own and what is external.
struct Ids<'a> {
    workers: Vec<&'a str>,
    kv: Vec<&'a str>,
    r2: Vec<&'a str>,
    d1: Vec<&'a str>,
    queues: Vec<&'a str>,
    /// The Durable Object classes of each worker: worker, class.
    classes: Vec<(&'a str, &'a str)>,
    external: &'a External,
    external_tables: Option<&'a ExternalTable>,
    /// Workers that are taken over: script, id.
    imported_workers: Vec<(&'a str, &'a str)>,
}

impl Ids<'_> {
    fn is_external_worker(&self, id: &str) -> bool {
        self.external.workers.iter().any(|worker| worker.id == id)
    }
}

/// The stack that the merged and filled-in tree describes.
pub(crate) fn resolve(tree: Table, options: &LoadOptions, report: &mut Report) -> Option<Stack> {
    let root = Node {
        value: Value::Table(tree),
        span: Span::default(),
    };
    let mut manifest = Manifest::read(&root, report)?;
    let name = manifest.name.take().unwrap_or_default();
    if !name.value.is_empty() || name.span != Span::default() {
        check_id(&name, "a stack", report);
    }
    let workers = manifest.workers.take().unwrap_or_default();
    if let Some(node) = root.as_table().and_then(|table| table.get("workers"))
        && node
            .as_table()
            .is_some_and(|table| table.entries.is_empty())
    {
        let help = "add a table `[workers.NAME]`".to_owned();
        report.problem(
            node.span,
            "a stack has at least one worker",
            "no worker here",
            help,
        );
    }
    let external = external::resolve(&manifest, &workers.names, report);
    let ids = Ids {
        workers: ids(Some(&workers), &external.workers, "a worker", report),
        kv: ids(manifest.kv.as_ref(), &external.kv, "a KV namespace", report),
        r2: ids(manifest.r2.as_ref(), &external.r2, "an R2 bucket", report),
        d1: ids(manifest.d1.as_ref(), &external.d1, "a D1 database", report),
        queues: ids(
            manifest.queues.as_ref(),
            &external.queues,
            "a queue",
            report,
        ),
        classes: durable_objects::classes(&workers),
        external: &external,
        external_tables: manifest.external.as_ref(),
        imported_workers: imported(&workers),
    };
    check_lifecycles(&manifest, &workers, &external, report);
    let resolved = workers
        .entries
        .iter()
        .map(|(id, table)| worker::resolve(&id.value, table, &ids, report))
        .collect();
    queues::refuse_shared(&workers, report);
    worker::refuse_shared_domains(&workers, report);
    Some(Stack {
        name: name.value,
        stage: options.stage.clone(),
        root: report.folder(Span::default()).to_owned(),
        sources: report.sources(),
        protect: manifest.protect.unwrap_or(false),
        workers: resolved,
        kv: each(manifest.kv.as_ref(), |id, table| Kv {
            id,
            lifecycle: table.lifecycle(),
        }),
        r2: each(manifest.r2.as_ref(), |id, table| R2 {
            id,
            jurisdiction: table.jurisdiction,
            lifecycle: table.lifecycle(),
        }),
        d1: databases::databases(manifest.d1.as_ref(), report),
        queues: each(manifest.queues.as_ref(), |id, table| Queue {
            id,
            lifecycle: table.lifecycle(),
        }),
        state: manifest
            .state
            .as_ref()
            .and_then(|table| table.backend)
            .unwrap_or_default(),
        dev: manifest
            .dev
            .as_ref()
            .map(|table| dev(table, report))
            .unwrap_or_default(),
        external,
    })
}

fn imported(workers: &Map<WorkerTable>) -> Vec<(&str, &str)> {
    let imports = workers.entries.iter().filter_map(|(id, table)| {
        let import = table.import.as_ref()?;
        Some((import.value.as_str(), id.value.as_str()))
    });
    imports.collect()
}

fn check_lifecycles(
    manifest: &Manifest,
    workers: &Map<WorkerTable>,
    external: &External,
    report: &mut Report,
) {
    lifecycle::check(workers, &external.workers, report);
    if let Some(kv) = &manifest.kv {
        lifecycle::check(kv, &external.kv, report);
    }
    if let Some(r2) = &manifest.r2 {
        lifecycle::check(r2, &external.r2, report);
    }
    if let Some(d1) = &manifest.d1 {
        lifecycle::check(d1, &external.d1, report);
    }
    if let Some(queues) = &manifest.queues {
        lifecycle::check(queues, &external.queues, report);
    }
}

fn each<T, R>(tables: Option<&Map<T>>, make: impl Fn(String, &T) -> R) -> Vec<R> {
    tables
        .into_iter()
        .flat_map(|tables| &tables.entries)
        .map(|(id, table)| make(id.value.clone(), table))
        .collect()
}

/// The ids of one kind that bindings may name.
fn ids<'a, T>(
    tables: Option<&'a Map<T>>,
    external: &'a [ExternalResource],
    what: &str,
    report: &mut Report,
) -> Vec<&'a str> {
    let names = tables
        .map(|tables| tables.names.as_slice())
        .unwrap_or_default();
    for id in names {
        check_id(id, what, report);
    }
    let own = names.iter().map(|id| id.value.as_str());
    own.chain(external.iter().map(|resource| resource.id.as_str()))
        .collect()
}

fn check_id(id: &At<String>, what: &str, report: &mut Report) {
    if !names::is_id(&id.value) {
        let suggestion = names::as_id(&id.value).unwrap_or_default();
        let suggestion = suggest::fallback(&suggestion, "main");
        let help = format!("a-z, 0-9 and `-`, starting with a letter, such as `{suggestion}`");
        report.problem(
            id.span,
            format!("`{}` cannot name {what}", id.value),
            "not a name",
            help,
        );
    }
}

/// Reports an id that is not among those of its kind. `plural` is also the name of the kind's table.
fn check_known(id: &At<String>, known: &[&str], what: &str, table: &str, report: &mut Report) {
    if known.contains(&id.value.as_str()) {
        return;
    }
    let help = suggest::closest(&id.value, known.iter().copied()).map_or_else(
        || {
            let shown = names::as_id(&id.value).unwrap_or_default();
            format!(
                "add a table `[{table}.{}]`",
                suggest::fallback(&shown, "NAME")
            )
        },
        |closest| format!("did you mean `{closest}`?"),
    );
    report.problem(
        id.span,
        format!("no {what} is called `{}`", id.value),
        "not in this manifest",
        help,
    );
}

/// Reports a number outside of what Cloudflare takes.
fn check_range(number: &At<u32>, range: std::ops::RangeInclusive<u32>, report: &mut Report) {
    if !range.contains(&number.value) {
        let help = format!("{} to {}", range.start(), range.end());
        report.problem(
            number.span,
            format!("{} is out of range", number.value),
            "out of range",
            help,
        );
    }
}

fn dev(table: &DevTable, report: &mut Report) -> Dev {
    Dev {
        host: table.host.as_ref().and_then(|host| address(host, report)),
        port: table.port.as_ref().and_then(|port| {
            check_range(port, 0..=u16::MAX.into(), report);
            u16::try_from(port.value).ok()
        }),
        persist: table.persist.as_ref().map(|path| paths::path(path, report)),
        allowed_hosts: allowed_hosts::resolve(table, report),
    }
}

fn address(host: &At<String>, report: &mut Report) -> Option<IpAddr> {
    if let Ok(address) = host.value.parse() {
        return Some(address);
    }
    let message = format!("`{}` is not an address", host.value);
    let help =
        "an IP address, such as `127.0.0.1`, `::1`, or `0.0.0.0` for every network".to_owned();
    report.problem(host.span, message, "not an address", help);
    None
}
