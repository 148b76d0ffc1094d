//! What comes in is the folder of a D1 database's SQL migrations; what goes out are its files in the order in which
//! they are applied, each under the name that the migrations table knows it by. All of it is as wrangler has it, so
//! that either tool can go on where the other one stopped. `manifest` checks the settings, `engine` and `runtime`
//! read the files.

mod order;
mod pattern;

use camino::{Utf8Path, Utf8PathBuf};

pub use pattern::{InvalidPattern, Pattern};

/// The table that wrangler uses where the configuration names no other one.
pub const DEFAULT_TABLE: &str = "d1_migrations";

/// Where the SQL migrations of one database are, and where it is recorded which of them were applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrations {
    /// Absolute.
    pub folder: Utf8PathBuf,
    /// Which files in the folder are migrations.
    pub pattern: Pattern,
    /// The name of the table in the database, not quoted.
    pub table: String,
}

/// One migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its path in the folder, with `/`: what the migrations table holds.
    pub name: String,
    pub sql: String,
}

impl Migrations {
    /// The `*.sql` files of a folder, recorded in the default table.
    pub fn in_folder(folder: Utf8PathBuf) -> Self {
        Self {
            folder,
            pattern: Pattern::default(),
            table: DEFAULT_TABLE.to_owned(),
        }
    }

    /// Reads the files, in the order in which they are applied. A missing folder has no files: the first migration
    /// creates it.
    pub fn read(&self) -> std::io::Result<Vec<File>> {
        let mut names = Vec::new();
        self.walk(&self.folder, "", &mut names)?;
        names.sort_by(|one, other| order::compare(one, other));
        names
            .into_iter()
            .map(|name| {
                let sql = fs_err::read_to_string(self.folder.join(&name))?;
                Ok(File { name, sql })
            })
            .collect()
    }

    fn walk(
        &self,
        folder: &Utf8Path,
        within: &str,
        names: &mut Vec<String>,
    ) -> std::io::Result<()> {
        let entries = match folder.read_dir_utf8() {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let path = entry.path();
            let name = format!("{within}{}", entry.file_name());
            // A linked folder may lead back to one above it; a linked file is as good as any.
            if entry.file_type()?.is_dir() {
                if self.pattern.is_nested() {
                    self.walk(path, &format!("{name}/"), names)?;
                }
            } else if self.pattern.matches(&name) && path.is_file() {
                names.push(name);
            }
        }
        Ok(())
    }

    /// The name of the table as SQL takes it.
    pub fn quoted_table(&self) -> String {
        format!("\"{}\"", self.table.replace('"', "\"\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(files: &[&str], pattern: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        for name in files {
            let path = folder.join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, format!("-- {name}")).unwrap();
        }
        let migrations = Migrations {
            pattern: Pattern::new(pattern).unwrap(),
            ..Migrations::in_folder(folder.to_owned())
        };
        let files = migrations.read().unwrap();
        assert!(
            files
                .iter()
                .all(|file| file.sql == format!("-- {}", file.name))
        );
        files.into_iter().map(|file| file.name).collect()
    }

    #[test]
    fn the_sql_files_of_the_folder_itself_are_migrations() {
        let files = [
            "0002_b.sql",
            "0001_a.sql",
            "readme.md",
            "old/0000.sql",
            ".0003.sql",
        ];
        assert_eq!(names(&files, "*.sql"), ["0001_a.sql", "0002_b.sql"]);
    }

    #[test]
    fn a_pattern_reaches_files_in_folders() {
        let files = [
            "0010_users/migration.sql",
            "0009_start/migration.sql",
            "0009_start/snapshot.json",
            "meta/x/migration.sql",
            "0001_flat.sql",
        ];
        assert_eq!(
            names(&files, "*/migration.sql"),
            ["0009_start/migration.sql", "0010_users/migration.sql"]
        );
        assert_eq!(names(&files, "**/*.sql").len(), 4);
    }

    #[test]
    fn a_missing_folder_has_no_migrations() {
        let migrations = Migrations::in_folder("/nowhere/at/all".into());
        assert_eq!(migrations.read().unwrap(), []);
    }

    #[test]
    fn a_quoted_table_stays_one_name() {
        let migrations = Migrations {
            table: "a\"b; c".to_owned(),
            ..Migrations::in_folder("/m".into())
        };
        assert_eq!(migrations.quoted_table(), "\"a\"\"b; c\"");
    }
}
