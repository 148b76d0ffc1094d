//! Values of the manifest's secrets, for local use: from files beside it and the environment.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::DevError;

/// The files that are read, the later the stronger. `.dev.vars` stands alone where there is one,
/// as with wrangler.
pub(crate) fn files(root: &Utf8Path, stage: &str) -> Vec<Utf8PathBuf> {
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

/// Every name in those files, and what the process environment says of the others.
pub(crate) struct Secrets(BTreeMap<String, String>);

impl Secrets {
    pub(crate) fn read(root: &Utf8Path, stage: &str) -> Result<Self, DevError> {
        let mut values = BTreeMap::new();
        for path in files(root, stage) {
            if !path.is_file() {
                continue;
            }
            let wrong = |error: dotenvy::Error| DevError::Secrets {
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
            for pair in dotenvy::from_path_iter(&path).map_err(wrong)? {
                let (name, value) = pair.map_err(wrong)?;
                values.insert(name, value);
            }
        }
        Ok(Self(values))
    }

    /// The value of one secret; files win over the environment.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        self.0
            .get(name)
            .cloned()
            .or_else(|| std::env::var(name).ok())
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({} hidden)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_special_file_wins_and_errors_do_not_quote() {
        let temp = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(temp.path()).unwrap();
        std::fs::write(root.join(".env"), "A=general\nB=kept\n").unwrap();
        std::fs::write(root.join(".env.prod"), "A=\"of prod\"\n").unwrap();
        let secrets = Secrets::read(root, "prod").unwrap();
        assert_eq!(secrets.get("A").as_deref(), Some("of prod"));
        assert_eq!(secrets.get("B").as_deref(), Some("kept"));
        assert_eq!(
            Secrets::read(root, "dev").unwrap().get("A").as_deref(),
            Some("general")
        );
        assert!(!format!("{secrets:?}").contains("prod"));

        std::fs::write(root.join(".dev.vars"), "SECRET hunter2\n").unwrap();
        let error = Secrets::read(root, "prod").unwrap_err().to_string();
        assert!(
            error.contains(".dev.vars") && !error.contains("hunter2"),
            "{error}"
        );
    }
}
