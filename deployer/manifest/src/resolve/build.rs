//! How the code of a worker is built.

use super::paths;
use crate::format::BuildTable;
use crate::reader::{At, Either};
use crate::report::Report;
use crate::worker::BuildStep;

pub(super) fn resolve(table: &At<BuildTable>, report: &mut Report) -> BuildStep {
    let At { value: table, span } = table;
    let command = table.command.clone().unwrap_or_default();
    if let Some(written) = &table.command
        && written.value.trim().is_empty()
    {
        let help = "write a command, such as `npm run build`, or take `build` out".to_owned();
        report.problem(written.span, "the command is empty", "empty", help);
    }
    let cwd = if let Some(written) = &table.cwd {
        paths::folder(written, "command", report)
    } else {
        let at = table.command.as_ref().map_or(*span, |command| command.span);
        report.folder(at).to_owned()
    };
    let watch = match &table.watch {
        None => vec![cwd.join("src")],
        Some(Either::Short(path)) => vec![paths::path(path, report)],
        Some(Either::Long(list)) => list.iter().map(|path| paths::path(path, report)).collect(),
    };
    for name in table.env.iter().flat_map(|env| &env.names) {
        if name.value.is_empty() || name.value.contains(['=', '\0']) {
            let help = "letters, digits and `_`, such as `NODE_ENV`".to_owned();
            report.problem(
                name.span,
                format!("`{}` cannot name an environment variable", name.value),
                "not a name",
                help,
            );
        }
    }
    BuildStep {
        command: command.value,
        cwd,
        watch,
        env: table
            .env
            .iter()
            .flat_map(|env| &env.entries)
            .map(|(name, value)| (name.value.clone(), value.clone()))
            .collect(),
    }
}

/// The name of a cargo profile.
pub(super) fn profile(written: &At<String>, report: &mut Report) -> Option<String> {
    let name = &written.value;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !name.is_empty() && name.chars().all(plain) {
        return Some(name.clone());
    }
    let help = "name a table `[profile.NAME]` of Cargo.toml".to_owned();
    report.problem(
        written.span,
        format!("`{name}` cannot name a cargo profile"),
        "not a name",
        help,
    );
    None
}

/// The flags one by one; a string holds several, as in cargo's configuration.
pub(super) fn rustflags(written: &Either<String, Vec<String>>) -> Vec<String> {
    match written {
        Either::Short(text) => text.split_whitespace().map(str::to_owned).collect(),
        Either::Long(flags) => flags.clone(),
    }
}
