//! npm packages that a manifest names: fetched once, checked against the hash that it gives, and
//! kept whole, so that other files of them can be used without fetching anything.

use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest as _, Sha256};

use crate::cache::{Cache, hex};
use crate::doctor::{Check, Missing};
use crate::environment::Environment;
use crate::error::ProvisionError;
use crate::npm::{self, Expected, Tarball};
use crate::progress::Reporter;

/// The folder of an entry that holds the package.
const FILES: &str = "package";

/// Characters of name and version in the name of an entry, for people who look.
const READABLE: usize = 100;

/// Hex digits that tell entries apart.
const DIGITS: usize = 32;

/// An npm package at one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NpmPackage {
    pub name: String,
    pub version: String,
    /// `sha512-` and the hash of its tarball in base64. Without it the package is fetched and
    /// refused: the error tells the hash.
    pub integrity: Option<String>,
}

impl NpmPackage {
    /// As it is called in messages.
    fn called(&self) -> String {
        format!("{} {}", self.name, self.version)
    }

    /// The same for the same bytes under the same name, whoever asks.
    fn entry_name(&self) -> String {
        let integrity = self.integrity.as_deref().unwrap_or_default();
        let all = format!("{} {} {integrity}", self.name, self.version);
        let mut digest = hex(&Sha256::digest(all));
        digest.truncate(DIGITS);
        let readable = format!("{}-{}", self.name, self.version).replace('/', "+");
        let readable: String = readable.chars().take(READABLE).collect();
        format!("npm-{readable}-{digest}")
    }
}

/// Where its files lie, if they are here.
fn find(package: &NpmPackage, cache: &Cache) -> Option<Utf8PathBuf> {
    let folder = cache.get(&package.entry_name())?;
    Some(folder.join(FILES))
}

/// The folder of its files.
pub(crate) async fn find_or_fetch(
    package: &NpmPackage,
    environment: &Environment,
    cache: &Cache,
    reporter: &dyn Reporter,
) -> Result<Utf8PathBuf, ProvisionError> {
    if let Some(found) = find(package, cache) {
        return Ok(found);
    }
    let label = package.called();
    let mut task = reporter.task(&label);
    let tarball = Tarball {
        name: package.name.clone(),
        version: package.version.clone(),
        expected: Expected::ByManifest(package.integrity.clone()),
        bytes: None,
    };
    let folder = cache
        .get_or_make(
            &package.entry_name(),
            task.as_mut(),
            async |making, task| {
                npm::fetch(tarball, environment, making, task, "", |inside| {
                    // Beside the entry's own file.
                    Some(Utf8Path::new(FILES).join(inside))
                })
                .await
            },
        )
        .await?;
    task.done(&label);
    Ok(folder.join(FILES))
}

/// Whether it is here.
pub(crate) fn examine(package: &NpmPackage, cache: &Cache) -> Check {
    let found = match find(package, cache) {
        Some(folder) => Ok(format!("{} at {folder}", package.version)),
        None => Err(Missing {
            why: format!("{} is not in the cache", package.version),
            cure: "run `tiny setup`; a command that needs it fetches it by itself".to_owned(),
        }),
    };
    Check {
        name: package.name.clone(),
        found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_one_folder_whatever_the_package_is_called() {
        let named = |name: &str| {
            let package = NpmPackage {
                name: name.to_owned(),
                version: "1.2.3".to_owned(),
                integrity: Some("sha512-x".to_owned()),
            };
            package.entry_name()
        };
        let scoped = named("@scope/name");
        assert!(scoped.starts_with("npm-@scope+name-1.2.3-"), "{scoped}");
        assert_ne!(named("name"), scoped);
        assert!(named(&"x".repeat(214)).len() < 200);
    }
}
