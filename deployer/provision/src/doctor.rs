//! What `tiny doctor` looks at.

use camino::Utf8Path;
use miette::Diagnostic as _;

use crate::cache::Cache;
use crate::environment::Environment;
use crate::progress::Silent;
use crate::workerd;

/// One thing that has to be right, what was found, and the cure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was looked at: `workerd`.
    pub name: String,
    pub found: Result<String, Missing>,
}

/// Something is missing or broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    pub why: String,
    /// What to do about it.
    pub cure: String,
}

/// Every check, in the order in which the things are needed.
pub(crate) async fn examine(
    near: &Utf8Path,
    environment: &Environment,
    cache: &Cache,
) -> Vec<Check> {
    vec![workerd(near, environment, cache).await]
}

async fn workerd(near: &Utf8Path, environment: &Environment, cache: &Cache) -> Check {
    let found = match workerd::find(near, environment, cache, &Silent).await {
        Ok(Some(found)) => Ok(format!(
            "{} at {} ({})",
            found.version, found.path, found.source
        )),
        Ok(None) => Err(Missing {
            why: "not on PATH, not in node_modules and not in the cache".to_owned(),
            cure: "run `tiny setup`, or set TINY_WORKERD".to_owned(),
        }),
        Err(failed) => Err(Missing {
            why: failed.to_string(),
            cure: failed
                .help()
                .map(|help| help.to_string())
                .unwrap_or_default(),
        }),
    };
    Check {
        name: "workerd".to_owned(),
        found,
    }
}
