//! Tables and their versions, each product's its own.

use camino::Utf8Path;
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};

use crate::error::CloudError;

/// The tables of one product.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schema {
    pub(crate) product: &'static str,
    /// SQL, each step leading from one version to the next. Steps that were released stay as they
    /// are.
    pub(crate) steps: &'static [&'static str],
}

/// Brings the tables of all products to their newest version.
pub(super) fn apply(
    connection: &mut Connection,
    schemas: &[Schema],
    path: &Utf8Path,
) -> Result<(), CloudError> {
    let broken = |error: rusqlite::Error| CloudError::Store {
        path: path.to_owned(),
        why: error.to_string(),
    };
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(broken)?;
    transaction
        .execute_batch(
            "create table if not exists schema (
                product text primary key,
                version integer not null
            ) strict",
        )
        .map_err(broken)?;
    for schema in schemas {
        let version: usize = transaction
            .query_row(
                "select version from schema where product = ?1",
                [schema.product],
                |row| row.get(0),
            )
            .optional()
            .map_err(broken)?
            .unwrap_or(0);
        let Some(missing) = schema.steps.get(version..) else {
            return Err(CloudError::Newer {
                path: path.to_owned(),
            });
        };
        for step in missing {
            transaction.execute_batch(step).map_err(broken)?;
        }
        transaction
            .execute(
                "insert into schema (product, version) values (?1, ?2)
                 on conflict (product) do update set version = excluded.version",
                (schema.product, schema.steps.len()),
            )
            .map_err(broken)?;
    }
    transaction.commit().map_err(broken)
}
