//! Values of the secrets that a manifest names: from the environment and from files beside it.

use std::collections::BTreeMap;
use std::fmt;

use camino::{Utf8Path, Utf8PathBuf};

use crate::StageName;

/// Every name in the files that were read, and what the process environment says of the others.
pub struct SecretValues {
    files: BTreeMap<String, String>,
    environment_wins: bool,
}

/// A file of secrets that cannot be understood. Its text is not quoted.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("cannot read {path}: {why}")]
#[diagnostic(help("each line is NAME=value"))]
pub struct SecretFileError {
    pub path: Utf8PathBuf,
    pub why: String,
}

impl SecretValues {
    /// The files that a local session reads, the later the stronger. `.dev.vars` stands alone where
    /// there is one, as with wrangler.
    pub fn dev_files(root: &Utf8Path, stage: &str) -> Vec<Utf8PathBuf> {
        let dev_vars = root.join(".dev.vars");
        if dev_vars.is_file() {
            return vec![dev_vars];
        }
        [
            ".env".to_owned(),
            ".env.local".to_owned(),
            format!(".env.{stage}"),
            format!(".env.{stage}.local"),
        ]
        .iter()
        .map(|name| root.join(name))
        .collect()
    }

    /// For a local session; files win over the environment.
    pub fn for_dev(root: &Utf8Path, stage: &StageName) -> Result<Self, SecretFileError> {
        Ok(Self {
            files: read(&Self::dev_files(root, stage.as_str()))?,
            environment_wins: false,
        })
    }

    /// For a deploy: only the files that are named for the stage, so that what is meant for local
    /// sessions never reaches the public. The environment wins, as build servers expect.
    pub fn for_deploy(root: &Utf8Path, stage: &StageName) -> Result<Self, SecretFileError> {
        let files = [format!(".env.{stage}"), format!(".env.{stage}.local")];
        Ok(Self {
            files: read(&files.map(|name| root.join(name)))?,
            environment_wins: true,
        })
    }

    /// The names that `.dev.vars` in a folder binds; none where there is no such file.
    pub fn names_in_dev_vars(folder: &Utf8Path) -> Result<Vec<String>, SecretFileError> {
        read(&[folder.join(".dev.vars")]).map(|values| values.into_keys().collect())
    }

    /// The value of one secret.
    pub fn get(&self, name: &str) -> Option<String> {
        let of_file = || self.files.get(name).cloned();
        let of_environment = || std::env::var(name).ok();
        if self.environment_wins {
            of_environment().or_else(of_file)
        } else {
            of_file().or_else(of_environment)
        }
    }
}

fn read(paths: &[Utf8PathBuf]) -> Result<BTreeMap<String, String>, SecretFileError> {
    let mut values = BTreeMap::new();
    for path in paths {
        if !path.is_file() {
            continue;
        }
        let wrong = |error: dotenvy::Error| SecretFileError {
            path: path.clone(),
            // The error's own text would quote the line, and with it the secret.
            why: match error {
                dotenvy::Error::LineParse(_, column) => {
                    format!("a line is not NAME=value (column {column})")
                }
                dotenvy::Error::Io(error) => error.to_string(),
                _ => "it is not a list of NAME=value".to_owned(),
            },
        };
        for pair in dotenvy::from_path_iter(path).map_err(wrong)? {
            let (name, value) = pair.map_err(wrong)?;
            values.insert(name, value);
        }
    }
    Ok(values)
}

impl fmt::Debug for SecretValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretValues({} hidden)", self.files.len())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn stage(name: &str) -> StageName {
        StageName::new(name).unwrap()
    }

    #[test]
    fn the_most_special_file_wins_and_errors_do_not_quote() {
        let temp = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(temp.path()).unwrap();
        std::fs::write(root.join(".env"), "A=general\nB=kept\n").unwrap();
        std::fs::write(root.join(".env.prod"), "A=\"of prod\"\n").unwrap();
        let secrets = SecretValues::for_dev(root, &stage("prod")).unwrap();
        assert_eq!(secrets.get("A").as_deref(), Some("of prod"));
        assert_eq!(secrets.get("B").as_deref(), Some("kept"));
        assert_eq!(
            SecretValues::for_dev(root, &stage("dev"))
                .unwrap()
                .get("A")
                .as_deref(),
            Some("general")
        );
        assert!(!format!("{secrets:?}").contains("prod"));

        std::fs::write(root.join(".dev.vars"), "SECRET hunter2\n").unwrap();
        let error = SecretValues::for_dev(root, &stage("prod"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(".dev.vars") && !error.contains("hunter2"),
            "{error}"
        );
    }

    #[test]
    fn a_deploy_reads_only_what_is_named_for_its_stage_and_the_environment_first() {
        let temp = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(temp.path()).unwrap();
        std::fs::write(root.join(".dev.vars"), "A=local\n").unwrap();
        std::fs::write(root.join(".env"), "B=local\n").unwrap();
        std::fs::write(root.join(".env.prod"), "C=prods\nPATH=prods\n").unwrap();
        let secrets = SecretValues::for_deploy(root, &stage("prod")).unwrap();
        assert_eq!(secrets.get("A"), None);
        assert_eq!(secrets.get("B"), None);
        assert_eq!(secrets.get("C").as_deref(), Some("prods"));
        assert_eq!(secrets.get("PATH"), std::env::var("PATH").ok());
    }
}
