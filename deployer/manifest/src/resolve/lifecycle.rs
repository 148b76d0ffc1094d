//! `import`, `was` and `keep`: where a resource came from, and whether it outlives its stage.

use crate::format::{D1Table, KvTable, QueueTable, R2Table, WorkerTable};
use crate::names;
use crate::reader::{At, Map};
use crate::report::Report;
use crate::stack::{ExternalResource, Lifecycle};

/// A table with the three keys.
pub(super) trait Table {
    /// What one is called, and the name of the table of all.
    const KIND: (&'static str, &'static str);

    fn import(&self) -> Option<&At<String>>;
    fn was(&self) -> Option<&At<String>>;
    fn keep(&self) -> bool;

    fn lifecycle(&self) -> Lifecycle {
        Lifecycle {
            import: self.import().map(|import| import.value.clone()),
            was: self.was().map(|was| was.value.clone()),
            keep: self.keep(),
        }
    }
}

macro_rules! with_lifecycle {
    ($($table:ty: $what:literal in $section:literal,)*) => {
        $(impl Table for $table {
            const KIND: (&'static str, &'static str) = ($what, $section);

            fn import(&self) -> Option<&At<String>> {
                self.import.as_ref()
            }

            fn was(&self) -> Option<&At<String>> {
                self.was.as_ref()
            }

            fn keep(&self) -> bool {
                self.keep.unwrap_or(false)
            }
        })*
    };
}

with_lifecycle! {
    KvTable: "KV namespace" in "kv",
    R2Table: "R2 bucket" in "r2",
    D1Table: "D1 database" in "d1",
    QueueTable: "queue" in "queues",
    WorkerTable: "worker" in "workers",
}

/// Reports imports and former ids that cannot be, or that two resources share.
pub(super) fn check<T: Table>(tables: &Map<T>, external: &[ExternalResource], report: &mut Report) {
    let mut imports: Vec<(&At<String>, &At<String>)> = Vec::new();
    let mut formers: Vec<(&At<String>, &At<String>)> = Vec::new();
    for (id, table) in &tables.entries {
        if let Some(import) = table.import() {
            check_import::<T>(import, external, report);
            refuse_second(import, &imports, "is imported twice", report);
            imports.push((id, import));
        }
        if let Some(was) = table.was() {
            check_was(was, id, tables, report);
            refuse_second(was, &formers, "is the former id of two resources", report);
            formers.push((id, was));
        }
    }
}

fn check_import<T: Table>(import: &At<String>, external: &[ExternalResource], report: &mut Report) {
    let (what, section) = T::KIND;
    if import.value.trim().is_empty() {
        let help = format!("write the {what} to take over as Cloudflare calls it, or leave it out");
        report.problem(import.span, "nothing is imported here", "empty", help);
    }
    let also = external
        .iter()
        .find(|resource| resource.identifier == import.value);
    if let Some(resource) = also {
        let message = format!(
            "the {what} `{}` is both imported and external",
            import.value
        );
        let help = format!(
            "import it to own it, or keep `[external.{section}.{}]` and bind that",
            resource.id
        );
        report.problem(import.span, message, "external as well", help);
    }
}

fn check_was<T: Table>(was: &At<String>, id: &At<String>, tables: &Map<T>, report: &mut Report) {
    let (what, section) = T::KIND;
    if was.value == id.value {
        let help = "write the id that it had before, or leave it out".to_owned();
        report.problem(
            was.span,
            "the former id is the present one",
            "unchanged",
            help,
        );
    } else if let Some(there) = tables.names.iter().find(|name| name.value == was.value) {
        let message = format!("the {what} `{}` is still in the manifest", was.value);
        let help = format!("take out `was`, or the table `[{section}.{}]`", was.value);
        let also = (there.span, "still here".to_owned());
        report.problem_and(was.span, message, "a former id", help, also);
    } else if !names::is_id(&was.value) {
        let help = "write the id that it had in this manifest; what Cloudflare calls it goes into `import`".to_owned();
        let message = format!("`{}` cannot have named a {what}", was.value);
        report.problem(was.span, message, "not an id", help);
    }
}

fn refuse_second(
    value: &At<String>,
    earlier: &[(&At<String>, &At<String>)],
    wrong: &str,
    report: &mut Report,
) {
    if let Some((id, first)) = earlier.iter().find(|(_, first)| first.value == value.value) {
        let message = format!("`{}` {wrong}", value.value);
        let help = format!("take it out here, or in the table of `{}`", id.value);
        let also = (first.span, "the first time".to_owned());
        report.problem_and(value.span, message, "the second time", help, also);
    }
}
