//! JavaScript around the Rust module of a worker.

use camino::{Utf8Path, Utf8PathBuf};

use super::paths;
use crate::format::{ModuleRuleTable, WorkerTable};
use crate::reader::At;
use crate::report::Report;
use crate::worker::{Entry, ModuleRule};

/// What `worker-build` writes below the crate, and tiny makes by itself.
const GENERATED: [&str; 2] = ["build/worker/shim.mjs", "build/index.js"];

pub(super) fn resolve(
    table: &WorkerTable,
    crate_dir: &Utf8Path,
    report: &mut Report,
) -> Option<Entry> {
    let rules = table.rules.as_ref();
    for rule in rules.iter().flat_map(|rules| &rules.value) {
        check(rule, report);
    }
    let Some(written) = &table.entry else {
        if let Some(rules) = rules {
            let help = "add `entry` with the file that imports them, or take `rules` out: the \
                        Rust module needs none"
                .to_owned();
            report.problem(
                rules.span,
                "`rules` without `entry`: no JavaScript imports these files",
                "nothing to apply them to",
                help,
            );
        }
        return None;
    };
    let path = paths::path(written, report);
    let folder = report.folder(written.span).to_owned();
    check_path(written, &path, crate_dir, table.build.is_some(), report);
    Some(Entry {
        root: common(&[&folder, crate_dir, path.parent().unwrap_or(&folder)]),
        path,
        rules: rules
            .iter()
            .flat_map(|rules| &rules.value)
            .map(|rule| ModuleRule {
                kind: rule
                    .kind
                    .as_ref()
                    .map_or_else(Default::default, |kind| kind.value),
                globs: super::worker::values(rule.globs.as_ref().map(|globs| &*globs.value)),
                fallthrough: rule.fallthrough.unwrap_or(false),
            })
            .collect(),
    })
}

fn check_path(
    written: &At<String>,
    path: &Utf8Path,
    crate_dir: &Utf8Path,
    built: bool,
    report: &mut Report,
) {
    if GENERATED.iter().any(|made| crate_dir.join(made) == path) {
        let help = "take `entry` out: without it the worker is the Rust module alone".to_owned();
        report.problem(
            written.span,
            format!("`{}` is what tiny makes of the crate", written.value),
            "made by tiny itself",
            help,
        );
    } else if matches!(path.extension(), Some("ts" | "tsx" | "jsx" | "mts" | "cts")) {
        let compiled = Utf8Path::new("dist").join(path.file_stem().unwrap_or("entry"));
        let help = format!(
            "compile it in a build step, such as `[workers.ID.build] command = \"npx esbuild {} --format=esm \
             --outfile={compiled}.js\"`, and name what comes out",
            written.value
        );
        report.problem(
            written.span,
            format!("`{}` is not JavaScript", written.value),
            "not JavaScript",
            help,
        );
    } else if !built || path.exists() {
        paths::check_file(written, path, report);
    }
}

fn check(rule: &ModuleRuleTable, report: &mut Report) {
    if let Some(globs) = &rule.globs
        && globs.value.is_empty()
    {
        let help = "add a pattern, such as `**/*.html`".to_owned();
        report.problem(
            globs.span,
            "a rule without patterns matches nothing",
            "empty",
            help,
        );
    }
}

/// The innermost folder that all of them are in.
fn common(folders: &[&Utf8Path]) -> Utf8PathBuf {
    let [first, rest @ ..] = folders else {
        return Utf8PathBuf::new();
    };
    first
        .ancestors()
        .find(|above| rest.iter().all(|folder| folder.starts_with(above)))
        .unwrap_or(first)
        .to_owned()
}
