//! What the stack uses and does not own.

use crate::format::{
    ExternalBucketTable, ExternalIdTable, ExternalNameTable, ExternalTable, HyperdriveTable,
    Manifest,
};
use crate::reader::{At, Map};
use crate::report::Report;
use crate::stack::{External, ExternalResource, R2Jurisdiction};
use crate::tree::Span;

use super::check_id;

/// A table of external things: each by its id in the manifest and by what Cloudflare calls it.
trait Entry {
    fn identifier(&self) -> Option<&At<String>>;

    fn jurisdiction(&self) -> Option<R2Jurisdiction> {
        None
    }
}

impl Entry for ExternalBucketTable {
    fn identifier(&self) -> Option<&At<String>> {
        self.name.as_ref()
    }

    fn jurisdiction(&self) -> Option<R2Jurisdiction> {
        self.jurisdiction
    }
}

impl Entry for ExternalIdTable {
    fn identifier(&self) -> Option<&At<String>> {
        self.id.as_ref()
    }
}

impl Entry for ExternalNameTable {
    fn identifier(&self) -> Option<&At<String>> {
        self.name.as_ref()
    }
}

impl Entry for HyperdriveTable {
    fn identifier(&self) -> Option<&At<String>> {
        self.id.as_ref()
    }
}

/// One kind: what it is called, the name of its table, and the stack's own of that kind.
struct OfKind<'a> {
    what: &'static str,
    table: &'static str,
    own: &'a [At<String>],
}

/// Resolves `[external]` and reports what is both external and the stack's own.
pub(super) fn resolve(
    manifest: &Manifest,
    workers: &[At<String>],
    report: &mut Report,
) -> External {
    let Some(external) = &manifest.external else {
        return External::default();
    };
    let kind = |what, table, own| OfKind { what, table, own };
    External {
        kv: entries(
            external.kv.as_ref(),
            &kind("KV namespace", "kv", names(manifest.kv.as_ref())),
            report,
        ),
        r2: entries(
            external.r2.as_ref(),
            &kind("R2 bucket", "r2", names(manifest.r2.as_ref())),
            report,
        ),
        d1: entries(
            external.d1.as_ref(),
            &kind("D1 database", "d1", names(manifest.d1.as_ref())),
            report,
        ),
        queues: entries(
            external.queues.as_ref(),
            &kind("queue", "queues", names(manifest.queues.as_ref())),
            report,
        ),
        workers: entries(
            external.workers.as_ref(),
            &kind("worker", "workers", workers),
            report,
        ),
        hyperdrive: entries(
            external.hyperdrive.as_ref(),
            &kind("Hyperdrive configuration", "hyperdrive", &[]),
            report,
        ),
        vectorize: entries(
            external.vectorize.as_ref(),
            &kind("Vectorize index", "vectorize", &[]),
            report,
        ),
    }
}

/// The connection string that `tiny dev` uses for an external Hyperdrive configuration.
pub(super) fn local_database<'a>(
    external: Option<&'a ExternalTable>,
    id: &str,
) -> Option<&'a At<String>> {
    let tables = external?.hyperdrive.as_ref()?;
    let (_, table) = tables.entries.iter().find(|(name, _)| name.value == id)?;
    table.local.as_ref()
}

fn names<T>(tables: Option<&Map<T>>) -> &[At<String>] {
    tables
        .map(|tables| tables.names.as_slice())
        .unwrap_or_default()
}

fn entries<T: Entry>(
    tables: Option<&Map<T>>,
    kind: &OfKind<'_>,
    report: &mut Report,
) -> Vec<ExternalResource> {
    let mut found: Vec<(&At<String>, &At<String>, &T)> = Vec::new();
    for (id, table) in tables.into_iter().flat_map(|tables| &tables.entries) {
        check_id(id, &format!("an external {}", kind.what), report);
        refuse_own(id, kind, report);
        let Some(identifier) = table.identifier() else {
            continue;
        };
        if identifier.value.trim().is_empty() {
            let help = "write what Cloudflare calls it, as the dashboard shows it".to_owned();
            report.problem(identifier.span, "nothing is named here", "empty", help);
        } else if let Some((other, first, _)) = found
            .iter()
            .find(|(_, first, _)| first.value == identifier.value)
        {
            let message = format!("the {} `{}` is external twice", kind.what, identifier.value);
            let help = format!(
                "bind it as `{}` everywhere, and take this table out",
                other.value
            );
            let also = (first.span, "the first time".to_owned());
            report.problem_and(identifier.span, message, "the second time", help, also);
        }
        found.push((id, identifier, table));
    }
    found
        .into_iter()
        .map(|(id, identifier, table)| ExternalResource {
            id: id.value.clone(),
            identifier: identifier.value.clone(),
            jurisdiction: table.jurisdiction(),
        })
        .collect()
}

/// Reports an id that is in the stack's own table of the kind, too.
fn refuse_own(id: &At<String>, kind: &OfKind<'_>, report: &mut Report) {
    let Some(own) = kind.own.iter().find(|own| own.value == id.value) else {
        return;
    };
    let message = format!(
        "the {} `{}` is both owned and external",
        kind.what, id.value
    );
    let help = format!(
        "take out `[{table}.{id}]` or `[external.{table}.{id}]`; where stages differ, write each under its `[stages.S]`",
        table = kind.table,
        id = id.value,
    );
    let also: (Span, String) = (own.span, "owned by the stack".to_owned());
    report.problem_and(id.span, message, "external", help, also);
}
