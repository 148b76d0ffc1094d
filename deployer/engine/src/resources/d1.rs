//! D1 databases, and the SQL migrations in them. Which files were applied stands in the table that
//! wrangler keeps too, so both may be used on one database.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tiny_cloudflare::{Account, CloudflareError, D1Database, D1Statement, NewD1Database, code};

use super::jurisdiction;
use super::named::{self, Named};
use super::{Draft, Found, Item, Leaving, Lists, Made, Resource, Sought, Target, Work};
use crate::Want;
use crate::desired::{D1Spec, Spec, SqlMigration};
use crate::error::{EngineError, PlanError};
use crate::plan::{Loss, Part};
use crate::properties::Properties;

/// Up to so many databases are asked for by name; beyond, lists are shorter.
const BY_NAME: usize = 3;

/// Databases that are asked for their migrations at once.
const AT_ONCE: usize = 10;

/// The property with the applied files, by name.
const MIGRATIONS: &str = "migrations";

/// As wrangler makes it, to the letter.
const COLUMNS: &str = "(
		id         INTEGER PRIMARY KEY AUTOINCREMENT,
		name       TEXT UNIQUE,
		applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
);";

pub(crate) struct D1;

#[derive(Deserialize)]
struct Row {
    name: String,
}

impl Resource for D1 {
    async fn read(&self, lists: &Lists<'_>, sought: &Sought<'_>) -> Result<Found, EngineError> {
        let reads = sought.targets.iter().map(async |target| {
            let database = if sought.targets.len() <= BY_NAME {
                find(lists.cloud, target).await?
            } else {
                named::entry(target, lists.d1_databases().await?, entry).cloned()
            };
            let Some(database) = database else {
                return Ok::<_, EngineError>(None);
            };
            let mut properties = jurisdiction::property(database.jurisdiction.as_deref());
            if let Some(table) = migrated_in(target) {
                let applied = applied(lists.cloud, &database.uuid, table).await?;
                properties.insert(MIGRATIONS.to_owned(), migrations(&applied));
            }
            let live = named::live(target, entry(&database), properties);
            Ok(Some((target.address.clone(), live)))
        });
        let found: Vec<_> = stream::iter(reads)
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        Ok(Found {
            resources: found.into_iter().flatten().collect(),
            ..Found::default()
        })
    }

    fn draft(&self, item: &Item<'_>) -> Result<Draft, PlanError> {
        let applied = item
            .has(MIGRATIONS)
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        let spec = spec(item.want);
        let properties = jurisdiction::draft(item, spec.jurisdiction.as_deref())?;
        let wanted = &spec.migrations;
        let vanished = applied
            .keys()
            .filter(|name| !wanted.is_empty() && wanted.iter().all(|file| file.name != **name));
        let notes = vanished
            .map(|name| {
                format!("migration `{name}` was applied to the database, and its file is gone from the folder")
            })
            .collect();
        let pending: Vec<&SqlMigration> = pending(wanted, |name| applied.contains_key(name));
        let migrated = (!pending.is_empty()).then(|| {
            let mut all = applied.clone();
            all.extend(pending.iter().map(|file| done(&file.name)));
            with_migrations(properties.clone(), all)
        });
        let properties = if item.has(MIGRATIONS).is_some() {
            with_migrations(properties, applied)
        } else {
            properties
        };
        Ok(Draft {
            properties,
            notes,
            migrated,
            ..Draft::default()
        })
    }

    fn losses(&self, item: &Leaving<'_>) -> Vec<Loss> {
        Loss::of(item.address, item.name).into_iter().collect()
    }

    async fn create(&self, work: &Work<'_>, want: &Want) -> Result<Made, EngineError> {
        let database = NewD1Database {
            name: work.step.name.clone(),
            jurisdiction: spec(want).jurisdiction.clone(),
            ..NewD1Database::default()
        };
        let make = async || work.cloud.create_d1_database(&database).await;
        let look = async || work.cloud.d1_database_named(&database.name).await;
        let database = named::settle(work, make, look).await?;
        Ok(named::made(&database.uuid))
    }

    async fn update(&self, work: &Work<'_>, want: &Want) -> Result<Made, EngineError> {
        if work.step.part == Part::Migrations {
            migrate(work, spec(want)).await
        } else {
            named::taken_up(work)
        }
    }

    async fn delete(&self, work: &Work<'_>) -> Result<(), EngineError> {
        if let Some(id) = named::id(work) {
            work.cloud.delete_d1_database(&id).await?;
        }
        Ok(())
    }
}

/// A single database: by its recorded id, which no renaming changes, else by name.
async fn find(cloud: &Account, target: &Target<'_>) -> Result<Option<D1Database>, CloudflareError> {
    let recorded = target
        .record
        .and_then(|record| record.outputs.get(named::ID));
    if let Some(id) = recorded
        && uuid::Uuid::try_parse(id).is_ok()
        && let Some(database) = cloud.d1_database(id).await?
    {
        return Ok(Some(database));
    }
    cloud.d1_database_named(target.name).await
}

fn entry(database: &D1Database) -> Named<'_> {
    Named {
        id: &database.uuid,
        name: &database.name,
    }
}

fn spec(want: &Want) -> &D1Spec {
    const NONE: &D1Spec = &D1Spec {
        migrations: Vec::new(),
        table: String::new(),
        jurisdiction: None,
    };
    match &want.spec {
        Spec::D1(spec) => spec,
        _ => NONE,
    }
}

/// The table to ask for what was applied. None: there are no migrations, and nobody asks.
fn migrated_in<'a>(target: &Target<'a>) -> Option<&'a str> {
    let spec = target.want.map(spec)?;
    (!spec.migrations.is_empty()).then_some(&spec.table)
}

/// An object by the names of the files: a new one is a change of its own.
fn migrations<'a>(names: impl IntoIterator<Item = &'a String>) -> Value {
    Value::Object(names.into_iter().map(|name| done(name)).collect())
}

fn done(name: &str) -> (String, Value) {
    (name.to_owned(), json!("applied"))
}

fn with_migrations(mut properties: Properties, applied: Map<String, Value>) -> Properties {
    properties.insert(MIGRATIONS.to_owned(), Value::Object(applied));
    properties
}

/// In the order in which they are applied.
fn pending(all: &[SqlMigration], is_applied: impl Fn(&str) -> bool) -> Vec<&SqlMigration> {
    all.iter().filter(|file| !is_applied(&file.name)).collect()
}

/// The names in the table; none where there is no such table.
async fn applied(
    cloud: &Account,
    uuid: &str,
    table: &str,
) -> Result<BTreeSet<String>, CloudflareError> {
    let statement = D1Statement {
        sql: format!("SELECT name FROM {table} ORDER BY id"),
        params: Vec::new(),
    };
    match cloud.read_d1::<Row>(uuid, &statement).await {
        Ok(results) => Ok(results
            .into_iter()
            .flat_map(|result| result.results)
            .map(|row| row.name)
            .collect()),
        Err(error) if is_no_table(&error) => Ok(BTreeSet::new()),
        Err(error) => Err(error),
    }
}

fn is_no_table(error: &CloudflareError) -> bool {
    error.refusal().is_some_and(|refusal| {
        refusal.has_code(code::D1_SQL) && refusal.text().contains("no such table")
    })
}

/// Applies what the table does not name. It is asked again first: somebody with wrangler may have
/// been quicker, and the plan may be of an hour ago.
async fn migrate(work: &Work<'_>, spec: &D1Spec) -> Result<Made, EngineError> {
    let uuid = work.output(&work.step.address, named::ID)?;
    let mut there = applied(work.cloud, &uuid, &spec.table).await?;
    let files = pending(&spec.migrations, |name| there.contains(name));
    let count = files.len();
    for (index, file) in files.iter().enumerate() {
        work.say(&format!("{} ({} of {count})", file.name, index + 1));
        apply_file(work, &uuid, &spec.table, file, index == 0).await?;
    }
    there.extend(files.iter().map(|file| file.name.clone()));
    let applied = there.iter().map(|name| done(name)).collect();
    Ok(Made {
        outputs: named::outputs(&uuid),
        properties: Some(with_migrations(work.step.properties.clone(), applied)),
        note: Some(match count {
            1 => "1 migration".to_owned(),
            _ => format!("{count} migrations"),
        }),
    })
}

/// The file and its entry in the table, in one call and so in one transaction: both are there
/// afterwards, or neither.
async fn apply_file(
    work: &Work<'_>,
    uuid: &str,
    table: &str,
    file: &SqlMigration,
    is_first: bool,
) -> Result<(), EngineError> {
    let create = if is_first {
        format!("CREATE TABLE IF NOT EXISTS {table}{COLUMNS}")
    } else {
        String::new()
    };
    let name = file.name.replace('\'', "''");
    let sql = file.sql.trim();
    // A comment at its end must not swallow what follows, nor may a semicolon be missing.
    let end = if sql.ends_with(';') { "" } else { "\n;" };
    let sql = format!("{create}\n{sql}{end}\nINSERT INTO {table} (name)\nvalues ('{name}');");
    let statement = D1Statement {
        sql,
        params: Vec::new(),
    };
    match work.cloud.run_d1::<Value>(uuid, &statement).await {
        Ok(_) => Ok(()),
        Err(error) if error.is_unclear() => {
            if applied(work.cloud, uuid, table).await?.contains(&file.name) {
                Ok(())
            } else {
                Err(error.into())
            }
        }
        Err(error) => match error.refusal() {
            Some(refusal) if refusal.has_code(code::D1_SQL) => Err(EngineError::SqlMigration {
                database: work.step.name.clone(),
                file: file.name.clone(),
                why: refusal.text().to_owned(),
            }),
            _ => Err(error.into()),
        },
    }
}
