//! Static assets of a worker.

use super::{packages, paths};
use crate::format::AssetsTable;
use crate::reader::At;
use crate::reader::Either;
use crate::report::Report;
use crate::worker::{Assets, RunWorkerFirst};

/// Most path patterns that Cloudflare takes.
const MOST_PATTERNS: usize = 100;

/// `built` says that a build step may make the folder, which need not be there before.
pub(super) fn resolve(table: &AssetsTable, built: bool, report: &mut Report) -> Assets {
    let mut folder = |path: &At<String>| {
        let folder = paths::path(path, report);
        if built && !folder.exists() {
            return folder;
        }
        paths::folder(path, "assets", report)
    };
    Assets {
        directory: table
            .directory
            .as_ref()
            .map(&mut folder)
            .unwrap_or_default(),
        binding: table.binding.as_ref().map(|name| name.value.clone()),
        html_handling: table.html_handling.unwrap_or_default(),
        not_found_handling: table.not_found_handling.unwrap_or_default(),
        run_worker_first: match &table.run_worker_first {
            None | Some(Either::Short(false)) => RunWorkerFirst::Never,
            Some(Either::Short(true)) => RunWorkerFirst::Always,
            Some(Either::Long(patterns)) => {
                check_patterns(patterns, report);
                RunWorkerFirst::Paths(
                    patterns
                        .iter()
                        .map(|pattern| pattern.value.clone())
                        .collect(),
                )
            }
        },
        packages: table
            .packages
            .as_ref()
            .map(|tables| packages::resolve(tables, report))
            .unwrap_or_default(),
    }
}

fn check_patterns(patterns: &[At<String>], report: &mut Report) {
    for pattern in patterns {
        let path = pattern.value.strip_prefix('!').unwrap_or(&pattern.value);
        if !path.starts_with('/') {
            let help = format!(
                "start it with `/` or `!/`, such as `/{}`",
                path.trim_start_matches('*')
            );
            report.problem(
                pattern.span,
                format!("`{}` matches no path", pattern.value),
                "not a path",
                help,
            );
        }
    }
    let Some(first) = patterns.first() else {
        return;
    };
    if patterns
        .iter()
        .all(|pattern| pattern.value.starts_with('!'))
    {
        let help = "add a pattern without `!`, such as `/*`, or leave the list out".to_owned();
        report.problem(
            first.span,
            "every pattern is an exception: none sends anything to the worker",
            "only exceptions",
            help,
        );
    }
    if let Some(extra) = patterns.get(MOST_PATTERNS) {
        let help = "join some of them with `*`".to_owned();
        report.problem(
            extra.span,
            "Cloudflare takes at most 100 patterns",
            "one too many",
            help,
        );
    }
}
