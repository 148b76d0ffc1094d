//! The migrations of D1 databases: which files there are, and having them applied.

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::control::Controller;
use crate::error::RuntimeError;
use crate::stack::Stack;

/// The migrations of one database, in the order of their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Migrations {
    database: String,
    folder: Utf8PathBuf,
    files: Vec<File>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct File {
    name: String,
    sql: String,
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
            let Some(folder) = &database.migrations else {
                continue;
            };
            let files = read(folder)?;
            if !files.is_empty() {
                all.push(Self {
                    database: database.id.clone(),
                    folder: folder.clone(),
                    files,
                });
            }
        }
        Ok(all)
    }

    /// Applies what is missing. A file is applied whole or not at all.
    pub(crate) async fn apply(&self, controller: &Controller) -> Result<(), RuntimeError> {
        let answer = controller
            .call(json!({ "call": "migrate", "database": self.database, "files": self.files }))
            .await?;
        let outcome: Outcome = serde_json::from_value(answer)
            .map_err(|error| RuntimeError::Refused(error.to_string()))?;
        match outcome.failed {
            None => Ok(()),
            Some(failed) => Err(RuntimeError::Migration {
                database: self.database.clone(),
                file: self.folder.join(failed.name),
                message: failed.message,
            }),
        }
    }
}

fn read(folder: &Utf8Path) -> std::io::Result<Vec<File>> {
    let mut files = Vec::new();
    let entries = match folder.read_dir_utf8() {
        Ok(entries) => entries,
        // The first migration makes the folder.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(files),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let path = entry?.into_path();
        if path.extension() == Some("sql") && path.is_file() {
            files.push(File {
                name: path.file_name().unwrap_or_default().to_owned(),
                sql: fs_err::read_to_string(&path)?,
            });
        }
    }
    files.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(files)
}
