//! Static assets of versions that run. What was uploaded lies in the store by its content; what is
//! served is a folder with the names that it was given.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use camino::{Utf8Path, Utf8PathBuf};
use http::{Request, Response, StatusCode};
use tiny_assets::{Assets, Config};
use tiny_runtime::AssetHost;

use super::HostingError;
use crate::store::Files;
use crate::workers::{HtmlHandling, LiveAssets, LiveVersion, NotFoundHandling, RunWorkerFirst};

/// Answers the ASSETS bindings of the workers that run, by their names in the stack.
#[derive(Default)]
pub(super) struct Shelf(RwLock<BTreeMap<String, Arc<Assets>>>);

impl Shelf {
    pub(super) fn set(&self, assets: BTreeMap<String, Arc<Assets>>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = assets;
    }

    fn of(&self, worker: &str) -> Option<Arc<Assets>> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(worker)
            .cloned()
    }
}

impl AssetHost for Shelf {
    fn fetch(
        &self,
        worker: &str,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Response<Bytes>> + Send>> {
        let assets = self.of(worker);
        Box::pin(async move {
            let (parts, _) = request.into_parts();
            if let Some(assets) = assets {
                return assets.fetch(&parts).await;
            }
            let mut response = Response::new(Bytes::new());
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        })
    }
}

/// The assets of a version, from a folder that is made when it is not there yet.
pub(super) fn load(
    files: &Files,
    folder: &Utf8Path,
    version: &LiveVersion,
    assets: &LiveAssets,
) -> Result<Arc<Assets>, HostingError> {
    let directory = folder.join(&version.id);
    if !directory.exists() {
        let making = folder.join(format!("{}.making", version.id));
        // Of one that was interrupted.
        let _ = fs_err::remove_dir_all(&making);
        make(files, &making, assets)?;
        fs_err::rename(&making, &directory)?;
    }
    let config = Config {
        directory,
        packages: Vec::new(),
        html_handling: match assets.config.html_handling {
            None | Some(HtmlHandling::AutoTrailingSlash) => {
                tiny_assets::HtmlHandling::AutoTrailingSlash
            }
            Some(HtmlHandling::ForceTrailingSlash) => tiny_assets::HtmlHandling::ForceTrailingSlash,
            Some(HtmlHandling::DropTrailingSlash) => tiny_assets::HtmlHandling::DropTrailingSlash,
            Some(HtmlHandling::None) => tiny_assets::HtmlHandling::None,
        },
        not_found_handling: match assets.config.not_found_handling {
            None | Some(NotFoundHandling::None) => tiny_assets::NotFoundHandling::None,
            Some(NotFoundHandling::NotFoundPage) => tiny_assets::NotFoundHandling::NotFoundPage,
            Some(NotFoundHandling::SinglePageApplication) => {
                tiny_assets::NotFoundHandling::SinglePageApplication
            }
        },
        run_worker_first: run_worker_first(assets),
        has_worker: version.code.is_some(),
    };
    Assets::load(config)
        .map(Arc::new)
        .map_err(|error| HostingError::NotRunning(error.to_string()))
}

fn run_worker_first(assets: &LiveAssets) -> tiny_assets::RunWorkerFirst {
    match &assets.config.run_worker_first {
        Some(RunWorkerFirst::Always(true)) => tiny_assets::RunWorkerFirst::Always,
        Some(RunWorkerFirst::Paths(paths)) => tiny_assets::RunWorkerFirst::Paths(paths.clone()),
        // The older word for it.
        None if assets.config.serve_directly == Some(false) => tiny_assets::RunWorkerFirst::Always,
        None | Some(RunWorkerFirst::Always(false)) => tiny_assets::RunWorkerFirst::Never,
    }
}

fn make(files: &Files, folder: &Utf8Path, assets: &LiveAssets) -> std::io::Result<()> {
    fs_err::create_dir_all(folder)?;
    for (path, asset) in &assets.files {
        let Some(to) = inside(folder, path) else {
            continue;
        };
        if let Some(parent) = to.parent() {
            fs_err::create_dir_all(parent)?;
        }
        let from = files.path(&asset.file);
        // One copy on the disk is enough; where the file system has no such links, another is made.
        if fs_err::hard_link(&from, &to).is_err() {
            fs_err::copy(&from, &to)?;
        }
    }
    for (name, text) in [
        ("_headers", &assets.config.headers),
        ("_redirects", &assets.config.redirects),
    ] {
        if let Some(text) = text {
            fs_err::write(folder.join(name), text)?;
        }
    }
    Ok(())
}

/// Where a path of a manifest is in `folder`: never outside of it.
fn inside(folder: &Utf8Path, path: &str) -> Option<Utf8PathBuf> {
    let mut to = folder.to_owned();
    let decoded = percent_encoding::percent_decode_str(path)
        .decode_utf8()
        .ok()?;
    for part in decoded.split('/').filter(|part| !part.is_empty()) {
        if matches!(part, "." | "..") || part.contains(['\0', '\\']) {
            return None;
        }
        to.push(part);
    }
    (to != folder).then_some(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out_of_the_folder() {
        let folder = Utf8Path::new("/assets");
        let of = |path| inside(folder, path).map(Utf8PathBuf::into_string);
        assert_eq!(of("/a/b.css").as_deref(), Some("/assets/a/b.css"));
        assert_eq!(of("//a%20b").as_deref(), Some("/assets/a b"));
        for path in ["", "/", "/../a", "/a/../../b", "/%2e%2e/a", "/a\\b"] {
            assert_eq!(of(path), None, "{path}");
        }
    }
}
