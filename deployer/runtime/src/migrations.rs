//! The migrations of D1 databases: having them applied.

use serde::Deserialize;
use serde_json::json;
use tiny_migrations::File;

use crate::control::Controller;
use crate::error::RuntimeError;
use crate::stack::Stack;

/// The migrations of one database, in the order in which they are applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Migrations {
    database: String,
    of: tiny_migrations::Migrations,
    files: Vec<File>,
}

#[derive(Deserialize)]
struct Outcome {
    failed: Option<Failed>,
}

#[derive(Deserialize)]
struct Failed {
    name: String,
    message: String,
}

impl Migrations {
    /// Those of every database that has some.
    pub(crate) fn of(stack: &Stack) -> std::io::Result<Vec<Self>> {
        let mut all = Vec::new();
        for database in &stack.d1 {
            let Some(of) = &database.migrations else {
                continue;
            };
            let files = of.read()?;
            if !files.is_empty() {
                all.push(Self {
                    database: database.id.clone(),
                    of: of.clone(),
                    files,
                });
            }
        }
        Ok(all)
    }

    /// Applies what is missing. A file is applied whole or not at all.
    pub(crate) async fn apply(&self, controller: &Controller) -> Result<(), RuntimeError> {
        let files: Vec<_> = self
            .files
            .iter()
            .map(|file| json!({ "name": file.name, "sql": file.sql }))
            .collect();
        let answer = controller
            .call(json!({
                "call": "migrate",
                "database": self.database,
                "table": self.of.quoted_table(),
                "files": files,
            }))
            .await?;
        let outcome: Outcome = serde_json::from_value(answer)
            .map_err(|error| RuntimeError::Refused(error.to_string()))?;
        match outcome.failed {
            None => Ok(()),
            Some(failed) => Err(RuntimeError::Migration {
                database: self.database.clone(),
                file: self.of.folder.join(failed.name),
                message: failed.message,
            }),
        }
    }
}
