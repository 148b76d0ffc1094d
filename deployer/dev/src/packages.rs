//! npm packages of which a worker serves files.

use tiny_assets::Package;
use tiny_manifest::Worker;
use tiny_provision::{NpmPackage, ProvisionError, Provisioner};

/// The packages that a worker names, as npm has them.
pub fn npm_packages(worker: &Worker) -> impl Iterator<Item = NpmPackage> + '_ {
    let named = worker.assets.iter().flat_map(|assets| &assets.packages);
    named.map(|package| NpmPackage {
        name: package.name.clone(),
        version: package.version.clone(),
        integrity: package.integrity.clone(),
    })
}

/// The same with their files at hand; what is not in the cache is fetched.
pub async fn packages(
    worker: &Worker,
    provisioner: &Provisioner,
) -> Result<Vec<Package>, ProvisionError> {
    let mut packages = Vec::new();
    let named = worker.assets.iter().flat_map(|assets| &assets.packages);
    for (package, wanted) in named.zip(npm_packages(worker)) {
        let files = package.files.iter();
        packages.push(Package {
            name: format!("{} {}", package.name, package.version),
            folder: provisioner.package(&wanted).await?,
            files: files
                .map(|file| (file.from.clone(), file.to.clone()))
                .collect(),
        });
    }
    Ok(packages)
}
