//! D1 databases and their migrations.

use tiny_migrations::{Migrations, Pattern};

use super::lifecycle::Table as _;
use super::paths;
use crate::format::D1Table;
use crate::reader::{At, Map};
use crate::report::Report;
use crate::stack::D1;

/// Prefixes of tables that SQLite and D1 keep for themselves.
const RESERVED: [&str; 2] = ["sqlite_", "_cf_"];

pub(super) fn databases(tables: Option<&Map<D1Table>>, report: &mut Report) -> Vec<D1> {
    let mut databases = Vec::new();
    for (id, table) in tables.into_iter().flat_map(|tables| &tables.entries) {
        databases.push(D1 {
            id: id.value.clone(),
            migrations: migrations(table, report),
            jurisdiction: table.jurisdiction,
            lifecycle: table.lifecycle(),
        });
    }
    databases
}

fn migrations(table: &D1Table, report: &mut Report) -> Option<Migrations> {
    let Some(written) = &table.migrations else {
        for (key, setting) in [
            ("migrations_pattern", &table.migrations_pattern),
            ("migrations_table", &table.migrations_table),
        ] {
            if let Some(setting) = setting {
                let message = format!("`{key}` has no effect without `migrations`");
                let help = "add `migrations = \"…\"`, the folder of the SQL migrations".to_owned();
                report.problem(setting.span, message, "no migrations to apply", help);
            }
        }
        return None;
    };
    let folder = paths::folder(written, "migrations", report);
    let mut migrations = Migrations::in_folder(folder);
    if let Some(pattern) = &table.migrations_pattern {
        migrations.pattern = self::pattern(pattern, written, &migrations, report);
    }
    if let Some(name) = &table.migrations_table {
        check_table(name, report);
        migrations.table.clone_from(&name.value);
    }
    Some(migrations)
}

/// The pattern as it is below the folder; it is written as a path that begins with it.
fn pattern(
    written: &At<String>,
    folder: &At<String>,
    migrations: &Migrations,
    report: &mut Report,
) -> Pattern {
    let whole = paths::path(written, report);
    let Ok(below) = whole.strip_prefix(&migrations.folder) else {
        let message = format!(
            "`{}` does not begin with the folder of the migrations",
            written.value
        );
        let help = format!(
            "write it as `{}/…`, such as `{}/*/migration.sql`",
            folder.value.trim_end_matches('/'),
            folder.value.trim_end_matches('/')
        );
        report.problem(written.span, message, "outside of `migrations`", help);
        return Pattern::default();
    };
    Pattern::new(below.as_str()).unwrap_or_else(|error| {
        let help = "a path with `*`, `?` or `**`, such as `migrations/*/migration.sql`".to_owned();
        report.problem(written.span, error.to_string(), "not a pattern", help);
        Pattern::default()
    })
}

fn check_table(name: &At<String>, report: &mut Report) {
    let lower = name.value.to_ascii_lowercase();
    let reserved = RESERVED.iter().find(|prefix| lower.starts_with(**prefix));
    let message = match reserved {
        Some(prefix) => format!("tables beginning with `{prefix}` are reserved"),
        None if name.value.is_empty() => "a table needs a name".to_owned(),
        None => return,
    };
    let help = "choose another name, such as `d1_migrations`".to_owned();
    report.problem(name.span, message, "not the name of a table", help);
}
